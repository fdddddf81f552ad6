"""The desk of a Worker: which tasks are done, and which are given up."""
import os
import select

import pytest

from mapreduce.protocol.messages import CancelMessage, ReduceTaskMessage
from mapreduce.worker.assignments import Assignments
from mapreduce.worker.errors import TaskInterrupted
from mapreduce.worker.processes.interruption import Interruption


@pytest.fixture(name="interruption")
def make_interruption():
    """Return an Interruption."""
    with Interruption() as interruption:
        yield interruption


@pytest.fixture(name="desk")
def make_desk(interruption):
    """Return a Assignments without a task."""
    return Assignments(interruption)


@pytest.fixture(name="receive")
def make_receive(desk, tmp_path):
    """Return a function: put a task on the desk, return its Assignment."""
    return lambda task_id=0: desk.receive(
        ReduceTaskMessage(task_id, "cat", [], str(tmp_path)))


def is_set(interruption):
    """Tell whether the current task is to end."""
    return bool(select.select([interruption], [], [], 0)[0])


def give_up(desk, assignment):
    """Begin a task that is not wanted any more."""
    with pytest.raises(TaskInterrupted), desk.work_on(assignment):
        pytest.fail("an unwanted task was begun")


def test_task_that_is_wanted_is_done(desk, interruption, receive):
    assignment = receive()
    with desk.work_on(assignment):
        assert not is_set(interruption)
    assert not assignment.cancelled and not assignment.void


def test_cancelled_task_is_interrupted(desk, interruption, receive):
    assignment = receive(3)
    with desk.work_on(assignment):
        desk.cancel(CancelMessage(3))
        assert is_set(interruption)
    assert assignment.cancelled


def test_task_that_is_cancelled_while_it_waits_is_not_begun(
        desk, interruption, receive):
    current, waiting = receive(0), receive(1)
    with desk.work_on(current):
        desk.cancel(CancelMessage(1))
        assert not is_set(interruption)
    give_up(desk, waiting)
    assert waiting.cancelled and not current.cancelled


def test_cancel_of_a_task_that_is_not_there_harms_no_other(
        desk, interruption, receive):
    ended, current = receive(0), receive(1)
    with desk.work_on(ended):
        pass
    with desk.work_on(current):
        desk.cancel(CancelMessage(0))
        desk.cancel(CancelMessage(7))
        assert not is_set(interruption)
    assert not ended.cancelled and not current.cancelled


@pytest.mark.parametrize("of_task, of_cancel, is_meant", [
    (("t", 5), ("t", 5), True), (("t", 5), (None, None), True),
    (("t", 5), ("t", 4), False), (("t", 5), ("u", 5), False),
    ((None, 5), (None, 4), True)])
def test_cancel_of_another_job_or_registration_has_no_effect(
        desk, tmp_path, of_task, of_cancel, is_meant):
    """It may come late. Without a token, the fields may mean other things."""
    assignment = desk.receive(ReduceTaskMessage(
        0, "cat", [], str(tmp_path), *of_task))
    desk.cancel(CancelMessage(0, *of_cancel))
    assert assignment.cancelled == is_meant


def test_next_task_is_not_interrupted_in_place_of_the_last(
        desk, interruption, receive):
    first, second = receive(0), receive(1)
    with desk.work_on(first):
        desk.cancel(CancelMessage(0))
    with desk.work_on(second):
        assert not is_set(interruption)


def test_closed_desk_voids_the_current_task_and_all_that_wait(
        desk, interruption, receive):
    current, waiting = receive(0), receive(1)
    with desk.work_on(current):
        desk.close()
        assert is_set(interruption)
    give_up(desk, waiting)
    assert current.void and waiting.void


def test_task_is_void_if_it_comes_while_the_desk_is_closed(desk, receive):
    before = receive()
    desk.close()
    meanwhile = receive()
    desk.reopen()
    after = receive()
    for assignment in (before, meanwhile):
        give_up(desk, assignment)
    with desk.work_on(after):
        assert not after.void


def test_terminated_desk_interrupts_the_current_task_and_begins_no_other(
        desk, interruption, receive):
    current, waiting = receive(0), receive(1)
    with desk.work_on(current):
        desk.terminate()
        assert is_set(interruption)
    give_up(desk, waiting)


def test_output_directory_is_open_as_long_as_its_task_is_there(
        desk, receive):
    before = sorted(os.listdir("/dev/fd"))
    done, unwanted = receive(0), receive(1)
    desk.cancel(CancelMessage(1))
    with desk.work_on(done):
        assert len(os.listdir("/dev/fd")) == len(before) + 2
    give_up(desk, unwanted)
    assert sorted(os.listdir("/dev/fd")) == before


def test_tasks_are_counted_wanted_or_not(desk, receive):
    receive()
    desk.close()
    receive()
    assert desk.num_received == 2
