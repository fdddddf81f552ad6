#!/bin/sh
#
# Word count mapper: print "word<TAB>1" for each word of standard input.
#
# A word is a run of bytes between ASCII white space: space, tab, newline,
# vertical tab, form feed, carriage return.  Case and punctuation stay.

# In the C locale a byte is a character, whatever its value.
export LC_ALL=C

# By itself awk splits at space, tab and newline only, so that the other white
# space becomes a space first.
exec awk '
    {
        gsub(/[\v\f\r]/, " ")
        for (i = 1; i <= NF; i++)
            print $i "\t1"
    }
'
