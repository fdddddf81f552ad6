#!/bin/sh
#
# Add up the numbers of each key, in the order of the keys.
exec awk -F '\t' '
    $1 != key && NR > 1 { print key "\t" sum; sum = 0 }
    { key = $1; sum += $2 }
    END { if (NR) print key "\t" sum }'
