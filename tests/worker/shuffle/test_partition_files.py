"""Output gathers in files: dealt out to several, or joined in one."""
import pytest

from mapreduce.worker.shuffle.hash_partitioner import HashPartitioner
from mapreduce.worker.shuffle.partition_files import JoinedFile, PartitionFiles
from tests.support.stages import partition_of


def test_partition_files_begin_empty(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"old")
    PartitionFiles([str(path)], HashPartitioner(1))
    assert path.read_bytes() == b""


def test_partition_files_hold_all_after_a_flush(tmp_path):
    paths = [tmp_path / str(n) for n in range(3)]
    partitions = PartitionFiles(
        [str(path) for path in paths], HashPartitioner(3))
    lines = [b"%d\n" % n for n in range(50_000)]
    for start in range(0, len(lines), 1_000):
        partitions.add([b"".join(lines[start:start + 1_000])])
    partitions.flush()
    partitions.flush()
    assert [path.read_bytes() for path in paths] == [
        b"".join(line for line in lines
                 if partition_of(line.strip(), 3) == partition)
        for partition in range(3)
    ]


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
