"""Rules for Workers: registration, heartbeats and the shutdown."""
from __future__ import annotations

import itertools
import time

from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.trial import SHUTDOWN, long_form
from mapreduce.conformance.worker_trial import ACK, WorkerTrial

BOOK = RuleBook("worker", "protocol")

HEARTBEATS = 4  # whose intervals are measured


@BOOK.rule("A Worker listens first, then sends register with exactly its "
           "host and port.")
def _registration_is_exact(trial: WorkerTrial) -> None:
    trial.expect_registration().expect_message(
        {"message_type": "register", **trial.address})
    # It listens: this is accepted at the first try.
    trial.send(ACK, 0)


@BOOK.rule("finished has exactly the number of the task and the Worker's "
           "host and port.")
def _finished_is_exact(trial: WorkerTrial) -> None:
    trial.ready()
    trial.map("exec cat", [b"line\t1\n"], task_id=3)
    trial.expect_finished(3).expect_message(
        {"message_type": "finished", "task_id": 3, **trial.address})


@BOOK.rule("A heartbeat has exactly the Worker's host and port.")
def _heartbeat_is_exact(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_heartbeat(trial.times.timeout).expect_message(
        {"message_type": "heartbeat", **trial.address})


@BOOK.rule("What is sent is the default form of json.dumps, over TCP and "
           "UDP.")
def _text_is_that_of_json_dumps(trial: WorkerTrial) -> None:
    trial.expect_registration().expect_default_text()
    trial.send(ACK)
    heartbeat = trial.manager.udp.next(trial.times.heartbeat)
    # Its absence breaks another rule.
    if heartbeat is not None:
        heartbeat.expect_default_text()
    trial.map("exec cat", [])
    trial.expect_finished().expect_default_text()


@BOOK.rule("A message is read to its end, however long it is.")
def _long_messages_are_read_to_their_end(trial: WorkerTrial) -> None:
    trial.ready()
    trial.send(long_form(trial.map_task(
        trial.script("exec cat"), [trial.file(b"line\t1\n")])))
    trial.expect_finished()


@BOOK.rule("A Worker registers once: not again because the answer is slow.")
def _registers_once(trial: WorkerTrial) -> None:
    trial.expect_registration()
    trial.expect_nothing("the Manager is only slow")
    trial.send(ACK)
    trial.expect_nothing("the Worker is registered")


@BOOK.rule("While register_ack is slow, also for 10 s, a Worker sends "
           "nothing: no other register and no heartbeat.", takes_time=True)
def _slow_ack_changes_nothing(trial: WorkerTrial) -> None:
    trial.expect_registration()
    trial.manager.tcp.expect_nothing(
        trial.times.dead, "the Manager is only slow")
    trial.manager.udp.expect_nothing(0, "there was no register_ack")
    trial.send(ACK)
    trial.expect_heartbeat(trial.times.timeout)


@BOOK.rule("No heartbeat comes before register_ack.")
def _no_heartbeat_before_the_ack(trial: WorkerTrial) -> None:
    trial.expect_registration()
    trial.manager.udp.expect_nothing(
        trial.times.quiet, "there was no register_ack")


@BOOK.rule("The first heartbeat comes immediately after register_ack, over "
           "UDP.")
def _first_heartbeat_is_immediate(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_heartbeat(trial.times.heartbeat / 2)


@BOOK.rule("Heartbeats come every 2 s, also while a task runs.",
           takes_time=True)
def _heartbeats_are_regular(trial: WorkerTrial) -> None:
    wanted = trial.times.heartbeat
    trial.ready()
    times = [trial.expect_heartbeat(wanted * 2).time]
    gate = trial.gate()
    trial.map(gate.wait, [b"line\n"])
    for _ in range(HEARTBEATS):
        times.append(trial.expect_heartbeat(wanted * 2).time)
    gate.open()
    trial.expect_finished()
    intervals = [after - before for before, after in itertools.pairwise(times)]
    # One may be late on a busy machine; the next one is earlier then.
    mean = sum(intervals) / HEARTBEATS
    if not (0.85 * wanted < mean < 1.2 * wanted
            and max(intervals) < 1.5 * wanted):
        raise RuleBroken(f"{wanted:g} s between two heartbeats", ", ".join(
            f"{interval:.2f} s" for interval in intervals))


@BOOK.rule("A second register_ack starts no second series of heartbeats.",
           takes_time=True)
def _second_ack_changes_nothing(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_heartbeat(trial.times.heartbeat / 2)
    trial.send(ACK)
    limit = 3.5 * trial.times.heartbeat
    deadline = time.monotonic() + limit
    number = 0
    while trial.manager.udp.next(max(0.0, deadline - time.monotonic())):
        number += 1
    # One may come at once, for the second ack.
    if number > 4:
        raise RuleBroken(f"at most 4 heartbeats in {limit:g} s", str(number))


@BOOK.rule("shutdown ends an idle Worker within 2 s, with exit code 0.")
def _shutdown_ends_an_idle_worker(trial: WorkerTrial) -> None:
    trial.ready()
    trial.send(SHUTDOWN)
    trial.expect_end(trial.times.prompt)


@BOOK.rule("shutdown may come before register_ack.")
def _shutdown_before_the_ack(trial: WorkerTrial) -> None:
    trial.expect_registration()
    trial.send(SHUTDOWN)
    trial.expect_end(trial.times.prompt)


@BOOK.rule("shutdown during a task ends the Worker when that task ends, with "
           "exit code 0, even if the Manager is gone by then.")
def _shutdown_during_a_task(trial: WorkerTrial) -> None:
    trial.ready()
    gate = trial.gate()
    trial.map(gate.wait, [b"line\n"])
    trial.wait_for("the mapper starts", gate.has_begun, lambda: "it does not")
    trial.send(SHUTDOWN)
    trial.manager.leave()
    time.sleep(trial.times.quiet)
    trial.expect_running()
    gate.open()
    trial.expect_end(trial.times.timeout)


@BOOK.rule("An idle Worker uses next to no processor time.")
def _idle_worker_does_not_spin(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_idle()


@BOOK.rule("A receiver ignores fields that it does not know.")
def _unknown_fields_are_ignored(trial: WorkerTrial) -> None:
    trial.expect_registration()
    trial.send({**ACK, "no_such_field": [1]})
    trial.send({**trial.map_task(
        trial.script("exec cat"), [trial.file(b"line\t1\n")]),
        "no_such_field": [1]})
    trial.expect_finished()
