#!/bin/sh
#
# Word count mapper that takes its time: wc_map.sh, three seconds later.  It
# leaves room to watch a task, or to kill the Worker that runs it.

sleep 3
exec "$(dirname "$0")/wc_map.sh"
