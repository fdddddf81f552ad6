"""Lines between mapper and reducer: partitioned, gathered, merged."""
