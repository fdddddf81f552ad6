#!/usr/bin/env python3
"""Distributed grep, reducer: say how often each matching line occurs.

Read the sorted records line<TAB>1 of grep_map.py from standard input; print
line<TAB>count for each line. The number stands behind the *last* TAB, because
a line may hold TABs itself.
"""
import itertools
import sys


def text_of(record):
    """Return the line itself, e.g., b"a<TAB>b" for b"a<TAB>b<TAB>1"."""
    return record.rpartition(b"\t")[0]


def number_of(record):
    """Return the number, e.g., 1 for b"a<TAB>b<TAB>1"."""
    return int(record.rpartition(b"\t")[2])


def main():
    """Reduce standard input to standard output."""
    # Equal lines follow each other, because the input is sorted.
    for text, records in itertools.groupby(sys.stdin.buffer, key=text_of):
        count = sum(number_of(record) for record in records)
        sys.stdout.buffer.write(b"%s\t%d\n" % (text, count))


if __name__ == "__main__":
    main()
