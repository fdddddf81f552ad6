"""Tests of style."""
