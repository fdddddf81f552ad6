#!/usr/bin/env python3
"""Word count reducer: add up the numbers of each word.

Read sorted lines word<TAB>number from standard input; print word<TAB>sum for
each word, in the order in which the words come.
"""
import itertools
import sys


def word_of(line):
    """Return the key of a line, e.g., b"hello" for b"hello<TAB>1"."""
    return line.partition(b"\t")[0]


def number_of(line):
    """Return the value of a line, e.g., 1 for b"hello<TAB>1"."""
    return int(line.partition(b"\t")[2])


def main():
    """Reduce standard input to standard output."""
    # Lines of one word follow each other, because the input is sorted.
    for word, lines in itertools.groupby(sys.stdin.buffer, key=word_of):
        total = sum(number_of(line) for line in lines)
        sys.stdout.buffer.write(b"%s\t%d\n" % (word, total))


if __name__ == "__main__":
    main()
