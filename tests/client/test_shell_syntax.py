"""Commands that were written for a shell, and such as only look so."""
import pytest

from mapreduce.client import shell_syntax


@pytest.mark.parametrize("command, syntax", [
    ("cat | grep x", "|"), ("cat|grep x", "cat|"), ("a || b", "||"),
    ("a && b", "&&"), ("sort ; uniq", ";"), ("sort -r; uniq", ";"),
    ("sort; uniq", "sort;"), ("sort > out", ">"), ("sort >out", ">out"),
    ("sort 2>&1", "2>&1"), ("cat < in", "<"), ("cat &", "&"),
    ("LC_ALL=C sort", "LC_ALL=C"), ("grep `cat x`", "`"),
    ("grep $(cat x)", "$(cat x"), ('grep "$(cat x)"', "$("),
    ("cut -d '|' | sort", "|"),
])
def test_command_for_a_shell_is_refused(command, syntax):
    assert f"has {syntax!r}, but no shell runs it; for a shell: -m \"sh -c '" \
        in shell_syntax.find_problem("mapper", command)


@pytest.mark.parametrize("command", [
    "cat", "cut -d '|' -f 1", "cut -d| -f 1", r"cut -d \| -f 1",
    "grep -E a|b", "awk '{print $1; n++}'", 'awk "{ if ($1 > 2) print }"',
    "sh -c 'cat | sort'", 'sh -c "cat | sort"', "tr -s ' ' '\\n'", "it's",
    "sed s/a/b/;s/c/d/", "map.py --sum=1", "grep 'it'\"'\"'s;'", "", " ",
])
def test_other_commands_are_not(command):
    assert shell_syntax.find_problem("mapper", command) is None


def test_path_of_a_file_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a | b").touch()
    assert shell_syntax.find_problem("mapper", "a | b") is None


def test_hint_that_would_need_other_quotes_leaves_them_to_the_user():
    problem = shell_syntax.find_problem("combiner", "grep '$a' | sort")
    assert problem.endswith("for a shell: --combiner \"sh -c '…'\"")
