"""Files are put in their place complete, or not at all."""
import contextlib
import errno
import os
import tempfile

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.output import OutputDirectory

MEMORY = "/dev/shm"  # Often a file system of its own.


@pytest.fixture(name="output")
def make_output(tmp_path):
    """Return the output directory: it is there, and empty."""
    output = tmp_path / "output"
    output.mkdir()
    return output


@pytest.fixture(name="part")
def make_part(tmp_path):
    """Return a file that a task made."""
    part = tmp_path / "local-abc" / "part-00000"
    part.parent.mkdir()
    part.write_bytes(b"new\n")
    return part


@pytest.fixture(name="replacements")
def refuse_first_replace(mocker):
    """Have the first rename meet another file system; return the rest."""
    replace = os.replace
    sources = []

    def replace_within_directory(source, target, **directories):
        if "src_dir_fd" not in directories:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        sources.append(source)
        replace(source, target, **directories)

    mocker.patch("os.replace", replace_within_directory)
    return sources


def commit(path, directory):
    """Put a file into a directory that is opened for it."""
    with contextlib.closing(OutputDirectory(directory)) as output:
        output.commit(path)


def test_file_is_moved(part, output):
    inode = part.stat().st_ino
    commit(str(part), str(output))
    assert os.listdir(output) == ["part-00000"]
    assert (output / "part-00000").stat().st_ino == inode
    assert not part.exists()


def test_file_replaces_what_has_its_name(part, output):
    (output / "part-00000").write_bytes(b"old and longer\n")
    commit(str(part), str(output))
    assert (output / "part-00000").read_bytes() == b"new\n"


def test_file_goes_to_another_file_system_by_a_hidden_name(
        part, output, replacements):
    (output / "part-00000").write_bytes(b"old and longer\n")
    commit(str(part), str(output))
    assert replacements == [".part-00000-local-abc"]
    assert os.listdir(output) == ["part-00000"]
    assert (output / "part-00000").read_bytes() == b"new\n"


def test_file_goes_to_a_real_other_file_system(part):
    if (not os.path.isdir(MEMORY)
            or os.stat(MEMORY).st_dev == part.stat().st_dev):
        pytest.skip(f"{MEMORY} is no other file system")
    with tempfile.TemporaryDirectory(dir=MEMORY) as output:
        commit(str(part), output)
        assert os.listdir(output) == ["part-00000"]


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
    ids=repr)
@pytest.mark.usefixtures("replacements")
def test_failing_copy_leaves_what_was_there(part, output, mocker, error):
    def copy_half(_, target):
        target.write(b"ne")
        raise error

    (output / "part-00000").write_bytes(b"old\n")
    mocker.patch("shutil.copyfileobj", copy_half)
    with pytest.raises((TaskError, KeyboardInterrupt)) as caught:
        commit(str(part), str(output))
    assert error in (caught.value, caught.value.__cause__)
    assert os.listdir(output) == ["part-00000"]
    assert (output / "part-00000").read_bytes() == b"old\n"


def test_failing_rename_leaves_nothing_hidden(part, output, replacements):
    (output / "part-00000").mkdir()
    with pytest.raises(TaskError, match="Is a directory"):
        commit(str(part), str(output))
    assert len(replacements) == 1
    assert os.listdir(output) == ["part-00000"]


def test_missing_directory_is_an_error(part, output):
    with pytest.raises(TaskError, match="missing.*No such file"):
        commit(str(part), str(output / "missing"))
    assert part.exists()


def test_files_go_where_they_were_meant_to_go(part, output):
    """Not into a directory that was made later, under the same name."""
    directory = OutputDirectory(str(output))
    output.rename(output.with_name("old"))
    output.mkdir()
    directory.commit(str(part))
    directory.close()
    assert os.listdir(output) == []
    assert os.listdir(output.with_name("old")) == ["part-00000"]


def test_directory_that_was_deleted_takes_no_file(part, output):
    directory = OutputDirectory(str(output))
    output.rmdir()
    output.mkdir()
    with pytest.raises(TaskError, match="No such file"):
        directory.commit(str(part))
    directory.close()


@pytest.mark.usefixtures("replacements")
def test_copies_that_killed_workers_left_go(part, output):
    """When the part is there, nothing else is; other parts stay."""
    for name in (".part-00000-local-xyz", "part-00001", ".part-00001-local"):
        (output / name).write_bytes(b"ne")
    commit(str(part), str(output))
    assert sorted(os.listdir(output)) == [
        ".part-00001-local", "part-00000", "part-00001"]


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_link_in_the_place_of_the_directory_is_not_followed(
        part, tmp_path, end):
    (tmp_path / "precious").mkdir()
    (tmp_path / "link").symlink_to("precious")
    with contextlib.closing(
            OutputDirectory(f"{tmp_path}/link{end}")) as output, (
                pytest.raises(TaskError, match="link")):
        output.commit(str(part))
    assert list((tmp_path / "precious").iterdir()) == []


def test_empty_name_is_no_directory(part):
    with contextlib.closing(OutputDirectory("")) as output, (
            pytest.raises(TaskError)):
        output.commit(str(part))
