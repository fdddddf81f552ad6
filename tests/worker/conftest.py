"""What the tests of the Worker's rooms share."""
import pytest

from tests.support.waiting import Lifeline


@pytest.fixture(name="lifeline")
def make_lifeline(tmp_path):
    """Return a Lifeline."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()
