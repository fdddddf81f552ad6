"""Tests of the room mapreduce/worker/cache."""
