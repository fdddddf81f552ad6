"""How directories are deleted: large ones in steps, which can be stopped."""
import os

import pytest

from mapreduce.manager.removal import remove_in_steps
from mapreduce.manager.storage import remove_parts


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    """Return a directory with files, and with empty directories."""
    for number in range(20):
        (tmp_path / f"tree/a/folder-{number}").mkdir(parents=True)
        (tmp_path / f"tree/b/file-{number}").parent.mkdir(exist_ok=True)
        (tmp_path / f"tree/b/file-{number}").touch()
    return tmp_path / "tree"


@pytest.mark.parametrize("name", ["a", "b"])
def test_stop_is_noticed_at_each_file_and_directory(tree, name):
    """An old output directory may hold a million of either."""
    stops = iter([False] * 10)
    remove_in_steps(str(tree / name), lambda: next(stops, True))
    assert len(os.listdir(tree / name)) == 10


def test_whole_tree_is_removed(tree):
    """With links, to directories and to nothing, but not what they name."""
    (tree / "a/link").symlink_to(tree.parent)
    (tree / "a/broken").symlink_to("nothing")
    (tree.parent / "kept").touch()
    remove_in_steps(str(tree), lambda: False)
    assert os.listdir(tree.parent) == ["kept"]


def test_part_that_is_a_directory_keeps_no_other_part_of_a_failed_job(
        tmp_path):
    for number in range(5):
        (tmp_path / f"part-{number:05d}").mkdir()
        (tmp_path / f"part-1{number:04d}").touch()
    remove_parts(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [
        f"part-{number:05d}" for number in range(5)]
