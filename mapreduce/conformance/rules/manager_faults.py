"""Rules for Managers: messages, peers and files that are not as they should.

The daemon must lose nothing, and no peer may wait for it for ever.
"""
from __future__ import annotations

import os
import signal
import time
from typing import Any

from mapreduce.conformance.manager_trial import SHARED, ManagerTrial
from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.rules.unusable import (
    UNUSABLE,
    Payloads,
    add_rules,
    with_a_nul,
    with_a_wrong_type,
    without_a_field,
)
from mapreduce.conformance.transcript import shown

BOOK = RuleBook("manager", "faults")

ADDRESS = {"worker_host": "localhost", "worker_port": 6001}
HEARTBEAT = {"message_type": "heartbeat", **ADDRESS}
PORTS = [b'{"message_type": "register", "worker_host": "localhost", '
         b'"worker_port": %s}' % port
         for port in (b"70000", b"0", b"-1", b"1e999", b"NaN")]


def _messages(trial: ManagerTrial) -> list[dict[str, Any]]:
    """Return a message of each type that has fields; all can be used."""
    return [{"message_type": "register", **ADDRESS}, HEARTBEAT,
            {"message_type": "finished", "task_id": 0, **ADDRESS},
            trial.job().message]


MALFORMED: dict[str, Payloads[ManagerTrial]] = {
    "a message without one of its fields":
        lambda trial: without_a_field(_messages(trial)),
    "a field of a wrong type":
        lambda trial: with_a_wrong_type(_messages(trial)),
    "a port that does not exist": lambda _: PORTS,
    "a path with a NUL":
        lambda trial: with_a_nul(trial.job().message, "input_directory"),
}


def _check_ignored(trial: ManagerTrial, payloads: list[bytes]) -> None:
    worker, = trial.workers(1)
    for payload in payloads:
        trial.send(payload)
    worker.expect_nothing("no message can be used")
    trial.expect_job_works(worker)
    trial.expect_alive()


add_rules(BOOK, "Manager", MALFORMED, _check_ignored)


@BOOK.rule("Datagrams that can't be used are ignored: heartbeats still count "
           "afterwards.", takes_time=True)
def _garbage_datagrams_are_ignored(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    for payload in (*UNUSABLE.values(), *without_a_field([HEARTBEAT]),
                    *with_a_wrong_type([HEARTBEAT])):
        if payload:
            trial.send_datagram(payload)
    trial.expect_kept(
        first, second, "a Worker sends heartbeats, after other datagrams",
        trial.times.dead + trial.times.slack)


@BOOK.rule("A job with numbers that can't be used (0, -1, 100,001, 1.5, true, "
           "a text) is ignored; the next one runs.")
def _bad_numbers_are_ignored(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    for number in (0, -1, 100_001, 1.5, True, "2"):
        trial.submit(num_mappers=number)
    worker.expect_nothing("no job can be used")
    trial.expect_job_works(worker)


@BOOK.rule("Clients that connect and send nothing delay no other message.")
def _idle_clients_delay_nobody(trial: ManagerTrial) -> None:
    trial.workers(1)
    trial.connect_idle(1)
    trial.connect_idle(20, b"{")
    trial.expect_alive()


@BOOK.rule("A finished without a job, or for a task that does not exist, has "
           "no effect.")
def _finished_without_a_task_is_ignored(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    worker.report(0)
    worker.expect_nothing("there is no job")
    trial.submit(mappers=1)
    task = worker.expect_task("map")
    worker.report(99)
    worker.expect_nothing("there is no task 99")
    worker.finish(task)
    worker.expect_task("reduce")


@BOOK.rule("A message of an extension, such as failed, never stops the "
           "Manager.")
def _failed_is_harmless(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    task = worker.expect_task("map")
    trial.send({"message_type": "failed", "task_id": task["task_id"],
                **worker.address, "reason": "wc_map.py exited 3"})
    trial.expect_alive()


@BOOK.rule("A job whose input directory does not exist fails alone: the next "
           "one runs.")
def _missing_input_fails_the_job_alone(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job()
    job.message["input_directory"] += "-missing"
    trial.send(job.message)
    trial.expect_job_works(worker)


@BOOK.rule("An output directory that is the input, or holds it, is "
           "refused: the input is not deleted.")
def _input_is_never_deleted(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job()
    inner = job.input / "inner"
    inner.mkdir()
    (inner / "file").touch()
    for output in (job.input, inner):
        job.message.update(input_directory=str(inner),
                           output_directory=str(output))
        trial.send(job.message)
        trial.expect_job_works(worker)
        if not (inner / "file").exists():
            raise RuleBroken("the input file is there", "it was deleted")


@BOOK.rule("An output directory that is a symbolic link is refused: what it "
           "points to is not deleted.")
def _link_is_never_followed(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job()
    target = trial.directory / "precious"
    target.mkdir()
    (target / "file").touch()
    job.output.symlink_to(target)
    trial.send(job.message)
    trial.expect_job_works(worker)
    if not (target / "file").exists():
        raise RuleBroken("the file behind the link", "it was deleted")


@BOOK.rule("Names with spaces, newlines, a leading dash or bytes that are no "
           "UTF-8 are input like others.")
def _odd_names_work(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job(files=0)
    names = ["-dash", "a b", "new\nline", "ä", os.fsdecode(b"\xff")]
    for name in names:
        (job.input / name).touch()
    trial.send(job.message)
    paths = worker.expect_task("map")["input_paths"]
    if sorted(paths) != sorted(job.paths(*names)):
        raise RuleBroken(str(sorted(job.paths(*names))), str(sorted(paths)))


@BOOK.rule("A task is done only if its files are there: without them it is "
           "given out again.")
def _lying_worker_is_not_trusted(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    # One task leaves its files. Without any, the Manager may conclude that
    # it can't see the shared directory, and fail the job.
    trial.submit(mappers=2)
    worker.do_tasks(1)
    task = worker.expect_task("map")
    worker.report(task["task_id"])
    again = worker.expect_task("map")
    if again != task:
        raise RuleBroken(shown(task), shown(again))
    worker.finish(again)
    worker.expect_task("reduce")


def _add_signal(number: signal.Signals, note: str = "") -> None:
    def check(trial: ManagerTrial) -> None:
        trial.workers(1)
        trial.expect_clean_end(SHARED, number)

    check.__name__ = f"{number.name.lower()}-leaves-nothing"
    BOOK.rule(f"{number.name}{note} ends the Manager with exit code 0, and no "
              f"{SHARED} stays.")(check)


_add_signal(signal.SIGTERM)
_add_signal(signal.SIGINT, " (Ctrl-C)")
_add_signal(signal.SIGHUP)


@BOOK.rule("A second Manager at the same port ends with an error; the first "
           "goes on.")
def _port_in_use_is_an_error(trial: ManagerTrial) -> None:
    trial.workers(1)
    trial.expect_second_is_refused()


@BOOK.rule("Heartbeats that wait while the Manager is stopped count before "
           "any Worker is dead.", takes_time=True)
def _stopped_manager_keeps_its_workers(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit()
    task = first.expect_task("map")
    trial.daemon.signal(signal.SIGSTOP)
    trial.transcript.add("the kit", "stops the Manager")
    time.sleep(trial.times.dead + trial.times.slack)
    trial.daemon.signal(signal.SIGCONT)
    trial.transcript.add("the kit", "continues the Manager")
    second.expect_nothing("the first Worker sent heartbeats",
                          trial.times.slack)
    first.finish(task)
    first.expect_task("reduce")
