"""Files of a job in the working directory of each task."""
import io
import os
import tarfile
import zipfile

import pytest

from mapreduce.worker.errors import TaskError
from tests.support.files import read_files, write_files
from tests.support.stages import do_reduce, map_files

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")
ENVIRONMENT = {"A": "b"}


@pytest.fixture(name="mapped")
def make_mapped(tmp_path):
    """Return a function: what a mapper prints that has files of the job."""
    (tmp_path / "job").mkdir()
    inputs = write_files(tmp_path / "input", b"line\n")

    def mapped(command, **options):
        files = map_files(
            tmp_path / "output", inputs, command, environment=ENVIRONMENT,
            unpack_directory=str(tmp_path / "job"), **options)
        return files["maptask00000-part00000"]
    return mapped


@pytest.fixture(name="place")
def make_place(tmp_path):
    """Return a function: write a file elsewhere; return its path."""
    def place(name, content, mode=0o644):
        path = tmp_path / "elsewhere" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)
    return place


def test_task_has_links_under_the_names_of_its_files(mapped, place):
    words = place("words.txt", b"stop\n")
    lines = mapped("sh -c 'ls; cat stop words.txt; cat'", files=[
        [words, "stop"], [words, "words.txt"]])
    assert sorted(lines.split()) == sorted(
        b"stop words.txt stop stop line".split())


@pytest.mark.parametrize("mode", [0o755, 0o644])
@pytest.mark.parametrize("command", ["map.sh", "./map.sh"])
def test_placed_program_is_run(mapped, place, command, mode):
    """Also if it may not be executed where it is."""
    path = place("map.sh", b"#!/bin/sh\nexec tr a-z A-Z\n", mode)
    assert mapped(command, files=[[path, "map.sh"]]) == b"LINE\n"
    assert os.stat(path).st_mode & 0o777 == mode


@pytest.mark.parametrize("command", ["python3 map.py", "map.py"])
def test_placed_scripts_find_each_other(mapped, place, command):
    """Wherever they come from, and whatever their rights are there."""
    files = [[place(f"{name}-code/{name}", code), name] for name, code in (
        ("map.py", b"#!/usr/bin/env python3\nimport find\nfind.run()\n"),
        ("find.py", b"import subprocess\ndef run():\n"
                    b"    subprocess.run(['./help.sh'], check=True)\n"),
        ("help.sh", b"#!/bin/sh\nexec tr a-z A-Z\n"))]
    assert mapped(command, files=files) == b"LINE\n"


def test_program_that_is_not_placed_is_still_found(
        tmp_path, mapped, place, monkeypatch):
    (tmp_path / "here").write_bytes(b"#!/bin/sh\nexec tr a-z A-Z\n")
    (tmp_path / "here").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    file = place("x", b"")
    assert mapped("./here", files=[[file, "x"]]) == b"LINE\n"


def test_reducer_has_files_too(tmp_path, place):
    inputs = write_files(tmp_path / "input", b"line\n")
    do_reduce(tmp_path / "output", inputs, "cat file -",
              environment=ENVIRONMENT, files=[[place("y", b"y\n"), "file"]])
    assert read_files(tmp_path / "output") == {"part-00000": b"y\nline\n"}


def zipped():
    """Return an archive with a program without the right to be executed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("bin/map", "#!/bin/sh\nexec tr a-z A-Z\n")
    return content.getvalue()


def tarred():
    """Do the same with tar."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("bin/map")
        script = b"#!/bin/sh\nexec tr a-z A-Z\n"
        member.size, member.mode = len(script), 0o600
        archive.addfile(member, io.BytesIO(script))
    return content.getvalue()


@pytest.mark.parametrize("name, make", [
    ("a.ZIP", zipped), ("a.jar", zipped), ("a.tgz", tarred),
    ("a.tar.gz", tarred)])
def test_archive_is_unpacked_once_a_job(tmp_path, mapped, place, name, make):
    path = place(name, make())
    for _ in range(2):
        assert mapped("lib/bin/map", archives=[[path, "lib"]]) == b"LINE\n"
        os.truncate(path, 0)
    assert os.listdir(tmp_path / "job") == ["archive-00000"]


@pytest.mark.parametrize("options, reason", [
    ({"files": [["/no/such/file", "x"]]},
     "there is no file '/no/such/file' for the task"),
    ({"archives": [["/no/such.zip", "x"]]}, "cannot unpack '/no/such.zip'"),
])
def test_what_is_missing_is_named(mapped, options, reason):
    with pytest.raises(TaskError, match=reason):
        mapped("cat", **options)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_damaged_archive_leaves_nothing(tmp_path, mapped, place, name):
    path = place(name, b"no archive")
    with pytest.raises(TaskError, match=f"cannot unpack '{path}'"):
        mapped("cat", archives=[[path, "x"]])
    assert not os.listdir(tmp_path / "job")


def test_no_name_in_an_archive_leads_out_of_its_directory(
        tmp_path, mapped, place):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO())
    path = place("a.tar", content.getvalue())
    with pytest.raises(TaskError, match="cannot unpack"):
        mapped("cat", archives=[[path, "x"]])
    assert not (tmp_path / "evil").exists()
