"""Rules for Managers: Workers that refuse connections or fall silent."""
from __future__ import annotations

import queue
import time

from mapreduce.conformance.manager_trial import (
    ManagerTrial,
    PlayedWorker,
    first_of,
)
from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.transcript import shown

BOOK = RuleBook("manager", "protocol")

EARLY = 0.95  # of the limit: until then, a silent Worker is alive
DISTURBANCE = 0.05  # seconds between two messages of no use


@BOOK.rule("A Worker that refuses a connection is dead: the next ready "
           "Worker gets its task.")
def _refused_task_goes_to_another(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    first.listener.leave()
    trial.submit()
    second.expect_task("map")


@BOOK.rule("A task that was refused goes back to the head of the unassigned "
           "ones.")
def _refused_task_goes_first(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    first.listener.leave()
    trial.submit(mappers=4)
    order = [task["task_id"] for task in second.do_tasks(4)]
    # The second Worker may be given task 1 while task 0 is being refused.
    if order not in ([0, 1, 2, 3], [1, 0, 2, 3]):
        raise RuleBroken("task 0 before tasks 2 and 3", str(order))


@BOOK.rule("A dead Worker that registers again is acknowledged, and gets "
           "tasks.")
def _dead_worker_may_register_again(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    first.listener.leave()
    trial.submit(mappers=2)
    second.expect_task("map")
    first.listener.reopen()
    first.register()
    first.expect_task("map")


@BOOK.rule("If all Workers are dead, the job waits and goes on with the next "
           "one that registers.")
def _job_waits_for_a_worker(trial: ManagerTrial) -> None:
    first, = trial.workers(1)
    first.listener.leave()
    trial.submit()
    trial.wait_for("the start of the job", lambda: any(
        trial.directory.glob("output-*")), lambda: "no output directory")
    second = trial.worker()
    second.register()
    second.do_tasks(2)


@BOOK.rule("A send that was refused is not repeated.")
def _refused_send_is_not_repeated(trial: ManagerTrial) -> None:
    first, _ = trial.refusing_worker()
    first.expect_nothing("the Worker is dead until it registers again")


@BOOK.rule("A Worker that refuses its register_ack is dead, too.")
def _refused_ack_is_a_death(trial: ManagerTrial) -> None:
    dying = trial.worker()
    dying.listener.leave()
    trial.send({"message_type": "register", **dying.address})
    other, = trial.workers(1)
    dying.listener.reopen()
    trial.submit(mappers=2)
    other.expect_task("map")
    dying.expect_nothing("the Worker is dead until it registers again")


@BOOK.rule("A Worker that is silent for more than 10 s is dead within the "
           "next second, and its task goes to another one.", takes_time=True)
def _silent_worker_is_dead(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    first.expect_task("map")
    # The clock starts anew with this heartbeat.
    time.sleep(trial.times.heartbeat)
    first.fall_silent()
    begin = time.monotonic()
    first.heartbeat()
    _expect_death(trial, second, begin)


def _expect_death(
    trial: ManagerTrial, other: PlayedWorker, begin: float
) -> None:
    """Expect that another Worker is given the task of a silent one in time.

    `begin` is the time of the last sign of life.
    """
    early = begin + EARLY * trial.times.dead
    late = begin + trial.times.dead + trial.times.slack
    other.expect_nothing("the first Worker is not dead yet",
                         max(0.0, early - time.monotonic()))
    other.expect_task("map", max(0.0, late - time.monotonic()))


@BOOK.rule("The 10 s count from the registration: a Worker that never sends "
           "a heartbeat is dead, too.", takes_time=True)
def _worker_without_heartbeats_is_dead(trial: ManagerTrial) -> None:
    other, = trial.workers(1)
    silent = trial.worker()
    begin = time.monotonic()
    silent.register()
    silent.fall_silent()
    trial.submit(mappers=2)
    other.finish(other.expect_task("map"))
    silent.expect_task("map")
    _expect_death(trial, other, begin)


@BOOK.rule("A Worker that sends heartbeats keeps its task, however long that "
           "takes.", takes_time=True)
def _heartbeats_keep_a_worker_alive(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.expect_kept(first, second, "the first Worker sends heartbeats",
                      trial.times.dead + trial.times.slack)


@BOOK.rule("A dead Worker stays dead, whatever heartbeats come, and its "
           "finished does not count.", takes_time=True)
def _dead_worker_stays_dead(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    task = first.expect_task("map")
    first.fall_silent()
    again = second.expect_task(
        "map", trial.times.dead + trial.times.slack)
    first.heartbeat()
    first.finish(task)
    try:
        worker, received = first_of([first, second], trial.times.quiet)
    except queue.Empty:
        second.finish(again)
        second.expect_task("reduce")
        first.expect_nothing("the Worker is dead", 0)
        return
    raise RuleBroken(
        "no message: the first Worker is dead",
        f"{shown(received.message)} to {worker.listener.name}")


@BOOK.rule("The task of a Worker that fell silent goes behind the unassigned "
           "ones.", takes_time=True)
def _task_of_a_silent_worker_goes_last(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit(mappers=4)
    first.expect_task("map")
    task = second.expect_task("map")
    first.fall_silent()
    second.expect_nothing("the Worker has a task",
                          trial.times.dead + trial.times.slack)
    second.finish(task)
    seen = [task["task_id"] for task in second.do_tasks(3)]
    if seen != [2, 3, 0]:
        raise RuleBroken("tasks 2, 3 and 0, in this order", str(seen))


@BOOK.rule("A silent Worker is found by a clock of the Manager's own, "
           "whatever messages come meanwhile.", takes_time=True)
def _silent_worker_is_found_in_traffic(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    first.expect_task("map")
    first.fall_silent()
    trial.transcript.add("the kit", "sends many messages of no use")
    limit = trial.times.dead + trial.times.slack
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        trial.disturb(second)
        if received := second.next(DISTURBANCE):
            if received.type != "new_map_task":
                raise RuleBroken("a map task", shown(received.message))
            return
    raise RuleBroken(f"the task of the first Worker within {limit:g} s",
                     "nothing was received")
