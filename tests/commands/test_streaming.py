"""mapreduce-streaming: the command line of Hadoop Streaming."""
import importlib

import pytest
from click.testing import CliRunner

from mapreduce import streaming
from mapreduce.protocol import codec
from tests.support.fake_manager import FakeManager, cluster, job, worker
from tests.support.files import ROOT, TESTDATA
from tests.support.streaming import INPUT, MAPPER, REDUCER, REQUIRED, start

TYPES = {"message_types": [
    "new_extended_job", "new_extended_job.hadoop_inputs"]}
SIZE = sum(path.stat().st_size for path in (TESTDATA / "input").iterdir())

COMPARATOR = ("org.apache.hadoop.mapreduce.lib.partition."
              "KeyFieldBasedComparator")
PARTITIONER = "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"

LOCAL = {
    "message_type": "new_extended_job", "input_paths": [INPUT],
    "output_directory": "output", "mapper_executable": MAPPER,
    "reducer_executable": "cat", "num_reducers": 1, "max_mappers": 32,
    "split_size": 2**27, "decompress": True, "environment": {},
    "hadoop_inputs": True, "no_clobber": True, "keep_old": True,
}
REMOTE = {name: value for name, value in LOCAL.items() if name != "keep_old"}


@pytest.fixture(name="planned")
def _planned(mocker):
    """Return a function: the document of the job that would be done."""
    do = mocker.patch.object(
        importlib.import_module("mapreduce.engines.local"), "_do")

    def planned(*options):
        do.reset_mock()
        assert start(*REQUIRED, "--workers", "2", *options) == (0, "", "")
        document = codec.to_document(do.call_args.args[0])
        del document["job_key"], document["submitted_by"]
        return document
    return planned


@pytest.mark.parametrize("options, fields", [
    ([], {}),
    (["-reducer", REDUCER], {"reducer_executable": REDUCER}),
    (["-input", f"{INPUT}/file01,{INPUT}/file02"],
     {"input_paths": [INPUT, f"{INPUT}/file01", f"{INPUT}/file02"]}),
    (["-combiner", "uniq -c", "-partitioner", "cat"],
     {"combiner": "uniq -c", "partitioner": "cat"}),
    (["-input", f"file://{INPUT}/file01"],
     {"input_paths": [INPUT, f"{INPUT}/file01"]}),
    (["-input", f"{INPUT}/file0[{{1,2}}],{INPUT}"],
     {"input_paths": [INPUT, f"{INPUT}/file0[{{1,2}}]", INPUT]}),
    (["-reducer", "NONE", "-combiner", "cat", "-partitioner", "cat"],
     {"num_reducers": 0, "reducer_executable": None,
      "max_mappers": 100_000}),
    (["-cmdenv", "A=1", "-cmdenv", "B=2"],
     {"environment": {"A": "1", "B": "2"}}),
    (["-numReduceTasks", "3"], {"num_reducers": 3}),
    (["-numReduceTasks=3"], {"num_reducers": 3}),
    (["-numReduceTasks", "0"],
     {"num_reducers": 0, "reducer_executable": None,
      "max_mappers": 100_000}),
    (["-reducer", "NONE"],
     {"num_reducers": 0, "reducer_executable": None,
      "max_mappers": 100_000}),
    (["-D", "mapreduce.job.reduces=2"], {"num_reducers": 2}),
    (["-Dmapreduce.job.reduces=2"], {"num_reducers": 2}),
    (["-numReduceTasks", "3", "-D", "mapreduce.job.reduces=2"],
     {"num_reducers": 3}),
    (["-D", "mapreduce.job.maps=7"],
     {"split_size": SIZE // 7}),
    (["-jobconf", "mapred.reduce.tasks=3"], {"num_reducers": 3}),
    (["-D", "my.threshold=5", "-cmdenv", "A=1"],
     {"environment": {"my_threshold": "5", "A": "1"}}),
    (["-D", "mapreduce.input.fileinputformat.input.dir.recursive=true"],
     {"recursive": True}),
    (["-inputformat", "org.apache.hadoop.mapred.TextInputFormat"], {}),
    (["-D", "mapreduce.job.name=a = b"], {"job_name": "a = b"}),
    (["-D", "mapreduce.map.maxattempts=2", "--speculative",
      "-D", "mapreduce.reduce.maxattempts=1"],
     {"max_map_attempts": 2, "max_reduce_attempts": 1,
      "map_speculative": True, "reduce_speculative": True}),
    (["-D", "mapreduce.task.timeout=1500"], {"task_timeout": 1.5}),
    (["-D", "mapreduce.task.timeout=0"], {}),
    (["-D", f"mapreduce.task.timeout={2**63}"], {"task_timeout": 10**9}),
    (["-D", " mapreduce.job.reduces = 2 "], {"num_reducers": 2}),
    (["-D", "mapreduce.input.fileinputformat.split.maxsize=0"],
     {"split_size": None}),
    (["-D", "mapreduce.input.fileinputformat.split.maxsize=4096"],
     {"split_size": 4096}),
    (["--no-decompress"], {"decompress": None}),
    (["-D", "stream.non.zero.exit.is.failure=false"],
     {"any_exit_code": True}),
    (["-D", "stream.non.zero.exit.is.failure=true"], {}),
    (["-D", "mapreduce.output.fileoutputformat.compress=true"],
     {"compress": "gzip"}),
    (["-D", "mapred.output.compress=true", "-D", "mapred.output.compression."
      "codec=org.apache.hadoop.io.compress.BZip2Codec"],
     {"compress": "bz2"}),
    (["-D", "mapreduce.output.fileoutputformat.compress.codec=GzipCodec"],
     {}),
    (["-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat"],
     {"lines_per_map": 1, "max_mappers": 10**5, "split_size": None}),
    (["-D", "mapreduce.input.lineinputformat.linespermap=3",
      "-inputformat=NLineInputFormat", "-D", "mapreduce.job.maps=2"],
     {"lines_per_map": 3, "max_mappers": 10**5, "split_size": None}),
    (["-input", f"file:{INPUT}/file01"],
     {"input_paths": [INPUT, f"{INPUT}/file01"]}),
    (["-input", f"{INPUT}/file0{{1,2}}"],
     {"input_paths": [INPUT, f"{INPUT}/file0{{1,2}}"]}),
    (["-D", "stream.map.output.field.separator=.",
      "-D", "stream.num.map.output.key.fields=4",
      "-D", "mapreduce.map.output.key.field.separator=,",
      "-D", "mapreduce.partition.keypartitioner.options=-k1,2 -k 4",
      "-D", "mapreduce.partition.keycomparator.options=-k2,2nr",
      "-D", f"mapreduce.job.output.key.comparator.class={COMPARATOR}",
      "-partitioner", PARTITIONER],
     {"separator": ".", "key_fields": 4, "key_separator": ",",
      "partition_by": "1-2,4-", "sort_options": "-k2,2nr",
      "reducer_separator": "\t"}),
    (["-D", "stream.map.output.field.separator=\\t",
      "-partitioner", "KeyFieldBasedPartitioner"],
     {"separator": "\t", "key_fields": 1, "reducer_separator": "\t"}),
    (["-D", f"mapreduce.job.partitioner.class={PARTITIONER}",
      "-D", "mapreduce.partition.keypartitioner.options=-k1n,1"],
     {"partition_by": "1-1", "key_fields": 1, "reducer_separator": "\t"}),
    (["-D", "num.key.fields.for.partition=2"],
     {"partition_by": "1-2", "key_fields": 1, "reducer_separator": "\t"}),
    (["-D", "mapreduce.partition.keypartitioner.options=-k1",
      "-partitioner", "cat"], {"partitioner": "cat"}),
    (["-D", "mapreduce.partition.keycomparator.options=-n",
      "-D", "stream.num.map.output.key.fields=2",
      "-numReduceTasks", "0"],
     {"num_reducers": 0, "reducer_executable": None,
      "max_mappers": 100_000}),
], ids=str)
def test_it_plans_a_job(planned, options, fields):
    """That of mapreduce-run, with an output that must not be there."""
    expected = {**LOCAL, **fields}
    assert planned(*options) == {
        name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize("options, fields", [
    (["-file", "mapreduce"], {"files": [["mapreduce", "mapreduce"]]}),
    (["-files", "mapreduce#m,tests/style,", "-file", "file://" + INPUT],
     {"files": [["mapreduce", "m"], ["tests/style", "style"],
                [INPUT, "input"]]}),
    (["-cacheArchive", "tests#t", "-archives", "mapreduce"],
     {"archives": [["tests", "t"], ["mapreduce", "mapreduce"]]}),
    (["-files", "hdfs://host/wc#mapreduce"],
     {"files": [["mapreduce", "mapreduce"]]}),
])
def test_files_of_a_job(planned, monkeypatch, options, fields):
    monkeypatch.chdir(ROOT)
    assert planned(*options) == {**LOCAL, **fields}


@pytest.mark.parametrize("options, error", [
    (["-file", "a/b", "-archives", "c#d"],
     "Error: there is no file 'a/b' in {here}\n"
     "there is no file 'c' in {here}\n"),
    (["-files", "mapreduce#x,tests#x"], "Error: 'mapreduce' and 'tests' have "
     "the same name 'x'; give one another, as in path#name\n"),
    (["-files", "mapreduce#a/b"], "Error: 'mapreduce#a/b': 'a/b' is no name "
     "for a file in the directory of a task\n"),
    (["-files", "hdfs://host/wc"], "Error: 'hdfs://host/wc' is no path of "
     "this file system; copy what is needed from there\n"),
])
def test_files_that_a_job_can_not_have(monkeypatch, options, error):
    """It does not start."""
    monkeypatch.chdir(ROOT)
    assert start(*REQUIRED, *options) == (2, "", error.format(here=ROOT))


def test_program_in_a_file_of_the_job_need_not_be_here(planned, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert planned("-file", "bin/demo", "-reducer", "demo -x") == {
        **LOCAL, "reducer_executable": "demo -x",
        "files": [["bin/demo", "demo"]]}


def test_one_line_names_what_has_no_effect(mocker):
    mocker.patch.object(
        importlib.import_module("mapreduce.engines.local"), "_do")
    options = [*REQUIRED, "-D", "mapreduce.map.memory.mb=9", "-verbose", "-v",
               "-mapdebug", "x", "-jobconf", "mapred.job.queue.name=q"]
    assert start(*options) == (0, "", (
        "Without effect here: -verbose, -v, -mapdebug, -D "
        "mapreduce.map.memory.mb, -D mapred.job.queue.name\n"))
    assert start(*options, "--quiet") == (0, "", "")


def test_shell_completes_words_after_a_wrong_one():
    """It gets no error instead."""
    outcome = CliRunner().invoke(
        streaming.main, prog_name="mapreduce-streaming", env={
            "_MAPREDUCE_STREAMING_COMPLETE": "bash_complete",
            "COMP_WORDS": "mapreduce-streaming -bogus -inp",
            "COMP_CWORD": "2"})
    assert outcome.stdout == "plain,-input\n"


def test_mapper_is_the_identity_by_default(mocker):
    do = mocker.patch.object(
        importlib.import_module("mapreduce.engines.local"), "_do")
    assert start(*REQUIRED[:4], "--workers", "2")[0] == 0
    assert do.call_args.args[0].mapper_executable == "cat"


@pytest.mark.parametrize("workers, max_mappers", [
    ([], 16), ([worker(), worker("busy"), worker("dead")], 32)])
def test_job_for_a_manager(mocker, workers, max_mappers):
    """It is waited for; paths and commands are for the Manager to judge."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.001)
    with FakeManager(
            cluster(workers=workers), TYPES, cluster(),
            lambda question: cluster(job("done", key=question["job_key"]),
                                     workers=[worker()]),
            {"job": job("done"), "tasks": [], "counters": []}) as manager:
        assert start("-input", "books", "-output", "out", "-mapper", "./map",
                     "-manager", f"localhost:{manager.port}") == (
            0, "", "job 3: done in 1.5 s; the result is in /cluster/out\n")
    document = manager.heard[3]
    assert manager.types() == [
        "get_status", "get_message_types", "get_status", "new_extended_job",
        "get_status", "get_job"]
    assert document == {
        **REMOTE, "input_paths": ["books"], "output_directory": "out",
        "mapper_executable": "./map", "max_mappers": max_mappers,
        "job_key": document["job_key"],
        "submitted_by": document["submitted_by"]}


def test_manager_that_does_not_know_the_options():
    """Nothing is sent to it."""
    with FakeManager(cluster(), {"message_types": []}) as manager:
        code, _, stderr = start(
            *REQUIRED, "-manager", f"localhost:{manager.port}")
    assert (code, manager.types()) == (3, ["get_status", "get_message_types"])
    assert "does not know these options" in stderr


@pytest.mark.parametrize("spelling", ["-help", "--help"])
def test_help(spelling):
    """It shows an example."""
    code, stdout, _ = start(spelling)
    assert code == 0
    assert "mapreduce-streaming -input books -output counts" in stdout
    for name in streaming.PROPERTIES:
        assert name[:30] in stdout.replace("\n", "")
