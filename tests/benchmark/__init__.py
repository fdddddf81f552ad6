"""The benchmark: this MapReduce beside what else does the same work."""
