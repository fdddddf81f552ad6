"""Merge sorted files into one sorted stream."""
from __future__ import annotations

import contextlib
from collections.abc import Generator

from mapreduce.worker.inputs.files import max_kept_open, read_blocks
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
