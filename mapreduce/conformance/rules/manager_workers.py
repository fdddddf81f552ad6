"""Rules for Managers: Workers, their tasks and the shutdown."""
from __future__ import annotations

import time
from typing import Any

from mapreduce.conformance.manager_trial import ACK, ManagerTrial
from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.transcript import shown
from mapreduce.conformance.trial import SHUTDOWN, long_form

BOOK = RuleBook("manager", "protocol")


@BOOK.rule("A Worker that registers gets one register_ack, without any "
           "other field.")
def _registration_is_acknowledged(trial: ManagerTrial) -> None:
    worker = trial.worker()
    worker.register().expect_message(ACK)
    worker.listener.tcp.ignored.discard("register_ack")
    worker.expect_nothing("register_ack was sent")


@BOOK.rule("The port answers within a second of the start (two are allowed "
           "here).", takes_time=True)
def _port_answers_soon(trial: ManagerTrial) -> None:
    worker = trial.worker()
    begin = time.monotonic()
    trial.start()
    seconds = worker.register().time - begin
    if seconds > trial.times.prompt:
        raise RuleBroken(f"an answer within {trial.times.prompt:g} s",
                         f"it came after {seconds:.2f} s")


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


@BOOK.rule("A message is read to its end, however long it is.")
def _long_messages_are_read_to_their_end(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.send(long_form(trial.job().message))
    worker.expect_task("map")


@BOOK.rule("What is sent is the default form of json.dumps: shutdown is "
           "exactly {\"message_type\": \"shutdown\"}.")
def _text_is_that_of_json_dumps(trial: ManagerTrial) -> None:
    worker = trial.worker()
    worker.register().expect_default_text()
    job = trial.job()
    (job.input / "ä").touch()
    trial.send(job.message)
    received = worker.expect("new_map_task")
    received.expect_default_text()
    worker.finish(received.message)
    worker.do_tasks(1)
    trial.send(SHUTDOWN)
    worker.expect("shutdown").expect_default_text()


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


@BOOK.rule("A task is with one Worker only, unless that one is dead.")
def _task_is_with_one_worker(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    for kind in ("map", "reduce"):
        task = first.expect_task(kind)
        second.expect_nothing("the first Worker has the only task")
        first.finish(task)


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


@BOOK.rule("A Worker that registers again moves to the end of that order.")
def _registering_again_moves_to_the_end(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    first.register()
    trial.submit()
    second.expect_task("map")
    first.expect_nothing("the other Worker comes first now")


@BOOK.rule("A Worker is its host and its port to the letter: the same port "
           "with another name of the host is another Worker.")
def _worker_is_its_host_and_port(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    task = worker.expect_task("map")
    trial.send({"message_type": "finished", "task_id": task["task_id"],
                **worker.address, "worker_host": "127.0.0.1"})
    worker.expect_nothing("no Worker of that name has the task")
    worker.finish(task)
    worker.expect_task("reduce")


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


@BOOK.rule("The task of a Worker that registers again goes behind the "
           "unassigned ones.")
def _task_goes_last_after_registering_again(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit(mappers=3)
    worker.expect_task("map")
    worker.register()
    _expect_order(worker.do_tasks(3), [1, 2, 0])


def _expect_order(tasks: list[dict[str, Any]], expected: list[int]) -> None:
    seen = [task["task_id"] for task in tasks]
    if seen != expected:
        raise RuleBroken(f"the tasks in the order {expected}", str(seen))


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
        worker.expect("shutdown").expect_message(SHUTDOWN)
    trial.expect_end(trial.times.prompt)
    for worker in workers:
        worker.expect_nothing("shutdown was sent", 0)


@BOOK.rule("shutdown does not wait for tasks that are outstanding.")
def _shutdown_does_not_wait_for_tasks(trial: ManagerTrial) -> None:
    busy, idle = trial.workers(2)
    trial.submit(mappers=1)
    busy.expect_task("map")
    trial.send(SHUTDOWN)
    busy.expect("shutdown")
    idle.expect("shutdown")
    trial.expect_end(trial.times.prompt)


@BOOK.rule("shutdown is forwarded to living Workers only.")
def _dead_worker_gets_no_shutdown(trial: ManagerTrial) -> None:
    first, second = trial.refusing_worker()
    trial.send(SHUTDOWN)
    second.expect("shutdown")
    first.expect_nothing("the Worker is dead")
    trial.expect_end(trial.times.prompt)


@BOOK.rule("A Worker that refuses shutdown keeps it from no other one.")
def _refused_shutdown_stops_nothing(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    first.listener.leave()
    trial.send(SHUTDOWN)
    second.expect("shutdown")
    trial.expect_end(trial.times.prompt)


@BOOK.rule("An idle Manager uses next to no processor time.")
def _idle_manager_does_not_spin(trial: ManagerTrial) -> None:
    trial.workers(1)
    trial.expect_idle()
