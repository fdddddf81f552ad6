"""Jobs by Spark: the results, messages and exit codes of other jobs."""
import contextlib
import gzip
import logging
import os
import pathlib
import re
import shutil
import types

import pytest

from mapreduce import run, streaming
from mapreduce.engines import spark, spark_session
from tests.support.cluster import MAPPER, REDUCER
from tests.support.files import (
    EXECUTABLES,
    TESTDATA,
    names_in,
    read_files,
    write_executable,
    write_files,
)
from tests.support.local_run import lives
from tests.support.page_records import Page
from tests.support.spark import SharedSpark, needs_spark
from tests.support.waiting import wait_until

pytestmark = needs_spark

INPUT = str(TESTDATA / "input")


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory):
    """One SparkContext for all tests."""
    shared = SharedSpark(tmp_path_factory.mktemp("spark"))
    yield shared
    shared.close()


@pytest.fixture(name="job")
def _job(shared, command, monkeypatch):
    """Return a function: run a job by Spark."""
    monkeypatch.setattr(spark, "Session", shared.session)

    def job(*options, mapper=MAPPER, reducer=REDUCER, source=INPUT):
        stage = [] if "0" in options else ["-r", reducer]
        return command(
            run.main, "-i", source, "-o", "output", "-m", mapper, *stage,
            "--engine", "spark", *options)
    return job


@pytest.fixture(name="compare")
def _compare(job, command, tmp_path):
    """Return a function: do a job by Spark and by Workers; compare them."""
    def compare(*options, mapper=MAPPER, reducer=REDUCER, source=INPUT):
        by_spark = job(*options, "--quiet", mapper=mapper, reducer=reducer,
                       source=source)
        parts = read_files(tmp_path / "output")
        by_workers = command(
            run.main, "-i", source, "-o", "output", "-m", mapper, "-r",
            reducer, "--quiet", *options)
        assert by_spark == by_workers == (0, "")
        assert parts == read_files(tmp_path / "output")
        return parts
    return compare


@pytest.mark.parametrize("options", [
    ["--combiner", REDUCER, "--nreducers", "3", "--split-size", "1K",
     "--nmappers", "10"],
    ["--concatenate", "--nmappers", "2", "--nreducers", "1"],
    ["--nmappers", "2", "--nreducers", "2", "--sort", "-k1,1r"],
    ["--lines-per-map", "25", "--compress", "gzip", "--nreducers", "2"],
], ids=["combiner and ranges", "concatenate", "sort", "lines"])
def test_parts_are_those_of_workers(compare, options):
    """To the byte."""
    assert len(compare(*options)) == int(options[options.index(
        "--nreducers") + 1])


def test_bytes_are_kept(compare, tmp_path):
    """NUL, CR, no UTF-8, a line longer than a piece, compressed input."""
    write_files(tmp_path / "input", b"\0\r\xff a\r\n" + 30_000 * b"x", b"y")
    (tmp_path / "input/z.gz").write_bytes(gzip.compress(b"z\n" * 9_000))
    partitioner = write_executable(
        tmp_path / "partitioner", "awk '{ print NR % 3 }'")
    parts = compare(
        "--nreducers", "3", "--partitioner", partitioner, mapper="cat",
        reducer="cat", source="input")
    assert sum(map(len, parts.values())) == 30_008 + 2 + 18_000


def test_files_are_placed_for_tasks_that_may_fail(compare, tmp_path):
    """They get a file and an archive; --any-exit-code takes their codes."""
    (tmp_path / "file").write_text("of a file\n")
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked/inner").write_text("of an archive\n")
    archive = shutil.make_archive(
        tmp_path / "archive", "zip", tmp_path / "unpacked")
    assert compare(
        "--file", "file#here", "--archive", f"{archive}#there",
        "--any-exit-code", "--nmappers", "1", "--nreducers", "1",
        mapper="sh -c 'cat here there/inner; exit 3'", reducer="cat",
        source=str(TESTDATA / "input/file01")) == {
            "part-00000": b"of a file\nof an archive\n"}


def test_standard_error_is_kept_and_printed(job, tmp_path):
    """Of each task."""
    mapper = write_executable(tmp_path / "mapper", "echo m >&2", "cat")
    code, stderr = job("--logs", "logs", "--verbose", "--nmappers", "2",
                       "--nreducers", "1", mapper=mapper, reducer="cat",
                       source=str(TESTDATA / "input_small"))
    assert code == 0
    lines = stderr.splitlines()
    assert sorted(line for line in lines if line.startswith(
        ("map ", "reduce "))) == ["map 0: m", "map 1: m"]
    assert read_files(tmp_path / "logs") == {
        "map-00000-attempt-1.stderr": b"m\n",
        "map-00001-attempt-1.stderr": b"m\n",
        "reduce-00000-attempt-1.stderr": b""}


def test_log_is_kept_as_a_whole(shared, job):
    """Its level is INFO, as with --engine-log."""
    assert job("--quiet", "--nreducers", "0", "--nmappers", "1") == (0, "")
    assert " INFO SparkContext: " in pathlib.Path(
        shared.log.name).read_text(encoding="utf-8")


@pytest.mark.parametrize("options, code, state, number", [
    ([], 0, "done", 4),
    (["--max-attempts", "1", "--reducer", "false"], 1, "failed", 2)])
def test_page_is_written_at_the_end(
        job, tmp_path, options, code, state, number):
    """With the tasks that are done, and the one that has failed."""
    assert job("--quiet", "--report", "job.html", "--nmappers", "2",
               "--nreducers", "2", *options)[0] == code
    page = Page((tmp_path / "job.html").read_text(encoding="utf-8"))
    assert page.title == f"job 0 {state} · mapreduce"
    bars = [its for its in page.all("rect") if str(its.get("x")).endswith("%")]
    assert len(bars) == number
    assert f"{os.uname().nodename}:" in page.words()
    assert "2 of 2" in page.words()


def test_map_only_job(job, tmp_path, monkeypatch):
    """With variables, counters, and what else is printed."""
    # PySpark has another one.
    monkeypatch.setenv("PYTHONPATH", "y")
    mapper = write_executable(
        tmp_path / "mapper", 'echo "$mapreduce_task_id $LETTER$PYTHONPATH"',
        "echo reporter:counter:words,lines,4 >&2")
    code, stderr = job("--nreducers", "0", "--nmappers", "2",
                       "--cmdenv", "LETTER=x", mapper=mapper,
                       source=str(TESTDATA / "input_small"))
    lines = [line for line in stderr.splitlines()
             if not line.startswith("job 0: ")]
    assert code == 0
    assert lines[:-1] == [
        "GROUP      COUNTER             AMOUNT",
        "mapreduce  input bytes         62",
        "mapreduce  input records       4",
        "mapreduce  map output bytes    70",
        "mapreduce  map output records  2",
        "mapreduce  output records      2",
        "words      lines               8"]
    assert re.fullmatch(r"Done in [\d.]+ s: 2 parts in output", lines[-1])
    assert [re.sub(rb"\d{12}", b"TIME", part)
            for part in read_files(tmp_path / "output").values()] == [
        b"task_TIME_0000_m_000000 xy\n", b"task_TIME_0000_m_000001 xy\n"]


def test_map_output_is_kept(job, tmp_path):
    """The same files as by Workers, and nothing hidden."""
    assert job("--nmappers", "2", "--nreducers", "2", "--quiet",
               "--keep-intermediate", "kept",
               source=str(TESTDATA / "input_small")) == (0, "")
    assert read_files(tmp_path / "kept") == read_files(
        TESTDATA / "correct/map_small")


def test_task_that_fails_twice_and_then_works(job, tmp_path):
    """No attempt counts twice."""
    mapper = write_executable(
        tmp_path / "mapper", f'mkdir "{tmp_path}/1" 2> /dev/null && exit 1',
        f'mkdir "{tmp_path}/2" 2> /dev/null && exit 1',
        "echo reporter:counter:a,b,1 >&2", "cat")
    code, stderr = job("--nmappers", "1", "--nreducers", "1", mapper=mapper,
                       reducer="cat", source=str(TESTDATA / "input_small"))
    assert code == 0
    lines = [line for line in stderr.splitlines()
             if not line.startswith(("job 0: ", "Done in "))]
    assert lines == [
        "GROUP      COUNTER               AMOUNT",
        "a          b                     2",
        "mapreduce  input bytes           62",
        "mapreduce  input records         4",
        "mapreduce  map output bytes      62",
        "mapreduce  map output records    4",
        "mapreduce  output records        4",
        "mapreduce  reduce input bytes    62",
        "mapreduce  reduce input records  4"]
    assert len(read_files(tmp_path / "output")) == 1


def test_task_that_always_fails(job, tmp_path):
    """The lines are those of a Manager; nothing is left."""
    reducer = write_executable(tmp_path / "reducer", "echo no >&2", "exit 3")
    assert job("--nreducers", "1", "--nmappers", "1", "--quiet", "--logs",
               "logs", reducer=reducer) == (
        1, "Error: job 0 failed: reduce task 0 failed 4 times, the last time "
        f"because {reducer} exited 3:\nno\nall of its standard error is in "
        "logs/reduce-00000-attempt-4.stderr\n")
    assert names_in(tmp_path) == ["logs", "reducer", "temporary"]


@pytest.mark.parametrize("mapper, reducer", [
    ("sh -c 'echo no >&2; exit 3'", "cat"), ("cat", "grep -q xyz")])
def test_message_of_a_failed_job_is_that_of_workers(
        job, command, mapper, reducer):
    """With the counters of what is done, and a line that runs it again."""
    def run_job(start, *more, **programs):
        code, stderr = start(*more, "--nmappers", "1", "--nreducers", "1",
                             "--keep-failed", "kept", "--cmdenv", "A=b c",
                             **programs)
        # The progress, the date, and where the result is.
        return code, re.sub(
            r"(?m)^job 0: .*\n|\d{12}(?=_0000)|outputdir=\S*|output_dir=\S*",
            "", stderr)
    by_spark = run_job(job, mapper=mapper, reducer=reducer)
    assert by_spark == run_job(
        command, run.main, "-i", INPUT, "-o", "output", "-m", mapper, "-r",
        reducer)
    assert by_spark[1].count("\nRun it again:\n") == 1
    assert ("map output bytes" in by_spark[1]) == (mapper == "cat")


def test_task_that_is_idle(job):
    """The line names the option."""
    code, stderr = job("--nreducers", "0", "--nmappers", "1", "--quiet",
                       "--task-timeout", "0.2", mapper="sleep 60")
    assert (code, stderr.partition("sleep 60 ")[2].partition("\n")[0]) == (
        1, f"on the input '{INPUT}/file01' neither read, wrote nor reported "
        "for 0.2 s (see --task-timeout)")


def test_bad_inputs_are_named(job, tmp_path):
    """The job goes on without them."""
    write_files(tmp_path / "input", b"a\n")
    (tmp_path / "input/b.gz").write_bytes(b"no gzip")
    code, stderr = job("--nreducers", "1", "--skip-bad-inputs", mapper="cat",
                       reducer="cat", source="input")
    assert code == 0
    assert "Skipped 1 input that can't be read: 'input/b.gz'\n" in stderr
    assert read_files(tmp_path / "output") == {"part-00000": b"a\n"}


def test_map_output_is_kept_if_the_reduce_stage_fails(job, tmp_path):
    """As by Workers; and no line names files that are gone."""
    code, stderr = job("--nmappers", "1", "--nreducers", "1", "--quiet",
                       "--keep-intermediate", "kept", mapper="cat",
                       reducer="grep -q xyz", source=INPUT + "/file01")
    assert (code, "Run it again" in stderr) == (1, False)
    assert names_in(tmp_path / "kept") == ["maptask00000-part00000"]


def test_old_result_stays_if_the_new_one_fails(job, tmp_path):
    """Also with --no-clobber."""
    write_files(tmp_path / "output")
    (tmp_path / "output/part-00000").write_bytes(b"old")
    assert job("--quiet", "--nmappers", "1", mapper="false")[0] == 1
    assert read_files(tmp_path / "output") == {"part-00000": b"old"}
    assert job("--no-clobber", "--quiet") == (
        1, "Error: job 0 failed: the output directory 'output' exists "
        "already; name another one, or remove it\n")


def test_streaming_job(shared, command, monkeypatch, tmp_path):
    """The options of Hadoop have the same meaning."""
    monkeypatch.setattr(spark, "Session", shared.session)
    code, stderr = command(
        streaming.main, "-input", TESTDATA / "input_small", "-output",
        "output", "-mapper", EXECUTABLES / "wc_map.py", "-reducer",
        EXECUTABLES / "wc_reduce.py", "--engine", "spark", "--quiet")
    assert (code, stderr) == (0, "")
    assert names_in(tmp_path / "output") == ["part-00000"]


@pytest.fixture(name="start_java")
def _start_java(monkeypatch, tmp_path, temporary):
    """Return a function: start a Session with a script as its Java."""
    assert temporary
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(spark_session, "END_TIME", 0.1)
    (tmp_path / "bin").mkdir()

    @contextlib.contextmanager
    def start_java(*lines):
        write_executable(tmp_path / "bin/java", *lines)
        with open(tmp_path / "log", "w+b") as log:
            yield spark.Session({}, str(tmp_path), log)
    return start_java


# What the first Java of Spark prints: the command of the second one.
NEXT = "printf '\\0\\n%s\\0' "


@pytest.mark.parametrize("is_second", [False, True])
def test_java_that_never_starts_is_ended(
        start_java, tmp_path, temporary, is_second):
    """Neither a signal to the command nor Spark waits for it."""
    pid = tmp_path / "pid"
    ignoring = write_executable(
        tmp_path / "ignoring", "trap '' TERM", f"echo $$ > '{pid}.new'",
        f"mv '{pid}.new' '{pid}'", "exec sleep 600")
    line = f"{NEXT}'{ignoring}'" if is_second else (
        f"echo $$ > '{pid}.new'; mv '{pid}.new' '{pid}'; exec sleep 600")
    with start_java(line) as session:
        assert wait_until(pid.exists)
        session.end()
    assert wait_until(lambda: not lives(int(pid.read_text())))
    assert names_in(temporary) == []


def test_java_that_ends_at_once_without_an_error(start_java):
    """PySpark would wait for it for ever."""
    with start_java(NEXT + "/bin/true") as session:
        with pytest.raises(Exception, match="JAVA_GATEWAY_EXITED"):
            session.submit(None).result()
        session.end()


def test_signal_while_spark_is_asked(monkeypatch, tmp_path, caplog):
    """Py4J logs it, and nothing of that is printed."""
    def status_tracker():
        logging.error("KeyboardInterrupt while sending command.")
        raise KeyboardInterrupt
    monkeypatch.setattr(spark.Session, "_launch", lambda self, _: None)
    with open(tmp_path / "log", "w+b") as log:
        session = spark.Session({}, str(tmp_path), log)
        session.context = types.SimpleNamespace(statusTracker=status_tracker)
        with pytest.raises(KeyboardInterrupt):
            session.num_done()
        session.end()
    assert caplog.records == []
