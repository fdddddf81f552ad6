"""mapreduce-streaming: what is refused, all of it at once."""
import os

import pytest

from tests.support.streaming import INPUT, REQUIRED, start


@pytest.mark.parametrize("options, error", [
    (["-inptu", "x"], "unknown option '-inptu'; the nearest known one is "
     "-input"),
    (["--mapper=x"], "unknown option '--mapper'; the nearest known one is "
     "-mapper"),
    (["-numMapTasks", "3"], "unknown option '-numMapTasks'\n"),
    (["-jobconf", "mapred.reduce.task=3"], "unknown property "
     "'mapred.reduce.task'; the nearest known one is mapreduce.job.reduces"),
    (["-D", "mapreduce.job.map=3"], "unknown property 'mapreduce.job.map'; "
     "the nearest known one is mapreduce.job.maps"),
    (["-D", "mapreduce.partition.keypartitioner.options=-k1.2,1"],
     "-D mapreduce.partition.keypartitioner.options: '-k1.2,1' is possible "
     "here only with whole fields, such as -k1,2"),
    (["-D", "mapreduce.partition.keypartitioner.options=1"],
     "-D mapreduce.partition.keypartitioner.options: '1' names no fields "),
    (["-D", "mapreduce.partition.keycomparator.options=-k1 -u"],
     "-D mapreduce.partition.keycomparator.options: '-u' is no option such "),
    (["-D", "mapreduce.job.output.key.comparator.class=a.b.C"],
     "-D mapreduce.job.output.key.comparator.class: no Java class 'a.b.C' "
     "can run here"),
    (["-Dx"], "-D x lacks a value: -D x=VALUE"),
    (["-D"], "-D lacks a property: -D NAME=VALUE"),
    (["-jobconf", "=5"], "-D lacks a property: -D NAME=VALUE"),
    (["-D", "mapreduce.job.maps"],
     "-D mapreduce.job.maps lacks a value: -D mapreduce.job.maps=VALUE"),
    (["-D", "mapreduce.job.maps=many"], "-D mapreduce.job.maps: 'many' is "),
    (["-D", "mapreduce.job.maps=-1"], "-D mapreduce.job.maps: -1 is not in "),
])
def test_what_is_not_known(options, error):
    """One line names what is nearest."""
    code, stdout, stderr = start(*REQUIRED, *options)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1)
    assert stderr.startswith(f"Error: {error}")


def test_all_refusals_come_at_once():
    """Those of values, classes and words that belong to nothing, too."""
    code, stdout, stderr = start(
        "-input", INPUT, "-libjars", "x.jar", "-inputformat",
        "a.SequenceFileInputFormat", "-D", "mapreduce.job.reducs=1",
        "-D", "mapred.output.compress=true", "-D",
        "mapred.output.compression.codec=a.LzoCodec", "-mapper",
        "org.apache.hadoop.mapred.lib.IdentityMapper", "-partitioner",
        "org.apache.hadoop.mapred.lib.TotalOrderPartitioner", "-cmdenv", "A",
        "-files", "s3://b/c", "-numReduceTasks", "many", "more")
    assert (code, stdout) == (2, "")
    java = "no Java runs here; use -mapper, -reducer and -partitioner COMMAND"
    first, *others = stderr.removeprefix("Error: ").splitlines()
    assert [first, *sorted(others)] == [
        f"-libjars is not possible here: {java}",
        "'more' belongs to no option; quote a command with its arguments",
        "'s3://b/c' is no path of this file system; copy what is needed from "
        "there",
        "-D mapreduce.output.fileoutputformat.compress.codec=LzoCodec is not "
        "possible here; possible: GzipCodec, BZip2Codec, ZStandardCodec, "
        "XZCodec",
        "-inputformat a.SequenceFileInputFormat is not possible here: input "
        "is read as lines; convert it before, or in the mapper",
        "-mapper org.apache.hadoop.mapred.lib.IdentityMapper is not possible "
        "here: no Java runs here; without -mapper, lines pass unchanged",
        "-partitioner org.apache.hadoop.mapred.lib.TotalOrderPartitioner is "
        f"not possible here: {java}",
        "Invalid value for '-cmdenv': 'A' is not NAME=VALUE",
        "Invalid value for '-numReduceTasks': 'many' is not a valid integer.",
        "unknown property 'mapreduce.job.reducs'; the nearest known one is "
        "mapreduce.job.reduces"]


def test_all_missing_programs_are_named_at_once():
    assert start(*REQUIRED[:4], "-mapper", "./a", "-reducer", "./b") == (
        2, "", "Error: the mapper './a': there is no file './a' in "
        f"{os.getcwd()}\nthe reducer './b': there is no file './b' in "
        f"{os.getcwd()}\n")


def test_hint_for_a_shell_names_the_options_of_this_command():
    """With other refusals at once."""
    shell = ["-mapper", "cat | sort", "-reducer", "cat; x", "--quiet"]
    for more, lines in (([], []), (["-libjars", "x"], [
            "-libjars is not possible here: no Java runs here; use -mapper, "
            "-reducer and -partitioner COMMAND"])):
        code, _, stderr = start(*REQUIRED, *shell, *more)
        assert (code, stderr.removeprefix("Error: ").splitlines()) == (2, [
            *lines, "the mapper 'cat | sort' has '|', but no shell runs it; "
            "for a shell: -mapper \"sh -c 'cat | sort'\"",
            "the reducer 'cat; x' has 'cat;', but no shell runs it; for a "
            "shell: -reducer \"sh -c 'cat; x'\""])


def test_value_of_an_unknown_option_is_no_error_of_its_own():
    assert start("-inptu", INPUT, "-output", "o", "-libjars", "x") == (2, "", (
        "Error: unknown option '-inptu'; the nearest known one is -input\n"
        "-libjars is not possible here: no Java runs here; use -mapper, "
        "-reducer and -partitioner COMMAND\n"))


@pytest.mark.parametrize("options, error", [
    (["-manager", "host"], "'host' is not host:port"),
    (["-manager", "host:x"], "'host:x' is not host:port"),
    (["-manager", "host:65536"], "65536 is not in the range"),
    (["-manager", "host:1", "--workers", "2"], "--workers is for a job "
     "without -manager; omit one of the two"),
    (["-manager", "host:1", "-input", "-"], "a Manager can't read this "
     "standard input; without -manager, -input - is it"),
    (["-numReduceTasks", "-1"], "-numReduceTasks"),
    (["-manager", "host:" + "9" * 5000], "is not a valid integer"),
    (["-input", "hdfs://host/in"], "'hdfs://host/in' is no path of this file "
     "system; copy what is needed from there"),
    (["-output", "s3a://bucket"], "'s3a://bucket' is no path"),
    (["-input", "missing"], "cannot read the input 'missing'"),
    (["-mapper", "./missing"], "there is no file './missing'"),
    (["-cmdenv", "A"], "'A' is not NAME=VALUE"),
    (["-D", "mapreduce.output.fileoutputformat.compress=true", "-D",
      "mapreduce.output.fileoutputformat.compress.codec=a.LzoCodec"],
     "codec=LzoCodec is not possible here; possible: GzipCodec, "),
    (["-partitioner", "org.apache.hadoop.mapred.lib.TotalOrderPartitioner"],
     "no Java runs here"),
    (["more"], "more"),
])
def test_wrong_use(options, error):
    """The last line says why."""
    code, stdout, stderr = start(*REQUIRED, *options)
    assert (code, stdout) == (2, "")
    assert error in stderr.splitlines()[-1]


def test_required_options():
    """One after the other is asked for."""
    for number, name in enumerate(["-input", "-output"]):
        code, _, stderr = start(*REQUIRED[:2 * number])
        assert (code, stderr.splitlines()[-1]) == (
            2, f"Error: Missing option '{name}'.")
