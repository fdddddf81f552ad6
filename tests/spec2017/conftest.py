"""The fixtures of the tests of the 2017 dialect."""
import pytest

from tests.support.cluster_2017 import Cluster2017
from tests.support.foreign_2017 import ForeignMaster


@pytest.fixture(name="old_cluster")
def _old_cluster(tmp_path):
    """A Master and Workers of the dialect, which the test starts."""
    with Cluster2017(tmp_path / "cluster") as cluster:
        yield cluster


@pytest.fixture(name="foreign_master")
def _foreign_master():
    """A Master that sends what the test says."""
    with ForeignMaster() as master:
        yield master
