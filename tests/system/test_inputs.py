"""Which files are meant by the names that a user gives."""
import os

import pytest

from mapreduce.system.inputs import InputError, Rules, Skipped, list_inputs


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
    (["[!a]"], ["b"]),
    (["[^a]"], ["b"]),
    (["[]^a]"], ["a"]),
    (["[^]a]"], ["b"]),
    (["in/[^a-b]"], ["in/c"]),
    (["[[^]a]"], ["[a]"]),
    (["i*"], ["in/b", "in/c"]),
    (["in/*"], ["in/b", "in/c", "in/sub/d"]),
    (["**/d"], ["in/sub/d"]),
    (["in/**"], ["in/b", "in/c", "in/sub/d"]),
    (["in/*", "in/b"], ["in/b", "in/c", "in/sub/d", "in/b"]),
    (["[a]"], ["[a]"]),
    (["{a,b}"], ["a", "b"]),
    (["{b,in/{c,x}}"], ["b", "in/c"]),
    (["{a,?}"], ["a", "b"]),
    (["in/{[^b],x}"], ["in/c"]),
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


# Rules

def test_directories_in_an_input_are_read_at_their_place(tree):
    (tree / "in" / "sub" / "up").symlink_to(tree / "in")
    (tree / "in" / "bb").mkdir()
    (tree / "in" / "bb" / "e").touch()
    skipped = Skipped()
    assert list_inputs(["in"], Rules(recursive=True), skipped) == [
        "in/b", "in/bb/e", "in/c", "in/sub/d"]
    assert skipped == Skipped()


def test_directories_in_an_input_are_counted(tree):
    skipped = Skipped()
    assert list_inputs(["in"], skipped=skipped) == ["in/b", "in/c"]
    assert skipped == Skipped(directories=1)


@pytest.fixture(name="hidden")
def hide(tree):
    """Add what jobs of Hadoop leave beside their results."""
    for name in ("_SUCCESS", ".c.crc", "in/_SUCCESS", "in/.b.crc"):
        (tree / name).touch()
    (tree / "in" / "_logs").mkdir()


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("name, files, number", [
    ("in", ["in/b", "in/c", "in/sub/d"], 3),
    ("in/[bc_]*", ["in/b", "in/c"], 2),
    ("in/_SUCCESS", ["in/_SUCCESS"], 0),
])
def test_hidden_files_are_left_out_as_in_hadoop(name, files, number):
    skipped = Skipped()
    rules = Rules(recursive=True, as_hadoop=True)
    assert list_inputs([name], rules, skipped) == files
    assert skipped == Skipped(hidden=number)


@pytest.mark.usefixtures("hidden")
def test_hidden_files_are_input_elsewhere(tree):
    (tree / "in" / "sub" / "d").unlink()
    assert list_inputs(["in"]) == [
        "in/.b.crc", "in/_SUCCESS", "in/b", "in/c"]


@pytest.mark.parametrize("name, reason", [
    ("in", "the input 'in/sub' is a directory in a directory; to read it, "),
    ("_*", "no file matches the input '_*'"),
])
def test_what_is_no_input_in_hadoop(tree, name, reason):
    (tree / "_SUCCESS").touch()
    with pytest.raises(InputError) as caught:
        list_inputs([name], Rules(as_hadoop=True))
    assert str(caught.value).startswith(reason)
