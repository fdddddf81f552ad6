"""Which files are meant by the names that a user gives."""
import os

import pytest

from mapreduce.system.inputs import InputError, list_inputs


@pytest.fixture(name="tree", autouse=True)
def _tree(tmp_path, monkeypatch):
    """Make some files, and work in their directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("b", "a", ".hidden", "in/c", "in/b", "in/sub/d", "[a]"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize("names, expected", [
    (["b"], ["b"]),
    (["in"], ["in/b", "in/c"]),
    (["in/"], ["in/b", "in/c"]),
    (["b", "in", "a"], ["b", "in/b", "in/c", "a"]),
    (["a", "a"], ["a", "a"]),
    (["?"], ["a", "b"]),
    (["[ab]"], ["a", "b"]),
    (["i*"], ["in/b", "in/c"]),
    (["in/*"], ["in/b", "in/c", "in/sub/d"]),
    (["**/d"], ["in/sub/d"]),
    (["in/**"], ["in/b", "in/c", "in/sub/d"]),
    (["in/*", "in/b"], ["in/b", "in/c", "in/sub/d", "in/b"]),
    (["[a]"], ["[a]"]),
])
def test_names_mean_files(names, expected):
    assert list_inputs(names) == expected


def test_empty_directory_means_no_file(tree):
    (tree / "empty").mkdir()
    assert list_inputs(["empty"]) == []


def test_link_to_a_file_counts_as_a_file(tree):
    (tree / "in" / "a").symlink_to(tree / "a")
    assert list_inputs(["in"]) == ["in/a", "in/b", "in/c"]


def test_name_that_is_no_utf8_matches_a_pattern():
    with open(b"caf\xe9.txt", "wb"):
        pass
    assert list_inputs(["*.txt"]) == [os.fsdecode(b"caf\xe9.txt")]


@pytest.mark.parametrize("name, reason", [
    ("none", "cannot read the input 'none': No such file or directory{here}"),
    ("", "cannot read the input '': No such file or directory{here}"),
    ("x*", "no file matches the input 'x*'{here}"),
    ("pipe", "the input 'pipe' is no regular file"),
    ("p*", "the input 'pipe' is no regular file"),
    ("with-pipe", "the input 'with-pipe/pipe' is no regular file"),
    ("astray",
     "cannot read the input 'astray': No such file or directory{here}"),
    ("/none", "cannot read the input '/none': No such file or directory"),
])
def test_what_is_no_input_is_named(tree, name, reason):
    os.mkfifo(tree / "pipe")
    (tree / "with-pipe").mkdir()
    os.mkfifo(tree / "with-pipe" / "pipe")
    (tree / "astray").symlink_to(tree / "nowhere")
    with pytest.raises(InputError) as caught:
        list_inputs([name])
    assert str(caught.value) == reason.format(here=f" in {os.getcwd()}")
