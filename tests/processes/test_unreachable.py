"""Addresses that swallow packets, among those that register."""
import time

import pytest

from tests.support import wire
from tests.support.black_holes import black_holes
from tests.support.faults import check_next_job

pytestmark = pytest.mark.timeout(60)


def test_addresses_that_swallow_packets_delay_nothing(cluster, output):
    """Not a job, not a registration, not the end."""
    with black_holes(12) as ports:
        cluster.start_manager()
        for port in ports:
            cluster.send(wire.register(port))
        start = time.monotonic()
        cluster.start_worker()
        check_next_job(cluster, output)
        assert time.monotonic() - start < 10
        start = time.monotonic()
        assert cluster.shutdown() == [0, 0]
        assert time.monotonic() - start < 10
