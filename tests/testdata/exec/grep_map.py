#!/usr/bin/env python3
"""Distributed grep, mapper: print line<TAB>1 for each line with WORD in it.

WORD counts wherever it stands, also inside a longer word, as for `grep -F`.

The 1 stands behind the *last* TAB, because a line may hold TABs itself. Lines
that are equal give equal records, so that they meet in one reducer and follow
each other there.
"""
import sys

WORD = b"harvest"


def main():
    """Map standard input to standard output."""
    for line in sys.stdin.buffer:
        if WORD in line:
            sys.stdout.buffer.write(line.removesuffix(b"\n") + b"\t1\n")


if __name__ == "__main__":
    main()
