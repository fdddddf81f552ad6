"""The Scheduler, while Workers die, fall silent, refuse and come back."""
import pytest

from mapreduce.protocol import messages
from tests.support.scheduler_world import World


@pytest.fixture(name="world")
def _world():
    return World()


def test_silence_of_ten_seconds_is_no_death(world):
    """More than that is; the clock starts at the registration."""
    world.register(1, 2)
    world.submit(1, 1)
    assert world.wait(10.0) == []
    assert world.wait(0.1) == []
    assert world.register(3) == ["register_ack → 3", "map 0 → 3"]


def test_task_of_a_silent_worker_goes_to_a_ready_one(world):
    """The heartbeats of the other one keep it alive."""
    world.register(1, 2)
    world.submit(1, 1)
    world.now = 9.0
    world.beat(2)
    assert world.wait(1.5) == ["map 0 → 2"]


def test_task_of_a_silent_worker_goes_behind_the_others(world):
    """Those that wait since the start come first."""
    world.register(1, 2)
    world.submit(4, 1)
    world.now = 9.0
    world.beat(2)
    assert world.wait(1.5) == []
    assert world.finish(1, 2) == ["map 2 → 2"]
    assert world.finish(2, 2) == ["map 3 → 2"]
    assert world.finish(3, 2) == ["map 0 → 2"]


def test_outage_of_the_network_is_not_the_fault_of_a_task(world):
    """It goes from one silent Worker to the next, until all are dead."""
    for port in range(1, 7):
        world.register(port)
        world.now += 0.5
    world.submit(1, 1)
    world.now = 9.6
    for port in range(2, 7):
        assert world.wait(0.5) == [f"map 0 → {port}"]
    assert world.wait(0.5) == []
    assert world.register(7) == ["register_ack → 7", "map 0 → 7"]


def test_task_is_lost_and_found_in_the_reduce_stage(world):
    """Only the task that was lost is done again."""
    world.register(1, 2)
    world.submit(2, 2)
    world.finish(0, 1)
    world.finish(1, 2)
    world.finish(1, 2)
    world.now = 9.0
    world.beat(2)
    assert world.wait(1.5) == ["reduce 0 → 2"]
    assert world.finish(0, 2) == ["clean up job 0"]


def test_dead_worker_stays_dead_whatever_heartbeats_come(world):
    """It gets no task, and its finished does not count."""
    world.register(1)
    world.submit(1, 1)
    world.wait(10.1)
    assert world.beat(1) == []
    assert world.finish(0, 1) == []
    assert world.wait(1.0) == []


def test_dead_worker_that_registers_again_is_ready(world):
    """And gets a task at once."""
    world.register(1)
    world.submit(1, 1)
    world.wait(10.1)
    assert world.register(1) == ["register_ack → 1", "map 0 → 1"]


def test_all_workers_dead_then_a_new_one(world):
    """The job waits and goes on."""
    world.register(1, 2)
    world.submit(2, 1)
    assert world.wait(10.1) == []
    assert world.register(3) == ["register_ack → 3", "map 0 → 3"]
    assert world.finish(0, 3) == ["map 1 → 3"]
    assert world.finish(1, 3) == ["reduce 0 → 3"]
    assert world.finish(0, 3) == ["clean up job 0"]


def test_finished_of_the_dead_does_not_count_for_their_successor(world):
    """The same task is now with another Worker."""
    world.register(1)
    world.submit(1, 1)
    world.wait(10.1)
    world.register(2)
    assert world.finish(0, 1) == []
    assert world.finish(0, 2) == ["reduce 0 → 2"]


def test_refused_task_goes_to_the_next_ready_worker(world):
    """The same task, before any other; nothing is sent twice."""
    world.register(1, 2, 3)
    world.unreachable = {1}
    assert world.submit(3, 1) == [
        "prepare job 0", "map 0 → 1", "map 0 → 2", "map 1 → 3"]


def test_refused_task_goes_first(world):
    """To the head of the tasks that wait, when nobody is ready."""
    world.register(1, 2)
    world.unreachable = {2}
    assert world.submit(3, 1) == ["prepare job 0", "map 0 → 1", "map 1 → 2"]
    assert world.finish(0, 1) == ["map 1 → 1"]
    assert world.finish(1, 1) == ["map 2 → 1"]


def test_all_workers_refuse(world):
    """The job waits; the next Worker begins with the first task."""
    world.register(1, 2)
    world.unreachable = {1, 2}
    assert world.submit(2, 1) == ["prepare job 0", "map 0 → 1", "map 0 → 2"]
    assert world.register(3) == ["register_ack → 3", "map 0 → 3"]


def test_worker_that_refuses_its_ack_is_dead(world):
    """It is sent nothing more, not even the shutdown."""
    world.unreachable = {1}
    assert world.register(1) == ["register_ack → 1"]
    assert world.submit(1, 1) == ["prepare job 0"]
    assert world.happen(messages.ShutdownMessage()) == ["exit"]


def test_worker_that_registers_again_gives_its_task_back(world):
    """The task goes behind the others; the Worker gets the next one."""
    world.register(1)
    world.submit(2, 1)
    assert world.register(1) == ["register_ack → 1", "map 1 → 1"]
    assert world.finish(0, 1) == []
    assert world.finish(1, 1) == ["map 0 → 1"]


def test_heartbeat_from_an_unregistered_worker_is_ignored(world, caplog):
    """It is no registration; a warning tells of it."""
    assert world.beat(1) == []
    assert "Heartbeat from unregistered Worker" in caplog.text
    assert world.submit(1, 1) == ["prepare job 0"]


def test_heartbeats_keep_a_worker_alive(world):
    """However long its task takes."""
    world.register(1)
    world.submit(1, 1)
    for _ in range(20):
        assert world.wait(2.0) == []
        world.beat(1)
    assert world.finish(0, 1) == ["reduce 0 → 1"]


def test_log_names_the_task_of_a_worker_that_died(world, caplog):
    world.register(1, 2)
    world.submit(1, 1)
    world.now = 9.0
    world.beat(2)
    world.wait(1.5)
    assert [record.getMessage() for record in caplog.records
            if "died" in record.getMessage()] == [
        "Worker died: no heartbeat from RemoteWorker('localhost', 1); map "
        "task 0 of job 0 waits for another Worker"]


def test_log_names_no_task_of_an_idle_worker_that_died(world, caplog):
    world.register(1)
    world.wait(10.1)
    assert caplog.records[-1].getMessage() == (
        "Worker died: no heartbeat from RemoteWorker('localhost', 1)")
