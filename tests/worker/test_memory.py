"""A task of several MB takes less than 1 MiB of Python's heap."""
import itertools
import tracemalloc

import pytest

from mapreduce.protocol.fields import Split
from tests.support.files import write_files
from tests.support.stages import do_map, do_reduce, map_files, reduce_files

MEMORY = 2**20  # bytes
SHORT, MEDIUM, LONG = 3, 100, 64 * 2**10  # bytes of a line with its newline
SIZES = {  # bytes of the inputs of a task: short lines take their time
    SHORT: 3 * 2**19, MEDIUM: 4 * 2**20, LONG: 4 * 2**20}


def make_lines(length, distinct, num_inputs=1):
    """Return lines of an input: the same, or different in so far as may be."""
    size = SIZES[length] // num_inputs
    number = min(size // length, 16**min(length - 1, 8)) if distinct else 1
    lines = b"".join(
        b"%0*x\n" % (length - 1, n) for n in range(number))
    return lines * (size // len(lines))


@pytest.fixture(name="memory_of")
def make_memory_of(tmp_path):
    """Return a function: do a task, return by how much the heap grew."""
    def memory_of(do_task, contents, **kwargs):
        inputs = write_files(tmp_path / "input", *contents)
        output = tmp_path / "output"
        tracemalloc.start()
        try:
            do_task(output, inputs, **kwargs)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert sum(map(len, contents)) == sum(
            path.stat().st_size for path in output.iterdir())
        return peak
    return memory_of


@pytest.mark.parametrize("length, distinct", [
    (SHORT, True), (MEDIUM, False), (MEDIUM, True), (LONG, False),
    (LONG, True)])
@pytest.mark.parametrize("num_partitions", [1, 8, 64])
def test_map_takes_little_memory(memory_of, num_partitions, length, distinct):
    lines = make_lines(length, distinct)
    assert memory_of(do_map, [lines], num_partitions=num_partitions) < MEMORY


@pytest.mark.parametrize("line", [b"k\t%018d\n", b"%016d\n", b"%031d\n"])
def test_map_takes_little_memory_for_lines_it_may_keep(memory_of, line):
    lines = b"".join(line % n for n in range(100_000))
    assert memory_of(do_map, [lines], num_partitions=2) < MEMORY


@pytest.mark.parametrize("length, distinct", [
    (SHORT, True), (MEDIUM, False), (LONG, True)])
@pytest.mark.parametrize("num_partitions", [0, 1, 64])
def test_map_of_ranges_takes_little_memory(
        memory_of, num_partitions, length, distinct):
    def do_map_ranges(output, paths, **options):
        bounds = [0, 10, SIZES[length] // 2, None]
        do_map(output, [], splits=[
            Split(path, *pair) for path in paths
            for pair in itertools.pairwise(bounds)], **options)

    lines = make_lines(length, distinct)
    assert memory_of(
        do_map_ranges, [lines], num_partitions=num_partitions) < MEMORY


@pytest.mark.parametrize("length, distinct", [
    (SHORT, True), (MEDIUM, False), (LONG, True)])
@pytest.mark.parametrize("num_partitions", [1, 64])
def test_partitioner_and_combiner_take_little_memory(
        memory_of, num_partitions, length, distinct):
    lines = make_lines(length, distinct)
    assert memory_of(
        do_map, [lines], num_partitions=num_partitions, combiner="cat",
        partitioner="""sh -c 'exec awk "{print NR % $0}"'""") < MEMORY


@pytest.mark.parametrize("num_inputs, length, distinct", [
    (1, SHORT, True), (8, SHORT, True), (64, SHORT, True),
    (1, MEDIUM, True), (8, MEDIUM, False), (64, MEDIUM, True),
    (1, LONG, False), (1, LONG, True), (2, LONG, True), (4, LONG, True),
    (8, LONG, True), (12, LONG, True)])
def test_reduce_takes_little_memory(memory_of, num_inputs, length, distinct):
    lines = make_lines(length, distinct, num_inputs)
    assert memory_of(do_reduce, [lines] * num_inputs) < MEMORY


def test_line_may_have_many_megabytes(tmp_path):
    line = b"x" * 30_000_000
    inputs = write_files(tmp_path / "input", b"a\n" + line, b"y\n")
    assert map_files(tmp_path / "map", inputs) == {
        "maptask00000-part00000": b"a\n" + line + b"\ny\n"}
    assert reduce_files(tmp_path / "reduce", inputs) == {
        "part-00000": b"a\n" + line + b"\ny\n"}
