"""Tests of what a Manager keeps for its next start."""
