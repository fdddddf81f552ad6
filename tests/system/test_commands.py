"""Which program and arguments a command stands for."""
import pytest

from mapreduce.system.commands import words


@pytest.fixture(name="here", autouse=True)
def _here(tmp_path, monkeypatch):
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command, expected", [
    ("uniq -c", ["uniq", "-c"]),
    ("python3 map.py --lower", ["python3", "map.py", "--lower"]),
    ("awk '{print $1 \"\\t1\"}'", ["awk", '{print $1 "\\t1"}']),
    ("grep a\\ b ''", ["grep", "a b", ""]),
    (r"sed s/\t/,/", ["sed", r"s/\t/,/"]),
    (r"grep -P \d\.\d", ["grep", "-P", r"\d\.\d"]),
    (r"cut -d \| -f 1", ["cut", "-d", "|", "-f", "1"]),
    (r"sed s/\\t/,/ \'a\" b", ["sed", r"s/\t/,/", "'a\"", "b"]),
    ('awk "{print \\$1}"', ["awk", "{print $1}"]),
    (r'perl -e "print \"\t\`\\"', ["perl", "-e", r'print "\t`' + "\\"]),
    ("tr '\\t' \"\\n\"", ["tr", r"\t", r"\n"]),
    ("a'b'\"c\"d\\\n e\\\nf\r\n\tg", ["abcd", "ef", "g"]),
    ("a\u00a0b '\n'", ["a\u00a0b", "\n"]),
    ("echo $HOME *.txt | cat # no", [
        "echo", "$HOME", "*.txt", "|", "cat", "#", "no"]),
    ("./missing", ["./missing"]),
    ("caf\udce9 \udcff", ["caf\udce9", "\udcff"]),
])
def test_command_is_split_as_a_shell_splits_words(command, expected):
    assert words(command) == expected


@pytest.mark.parametrize("name", ["my mapper.py", "it's", " ", "uniq -c"])
def test_regular_file_is_no_command_with_arguments(here, name):
    (here / name).touch(0o755)
    assert words(name) == [f"./{name}"]
    assert words(str(here / name)) == [str(here / name)]


def test_directory_of_that_name_is_no_file(here):
    (here / "uniq -c").mkdir()
    assert words("uniq -c") == ["uniq", "-c"]


def test_program_in_the_working_directory_comes_before_the_path(here):
    (here / "cat").touch(0o755)
    assert words("cat -n") == ["./cat", "-n"]


def test_what_cannot_be_executed_gives_way_to_the_path(here):
    (here / "cat").touch(0o644)
    assert words("cat -n") == ["cat", "-n"]
    (here / "none-such").touch(0o644)
    assert words("none-such") == ["./none-such"]


def test_path_of_the_task_counts(here):
    """Only there is what can be executed; here is what can't."""
    (here / "bin").mkdir()
    (here / "bin" / "tool").touch(0o755)
    (here / "tool").touch(0o644)
    assert words("tool") == ["./tool"]
    assert words("tool", str(here / "bin")) == ["tool"]


@pytest.mark.parametrize("command, reason", [
    ("", "it names no program"), ("  ", "it names no program"),
    ("'' -x", "it names no program"), ("it's", "No closing quotation"),
    ("a\\", "No escaped character"), ('a "b c', "No closing quotation"),
    ('"a\\"', "No closing quotation"),
])
def test_what_cannot_be_split_is_refused(command, reason):
    with pytest.raises(ValueError, match=reason):
        words(command)
