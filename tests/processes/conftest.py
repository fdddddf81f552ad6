"""What the tests with real daemons share."""
import pytest

from tests.support.cluster import Cluster
from tests.support.waiting import Gate


@pytest.fixture(name="pair", scope="module")
def _pair(tmp_path_factory):
    """A Manager and two Workers, which the jobs here share, also the bad."""
    with Cluster(tmp_path_factory.mktemp("pair") / "cluster") as cluster:
        cluster.start(2)
        yield cluster


@pytest.fixture(name="second_gate")
def _second_gate(tmp_path):
    """Another gate for the executables of the test."""
    with Gate(tmp_path / "second-gate") as gate:
        yield gate


@pytest.fixture(name="output")
def _output(tmp_path):
    return tmp_path / "output"
