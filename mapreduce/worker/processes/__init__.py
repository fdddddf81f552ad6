"""Start, feed, watch and end the executables of tasks. No network here."""
