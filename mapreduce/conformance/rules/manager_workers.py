"""Rules for Managers: Workers, their tasks and the shutdown."""
from __future__ import annotations

import queue

from mapreduce.conformance.manager_trial import (
    ACK,
    ManagerTrial,
    first_of,
)
from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.transcript import shown
from mapreduce.conformance.trial import SHUTDOWN

BOOK = RuleBook("manager", "protocol")


@BOOK.rule("A Worker that registers gets register_ack, without any other "
           "field.")
def _registration_is_acknowledged(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    if worker.acknowledged != ACK:
        raise RuleBroken(shown(ACK), shown(worker.acknowledged))


@BOOK.rule("The port answers within a second of the start (two are allowed "
           "here).", takes_time=True)
def _port_answers_soon(trial: ManagerTrial) -> None:
    worker = trial.worker()
    daemon = trial.start()
    worker.register()
    for entry in trial.transcript.entries():
        if entry.message == ACK and entry.seconds > trial.times.prompt:
            raise RuleBroken(f"an answer within {trial.times.prompt:g} s",
                             f"it came after {entry.seconds:.2f} s")
    assert daemon is trial.daemon


@BOOK.rule("A Worker that registers while a task waits gets register_ack "
           "first, and then the task at once.")
def _ack_comes_before_the_task(trial: ManagerTrial) -> None:
    trial.submit()
    worker = trial.worker()
    worker.register()
    worker.expect_task("map")


@BOOK.rule("A receiver ignores fields that it does not know.")
def _unknown_fields_are_ignored(trial: ManagerTrial) -> None:
    trial.worker().register(no_such_field=[1])


@BOOK.rule("A Worker has one task at a time.")
def _one_task_at_a_time(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit(mappers=3)
    task = worker.expect_task("map")
    worker.expect_nothing("the Worker has a task")
    worker.finish(task)
    worker.expect_task("map")


@BOOK.rule("While a task is unassigned, no ready Worker stays idle.")
def _no_worker_stays_idle(trial: ManagerTrial) -> None:
    workers = trial.workers(3)
    trial.submit(mappers=3)
    seen = sorted(worker.expect_task("map")["task_id"] for worker in workers)
    if seen != [0, 1, 2]:
        raise RuleBroken("tasks 0, 1 and 2", str(seen))


@BOOK.rule("Workers are served in the order in which they registered.")
def _workers_are_served_in_order(trial: ManagerTrial) -> None:
    first, second, third = trial.workers(3)
    trial.submit(mappers=2)
    seen = [first.expect_task("map")["task_id"],
            second.expect_task("map")["task_id"]]
    if seen != [0, 1]:
        raise RuleBroken("task 0 for the first Worker, 1 for the second",
                         str(seen))
    third.expect_nothing("both tasks are with Workers that came before")


@BOOK.rule("A Worker that registers in the middle of a job gets the next "
           "task at once.")
def _late_worker_gets_a_task(trial: ManagerTrial) -> None:
    first, = trial.workers(1)
    trial.submit(mappers=2)
    first.expect_task("map")
    late, = trial.workers(1)
    late.expect_task("map")


@BOOK.rule("A finished counts only if that Worker holds that task.")
def _finished_of_another_worker_does_not_count(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    task = first.expect_task("map")
    second.report(task["task_id"])
    second.expect_nothing("the task is with the other Worker")
    first.expect_nothing("its task is not finished")
    first.finish(task)
    first.expect_task("reduce")


@BOOK.rule("A finished that comes twice counts once.")
def _second_finished_does_not_count(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit(mappers=2)
    worker.finish(worker.expect_task("map"))
    task = worker.expect_task("map")
    worker.report(0)
    worker.expect_nothing("the Worker holds task 1, not task 0")
    worker.finish(task)
    worker.expect_task("reduce")


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


@BOOK.rule("A Worker that registers again while it has a task is "
           "acknowledged, and its task is given out again.")
def _task_of_a_worker_that_registers_again(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    task = worker.expect_task("map")
    worker.register()
    again = worker.expect_task("map")
    if again != task:
        raise RuleBroken(shown(task), shown(again))


@BOOK.rule("Heartbeats from a Worker that never registered are ignored.")
def _heartbeat_of_a_stranger_is_ignored(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    stranger = trial.worker()
    stranger.heartbeat()
    trial.submit(mappers=2)
    stranger.expect_nothing("this Worker never registered")
    worker.expect_task("map")


@BOOK.rule("shutdown is forwarded to each Worker, without any other field; "
           "then an idle Manager ends within 2 s, with exit code 0.")
def _shutdown_is_forwarded(trial: ManagerTrial) -> None:
    workers = trial.workers(2)
    trial.send(SHUTDOWN)
    for worker in workers:
        worker.expect(SHUTDOWN)
    trial.expect_end(trial.times.prompt)


@BOOK.rule("shutdown does not wait for tasks that are outstanding.")
def _shutdown_does_not_wait_for_tasks(trial: ManagerTrial) -> None:
    busy, idle = trial.workers(2)
    trial.submit(mappers=1)
    busy.expect_task("map")
    trial.send(SHUTDOWN)
    busy.expect(SHUTDOWN)
    idle.expect(SHUTDOWN)
    trial.expect_end(trial.times.prompt)


@BOOK.rule("An idle Manager uses next to no processor time.")
def _idle_manager_does_not_spin(trial: ManagerTrial) -> None:
    trial.workers(1)
    trial.expect_idle()


@BOOK.rule("A Worker that is silent for more than 10 s is dead within the "
           "next second, and its task goes to another one.", takes_time=True)
def _silent_worker_is_dead(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    first.expect_task("map")
    first.fall_silent()
    # The clock starts at its last sign of life.
    early = trial.times.dead - trial.times.heartbeat - 1
    second.expect_nothing("the first Worker is not dead yet", early)
    second.expect_task(
        "map", trial.times.dead + trial.times.slack - early)


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
