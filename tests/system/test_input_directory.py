"""The inputs that are in a directory: which files, in which order."""
import logging
import os
import pathlib
import socket

import pytest

from mapreduce.system import inputs
from mapreduce.system.inputs import InputError
from tests.support.files import make_pipe


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
def test_input_path_begins_as_the_directory_was_given(
        tmp_path, monkeypatch, directory, path):
    monkeypatch.chdir(tmp_path)
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
