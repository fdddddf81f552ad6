"""Addresses that swallow packets, among those that register."""
import time

from tests.support import wire
from tests.support.black_holes import black_holes
from tests.support.faults import check_next_job


def test_addresses_that_swallow_packets_delay_nothing(cluster, output):
    """Not a job, not a registration, not the end."""
    # If each of them were waited for, that would take a minute.
    with black_holes(12) as ports:
        cluster.start_manager()
        for port in ports:
            cluster.send(wire.register(port))
        start = time.monotonic()
        cluster.start_worker()
        check_next_job(cluster, output)
        assert time.monotonic() - start < 30
        start = time.monotonic()
        assert cluster.shutdown() == [0, 0]
        assert time.monotonic() - start < 30
