"""Rules for Workers: where the files of a task are, and when they appear."""
from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

from mapreduce.conformance.rule import CannotCheck, RuleBook, RuleBroken
from mapreduce.conformance.rules.worker_tasks import LINE, long_lines
from mapreduce.conformance.worker_trial import LOCAL, WorkerTrial

BOOK = RuleBook("worker", "protocol")

SECOND_SYSTEM = "/dev/shm"  # a file system in memory, on Linux
SIZE = 500 * LINE  # bytes that take some time to be copied


def _has_second_system(trial: WorkerTrial) -> bool:
    return os.path.isdir(SECOND_SYSTEM) and (
        os.stat(SECOND_SYSTEM).st_dev != os.stat(trial.output).st_dev)


@contextlib.contextmanager
def _on_second_system(trial: WorkerTrial) -> Iterator[None]:
    """Have the directory for temporary files on another file system."""
    with tempfile.TemporaryDirectory(
            prefix="mapreduce-conformance-", dir=SECOND_SYSTEM,
            ignore_cleanup_errors=True) as directory:
        trial.environment["TMPDIR"] = directory
        try:
            yield
        finally:
            # It may still write there.
            trial.kill_daemons()


@BOOK.rule("finished is sent after every file is in place.")
def _finished_comes_after_the_files(trial: WorkerTrial) -> None:
    trial.ready()
    trial.map("exec cat", [b"line\t1\n"], partitions=20)
    trial.expect_finished()
    trial.expect_names(*(f"maptask00000-part{number:05d}"
                         for number in range(20)))
    trial.kill_daemons()
    if not _has_second_system(trial):
        return
    with _on_second_system(trial):
        trial.start()
        trial.ready()
        # A copy takes much longer than this message.
        trial.reduce(long_lines(SIZE), [b""])
        trial.expect_finished(0, 4 * trial.times.timeout)
        trial.content("part-00000")


@BOOK.rule("A map task works in a directory mapreduce-local-task00007-*, "
           "which is gone when it has finished.")
def _map_directory_is_temporary(trial: WorkerTrial) -> None:
    gate = trial.gate()
    trial.ready()
    trial.map(gate.wait, [b"line\n"], task_id=7)
    _expect_local(trial, gate.has_begun, "mapreduce-local-task00007-*")
    gate.open()
    trial.expect_finished(7)
    _expect_no_local(trial)


@BOOK.rule("So does a reduce task, in mapreduce-local-task00008-*.")
def _reduce_directory_is_temporary(trial: WorkerTrial) -> None:
    gate = trial.gate()
    trial.ready()
    trial.reduce(f"{gate.wait}; exec cat", [b"line\n"], task_id=8)
    _expect_local(trial, gate.has_begun, "mapreduce-local-task00008-*")
    gate.open()
    trial.expect_finished(8)
    _expect_no_local(trial)


def _expect_local(
    trial: WorkerTrial, begun: Callable[[], bool], pattern: str
) -> None:
    trial.wait_for("the executable starts", begun, lambda: "it does not")
    if not trial.leftovers(pattern):
        raise RuleBroken(f"{pattern} in the directory of TMPDIR",
                         str(trial.leftovers("*")))


def _expect_no_local(trial: WorkerTrial) -> None:
    trial.wait_for(
        "no directory of a task", lambda: not trial.leftovers(LOCAL),
        lambda: str(trial.leftovers(LOCAL)))


@BOOK.rule("No output file is visible before it is complete: while the "
           "executable runs, its output is elsewhere.")
def _output_appears_when_complete(trial: WorkerTrial) -> None:
    trial.ready()
    for kind, send in (("mapper", trial.map), ("reducer", trial.reduce)):
        gate = trial.gate()
        send(f"printf 'line\\t1\\n'; {gate.wait}; exec cat", [b"line\t1\n"])
        trial.wait_for(f"the {kind} starts", gate.has_begun,
                       lambda: "it does not")
        time.sleep(trial.times.quiet / 4)
        seen = [path.name for path in trial.output.iterdir()
                if not path.name.startswith(".")]
        if seen:
            raise RuleBroken(f"no output file while the {kind} runs",
                             str(seen))
        gate.open()
        trial.expect_finished()
        for path in trial.output.iterdir():
            path.unlink()


@BOOK.rule("Files appear under their final names by rename, also if the "
           "directory for temporary files is on another file system.")
def _output_is_renamed_across_file_systems(trial: WorkerTrial) -> None:
    if not _has_second_system(trial):
        raise CannotCheck(f"{SECOND_SYSTEM} is no second file system")
    with _on_second_system(trial):
        trial.ready()
        for name, send in (("maptask00000-part00000", trial.map),
                           ("part-00000", trial.reduce)):
            send(long_lines(SIZE), [b""])
            size = _first_size(trial, trial.output / name)
            if size != SIZE:
                raise RuleBroken(
                    f"{name} with all its {SIZE} bytes when it appears",
                    f"{size} bytes")
            trial.expect_finished()


def _first_size(trial: WorkerTrial, path: pathlib.Path) -> int:
    """Return the size of a file at the moment at which it appears."""
    deadline = time.monotonic() + 4 * trial.times.timeout
    # This loop has no pause: a copy of so many bytes takes about 20 ms.
    while time.monotonic() < deadline:
        try:
            return os.stat(path).st_size
        except FileNotFoundError:
            continue
    raise RuleBroken(f"{path.name} within {4 * trial.times.timeout:g} s",
                     "it does not appear")
