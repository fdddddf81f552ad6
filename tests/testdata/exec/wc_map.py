#!/usr/bin/env python3
"""Word count mapper: print word<TAB>1 for each word of standard input.

A word is a run of bytes between ASCII white space: space, tab, newline,
vertical tab, form feed, carriage return. Case and punctuation stay. Bytes are
never decoded, so that a file in any encoding will do.
"""
import sys


def main():
    """Map standard input to standard output."""
    for line in sys.stdin.buffer:
        for word in line.split():
            sys.stdout.buffer.write(word + b"\t1\n")


if __name__ == "__main__":
    main()
