"""The Manager's directories: inputs, outputs that may go, job directories."""
import errno
import logging
import os
import pathlib
import socket
import sys

import pytest

import mapreduce
from mapreduce.manager.storage import (
    Storage,
    StorageError,
    check_output,
    list_inputs,
    remove_directory,
    replace_directory,
)
from mapreduce.utils.messages import ManagerJobMessage


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
    return ManagerJobMessage(**{
        "input_directory": f"{place}/input",
        "output_directory": f"{place}/output",
        "mapper_executable": f"{place}/programs/map",
        "reducer_executable": f"{place}/programs/reduce",
        "num_mappers": 1,
        "num_reducers": 1,
        **changes,
    })


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
    with pytest.raises(StorageError, match="'./b' is no regular file"):
        list_inputs(".")


@pytest.mark.parametrize("directory", [
    "", "missing", "file", "file/below", "loop"])
def test_input_directory_that_cannot_be_read_is_refused_by_name(
        tmp_path, monkeypatch, directory):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    make_loop(tmp_path / "loop")
    with pytest.raises(
            StorageError,
            match=f"^cannot read the input directory '{directory}': "):
        list_inputs(directory)


# Outputs

def refusal(place, output_directory, **changes):
    """Return why an output directory is refused."""
    with pytest.raises(StorageError) as caught:
        check_output(
            job(place, output_directory=output_directory, **changes), [],
            f"{place}/shared")
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


def test_output_without_a_name_is_refused(place):
    assert refusal(place, "") == "the output directory has an empty name"


@pytest.mark.parametrize("field, reason", [
    ("input_directory", "or holds the input directory"),
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
    check_output(
        job(place, output_directory=output.format(place=place)), [],
        f"{place}/shared")


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
    input_paths = Storage(f"{place}/shared").prepare(7, job(place))
    assert input_paths == [f"{place}/input/a", f"{place}/input/b"]
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


def test_cleaned_up_job_has_no_directory(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place))
    pathlib.Path(storage.job_directory(0), "maptask00000-part00000").touch()
    storage.clean_up(0)
    storage.clean_up(1)
    assert os.listdir(place / "shared") == ["job"]
