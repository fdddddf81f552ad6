"""What the tests of the conformance kit share."""
import signal

import pytest

from mapreduce.conformance.process import pass_interrupts
from mapreduce.utils import network
from tests.support.ports import free_port


@pytest.fixture(autouse=True, scope="package")
def _interrupts():
    """Daemons end by SIGINT, also if a shell has tests in the background."""
    before = signal.getsignal(signal.SIGINT)
    pass_interrupts()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="package")
def _ports_of_tests():
    """The kit takes ports that no other test takes, also not at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "free_port", lambda host: free_port())
        yield
