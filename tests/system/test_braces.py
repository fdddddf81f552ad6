"""Patterns of inputs with braces."""
import pytest

from mapreduce.system.inputs import InputError, list_inputs


@pytest.mark.parametrize("number", [14, 800])
def test_braces_without_end_are_refused(number):
    """Each pair doubles the patterns: no memory could hold them."""
    with pytest.raises(InputError, match="more than 10000 patterns"):
        list_inputs(["{a,b}" * number])
