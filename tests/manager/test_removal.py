"""How large directories are deleted: in steps that look at a stop flag."""
import os

import pytest

from mapreduce.manager.removal import remove_in_steps


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
