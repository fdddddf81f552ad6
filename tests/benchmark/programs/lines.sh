#!/bin/sh
#
# Print each word of the input on a line.
exec tr -s " \\t" "\\n"
