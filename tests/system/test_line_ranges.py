"""Files are divided into ranges of a number of lines."""
import pytest
from hypothesis import given, strategies

from mapreduce.system.line_ranges import line_ranges


@pytest.mark.parametrize("content, lines, ranges", [
    (b"", 1, []), (b"a", 2, [(0, 1)]), (b"a\nb\n", 2, [(0, 4)]),
    (b"a\nb\nc", 2, [(0, 4), (4, 5)]), (b"\n\n", 1, [(0, 1), (1, 2)]),
])
def test_ranges(tmp_path, content, lines, ranges):
    (tmp_path / "file").write_bytes(content)
    assert list(line_ranges(str(tmp_path / "file"), lines)) == ranges


@given(content=strategies.text("a\n").map(str.encode),
       lines=strategies.integers(1, 5))
def test_each_range_holds_so_many_lines(tmp_path_factory, content, lines):
    path = tmp_path_factory.mktemp("ranges") / "file"
    path.write_bytes(content)
    parts = [content[start:end] for start, end in line_ranges(
        str(path), lines)]
    assert b"".join(parts) == content
    assert all(part.count(b"\n") == lines for part in parts[:-1])
    assert all(part.count(b"\n") <= lines for part in parts[-1:])
