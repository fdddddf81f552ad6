"""Tests of bin."""
