"""Tests of skipping."""
