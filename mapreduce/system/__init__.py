"""Use this machine: daemon processes, logs, temporary directories, files."""
