#!/usr/bin/env python3
"""Word count mapper, as one writes it: print word<TAB>1 for each word."""
import sys

for line in sys.stdin:
    for word in line.split():
        print(f"{word}\t1")
