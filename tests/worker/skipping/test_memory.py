"""A search in several MB takes less than 1 MiB of Python's heap."""
import tracemalloc

import pytest

from tests.support.files import read_files, write_executable, write_files
from tests.support.stages import do_map, do_reduce

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.mark.parametrize("line, bad, number", [
    (b"%09d\n", b"bad\n", 150_000),
    (b"%065535d\n", b"%0100000d bad\n" % 0, 64)], ids=["short", "long"])
@pytest.mark.parametrize("do_task", [do_map, do_reduce])
def test_search_takes_little_memory(tmp_path, do_task, line, bad, number):
    """Wherever the record is, and for long lines, too."""
    lines = b"".join(map(line.__mod__, range(number)))
    [path] = write_files(tmp_path / "input", lines + bad)
    executable = write_executable(
        tmp_path / "picky", "exec awk '/bad/ { exit 1 } { print }'")
    tracemalloc.start()
    try:
        do_task(tmp_path / "output", [path], executable, skip_bad_records=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    [content] = read_files(tmp_path / "output").values()
    assert (len(content), b"bad" in content) == (len(lines), False)
