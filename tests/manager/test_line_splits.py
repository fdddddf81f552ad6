"""The Manager divides an input by lines for jobs that ask for it."""
import gzip

import pytest

from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.storage import Storage
from mapreduce.protocol import layout
from mapreduce.protocol.fields import Split
from tests.support.storage import job


@pytest.fixture(name="splits")
def _splits(place):
    """Return a function: the splits of a job with files of these contents."""
    def splits(*contents, **options):
        directory = place / "lists"
        directory.mkdir(exist_ok=True)
        for number, content in enumerate(contents):
            (directory / f"{number}").write_bytes(content)
        (directory / "z.gz").write_bytes(gzip.compress(b"a\nb\n"))
        found = Storage(f"{place}/shared").prepare(0, job(
            place, input_directory=str(directory), decompress=True,
            num_mappers=1, **options))
        return [(split.path.rpartition("/")[2], *split[1:])
                for split in found]
    return splits


def test_each_task_gets_so_many_lines_of_a_file(splits):
    assert splits(b"a\nb\nc\n", b"", b"d", lines_per_map=2) == [
        ("0", 0, 4), ("0", 4, 6), ("2", 0, 1), Split("z.gz")]


def test_file_that_can_not_be_read_is_left_to_a_worker(place, splits):
    """It names the file among those that were skipped."""
    (place / "lists").mkdir()
    (place / "lists/1").symlink_to("nothing")
    assert splits(b"a\n", lines_per_map=2, skip_bad_inputs=True) == [
        ("0", 0, 2), Split("1"), Split("z.gz")]


def test_too_many_lines_refuse_the_job(splits, mocker):
    mocker.patch.object(layout, "MAX_TASKS", 2)
    with pytest.raises(StorageError, match="--lines-per-map is too small: "
                       "the input would have more than 2 map tasks"):
        splits(b"a\nb\nc\n", lines_per_map=1)
