#!/usr/bin/env python3
"""Word count reducer, as one writes it: print word<TAB>sum for each word."""
import itertools
import sys


def key_of(line):
    """Return the key of a line key<TAB>value."""
    return line.partition("\t")[0]


for key, lines in itertools.groupby(sys.stdin, key=key_of):
    total = sum(int(line.partition("\t")[2]) for line in lines)
    print(f"{key}\t{total}")
