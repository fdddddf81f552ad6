"""What tasks write on standard error is printed, line by line."""
import pytest

from mapreduce.client.stderr_lines import StderrLines


@pytest.fixture(name="lines")
def _lines(tmp_path, capsys):
    """Return a function: write to logs, return what is printed then."""
    shown = StderrLines(str(tmp_path))

    def lines(*, end=False, **texts):
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('_', '-')}.stderr"
            with open(path, "ab") as file:
                file.write(text)
        if end:
            shown.end()
        else:
            shown.show()
        return capsys.readouterr().err
    return lines


def test_each_line_has_its_task_in_front(lines):
    assert lines(map_00003_attempt_1=b"a\nb\n", reduce_00000_attempt_2=b"c\n"
                 ) == "map 3: a\nmap 3: b\nreduce 0 (attempt 2): c\n"


def test_line_is_printed_when_it_is_complete(lines):
    assert lines(map_00000_attempt_1=b"a\nbe") == "map 0: a\n"
    assert lines() == ""
    assert lines(map_00000_attempt_1=b"gun\nlast") == "map 0: begun\n"
    assert lines(end=True) == "map 0: last\n"
    assert lines(end=True) == ""


def test_unprintable_bytes_are_escaped(lines):
    assert lines(map_00000_attempt_1=b"\x1b[2J\xff\n") == (
        "map 0: \\x1b[2J\\xff\n")


def test_other_files_and_no_directory(lines, tmp_path):
    assert lines(other=b"a\n") == ""
    StderrLines(str(tmp_path / "missing")).end()
