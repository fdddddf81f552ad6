"""Whole jobs, by a Manager and Workers that are real processes."""
import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.files import (
    EXECUTABLES,
    ROOT,
    TESTDATA,
    in_order,
    write_executable,
    write_files,
)

INPUT = TESTDATA / "input"


@pytest.mark.parametrize("num_mappers, num_reducers, suffix", [
    pytest.param(1, 1, "sh", id="one-task-a-stage"),
    pytest.param(3, 4, "py", id="several-tasks"),
    pytest.param(11, 2, "sh", id="more-mappers-than-files"),
])
def test_word_count(pair, tmp_path, suffix, num_mappers, num_reducers):
    """The result is that of the plain pipeline."""
    mapper, reducer = (
        EXECUTABLES / f"wc_{stage}.{suffix}" for stage in ("map", "reduce"))
    result = pair.run_job(
        tmp_path / "output", mapper_executable=str(mapper),
        reducer_executable=str(reducer), num_mappers=num_mappers,
        num_reducers=num_reducers)
    assert in_order(result) == in_order(pipeline(INPUT, mapper, reducer))


def test_more_reducers_than_keys(pair, tmp_path):
    """The parts without a key are there, empty."""
    output = tmp_path / "output"
    result = pair.run_job(
        output, input_directory=str(TESTDATA / "input_small"),
        num_reducers=20)
    assert in_order(result) == in_order(
        (TESTDATA / "correct/word_count_small.txt").read_bytes())
    assert sum(path.stat().st_size == 0 for path in output.iterdir()) >= 15


def test_grep(pair, tmp_path):
    """The lines with a word in them, and how often each occurs."""
    mapper = EXECUTABLES / "grep_map.py"
    reducer = EXECUTABLES / "grep_reduce.py"
    result = pair.run_job(
        tmp_path / "output", mapper_executable=str(mapper),
        reducer_executable=str(reducer), num_mappers=3, num_reducers=2)
    assert in_order(result) == in_order(pipeline(INPUT, mapper, reducer))


def test_empty_input_directory(pair, tmp_path):
    """Every part is made, empty."""
    (tmp_path / "input").mkdir()
    result = pair.run_job(
        tmp_path / "output", input_directory=str(tmp_path / "input"),
        num_reducers=3)
    assert result == b""


def test_many_mappers(pair, tmp_path):
    """A task for each of sixty files."""
    write_files(tmp_path / "input",
                *(b"all %d\n" % (number % 7) for number in range(60)))
    result = pair.run_job(
        tmp_path / "output", input_directory=str(tmp_path / "input"),
        num_mappers=60)
    assert in_order(result) == in_order(
        pipeline(tmp_path / "input", *WORD_COUNT))


def test_any_name_of_a_file(pair, tmp_path):
    """Spaces, newlines, dashes, any language, and what is no text at all."""
    directory = tmp_path / "-in put\n\udcff"
    directory.mkdir()
    for number, name in enumerate([
            "two words", "two\nlines", "-dash", "'quote\"", "größe", "語",
            "\udcff\udcfe"]):
        (directory / name).write_text(f"every file{number}\n")
    result = pair.run_job(
        tmp_path / "out put\n\udcff", input_directory=str(directory),
        num_mappers=3)
    assert in_order(result) == in_order(pipeline(directory, *WORD_COUNT))


def test_output_directory_is_replaced(pair, tmp_path):
    """Nothing of what was there stays."""
    output = tmp_path / "output"
    (output / "old").mkdir(parents=True)
    (output / "old/file").write_text("old")
    (output / "part-00000").write_text("old")
    (output / "part-00007").write_text("old")
    result = pair.run_job(output)
    assert in_order(result) == in_order(pipeline(INPUT, *WORD_COUNT))


def test_queue_of_jobs_with_one_output_directory(pair, tmp_path):
    """They run in order; what is there in the end is of the last one."""
    journal = tmp_path / "journal"
    write_files(tmp_path / "input", b"any\n")
    for name in ("first", "second", "third"):
        pair.submit(
            tmp_path / "output", input_directory=str(tmp_path / "input"),
            mapper_executable=write_executable(
                tmp_path / name, f"echo {name} | tee -a '{journal}'"),
            reducer_executable="cat", num_mappers=1, num_reducers=1)
    pair.wait_for(
        lambda: journal.exists() and "third" in journal.read_text())
    pair.wait_for_parts(tmp_path / "output", 1)
    assert pair.result(tmp_path / "output") == b"third\n"
    assert journal.read_text().split() == ["first", "second", "third"]


def test_executables_get_the_environment_of_the_worker(cluster, tmp_path):
    """Its locale is left alone, and so is its working directory."""
    cluster.env.update(LC_ALL="C.UTF-8", FROM_THE_WORKER="here")
    cluster.start(1)
    write_files(tmp_path / "input", b"")
    show = write_executable(
        tmp_path / "show", "cat", "pwd -P",
        "env | grep -E '^(FROM_THE_WORKER|LC_ALL)='")
    result = cluster.run_job(
        tmp_path / "output", input_directory=str(tmp_path / "input"),
        mapper_executable=show, reducer_executable=show, num_mappers=1,
        num_reducers=1)
    assert in_order(result) == in_order(2 * (
        f"{ROOT.resolve()}\nFROM_THE_WORKER=here\nLC_ALL=C.UTF-8\n".encode()))


def test_job_before_the_first_worker(cluster, tmp_path):
    """It starts without Workers, and waits for one."""
    output = tmp_path / "output"
    cluster.start(0)
    cluster.submit(output)
    cluster.wait_for(output.is_dir)
    cluster.start_worker()
    cluster.wait_for_parts(output, 2)
    assert in_order(cluster.result(output)) == in_order(
        pipeline(INPUT, *WORD_COUNT))


def test_worker_that_comes_later_gets_the_next_task(cluster, tmp_path, gate):
    """While the first one is still busy with its own."""
    write_files(tmp_path / "input", b"first\n", b"second\n")
    cluster.start(1)
    cluster.submit(
        tmp_path / "output", input_directory=str(tmp_path / "input"),
        mapper_executable=write_executable(
            tmp_path / "gated", gate.line, "cat"),
        reducer_executable="cat")
    cluster.wait_for(lambda: cluster.workers[0].says("Received task"))
    later = cluster.start_worker()
    cluster.wait_for(lambda: later.says("Received task MapTaskMessage("))
    assert not cluster.workers[0].says("Received task", 2)
    gate.open()
    cluster.wait_for_parts(tmp_path / "output", 2)
    assert in_order(cluster.result(tmp_path / "output")) == [
        b"first\n", b"second\n"]
