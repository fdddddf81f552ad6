"""Tasks with a cache: what they take from it, and what they put there."""
import errno
import os
import pathlib
import stat

import pytest
from hypothesis import given, settings, strategies

from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import FROM_CACHE, NOT_CACHED, RECORDS
from mapreduce.system import map_cache
from mapreduce.system.map_cache import Cache
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.task import run_task
from tests.support import cache_world
from tests.support.files import names_in, read_files, write_executable

COUNTING = 'echo reporter:counter:g,c,3 >&2', 'echo text >&2', "exec cat"


@pytest.fixture(autouse=True)
def _old_files(mocker):
    """Files that a test has just made are not too young."""
    mocker.patch("mapreduce.worker.cache.identities.STEP", -10**9)


@pytest.fixture(name="place")
def _place(tmp_path):
    """A task, and its cache."""
    (tmp_path / "world").mkdir()
    place = cache_world.World(tmp_path / "world")
    map_cache.prepare(place.task.cache)
    return place


def entries(place):
    """Return the entries of the cache."""
    return list(Cache(place.task.cache).entries())


def files_of(place):
    """Return the paths of the files of the only entry, by their names."""
    [entry] = entries(place)
    return {path.name: path for path in pathlib.Path(
        place.task.cache, entry.key).iterdir()}


def count(place, **changes):
    """Do the task as a Worker does; return its counters."""
    reporter = Reporter(lambda status: None)
    task = ExtendedMapTaskMessage(**{**vars(place.task), **changes})
    os.makedirs(task.output_directory, exist_ok=True)
    output = OutputDirectory(task.output_directory)
    try:
        with Interruption() as interruption:
            run_task(task, output, Launcher(interruption), reporter)
    finally:
        output.close()
    return reporter.counters


def test_second_run_has_the_same_files_and_runs_no_mapper(place):
    """Also as a task with another number."""
    first = place.run()
    assert place.mapped == 1
    assert place.run() == place.run(task_id=5) == first
    assert place.mapped == 1
    assert sorted(first) == ["part00000", "part00001"]
    assert len(b"".join(first.values()).splitlines()) == 2


def test_files_of_an_entry_are_links_that_are_read_only(place):
    """Only their user can use the directory."""
    place.run()
    place.run(task_id=3)
    links = [path for name, path in files_of(place).items()
             if name.startswith("part")]
    assert [path.stat().st_nlink for path in links] == [3, 3]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o222 for path in links] == [
        0, 0]
    assert links[0].samefile(
        place.place / f"output2/maptask00003-{links[0].name}")
    assert stat.S_IMODE(os.stat(place.task.cache).st_mode) == 0o700


def test_files_are_copied_where_they_cannot_be_linked(place, mocker):
    """On another disk, for example."""
    mocker.patch("os.link", side_effect=OSError(errno.EXDEV, "another disk"))
    first = place.run()
    assert place.run() == first
    assert place.mapped == 1
    assert files_of(place)["part00000"].stat().st_nlink == 1


def test_counters_count_again(place):
    """Those of records, too, and one for the cache itself."""
    mapper = write_executable(place.place / "count", *COUNTING)
    first, second = count(place, executable=mapper), count(
        place, executable=mapper)
    assert second[RECORDS].pop(FROM_CACHE) == 1
    assert first == second
    assert first["g"] == {"c": 3}


def test_standard_error_is_kept_where_it_is_logged(place):
    """It is written again."""
    mapper = write_executable(place.place / "count", *COUNTING)
    for number in range(2):
        place.run(executable=mapper, logs=f"{place.place}/log{number}")
    for number in range(2):
        assert (place.place / f"log{number}").read_text() == (
            "reporter:counter:g,c,3\ntext\n")
    place.run(executable=mapper)  # has no log, and so another entry
    assert sorted("stderr" in entry.manifest.files
                  for entry in entries(place)) == [False, True]


DAMAGES = {
    "changed": lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("name", ["manifest", "part00000"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_entry_is_not_used_and_is_replaced(place, name, damage):
    """The third run uses the new entry."""
    first = place.run()
    path = files_of(place)[name]
    path.chmod(0o644)
    DAMAGES[damage](path)
    assert place.run() == first
    assert place.mapped == 2
    assert place.run() == first
    assert place.mapped == 2


def test_entry_that_another_process_removes_meanwhile_is_not_used(
        place, mocker):
    """The mapper runs."""
    first = place.run()

    def remove(output, *_):
        Cache(place.task.cache).remove(entries(place)[0].key)
        raise FileNotFoundError(output)
    mocker.patch.object(OutputDirectory, "adopt", remove)
    assert place.run() == first
    assert place.mapped == 2
    assert len(entries(place)) == 1


def test_two_tasks_may_store_the_same_entry(place, mocker):
    """The first one stays, and nothing is left of the second."""
    mocker.patch.object(Cache, "read", return_value=None)
    assert place.run() == place.run()
    assert place.mapped == 2
    mocker.stopall()
    assert len(entries(place)) == 1
    assert len(names_in(place.task.cache)) == 2


def test_full_disk_costs_the_entry_and_not_the_task(place, mocker):
    """A counter tells the reason."""
    mocker.patch.object(Cache, "store", side_effect=OSError(
        errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert count(place)[NOT_CACHED] == {
        "cannot use the cache: No space left on device": 1}
    assert len(names_in(place.task.output_directory)) == 2
    mocker.stopall()


def test_what_is_half_stored_is_removed(place, mocker):
    """No other process takes it for an entry."""
    mocker.patch("mapreduce.system.map_cache.digest", side_effect=OSError(
        errno.ENOSPC, "full"))
    assert NOT_CACHED in count(place)
    assert names_in(place.task.cache) == [map_cache.TAG]


@pytest.mark.parametrize("cache, error", [
    ("nowhere", "is no cache: No such file or directory"),
    ("world", "is no cache: it has no file CACHEDIR.TAG"),
])
def test_task_is_done_without_a_cache_that_cannot_be_used(
        place, tmp_path, cache, error):
    """The mapper runs."""
    reasons = count(place, cache=str(tmp_path / cache))[NOT_CACHED]
    assert list(reasons.values()) == [1]
    assert error in "".join(reasons)
    assert place.mapped == 1


def test_failed_task_is_not_stored(place):
    """It fails again in the next run."""
    write_executable(place.place / "other", "echo a; exit 3")
    with pytest.raises(Exception, match="exited 3"):
        place.run(executable=f"{place.place}/other")
    assert not entries(place)


def test_input_that_was_just_changed_is_not_stored(place, mocker):
    """Its next change may have the same time."""
    mocker.patch("mapreduce.worker.cache.identities.STEP", 2)
    (place.place / "input").write_text("new\n")
    assert list(count(place)[NOT_CACHED]) == [
        "an input, or a large program, was changed less than 2 s before"]
    assert not entries(place)
    count(place, cache_by_content=True)
    assert len(entries(place)) == 1


@pytest.mark.parametrize("name", ["input", "words"])
def test_what_changes_while_the_task_runs_is_not_stored(place, name):
    """The task may have read either."""
    write_executable(place.place / "other", "cat",
                     f"sh -c 'printf x >&3' 3>> {place.place}/$1")
    mapper = f"{place.place}/other {name} {place.place}/words"
    assert list(count(place, executable=mapper)[NOT_CACHED]) == [
        f"'{place.place}/{name}' changed while the task ran"]
    assert not entries(place)


def test_program_that_uses_the_number_of_its_task_is_not_cached(place):
    """It sees the number, as without a cache."""
    mapper = write_executable(
        place.place / "other", "cat >/dev/null", "echo $mapred_task_partition")
    environment = {**place.task.environment, "mapreduce_task_partition": "4"}
    for _ in range(2):
        files = place.run(executable=mapper, environment=environment)
        assert b"".join(files.values()) == b"4\n"
    assert list(count(place, executable=mapper)[NOT_CACHED]) == [
        "other names the variable mapred_task_partition, which differs from "
        "run to run"]
    assert not entries(place)


def test_executable_sees_only_variables_that_are_in_the_key(place):
    """So nothing else can change its output."""
    mapper = write_executable(place.place / "other", "cat > /dev/null; env")
    shown = b"".join(place.run(
        executable=mapper, combiner=None, num_partitions=1).values())
    names = {line.partition(b"=")[0].decode() for line in shown.splitlines()}
    assert "GIVEN" in names and "map_input_file" in names
    assert not names & {"mapreduce_job_id", "mapred_job_id",
                        "mapreduce_task_output_dir"}


def test_output_of_placed_programs_is_cached(place, tmp_path):
    """Their directory is a new one for each task."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho run >> {place.place}/log\ncat\n")
    place.change(executable="./program", files=[[str(program), "program"]])
    first = place.run()
    assert place.run() == first
    assert place.mapped == 1


def test_task_without_input_is_cached(place):
    """It runs no mapper anyway."""
    assert place.run(splits=[]) == place.run(splits=[]) == {
        "part00000": b"", "part00001": b""}
    assert len(entries(place)) == 1


def _words(place, text):
    (place.place / "words").write_text(text)


def _input(place, text):
    (place.place / "input").write_bytes(text)


RUNS = strategies.lists(strategies.one_of(
    strategies.builds(lambda text: lambda place: _input(place, text),
                      strategies.sampled_from([b"", b"a\n", b"b 1\na 2\n"])),
    strategies.builds(lambda text: lambda place: _words(place, text),
                      strategies.sampled_from(["s/a/x/\n", "s/b/y/\n"])),
    strategies.builds(lambda start: lambda place: place.change(
        splits=[Split(place.task.splits[0].path, start)]),
                      strategies.integers(0, 4)),
    strategies.builds(lambda value: lambda place: place.change(
        environment={"GIVEN": value}), strategies.sampled_from("xy")),
    strategies.builds(lambda number: lambda place: place.change(
        num_partitions=number), strategies.integers(1, 3)),
    strategies.builds(lambda number: lambda place: place.change(
        task_id=number), strategies.integers(0, 3)),
    strategies.just(lambda place: None)), min_size=1, max_size=5)


@settings(max_examples=10)
@given(RUNS, strategies.booleans())
def test_result_is_always_that_of_a_run_without_a_cache(changes, by_content):
    """Whatever changes between two runs."""
    with cache_world.world() as place:
        map_cache.prepare(place.task.cache)
        for change in changes:
            change(place)
            assert place.run(cache_by_content=by_content or None
                             ) == place.run(cache=None)
        runs = place.mapped
        place.run(cache_by_content=by_content or None)
        assert place.mapped == runs


def test_no_file_is_left_in_the_output_of_a_task(place):
    """Neither a hidden nor a partial one."""
    place.run()
    place.run()
    assert list(read_files(place.place / "output2")) == [
        "maptask00000-part00000", "maptask00000-part00001"]
