"""Find the records on which an executable dies, and leave them out."""
