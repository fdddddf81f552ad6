#!/bin/sh
#
# Word count reducer: read sorted lines "word<TAB>number" and print
# "word<TAB>sum" for each word, in the order in which the words come.

# In the C locale a byte is a character, whatever its value.
export LC_ALL=C

# Two traps of awk: the words 1 and 1.0 are equal as numbers, hence the ""
# that makes the key a string; and a plain print may round a large number,
# hence "%.0f", which is exact up to 2^53.
exec awk -F '\t' '
    function finish_word() {
        print word "\t" sprintf("%.0f", sum)
    }
    {
        key = $1 ""
        if (NR > 1 && key != word) {
            finish_word()
            sum = 0
        }
        word = key
        sum += $2
    }
    END {
        if (NR > 0)
            finish_word()
    }
'
