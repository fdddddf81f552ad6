#!/bin/sh
#
# Print word<TAB>1 for each word of the input.
exec awk '{ for (i = 1; i <= NF; i++) print $i "\t1" }'
