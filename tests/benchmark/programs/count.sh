#!/bin/sh
#
# Count equal lines that follow each other.
exec uniq -c
