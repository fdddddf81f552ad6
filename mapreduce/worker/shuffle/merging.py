"""Merge sorted files into one sorted stream."""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator

from mapreduce.worker.inputs.files import max_kept_open, read_blocks
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.shuffle import loops
from mapreduce.worker.shuffle.lines import whole_lines

INPUT_MEMORY = 96 * 2**10  # bytes of input in memory, of all files together …
# In Python, a line in a list takes more memory than in a block.
MIN_SHARE = (4 if loops.COMPILED else 2) * 2**10  # … and at least of each
MERGED = 48 * 2**10  # bytes that are merged at a time


def merge(paths: list[str]) -> Generator[bytes, None, None]:
    """Merge sorted files into one stream, in blocks of whole lines.

    Lines are compared without their newlines, as `sort` does, so that `a`
    comes before `a<TAB>1`, whose TAB is less than a newline. As many files as
    the limit of open files allows stay open.
    """
    share = max(INPUT_MEMORY // max(1, len(paths)), MIN_SHARE)
    max_open = max_kept_open(len(paths))
    with contextlib.ExitStack() as stack:
        streams = [
            whole_lines(stack.enter_context(contextlib.closing(
                read_blocks(path, share, keep_open=number < max_open))))
            for number, path in enumerate(paths)]
        yield from loops.Merge(streams, MERGED)


def merge_by(
    order: list[str], paths: list[str], directory: str, launcher: Launcher
) -> Generator[bytes, None, None]:
    """Merge files that are sorted by arguments of `sort`, by `sort` itself.

    Its temporary files are in the directory. Raises TaskError.
    """
    # As many at once as possible: others would go through temporary files.
    at_once = max(2, max_kept_open(len(paths)))
    with launcher.running(
            ["sort", "-m", *order, f"--batch-size={at_once}",
             "--files0-from=-"], "sort -m", stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", "TMPDIR": directory}
    ) as process:
        yield from process.read([b"\0".join(map(os.fsencode, paths))])
