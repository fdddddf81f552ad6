"""The size of the benchmarks that tests run."""

SCALE = 0.001
