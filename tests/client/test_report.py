"""The command line that stands on the page of a job."""
import pytest

from mapreduce.client import report


@pytest.mark.parametrize("words, shown", [
    ("-i in --cmdenv A=secret -o out", "-i in --cmdenv A=… -o out"),
    ("--cmdenv=A=secret=x", "--cmdenv=A=…"),
    ("-cmdenv A=secret", "-cmdenv A=…"),
    ("-m x=y --cmdenv", "-m x=y --cmdenv"),
])
def test_values_of_the_environment_are_left_out(words, shown):
    """They may be passwords, and a page is sent to others."""
    assert " ".join(report.without_values(words.split())) == shown
