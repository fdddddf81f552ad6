"""Tests of shuffle."""
