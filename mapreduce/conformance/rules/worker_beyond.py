"""Rules for Workers: what this project adds to the specification.

They are checked only where the Worker says that it accepts the messages. It
sends `failed` to every Manager; a Worker that does not is a strict one.
"""
from __future__ import annotations

import time
from typing import Any

from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.transcript import shown
from mapreduce.conformance.worker_trial import ACK, WorkerTrial

BOOK = RuleBook("worker", "beyond")

TRUST_TIME = 3.0  # seconds


def _start(trial: WorkerTrial, *types: str) -> None:
    trial.ready()
    trial.require_types(*types)
    trial.manager.tcp.ignored -= {"failed"}


def _expect_failed(trial: WorkerTrial) -> dict[str, Any]:
    """Expect the message that task 0 failed, and return it."""
    message = trial.manager.tcp.expect(
        "failed", trial.times.timeout).message
    fields: dict[str, Any] = {"message_type": "failed", "task_id": 0,
                              **trial.address}
    if {**message, "reason": ""} != {**fields, "reason": ""}:
        raise RuleBroken(shown(fields), shown(message))
    return dict(message)


@BOOK.rule("failed names the executable, the input file, the exit code and "
           "the end of standard error.")
def _failure_has_its_reason(trial: WorkerTrial) -> None:
    _start(trial, "cancel")
    mapper = trial.script("echo why it failed >&2; exit 3", name="bad_map")
    trial.send(trial.map_task(mapper, [trial.file(b"line\n", "the-input")]))
    reason = _expect_failed(trial)["reason"]
    for word in ("bad_map", "the-input", "3", "why it failed"):
        if word not in reason:
            raise RuleBroken(f"{word!r} in the reason", reason)


@BOOK.rule("cancel ends the task at once; the answer is failed with the "
           "reason cancelled.")
def _task_can_be_cancelled(trial: WorkerTrial) -> None:
    _start(trial, "cancel")
    gate = trial.gate()
    trial.map(gate.wait, [b"line\n"])
    trial.wait_for("the mapper starts", gate.has_begun, lambda: "it does not")
    trial.send({"message_type": "cancel", "task_id": 0})
    reason = _expect_failed(trial)["reason"]
    if reason != "cancelled":
        raise RuleBroken("the reason cancelled", reason)
    trial.expect_task_works()


@BOOK.rule("register_again makes the Worker give up its task and register.",
           takes_time=True)
def _worker_can_be_asked_to_register(trial: WorkerTrial) -> None:
    _start(trial, "register_again")
    gate = trial.gate()
    trial.map(gate.wait, [b"line\n"])
    trial.wait_for("the mapper starts", gate.has_begun, lambda: "it does not")
    # A Worker obeys this only some time after the last register_ack.
    time.sleep(TRUST_TIME)
    trial.send({"message_type": "register_again"})
    trial.expect_registration(trial.times.dead)
    trial.send(ACK)
    gate.open()
    trial.expect_nothing("the task was given up")


@BOOK.rule("An extended map task runs a command with arguments on a range "
           "of a file, with the variables that it names.")
def _extended_task_works(trial: WorkerTrial) -> None:
    _start(trial, "new_extended_map_task")
    trial.send({
        "message_type": "new_extended_map_task", "task_id": 0,
        "splits": [[trial.file(b"one\ntwo\nthree\n"), 4, 8]],
        "executable": trial.script('echo "$1 $NAME"; cat') + " argument",
        "output_directory": str(trial.output), "num_partitions": 1,
        "environment": {"NAME": "value"}})
    message = dict(trial.manager.tcp.expect(
        "finished", trial.times.timeout).message)
    message.pop("counters", None)  # Only such a task may have them.
    wanted = {"message_type": "finished", "task_id": 0, **trial.address}
    if message != wanted:
        raise RuleBroken(shown(wanted), shown(message))
    trial.expect_content("maptask00000-part00000", b"argument value\ntwo\n")
