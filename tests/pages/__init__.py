"""Tests of the pages for users and developers: what they show is true."""
