"""What the tests of the conformance kit share."""
import signal

import pytest

from mapreduce.conformance.process import pass_interrupts
from mapreduce.utils import network
from tests.support.ports import free_port


@pytest.fixture(autouse=True, scope="package")
def _interrupts():
    """Daemons end by these, also if a shell has tests in the background."""
    before = {number: signal.getsignal(number)
              for number in (signal.SIGINT, signal.SIGHUP)}
    pass_interrupts()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="package")
def _ports_of_tests():
    """The kit takes ports that no other test takes, also not at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "free_port", lambda host: free_port())
        yield
