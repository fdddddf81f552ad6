"""Workers that the Manager takes for dead, or does not know, but hears."""
import pytest

from mapreduce.manager.scheduling import events, strangers
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol.messages import HeartbeatMessage


def beats(world, *ports, seconds):
    """Let heartbeats arrive every two seconds; return what follows."""
    actions = []
    for _ in range(seconds // 2):
        world.now += 2
        actions += world.beat(*ports)
    return actions


def test_unknown_worker_that_goes_on_is_asked_to_register(world):
    """Its Manager was restarted, for example."""
    assert beats(world, 1, seconds=4) == []
    assert beats(world, 1, seconds=2) == ["register_again → 1"]


def test_dead_worker_that_goes_on_is_asked_to_register(world):
    """The network was away, for example."""
    world.register(1)
    world.wait(11)
    assert beats(world, 1, seconds=4) == []
    assert beats(world, 1, seconds=2) == ["register_again → 1"]


def test_living_worker_is_not_asked(world):
    world.register(1)
    assert beats(world, 1, seconds=30) == []


def test_worker_that_has_registered_meanwhile_is_not_asked(world):
    beats(world, 1, seconds=4)
    world.register(1)
    assert beats(world, 1, seconds=30) == []
    world.unreachable = {1}
    world.register(1)
    assert beats(world, 1, seconds=4) == []


@pytest.mark.parametrize("report", ["finish", "fail"])
def test_reports_count_as_heartbeats_do(world, report):
    beats(world, 1, seconds=4)
    world.now += 2
    assert getattr(world, report)(0, 1) == ["register_again → 1"]


def test_nobody_is_asked_more_often_than_every_ten_seconds(world):
    beats(world, 1, seconds=6)
    assert beats(world, 1, seconds=8) == []
    assert beats(world, 1, seconds=2) == ["register_again → 1"]


def test_two_messages_with_a_long_silence_between_them_do_not_count(world):
    world.beat(1)
    world.now += 11
    assert world.beat(1) == []


def test_invented_names_are_forgotten(world, mocker):
    mocker.patch.object(strangers, "MAX_STRANGERS", 2)
    world.beat(1, 2, 3)
    assert beats(world, 3, 2, 1, seconds=4) == []
    assert beats(world, 2, 1, seconds=2) == []
    world.now += 2
    assert world.beat(1, 2) == ["register_again → 1", "register_again → 2"]


def test_late_message_after_a_registration_asks_for_no_other():
    """Not even after a restart, when the first message asks for one."""
    workers = Workers()
    its = strangers.Strangers(workers)
    its.hurry(0.0)
    late = HeartbeatMessage("localhost", 1, token="of the time before")
    workers.register(("localhost", 1), 0.1, token="of now")
    assert list(its.answer(late, 0.2)) == []
    workers.mark_dead(workers.get(("localhost", 1)))
    assert len(list(its.answer(late, 0.3))) == 1


def test_busy_workers_are_asked_to_register_after_a_pause(world):
    """What they have sent may be too old to be accepted."""
    world.register(1, 2, 3)
    world.submit(2, 1)
    assert world.happen(events.Paused()) == [
        "register_again → 1", "register_again → 2"]
    assert world.register(2) == ["register_ack → 2", "map 1 → 3"]
