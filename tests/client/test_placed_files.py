"""Options for files of a job: what they name."""
import pytest

from mapreduce.client.errors import UsageError
from mapreduce.client.placed_files import (
    by_placed_name,
    check_names,
    is_placed,
    read_placed,
)


@pytest.mark.parametrize("text, file", [
    ("c#/a.sh", ("c#/a.sh", "a.sh")),
    ("c#/a.sh#b", ("c#/a.sh", "b")),
    ("c/a.sh#b", ("c/a.sh", "b")),
])
def test_path_may_hold_what_separates_it_from_a_name(
        monkeypatch, tmp_path, text, file):
    (tmp_path / "c#").mkdir()
    (tmp_path / "c#" / "a.sh").touch()
    monkeypatch.chdir(tmp_path)
    assert read_placed([text]) == (file,)


def test_file_that_is_given_twice_counts_once():
    assert read_placed(["x/a", "x/a#b", "x/a#a"]) == (
        ("x/a", "a"), ("x/a", "b"))


@pytest.mark.parametrize("files, archives", [
    ((("x/a", "a"), ("y/a", "a")), ()), ((), (("x/a", "a"), ("y/a", "a"))),
    ((("x/a", "a"),), (("y/a", "a"),))])
def test_two_files_have_two_names(files, archives):
    """Also an archive, which is a directory in the task."""
    with pytest.raises(UsageError, match="'x/a' and 'y/a' have the same "
                       "name 'a'; give one another, as in path#name"):
        check_names(files, archives)


@pytest.mark.parametrize("command, expected", [
    ("a.sh", True), ("./a.sh -x", True), ("dir/b", True), ("my map.sh", True),
    ("'my map.sh' -x", True), (r"./my\ map.sh", True),
    ("my", False), ("python3 a.sh", False), ("'a.sh", False), (None, False)])
def test_program_of_a_command_is_looked_up_among_the_files(command, expected):
    placed = (("x/a.sh", "a.sh"), ("y", "dir"), ("z", "my map.sh"))
    assert is_placed(command, placed) == expected


@pytest.mark.parametrize("command, expected", [
    ("lib/map.py", "map.py"), ("./lib/map.py -x 'y z'", "map.py -x 'y z'"),
    ("{here}/lib/map.py", "map.py"), ("lib/a b", "a b"), ("x", "new x"),
    ("x y", "'new x' y"), ("map.py", "map.py"), ("cat lib/map.py",) * 2,
    ("other/map.py",) * 2])
def test_path_of_a_placed_program_means_the_placed_one(
        monkeypatch, tmp_path, command, expected):
    """As in Hadoop. Paths need not be there: the Manager may have them."""
    monkeypatch.chdir(tmp_path)
    files = (("lib/map.py", "map.py"), ("lib/a b", "a b"), ("x", "new x"))
    assert by_placed_name(command.format(here=tmp_path), files) == expected
