"""This machine: processes, logs, temporary directories, input files."""
