"""What a mapper reads: files, ranges of files, compressed files."""
