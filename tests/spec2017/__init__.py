"""Tests of spec2017."""
