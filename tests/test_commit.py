"""Files are put in their place complete, or not at all."""
import errno
import os
import tempfile

import pytest

from mapreduce.worker.commit import commit

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

    def replace_within_directory(source, target):
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        sources.append(source)
        replace(source, target)

    mocker.patch("os.replace", replace_within_directory)
    return sources


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
    assert replacements == [f"{output}/.part-00000-local-abc"]
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
        with open(target, "wb") as file:
            file.write(b"ne")
        raise error

    (output / "part-00000").write_bytes(b"old\n")
    mocker.patch("shutil.copyfile", copy_half)
    with pytest.raises(type(error)) as caught:
        commit(str(part), str(output))
    assert caught.value is error
    assert os.listdir(output) == ["part-00000"]
    assert (output / "part-00000").read_bytes() == b"old\n"


def test_failing_rename_leaves_nothing_hidden(part, output, replacements):
    (output / "part-00000").mkdir()
    with pytest.raises(IsADirectoryError):
        commit(str(part), str(output))
    assert len(replacements) == 1
    assert os.listdir(output) == ["part-00000"]


def test_missing_directory_is_an_error(part, output):
    with pytest.raises(FileNotFoundError):
        commit(str(part), str(output / "missing"))
    assert part.exists()
