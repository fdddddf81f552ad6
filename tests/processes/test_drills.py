"""Faults that a user asks for, to see what happens then."""
from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.faults import SMALL, restart_worker
from tests.support.files import in_order
from tests.support.waiting import TIMEOUT


def test_worker_fails_after_so_many_tasks(cluster, tmp_path, output):
    """At once and without a word; another one does the rest."""
    cluster.start_manager()
    worker = cluster.start_worker("--fail-after", "1")
    cluster.submit(output, input_directory=SMALL)
    assert worker.process.wait(TIMEOUT) == 1
    assert worker.says("Finished task 0")
    assert not worker.says("Ended")
    restart_worker(cluster, 0)
    cluster.wait_for_parts(output, 2)
    assert in_order(cluster.result(output)) == in_order(
        pipeline(SMALL, *WORD_COUNT))
