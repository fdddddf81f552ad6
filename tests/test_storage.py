"""The Manager's directories: inputs, outputs that may go, job directories."""
import dataclasses
import errno
import logging
import os
import pathlib
import socket
import sys

import pytest

import mapreduce
from mapreduce.manager.output_safety import (
    StorageError,
    check_output,
    find_inputs,
)
from mapreduce.manager.storage import (
    Storage,
    remove_directory,
    replace_directory,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import ManagerJobMessage, extended_job
from mapreduce.system import inputs
from mapreduce.system.inputs import InputError


@pytest.fixture(name="place")
def make_place(tmp_path, monkeypatch):
    """Make directories for a job; return the one that holds them all.

    The working directory is in there: cwd/here. No file is made in input, so
    that its tests say what is there.
    """
    for name in ("cwd/here", "input", "programs", "shared/job", "home",
                 "output"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("programs/map", "programs/reduce", "output/old"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("output")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path / "cwd/here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def job(place, **changes):
    """Return a job in this place, but for the fields given."""
    fields = {
        "input_directory": f"{place}/input",
        "output_directory": f"{place}/output",
        "mapper_executable": f"{place}/programs/map",
        "reducer_executable": f"{place}/programs/reduce",
        "num_mappers": 1,
        "num_reducers": 1,
    }
    specified = {name: changes.pop(name, value)
                 for name, value in fields.items()}
    return dataclasses.replace(
        extended_job(ManagerJobMessage(**specified)), **changes)


def make_pipe(path):
    """Make a named pipe."""
    os.mkfifo(path)


def make_socket(path):
    """Make a socket of the file system."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def make_dangling_link(path):
    """Make a symbolic link that leads nowhere."""
    path.symlink_to("nowhere")


def make_loop(path):
    """Make a symbolic link to itself."""
    path.symlink_to(path.name)


# Inputs

def list_inputs(directory):
    """Return the paths of the files in a directory."""
    return inputs.list_inputs([directory])


def test_inputs_are_the_files_sorted_by_name(tmp_path):
    for name in ("b", "a", "B", "10", "9", ".hidden"):
        (tmp_path / name).touch()
    assert list_inputs(str(tmp_path)) == [
        f"{tmp_path}/{name}" for name in (".hidden", "10", "9", "B", "a", "b")]


@pytest.mark.parametrize("name", [
    b"two words", b"new\nline", b"-rf", b"\xe6\xbc\xa2\xf0\x9f\xa6\x80",
    b"caf\xe9", b"'\"\\$*"])
def test_input_may_have_any_name(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb"):
        pass
    assert [os.fsencode(found) for found in list_inputs(str(tmp_path))] == [
        path]


@pytest.mark.parametrize("directory, path", [
    ("in", "in/a"), ("in/", "in/a"), ("./in", "./in/a"),
    ("in/../in", "in/../in/a")])
@pytest.mark.usefixtures("place")
def test_input_path_begins_as_the_directory_was_given(directory, path):
    pathlib.Path("in").mkdir()
    pathlib.Path("in/a").touch()
    assert list_inputs(directory) == [path]


def test_link_to_a_file_is_an_input(tmp_path):
    (tmp_path / "input").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "input/link").symlink_to("../file")
    assert list_inputs(f"{tmp_path}/input") == [f"{tmp_path}/input/link"]


def test_directories_are_skipped_and_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "file").touch()
    assert list_inputs(str(tmp_path)) == [f"{tmp_path}/file"]
    assert [record.getMessage() for record in caplog.records] == [
        f"Skipped '{tmp_path}/{name}': a directory in the input"
        for name in ("directory", "link")]


def test_empty_directory_has_no_inputs(tmp_path):
    assert not list_inputs(str(tmp_path))


@pytest.mark.parametrize("make", [
    make_pipe, make_socket, make_dangling_link, make_loop])
def test_input_that_is_no_file_is_refused_by_name(
        tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)  # A socket's path may not be long.
    pathlib.Path("a").touch()
    make(pathlib.Path("b"))
    with pytest.raises(InputError, match="'./b' is no regular file"):
        list_inputs(".")


@pytest.mark.parametrize("directory", ["", "missing", "loop"])
def test_input_directory_that_cannot_be_read_is_refused_by_name(
        tmp_path, monkeypatch, directory):
    monkeypatch.chdir(tmp_path)
    make_loop(tmp_path / "loop")
    with pytest.raises(
            InputError, match=f"^cannot read the input '{directory}': "):
        list_inputs(directory)


# Outputs

def check(submission, place):
    """Check the output directory of a job."""
    check_output(submission, find_inputs(submission.input_paths),
                 f"{place}/shared")


def refusal(place, output_directory, **changes):
    """Return why an output directory is refused."""
    with pytest.raises(StorageError) as caught:
        check(job(place, output_directory=output_directory, **changes), place)
    return str(caught.value)


@pytest.mark.parametrize("output, reason", [
    ("/", "a mount point"),
    ("/dev", "a mount point"),
    ("{place}/home", "or holds the home directory"),
    ("{place}/link", "a symbolic link"),
    ("{place}/link/", "a symbolic link"),
    ("{place}/programs/map", "no directory"),
    ("{place}/loop", "a symbolic link"),
    (".", "or holds the working directory"),
    ("..", "or holds the working directory"),
    ("{place}/cwd/here", "or holds the working directory"),
    ("{place}/cwd", "or holds the working directory"),
    ("{place}", "or holds the working directory"),
    ("{place}/input", "or holds the input directory"),
    ("{place}/programs", "or holds the mapper"),
    ("{place}/shared", "or holds the shared directory"),
    ("{place}/input/output", "inside the input directory"),
    ("{place}/input/a/b", "inside the input directory"),
    ("{place}/shared/job", "inside the shared directory"),
    ("{place}/shared/new", "inside the shared directory"),
    ("../../input", "or holds the input directory"),
    ("../../output/../input/", "or holds the input directory"),
    ("../../link/../input", "or holds the input directory"),
    ("./../../home//", "or holds the home directory"),
    ("../../input/.", "or holds the input directory"),
])
def test_harmful_output_is_refused(place, output, reason):
    output = output.format(place=place)
    assert refusal(place, output) == (
        f"the output directory {output!r} is not replaced: it is {reason}")


def test_output_inside_what_a_pattern_matches_is_refused(place):
    """The next time, it would be an input."""
    assert refusal(
        place, f"{place}/input/output", input_paths=[f"{place}/inp*"]) == (
        f"the output directory '{place}/input/output' is not replaced: it is "
        "inside the input directory")


def test_output_without_a_name_is_refused(place):
    assert refusal(place, "") == "the output directory has an empty name"


@pytest.mark.parametrize("field, reason", [
    ("input_directory", "or holds the input"),
    ("mapper_executable", "or holds the mapper"),
    ("reducer_executable", "or holds the reducer"),
])
def test_output_that_holds_what_the_job_needs_is_refused(
        place, field, reason):
    (place / "output/needed").touch()
    (place / "alias").symlink_to("output")
    for path in ("output/needed", "alias/needed", "cwd/../output/needed"):
        assert refusal(
            place, f"{place}/output", **{field: f"{place}/{path}"}
        ).endswith(f": it is {reason}")


def test_output_that_inputs_are_links_to_is_refused(place):
    (place / "input/link").symlink_to("../output/old")
    with pytest.raises(StorageError, match="input/link' leads"):
        Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "output") == ["old"]


@pytest.mark.parametrize("field, reason", [
    ("input_directory", "the input directory"),
    ("mapper_executable", "the mapper"),
    ("reducer_executable", "the reducer"),
])
def test_output_that_holds_a_link_to_what_the_job_needs_is_refused(
        place, field, reason):
    """The link would go with the output, and the job could not find it."""
    (place / "output/link").symlink_to("../input")
    assert refusal(
        place, f"{place}/output", **{field: f"{place}/output/link"}
    ).endswith(f": it is or holds {reason}")


def test_path_through_a_loop_is_refused(place):
    with pytest.raises(StorageError, match="symbolic links"):
        Storage(f"{place}/shared").prepare(
            0, job(place, output_directory="../../loop/output"))


@pytest.mark.parametrize("output, reason", [
    (os.path.dirname(os.path.dirname(mapreduce.__file__)), "this program"),
    (os.path.dirname(mapreduce.__file__), "this program"),
    (sys.prefix, "this program's Python"),
])
def test_this_program_is_not_replaced(place, output, reason):
    assert refusal(place, output).endswith(f": it is or holds {reason}")


@pytest.mark.parametrize("output", [
    "{place}/output", "{place}/output/", "{place}/new", "{place}/new/deep/er",
    "output", "./output", "-rf", "two words", "caf\udce9",
    "../../input/../output", "../here-not", "../../input-not",
    "../../programs/new"])
def test_harmless_output_is_taken(place, output):
    check(job(place, output_directory=output.format(place=place)), place)


@pytest.mark.parametrize("fields, reason", [
    ({"input_paths": ["b", "../../output/old"]}, "the input"),
    ({"combiner": "../../output/old"}, "the combiner"),
    ({"partitioner": "sh ../../output/old 1"}, "the partitioner"),
    ({"mapper_executable": "sh '../../output/old' --x"}, "the mapper"),
])
def test_output_that_holds_a_word_of_a_command_is_refused(
        place, fields, reason):
    pathlib.Path("b").touch()
    assert refusal(place, f"{place}/output", **fields).endswith(
        f": it is or holds {reason}")


def test_output_that_holds_what_a_pattern_means_is_refused(place):
    with pytest.raises(StorageError, match="or holds the input$"):
        Storage(f"{place}/shared").prepare(
            0, job(place, input_paths=["../../out*/o*"]))
    assert os.listdir(place / "output") == ["old"]


def test_output_may_lie_beside_an_input_file(place):
    (place / "input/a").touch()
    Storage(f"{place}/shared").prepare(0, job(
        place, input_paths=[f"{place}/input/a"],
        output_directory=f"{place}/input/output"))
    assert sorted(os.listdir(place / "input")) == ["a", "output"]


def test_command_that_cannot_be_split_is_left_to_the_worker(place):
    check(job(place, mapper_executable="sh 'x"), place)


@pytest.mark.parametrize("output", ["output", "link", "loop", "programs/map"])
def test_output_that_exists_is_not_replaced_if_its_owner_says_so(
        place, output):
    output = f"{place}/{output}"
    assert refusal(place, output, no_clobber=True) == (
        f"the output directory {output!r} exists already; name another one, "
        "or remove it")


def test_output_that_is_new_is_made_whatever_its_owner_says(place):
    Storage(f"{place}/shared").prepare(
        0, job(place, output_directory="new", no_clobber=True))
    assert os.listdir("new") == []


# Directories

@pytest.mark.parametrize("spelling", [
    "output", "output/", "output//", "./output", "../here/output",
    "{place}/cwd/here/output"])
@pytest.mark.parametrize("exists", [False, True])
def test_replaced_directory_is_empty_and_nothing_is_left(
        place, spelling, exists):
    if exists:
        os.makedirs("output/old/deep")
        pathlib.Path("output/old/file").touch()
    replace_directory(spelling.format(place=place))
    assert os.listdir() == ["output"]
    assert os.listdir("output") == []


@pytest.mark.usefixtures("place")
def test_missing_parents_are_made():
    replace_directory("a/b/../c")
    assert os.listdir("a/c") == []


@pytest.mark.usefixtures("place")
def test_replaced_directory_is_another_one():
    replace_directory("output")
    old = os.open("output", os.O_RDONLY)
    try:
        replace_directory("output")
        assert not os.path.samestat(os.fstat(old), os.stat("output"))
    finally:
        os.close(old)


def test_link_in_a_replaced_directory_is_not_followed(place):
    (place / "precious").mkdir()
    (place / "precious/file").touch()
    (place / "output/link").symlink_to("../precious")
    replace_directory(f"{place}/output")
    assert os.listdir(place / "precious") == ["file"]


def test_directory_that_cannot_be_moved_aside_stays_as_it_is(place, mocker):
    before = os.listdir(place)
    mocker.patch("os.rename", side_effect=OSError(errno.EBUSY, "busy"))
    with pytest.raises(OSError, match="busy"):
        replace_directory(f"{place}/output")
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place) == before


def test_directory_may_be_named_in_other_ways(place):
    replace_directory(f"{place}/output/.")
    assert not os.listdir(place / "output")


def test_removed_directory_is_gone_with_its_content(place):
    remove_directory(f"{place}/output")
    assert not (place / "output").exists()


def test_removing_what_is_not_there_is_no_error(place, caplog):
    remove_directory(f"{place}/new")
    assert not caplog.records


@pytest.mark.usefixtures("place")
def test_directory_that_cannot_be_removed_is_logged(caplog, mocker):
    mocker.patch("shutil.rmtree")
    remove_directory("../here")
    assert [record.getMessage() for record in caplog.records] == [
        "Cannot remove all of '../here'"]


# Jobs

def test_prepared_job_has_its_directories_and_inputs(place):
    (place / "input/b").touch()
    (place / "input/a").touch()
    splits = Storage(f"{place}/shared").prepare(7, job(place))
    assert splits == [Split(f"{place}/input/a"), Split(f"{place}/input/b")]
    assert os.listdir(place / "shared/job-00007") == []
    assert os.listdir(place / "output") == []


@pytest.mark.parametrize("changes", [
    {"input_directory": "missing"},
    {"mapper_executable": "../../output/old"},
    {"output_directory": "../../link"},
    {"output_directory": "../../output/old/below"},
])
def test_refused_job_deletes_and_makes_nothing(place, changes):
    with pytest.raises(StorageError):
        Storage(f"{place}/shared").prepare(0, job(place, **changes))
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place / "shared") == ["job"]


def test_input_that_is_no_file_refuses_the_job_before_it_deletes(place):
    make_pipe(place / "input/pipe")
    with pytest.raises(StorageError, match="pipe' is no regular file"):
        Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "output") == ["old"]


def test_output_that_cannot_be_made_is_named(place):
    with pytest.raises(StorageError, match="'../../programs/map/out'"):
        Storage(f"{place}/shared").prepare(
            0, job(place, output_directory="../../programs/map/out"))


def test_input_is_divided_where_its_owner_says_so(place):
    (place / "input/a").write_bytes(b"12345")
    (place / "input/b").touch()
    assert Storage(f"{place}/shared").prepare(
        7, job(place, split_size=3)) == [
            Split(f"{place}/input/a", 0, 2), Split(f"{place}/input/a", 2),
            Split(f"{place}/input/b")]


def test_splits_that_are_too_small_are_refused_before_anything_is_made(place):
    with open(place / "input/a", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(StorageError, match=(
            "^--split-size is too small: more than 100000 ranges of 1 bytes")):
        Storage(f"{place}/shared").prepare(7, job(place, split_size=1))
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place / "shared") == ["job"]


# Map output that is kept

def keep(place, kept, **changes):
    """Prepare a job and keep its map output; return what is there then."""
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=kept, **changes))
    assert os.path.isdir(kept)
    for name in ("maptask00000-part00000", "maptask00000-part00001", ".x"):
        pathlib.Path(storage.job_directory(0), name).write_text(name)
    storage.keep_map_output(0, kept)
    storage.clean_up(0)
    return {path.name: path.read_text()
            for path in pathlib.Path(kept).iterdir()}


KEPT = {name: name for name in (
    "maptask00000-part00000", "maptask00000-part00001")}


def test_map_output_is_kept_under_its_names(place):
    assert keep(place, f"{place}/new/kept") == KEPT


def test_map_output_takes_the_place_of_older_one_and_of_nothing_else(place):
    kept = place / "kept"
    kept.mkdir()
    for name in ("maptask00000-part00001", "maptask00009-part00000", "other"):
        (kept / name).write_text("old")
    assert keep(place, str(kept)) == {**KEPT, "other": "old"}


def test_map_output_is_copied_where_it_cannot_be_linked(place, mocker):
    mocker.patch("os.link", side_effect=OSError(errno.EXDEV, "another disk"))
    assert keep(place, f"{place}/kept") == KEPT


def test_map_output_is_kept_as_a_whole_or_not_at_all(place, mocker):
    """What was kept before stays; nothing half done shows, or is left."""
    storage = Storage(f"{place}/shared")
    kept = place / "kept"
    storage.prepare(0, job(place, keep_intermediate=str(kept)))
    for part in range(2):
        (place / f"shared/job-00000/maptask00000-part0000{part}").touch()
    (kept / "maptask00000-part00000").write_text("old")
    mocker.patch("os.link", side_effect=OSError)
    copy = mocker.patch("shutil.copyfile", side_effect=[
        None, OSError(errno.ENOSPC, "No space left on device")])
    with pytest.raises(StorageError, match="No space left"):
        storage.keep_map_output(0, str(kept))
    assert {os.path.basename(call.args[1]) for call in copy.mock_calls} == {
        ".maptask00000-part00000-kept", ".maptask00000-part00001-kept"}
    assert [path.name for path in kept.iterdir()] == [
        "maptask00000-part00000"]
    assert (kept / "maptask00000-part00000").read_text() == "old"


def test_map_output_that_cannot_be_kept_is_a_reason(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=f"{place}/kept"))
    (place / "kept").rmdir()
    with pytest.raises(StorageError, match=(
            f"^cannot keep the map output in '{place}/kept': .*No such file")):
        storage.keep_map_output(0, f"{place}/kept")


def test_what_cannot_be_replaced_leaves_nothing_hidden(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=f"{place}/kept"))
    (place / "shared/job-00000/maptask00000-part00000").touch()
    (place / "kept/maptask00000-part00000").mkdir()
    with pytest.raises(StorageError, match="cannot keep the map output"):
        storage.keep_map_output(0, f"{place}/kept")
    assert os.listdir(place / "kept") == ["maptask00000-part00000"]


@pytest.mark.parametrize("kept, reason", [
    ("output", "that is in the output directory"),
    ("output/new", "that is in the output directory"),
    ("link", "that is in the output directory"),
    ("shared/job", "that is in the shared directory"),
    ("shared/new", "that is in the shared directory"),
    ("input", "there is the input"),
])
def test_map_output_is_not_kept_where_it_does_harm(place, kept, reason):
    kept = f"{place}/{kept}"
    with pytest.raises(StorageError) as caught:
        Storage(f"{place}/shared").prepare(
            0, job(place, keep_intermediate=kept))
    assert str(caught.value) == (
        f"the map output is not kept in {kept!r}: {reason}")
    assert os.listdir(place / "output") == ["old"]


@pytest.mark.parametrize("kept", ["programs/map", "programs/map/new"])
def test_directory_for_map_output_that_cannot_be_made_is_named(place, kept):
    kept = f"{place}/{kept}"
    with pytest.raises(StorageError, match=(
            f"^cannot make the directory '{kept}' for the map output: ")):
        Storage(f"{place}/shared").prepare(
            0, job(place, keep_intermediate=kept))
    assert os.listdir(place / "output") == ["old"]


# Ended jobs

def test_cleaned_up_job_has_no_directory(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place))
    pathlib.Path(storage.job_directory(0), "maptask00000-part00000").touch()
    storage.clean_up(0)
    storage.clean_up(1)
    assert os.listdir(place / "shared") == ["job"]
