"""Options of all tasks: compressed parts, exit codes that are no failures."""
import bz2
import gzip
import importlib
import lzma

import pytest

from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import TaskError
from tests.support.files import write_files
from tests.support.stages import map_files, reduce_files

pytestmark = pytest.mark.usefixtures("temporary")


def decompress_zstd(data):
    """Return what is in a zstd file."""
    zstandard = importlib.import_module("zstandard")
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


DECOMPRESS = {
    "gzip": (".gz", gzip.decompress), "bz2": (".bz2", bz2.decompress),
    "xz": (".xz", lzma.decompress), "zstd": (".zst", decompress_zstd)}


@pytest.fixture(name="paths")
def _paths(tmp_path):
    return write_files(tmp_path / "input", b"a\n" * 9, b"b")


@pytest.mark.parametrize("compress", DECOMPRESS)
def test_parts_are_compressed(tmp_path, paths, compress):
    suffix, decompress = DECOMPRESS[compress]
    if compress == "zstd":
        pytest.importorskip("zstandard")
    [(name, part)] = reduce_files(
        tmp_path / "output", paths, compress=compress).items()
    assert (name, decompress(part)) == (
        f"part-00000{suffix}", b"a\n" * 9 + b"b\n")


def test_map_output_is_compressed_where_it_is_the_result(tmp_path, paths):
    """The map output that goes to reducers is not."""
    splits = list(map(Split, paths))
    files = map_files(tmp_path / "result", [], splits=splits,
                      num_partitions=0, compress="gzip")
    assert [(name, gzip.decompress(part)) for name, part in files.items()
            ] == [("part-00000.gz", b"a\n" * 9 + b"b")]
    assert map_files(tmp_path / "map", [], splits=splits, compress="gzip") == {
        "maptask00000-part00000": b"a\n" * 9 + b"b\n"}


def test_equal_results_are_equal_files(tmp_path, paths):
    one, other = (reduce_files(tmp_path / name, paths, compress="gzip")
                  for name in ("one", "other"))
    assert one == other


def test_package_that_is_missing(tmp_path, paths, mocker):
    mocker.patch("importlib.import_module", side_effect=ImportError)
    with pytest.raises(TaskError, match="needs the Python package zstandard"):
        reduce_files(tmp_path / "output", paths, compress="zstd")


def test_any_exit_code_is_a_success(tmp_path, paths):
    command = "sh -c 'cat; exit 3'"
    assert reduce_files(tmp_path / "output", paths, command,
                        any_exit_code=True) == {
        "part-00000": b"a\n" * 9 + b"b\n"}
    assert map_files(tmp_path / "map", paths[1:], command, any_exit_code=True
                     ) == {"maptask00000-part00000": b"b\n"}


def test_signal_stays_a_failure(tmp_path, paths):
    with pytest.raises(TaskError, match="was killed by SIGKILL"):
        reduce_files(tmp_path / "output", paths, "sh -c 'kill -9 $$'",
                     any_exit_code=True)
