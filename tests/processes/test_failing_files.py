"""Files that can't be read or written, and too many of them."""
import contextlib
import os
import pathlib
import resource
import socket

import pytest

from tests.support.faults import (
    COPY,
    ONE_TASK,
    check_next_job,
    failure,
    needs_prlimit,
)
from tests.support.files import names_in, write_executable, write_files


@pytest.mark.parametrize("make", [
    os.mkfifo, lambda path: os.symlink("nowhere", path)],
    ids=["pipe", "dangling-link"])
def test_job_fails_whose_input_is_no_file(pair, tmp_path, output, make):
    """Before anything is deleted."""
    write_files(tmp_path / "input", b"")
    output.mkdir()
    make(tmp_path / "input" / "strange")
    assert failure(
        pair, output, input_directory=str(tmp_path / "input")
    ) == f"the input '{tmp_path}/input/strange' is no regular file"
    assert output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_job_fails_whose_input_may_not_be_read(pair, tmp_path, output):
    """It is named."""
    (path,) = write_files(tmp_path / "input", b"")
    os.chmod(path, 0)
    assert f"cannot read the input {path!r}: Permission denied" in failure(
        pair, output, input_directory=str(tmp_path / "input"))


def test_job_fails_whose_input_vanishes(pair, tmp_path, output):
    """It is named."""
    _, path = write_files(tmp_path / "input", b"", b"")
    mapper = write_executable(tmp_path / "mapper", f"exec rm -f '{path}'")
    assert f"cannot read the input {path!r}: No such file" in failure(
        pair, output, input_directory=str(tmp_path / "input"),
        mapper_executable=mapper, **ONE_TASK)


@needs_prlimit
def test_maps_may_have_more_outputs_than_files_may_be_open(
        cluster, tmp_path, output):
    """For the reducer, they are merged."""
    cluster.start(1)
    resource.prlimit(cluster.workers[0].process.pid,
                     resource.RLIMIT_NOFILE, (64, 64))
    write_files(tmp_path / "input", *(b"%d\n" % n for n in range(100)))
    assert cluster.run_job(
        output, input_directory=str(tmp_path / "input"), **COPY,
        num_mappers=100, num_reducers=1
    ) == b"".join(sorted(b"%d\n" % n for n in range(100)))


# Directories

@pytest.mark.parametrize("directory, reason", [
    ("link", "a symbolic link"),
    ("file", "no directory"),
    ("holder", "or holds the input directory"),
    ("holder/input/output", "inside the input directory"),
])
def test_job_fails_whose_output_directory_would_do_harm(
        pair, tmp_path, directory, reason):
    """Everything stays as it is."""
    (tmp_path / "holder").mkdir()
    write_files(tmp_path / "holder" / "input", b"precious\n")
    (tmp_path / "link").symlink_to("holder")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    output = f"{tmp_path}/{directory}"
    assert failure(pair, pathlib.Path(output), input_directory=str(
        tmp_path / "holder" / "input")) == (
        f"the output directory {output!r} is not replaced: it is {reason}")
    assert [path for path in before if not path.exists()] == []


@needs_prlimit
@pytest.mark.parametrize("job", [
    COPY, {"mapper_executable": "echo", "reducer_executable": "yes"},
], ids=["map", "reduce"])
def test_job_fails_whose_files_find_no_room(cluster, tmp_path, output, job):
    """Here each file has a limit; the Worker lives and leaves no part."""
    cluster.start(1)
    write_files(tmp_path / "input", 2**18 * b"four\n")
    resource.prlimit(cluster.workers[0].process.pid,
                     resource.RLIMIT_FSIZE, (2**20, 2**20))
    assert "File too large" in failure(
        cluster, output, input_directory=str(tmp_path / "input"), **job,
        **ONE_TASK)
    assert not output.exists()
    assert names_in(cluster.local) == []


@needs_prlimit
def test_manager_that_lacks_files_marks_no_worker_dead(cluster, output):
    """Clients that say nothing take half of its files at most."""
    cluster.start(2)
    resource.prlimit(cluster.manager.process.pid,
                     resource.RLIMIT_NOFILE, (64, 64))
    with contextlib.ExitStack() as idle:
        for _ in range(150):
            idle.enter_context(socket.create_connection(
                ("localhost", cluster.port)))
        check_next_job(cluster, output)
    assert not cluster.manager.says("Worker died")
