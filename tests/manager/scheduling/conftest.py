"""What the tests of the Scheduler share."""
import pytest

from tests.support.scheduler_world import World


@pytest.fixture(name="world")
def _world():
    return World()
