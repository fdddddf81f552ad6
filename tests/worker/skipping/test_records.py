"""The lines of an input by their numbers, and their names."""
import gzip

import pytest
from hypothesis import given, strategies

from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.inputs.files import BLOCK
from mapreduce.worker.skipping.records import Records, of_blocks, of_splits
from tests.support.files import write_files


def never():
    """Do what a task does that is not interrupted."""


@pytest.fixture(name="read")
def _read(tmp_path):
    """Return a function: the records of splits."""
    def read(*splits, decompress=True):
        return of_splits(splits, decompress, str(tmp_path / "spool"), never)
    return read


def all_of(records):
    """Return all records, each read alone."""
    return [b"".join(records.read([range(number, number + 1)]))
            for number in range(records.number)]


@pytest.mark.parametrize("content", [
    b"", b"\n", b"a", b"a\n", b"a\nb\r\n\nc", b"\xff\0\n" * 3,
    b"a\n" * BLOCK, b"x" * 3 * BLOCK + b"\nb\n" + b"y" * BLOCK,
    b"z" * (BLOCK - 1) + b"\n" + b"z" * (BLOCK - 1) + b"\n"], ids=len)
def test_records_are_the_lines_of_a_file(read, tmp_path, content):
    """It is not copied."""
    [path] = write_files(tmp_path / "input", content)
    records = read(Split(path))
    lines = content.splitlines(keepends=True) if b"\r" not in content else [
        b"a\n", b"b\r\n", b"\n", b"c"]
    assert records.number == len(lines)
    if len(lines) < 10:
        assert all_of(records) == lines
    assert b"".join(records.read([range(records.number)])) == content
    assert not (tmp_path / "spool").exists()


@given(strategies.lists(strategies.integers(0, 3 * BLOCK), max_size=9),
       strategies.data())
def test_any_range_of_lines(tmp_path_factory, lengths, data):
    """Wherever their newlines are in the blocks of the file."""
    path = tmp_path_factory.getbasetemp() / "lines"
    lines = [b"x" * length + b"\n" for length in lengths]
    path.write_bytes(b"".join(lines))
    records = Records(str(path), (0, None), [], never)
    first = data.draw(strategies.integers(0, len(lines)))
    last = data.draw(strategies.integers(first, len(lines)))
    assert (records.number, b"".join(records.read([range(first, last)]))) == (
        len(lines), b"".join(lines[first:last]))


def test_records_of_a_split_are_those_that_begin_in_it(read, tmp_path):
    """Their positions are those in the file."""
    [path] = write_files(tmp_path / "input", b"first\nsecond\nthird\nfourth")
    records = read(Split(path, 3, 15))
    assert all_of(records) == [b"second\n", b"third\n"]
    assert records.name(1) == f"{path!r} at byte 13: 'third'"


def test_records_of_a_compressed_file(read, tmp_path):
    """Their positions are those in its content."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    records = read(Split(str(path)))
    assert all_of(records) == [b"a\n", b"b\n"]
    assert records.name(1) == f"'{path}' at byte 2: 'b'"
    raw = read(Split(str(path)), decompress=False)
    assert b"".join(raw.read([range(raw.number)])) == path.read_bytes()


def test_records_of_several_splits(read, tmp_path):
    """Lines of two files never run together; each has the name of its own."""
    paths = write_files(tmp_path / "input", b"a\nb", b"", b"c\nd\n", b"e")
    (tmp_path / "f.gz").write_bytes(gzip.compress(b"f\ng"))
    records = read(
        *map(Split, paths), Split(str(tmp_path / "f.gz")),
        Split(paths[2], 1, 3))
    assert all_of(records) == [
        b"a\n", b"b\n", b"c\n", b"d\n", b"e\n", b"f\n", b"g\n", b"d\n"]
    assert list(map(records.name, range(8))) == [
        f"{path!r} at byte {offset}: {text!r}" for path, offset, text in (
            (paths[0], 0, "a"), (paths[0], 2, "b"), (paths[2], 0, "c"),
            (paths[2], 2, "d"), (paths[3], 0, "e"),
            (str(tmp_path / "f.gz"), 0, "f"),
            (str(tmp_path / "f.gz"), 2, "g"), (paths[2], 2, "d"))]


@pytest.mark.parametrize("record, shown", [
    (b"caf\xc3\xa9 '\t\x1b[31m\r\n", "\"café '\\t\\x1b[31m\\r\""),
    (b"\xff\0", r"'\xff\x00'"),
    (b"x" * 100_000, "'" + "x" * 60 + "'…"),
    ("x".encode() + "é".encode() * 100, "'x" + "é" * 29 + "'…"),
    (b"\xff" * 60 + b"\n", "'" + r"\xff" * 19 + r"\xf" + "…"),
], ids=len)
def test_name_of_a_record(tmp_path, record, shown):
    """It is one line, of a length that counters may have."""
    records = of_blocks(
        [record], "the input", str(tmp_path / "spool"), never)
    assert records.name(0) == f"the input at byte 0: {shown}"


def test_name_with_a_long_path(read, tmp_path):
    """The end of the path is shown."""
    folder = tmp_path / ("d" * 200)
    folder.mkdir()
    [path] = write_files(folder / "input", b"\xff" * 100)
    name = read(Split(path)).name(0)
    assert name.startswith(f"'{path[-100:]}' at byte 0: ")
    assert len(name) < 255


def test_file_that_gets_shorter(read, tmp_path):
    """The task fails, and the Worker lives."""
    [path] = write_files(tmp_path / "input", b"a\nb\nc\n")
    records = read(Split(path))
    (tmp_path / "input" / path.rpartition("/")[2]).write_bytes(b"")
    with pytest.raises(TaskError, match="has changed meanwhile"):
        b"".join(records.read([range(1, 2)]))


def test_interrupted_while_lines_are_counted(tmp_path):
    """A long file does not delay the end of the task."""
    def interrupt():
        raise TaskInterrupted

    [path] = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskInterrupted):
        of_splits([Split(path)], True, "unused", interrupt)
