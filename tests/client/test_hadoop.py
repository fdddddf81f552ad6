"""Options and properties of Hadoop: known, idle, impossible or unknown."""
import pytest

from mapreduce.client import hadoop, hadoop_names
from mapreduce.client.hadoop import Properties, read_properties


@pytest.mark.parametrize("text, fields", [
    ("mapred.reduce.tasks=3", {"num_reducers": 3}),
    ("mapred.map.tasks=3", {"maps": 3}), ("mapred.map.tasks=0", {"maps": 0}),
    ("mapred.job.name=a = b", {"job_name": "a = b"}),
    ("mapred.min.split.size=5", {"min_split": 5}),
    ("mapred.max.split.size=5", {"max_split": 5}),
    ("mapred.task.timeout=500", {"task_timeout": 0.5}),
    ("mapred.input.dir.recursive=true", {"recursive": True}),
    ("mapreduce.input.fileinputformat.input.dir.recursive=false",
     {"recursive": False}),
    ("mapreduce.map.speculative=true", {"map_speculative": True}),
    ("mapreduce.reduce.speculative=false", {"reduce_speculative": False}),
    ("mapred.map.tasks.speculative.execution=true",
     {"map_speculative": True}),
    ("mapred.reduce.tasks.speculative.execution=true",
     {"reduce_speculative": True}),
])
def test_old_and_new_names_are_known(text, fields):
    assert read_properties([text]) == Properties(fields)


@pytest.mark.parametrize("name", """
    mapreduce.map.memory.mb mapred.child.java.opts mapred.job.queue.name
    mapreduce.job.queuename mapreduce.job.priority mapreduce.map.cpu.vcores
    mapreduce.job.speculative.slowtaskthreshold mapreduce.job.jvm.numtasks
    io.sort.mb mapreduce.task.io.sort.factor mapred.fairscheduler.pool
    mapreduce.job.reduce.slowstart.completedmaps yarn.scheduler.x fs.defaultFS
    mapred.compress.map.output mapreduce.map.output.compress.codec
    mapreduce.job.running.map.limit mapreduce.job.tags dfs.blocksize
    mapreduce.job.ubertask.enable mapred.job.map.memory.mb
    stream.map.input.ignoreKey mapreduce.job.user.classpath.first
    mapreduce.job.complete.cancel.delegation.tokens mapred.jar
    mapreduce.job.skiprecords mapreduce.task.partition map.input.file
    io.native.lib.available net.topology.script.file.name user.name
    mapreduce.workflow.id mapreduce.jobcontrol.createdir.ifnotexist
    adl.http.timeout nfs.exports.allowed.hosts
    job.end.retry.attempts min.num.spills.for.combine s3native.blocksize
    """.split())
def test_property_of_a_cluster_has_no_effect(name):
    assert read_properties([f"{name}=1"]) == Properties(idle=[f"-D {name}"])


@pytest.mark.parametrize("text, advice", [
    ("mapreduce.job.map.class=a.B", "no Java runs here; use -mapper, "),
    ("mapred.input.format.class=a.XmlInputFormat", "input is read as lines"),
    ("mapreduce.output.textoutputformat.separator=,", "results are what "),
    ("mapred.cache.files=x", "name them by -files and -archives"),
    ("mapred.output.dir=x", "name them by -input and -output"),
    ("mapreduce.job.output.key.class=a.IntWritable", "no Java runs here"),
    ("mapred.mapoutput.value.class=a.IntWritable", "no Java runs here"),
    ("mapreduce.map.class=a.B", "no Java runs here"),
    ("map.output.key.value.fields.spec=6:0-", "no Java runs here"),
    ("mapred.join.expr=inner(tbl())", "no Java runs here"),
    ("mapred.linerecordreader.maxlength=9", "input is read as lines"),
    ("mapreduce.job.outputformat.class=a.B", "results are what "),
    ("mapred.output.format.class=a.B", "results are what "),
    ("stream.num.reduce.output.key.fields=2", "results are what "),
    ("stream.map.output=rawbytes", "executables read and print lines"),
    ("stream.map.output.reader.class=a.B", "executables read and print lines"),
    ("mapreduce.pipes.isjavamapper=true", "programs of Hadoop Pipes"),
    ("hadoop.pipes.executable=x", "programs of Hadoop Pipes"),
    ("mapreduce.map.env=A=1", "set variables by -cmdenv NAME=VALUE"),
    ("mapred.child.env=A=1,B=2", "set variables by -cmdenv NAME=VALUE"),
])
def test_property_that_nothing_here_can_do(text, advice):
    name = text.partition("=")[0]
    (error,) = read_properties([text]).errors
    assert error.startswith(f"-D {name} is not possible here: {advice}")


@pytest.mark.parametrize("text", [
    "mapreduce.job.output.key.class=org.apache.hadoop.io.Text",
    "mapred.input.format.class=org.apache.hadoop.mapred.TextInputFormat"])
def test_class_that_does_what_happens_anyway_has_no_effect(text):
    name = text.partition("=")[0]
    assert read_properties([text]) == Properties(idle=[f"-D {name}"])


@pytest.mark.parametrize("name, nearest", [
    ("mapreduce.job.reducs", "mapreduce.job.reduces"),
    ("mapreduce.job.reducers", "mapreduce.job.reduces"),
    ("mapreduce.task.timoeut", "mapreduce.task.timeout"),
    ("stream.map.output.field.seperator", "stream.map.output.field.separator"),
    ("mapred.reduce.task", "mapreduce.job.reduces"),
    ("mapreduce.reduce.tasks", "mapreduce.job.reduces"),
    ("mapreduce.min.split.size",
     "mapreduce.input.fileinputformat.split.minsize"),
    ("mapreduce.job.wurst", None), ("stream.nothing", None),
])
def test_nearest_property_is_named_only_for_a_slip(name, nearest):
    hint = f"; the nearest known one is {nearest}" if nearest else ""
    assert read_properties([f"{name}=1"]) == Properties(
        errors=[f"unknown property {name!r}{hint}"])


@pytest.mark.parametrize("value", [" ", "\t", ","])
def test_separator_may_be_a_space(value):
    """Other values count without the spaces around them."""
    assert read_properties([
        f" stream.map.output.field.separator={value}",
        "stream.num.map.output.key.fields = 2 "]) == Properties(
            {"separator": value, "key_fields": 2})


def test_property_of_the_user_is_a_variable_of_the_tasks():
    """Also one that begins as some of Hadoop's do."""
    assert read_properties([
        "my.threshold=5", "a.b-c=x=y", "min.support=0.1", "user.list=a",
        "job.date=2020-01-01"]) == Properties(environment={
            "my_threshold": "5", "a_b_c": "x=y", "min_support": "0.1",
            "user_list": "a", "job_date": "2020-01-01"})


@pytest.mark.parametrize("name, known, nearest", [
    ("-inptu", ["-input", "-io"], "-input"), ("-x", ["-D"], None),
    ("-numMapTasks", ["-numReduceTasks"], None),
    ("-reduser", ["-reducer"], "-reducer"),
    ("-inputFormat", ["-input"], "-inputformat"),
    ("-libjar", [], "-libjars"), ("-lazyoutput", [], "-lazyOutput"),
])
def test_nearest_option_is_named_only_for_a_slip(name, known, nearest):
    hint = f"; the nearest known one is {nearest}" if nearest else ""
    assert hadoop_names.unknown_option(name, known) == (
        f"unknown option {name!r}{hint}")


@pytest.mark.parametrize("fields, size", [
    ({}, 2**27), ({"max_split": 5}, 5), ({"max_split": 2**40}, 2**27),
    ({"min_split": 2**30}, 2**30), ({"max_split": 5, "min_split": 7}, 7),
    ({"max_split": 0}, 0), ({"maps": 0}, 2**27),
])
def test_files_are_divided_as_in_hadoop(fields, size):
    job = dict(fields)
    hadoop.plan_splits(job, ["no such file"])
    assert job == {"split_size": size}


def test_number_of_maps_is_a_hint(tmp_path):
    (tmp_path / "file").write_bytes(bytes(1000))
    for fields, size in (({}, 250), ({"min_split": 400}, 400)):
        job = {"maps": 4, **fields}
        hadoop.plan_splits(job, [str(tmp_path)])
        assert job == {"split_size": size, "max_mappers": 4}


@pytest.mark.parametrize("text, names", [
    ("a,b", ["a", "b"]),
    ("", [""]),
    ("a{b,c},d", ["a{b,c}", "d"]),
    ("{a,b{c,d{e,f}}},g,{h,i}", ["{a,b{c,d{e,f}}}", "g", "{h,i}"]),
    ("a},b", ["a}", "b"]),
])
def test_commas_in_braces_separate_no_names(text, names):
    assert hadoop.names_in(text) == names
