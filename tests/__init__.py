"""Tests of the MapReduce framework."""
