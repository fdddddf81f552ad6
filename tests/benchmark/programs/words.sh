#!/bin/sh
#
# Word count mapper of standard tools: print word<TAB>1 for each word.

LC_ALL=C tr -s ' ' '\n' | LC_ALL=C awk '{ print $0 "\t1" }'
