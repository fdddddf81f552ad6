"""The standard error of each attempt at a task goes to a file of its own."""
import os
import types

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.streams import LoggedStderr, StderrTail
from tests.support.files import write_executable, write_files
from tests.support.stages import do_map, do_reduce

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="write_mapper")
def _write_mapper(tmp_path):
    """Return a function: write an executable of some lines."""
    def write_mapper(*lines):
        return write_executable(tmp_path / "executable", *lines)
    return write_mapper


def test_log_holds_all_of_standard_error(tmp_path, write_mapper):
    """Of each process of the task, also the lines for the reporter."""
    paths = write_files(tmp_path / "input", b"a\n", b"b\n")
    mapper = write_mapper("echo reporter:status:x >&2; cat >&2; "
                          "printf '%09999d' 0 >&2")
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs/map-00000-attempt-1.stderr"
    log.write_text("old")
    do_map(tmp_path / "map", paths, mapper, logs=str(log))
    zeros = b"0" * 9999
    assert log.read_bytes() == (
        b"reporter:status:x\na\n" + zeros
        + b"reporter:status:x\nb\n" + zeros)


def test_log_of_a_failed_attempt_is_complete(tmp_path, write_mapper):
    reducer = write_mapper("printf '%09999d' 0 >&2; exit 1")
    log = tmp_path / "new/logs/reduce-00000-attempt-1.stderr"
    with pytest.raises(TaskError, match="exited 1"):
        do_reduce(tmp_path / "output", write_files(
            tmp_path / "input", b"a\n"), reducer, logs=str(log))
    assert log.read_bytes() == b"0" * 9999


def test_log_that_cannot_be_written(tmp_path):
    """The task fails: its log would not be complete."""
    paths = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskError, match="cannot write the log '/dev/full/x'"):
        do_map(tmp_path / "map", paths, "cat", logs="/dev/full/x")
    assert os.listdir(tmp_path / "map") == []


def test_what_was_not_written_at_once_follows():
    """On a disk that is nearly full, a write takes a part of its bytes."""
    written = []

    def write(data):
        written.append(bytes(data[:3]))
        return len(written[-1])

    LoggedStderr(StderrTail(), types.SimpleNamespace(write=write)).add(
        b"message\n")
    assert written == [b"mes", b"sag", b"e\n"]
