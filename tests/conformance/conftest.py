"""What the tests of the conformance kit share."""
import pytest

from mapreduce.utils import network
from tests.support.ports import free_port


@pytest.fixture(autouse=True, scope="package")
def _ports_of_tests():
    """The kit takes ports that no other test takes, also not at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "free_port", lambda host: free_port())
        yield
