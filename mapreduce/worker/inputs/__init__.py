"""Read the input of tasks: files, ranges of files, compressed files."""
