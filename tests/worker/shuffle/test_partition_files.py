"""Output gathers in files: dealt out to several, or joined in one."""
import io

import pytest

from mapreduce.worker.shuffle import python_loops
from mapreduce.worker.shuffle.partition_files import JoinedFile, PartitionFiles
from tests.support.files import open_files
from tests.support.stages import partition_of


def partition(block):
    """Return the lines of a block as blocks for three partitions."""
    return python_loops.partition(block, 3)


def test_partition_files_begin_empty(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"old")
    with PartitionFiles([str(path)], partition):
        assert path.read_bytes() == b""


@pytest.mark.parametrize("num_open", [0, 2, 3])
def test_partition_files_hold_all_in_the_end(tmp_path, mocker, num_open):
    """Whether they stay open or not."""
    mocker.patch("mapreduce.worker.shuffle.partition_files.max_kept_open",
                 return_value=num_open)
    paths = [tmp_path / str(n) for n in range(3)]
    lines = [b"%d\n" % n for n in range(50_000)]
    before = len(open_files())
    with PartitionFiles([str(path) for path in paths], partition) as files:
        for start in range(0, len(lines), 1_000):
            files.add([b"".join(lines[start:start + 1_000])])
        assert len(open_files()) == before + num_open
    assert len(open_files()) == before
    assert [path.read_bytes() for path in paths] == [
        b"".join(line for line in lines
                 if partition_of(line.strip(), 3) == number)
        for number in range(3)
    ]


def test_nothing_more_is_written_after_an_error(tmp_path):
    path = tmp_path / "part"
    with pytest.raises(KeyError), PartitionFiles(
            [str(path)], lambda block: [block]) as files:
        files.add([b"line"])
        raise KeyError
    assert path.read_bytes() == b""


def test_file_that_takes_a_part_at_a_time_gets_all(tmp_path, mocker):
    path = tmp_path / "part"
    mocker.patch("mapreduce.worker.shuffle.partition_files.open", SlowFile,
                 create=True)
    with PartitionFiles([str(path)], lambda block: [block]) as files:
        files.add([b"some lines\n" * 9])
    assert path.read_bytes() == b"some lines\n" * 9


class SlowFile(io.FileIO):
    """A file that takes three bytes at a time."""

    def __init__(self, path, mode, buffering):
        """Open it without a buffer."""
        assert buffering == 0
        super().__init__(path, mode)

    def write(self, data):
        """Write three bytes at most."""
        return super().write(data[:3])


@pytest.mark.parametrize("streams, expected", [
    ([], b""),
    ([[], []], b""),
    ([[b"a", b"b"]], b"ab"),
    ([[b"a", b"b"], [b"c\n"], [b"d"]], b"ab\nc\nd"),
    ([[b"a"], [], [b"b"], []], b"a\nb"),
    ([[b"a"], [b"\n"]], b"a\n\n"),
    ([[b"a\r"], [b"b"]], b"a\r\nb"),
], ids=repr)
def test_streams_are_joined_at_lines(tmp_path, streams, expected):
    """Nothing is added but newlines between two of them."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    file = JoinedFile(str(path))
    for stream in streams:
        file.add(stream)
    assert path.read_bytes() == expected


@pytest.mark.parametrize("stream, expected", [
    ([], b""), ([b"a"], b"a\n"), ([b"a\n"], b"a\n")])
def test_last_line_can_be_completed(tmp_path, stream, expected):
    path = tmp_path / "file"
    file = JoinedFile(str(path))
    file.add(stream)
    file.complete()
    file.complete()
    assert path.read_bytes() == expected
