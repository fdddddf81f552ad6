"""Rules for Workers: tasks, messages and peers that are not as they should."""
from __future__ import annotations

import os
import signal
import time
from typing import Any

from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.rules.unusable import (
    Payloads,
    add_rules,
    with_a_nul,
    with_a_wrong_type,
    without_a_field,
)
from mapreduce.conformance.trial import SHUTDOWN
from mapreduce.conformance.worker_trial import LOCAL, Gate, WorkerTrial

BOOK = RuleBook("worker", "faults")

KILL_TIME = 3.0  # seconds until no process of a killed Worker's task is left


def _messages(trial: WorkerTrial) -> list[dict[str, Any]]:
    """Return a task of each type; both can be done."""
    task = trial.map_task(trial.script("exec cat"), [trial.file(b"line\n")])
    reduce_task = {**task, "message_type": "new_reduce_task"}
    del reduce_task["num_partitions"]
    return [task, reduce_task]


MALFORMED: dict[str, Payloads[WorkerTrial]] = {
    "a task without one of its fields":
        lambda trial: without_a_field(_messages(trial)),
    "a field of a wrong type":
        lambda trial: with_a_wrong_type(_messages(trial)),
    "a path with a NUL":
        lambda trial: with_a_nul(_messages(trial)[0], "executable"),
}


def _check_ignored(trial: WorkerTrial, payloads: list[bytes]) -> None:
    trial.ready()
    for payload in payloads:
        trial.send(payload)
    trial.expect_nothing("no message can be used")
    trial.expect_task_works()


add_rules(BOOK, "Worker", MALFORMED, _check_ignored)


def _add_failure(what: str, stage: str, line: str) -> None:
    """Add a rule for a script that fails."""
    def check(trial: WorkerTrial) -> None:
        trial.ready()
        send = trial.map if stage == "mapper" else trial.reduce
        send(line, [b"line\n"])
        trial.expect_nothing(f"the {stage} {what}, so nothing is finished")
        trial.expect_names()
        trial.expect_task_works()
        trial.wait_for(
            f"no {LOCAL} of that task", lambda: not trial.leftovers(LOCAL),
            lambda: str(trial.leftovers(LOCAL)))

    check.__name__ = f"{stage}-{what}".replace(" ", "-")
    BOOK.rule(f"A {stage} that {what} is never reported as finished, and "
              "leaves no file.")(check)


_add_failure("exits with an error", "mapper", "cat; exit 3")
_add_failure("is killed by a signal", "mapper", "cat; kill -9 $$")
_add_failure("exits with an error", "reducer", "cat; exit 3")


@BOOK.rule("An executable that is missing, or no executable, is never "
           "reported as finished, and the Worker goes on.")
def _missing_executable_fails(trial: WorkerTrial) -> None:
    trial.ready()
    path = trial.file(b"line\n")
    for executable in (str(trial.directory / "missing"), path):
        trial.send(trial.map_task(executable, [path]))
        trial.expect_nothing("this executable can't run")
    trial.expect_task_works()


@BOOK.rule("A task whose input file is missing is never reported as "
           "finished, and the Worker goes on.")
def _missing_input_fails(trial: WorkerTrial) -> None:
    trial.ready()
    trial.send(trial.map_task(
        trial.script("exec cat"), [str(trial.directory / "missing")]))
    trial.expect_nothing("there is no such file")
    trial.expect_task_works()


@BOOK.rule("Much text on standard error never blocks a task.")
def _standard_error_never_blocks(trial: WorkerTrial) -> None:
    trial.ready()
    noise = "head -c 1000000 /dev/zero >&2; exec cat"
    trial.map(noise, [b"line\t1\n"])
    trial.expect_finished()
    trial.reduce(noise, [b"line\n"])
    trial.expect_finished()


@BOOK.rule("A child that holds nothing but standard error open never blocks "
           "a task.")
def _child_with_standard_error_never_blocks(trial: WorkerTrial) -> None:
    trial.ready()
    # The child ends with this trial, at the latest.
    line = f"({trial.gate().wait}) > /dev/null & exec cat"
    trial.map(line, [b"line\t1\n"])
    trial.expect_finished()
    trial.reduce(line, [b"line\n"])
    trial.expect_finished()


@BOOK.rule("An executable that does not read its input is no failure.")
def _unread_input_is_no_failure(trial: WorkerTrial) -> None:
    trial.ready()
    # More than a pipe holds.
    content = b"line\n" * 100_000
    trial.map("printf 'only\\t1\\n'", [content])
    trial.expect_finished()
    trial.reduce("echo only", [content])
    trial.expect_finished()
    trial.expect_content("part-00000", b"only\n")


@BOOK.rule("Standard output is read to its end, also if a child writes it "
           "after the executable has ended.")
def _late_output_is_not_lost(trial: WorkerTrial) -> None:
    trial.ready()
    late = "(sleep 0.3; printf 'late\\t1\\n') & exit 0"
    trial.map(late, [b""])
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"late\t1\n")
    trial.reduce(late, [b""])
    trial.expect_finished()
    trial.expect_content("part-00000", b"late\t1\n")


@BOOK.rule("The output of two input files never runs together, also if the "
           "first one lacks its last newline.")
def _missing_newline_is_added(trial: WorkerTrial) -> None:
    trial.ready()
    trial.map("exec cat", [b"first\t1", b"second\t2"])
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"first\t1\nsecond\t2\n")


@BOOK.rule("All bytes arrive as they were written: NUL, CR, CR LF, and what "
           "is no UTF-8.")
def _bytes_arrive_unchanged(trial: WorkerTrial) -> None:
    lines = sorted([b"nul\0\t\0\n", b"cr\rcr\n", b"crlf\r\n", b"\xff\xfe\n",
                    b" space\t\n"])
    trial.ready()
    trial.map("exec cat", [b"".join(lines)])
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"".join(lines))
    trial.reduce("exec cat", [b"".join(lines)])
    trial.expect_finished()
    trial.expect_content("part-00000", b"".join(lines))


@BOOK.rule("A line of 10 MB works.")
def _long_lines_work(trial: WorkerTrial) -> None:
    line = b"key\t" + b"x" * 10_000_000 + b"\n"
    trial.ready()
    trial.map("exec cat", [line])
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", line)


@BOOK.rule("Input files with spaces, newlines or bytes that are no UTF-8 in "
           "their names work.")
def _odd_names_work(trial: WorkerTrial) -> None:
    paths = [trial.file(b"line\t1\n", name) for name in (
        "a b", "new\nline", os.fsdecode(b"\xff"), "-dash")]
    trial.ready()
    trial.send(trial.map_task(trial.script("exec cat"), paths))
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"line\t1\n" * 4)


@BOOK.rule("Clients that connect and send nothing delay no task.")
def _idle_clients_delay_nobody(trial: WorkerTrial) -> None:
    trial.ready()
    trial.connect_idle(1)
    trial.connect_idle(20, b"{")
    trial.expect_task_works()


def _run_until_killed(trial: WorkerTrial) -> Gate:
    """Start a map task that waits, also in a child; return its gate."""
    gate = trial.gate()
    trial.ready()
    trial.map(f"sh -c \"{gate.wait_in_child}\" & {gate.wait}", [b"line\n"])
    trial.wait_for("the mapper starts", lambda: gate.has_begun(2),
                   lambda: "it does not")
    # The Worker may be about to note which processes it has started.
    time.sleep(trial.times.quiet)
    return gate


def _expect_no_process(trial: WorkerTrial, gate: Gate) -> None:
    pids = gate.pids()
    trial.wait_for(
        "no process of the task is left",
        lambda: not set(pids) & set(trial.daemon.others()),
        lambda: "still running: "
        f"{sorted(set(pids) & set(trial.daemon.others()))}", KILL_TIME)


def _add_signal(number: signal.Signals, note: str = "") -> None:
    def check(trial: WorkerTrial) -> None:
        gate = _run_until_killed(trial)
        trial.expect_clean_end(LOCAL, number)
        _expect_no_process(trial, gate)

    check.__name__ = f"{number.name.lower()}-leaves-nothing"
    BOOK.rule(f"{number.name}{note} ends the Worker and the processes of its "
              f"task, with exit code 0, and no {LOCAL} stays.")(check)


_add_signal(signal.SIGTERM)
_add_signal(signal.SIGINT, " (Ctrl-C)")
_add_signal(signal.SIGHUP)


@BOOK.rule("A task that runs once more replaces the files that it has left.")
def _files_are_replaced(trial: WorkerTrial) -> None:
    trial.ready()
    for line in (b"first\t1\n", b"second\t2\n"):
        trial.map("exec cat", [line])
        trial.expect_finished()
        trial.expect_content("maptask00000-part00000", line)
        trial.reduce("exec cat", [line])
        trial.expect_finished()
        trial.expect_content("part-00000", line)


@BOOK.rule("Within 3 s of a kill -9 of the Worker, no process of its task is "
           "left.")
def _kill_leaves_no_process(trial: WorkerTrial) -> None:
    gate = _run_until_killed(trial)
    trial.daemon.signal(signal.SIGKILL)
    _expect_no_process(trial, gate)


@BOOK.rule("A second Worker at the same port ends with an error; the first "
           "goes on.")
def _port_in_use_is_an_error(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_second_is_refused()


@BOOK.rule("A Worker that was started before its Manager registers when that "
           "listens.", takes_time=True)
def _waits_for_its_manager(trial: WorkerTrial) -> None:
    trial.manager.leave()
    trial.start()
    time.sleep(trial.times.prompt)
    trial.expect_running()
    trial.manager.reopen()
    trial.expect_registration(trial.times.dead)


@BOOK.rule("A Worker whose Manager is gone lives on, and registers with the "
           "next one at that address.", takes_time=True)
def _registers_with_the_next_manager(trial: WorkerTrial) -> None:
    trial.ready()
    trial.expect_heartbeat(trial.times.heartbeat)
    trial.manager.leave()
    # Only a heartbeat shows the Worker that its Manager is gone.
    time.sleep(2 * trial.times.heartbeat)
    trial.expect_running()
    trial.manager.reopen()
    trial.expect_registration(trial.times.dead)
    trial.send(SHUTDOWN)
    trial.expect_end(trial.times.timeout)


@BOOK.rule("A Worker that was stopped for more than 10 s registers again, "
           "and reports nothing of the task that it had.", takes_time=True)
def _stopped_worker_registers_again(trial: WorkerTrial) -> None:
    gate = _run_until_killed(trial)
    trial.daemon.signal(signal.SIGSTOP)
    trial.transcript.add("the kit", "stops the Worker")
    time.sleep(trial.times.dead + trial.times.slack)
    gate.open()
    trial.daemon.signal(signal.SIGCONT)
    trial.transcript.add("the kit", "continues the Worker")
    trial.expect_registration()
    trial.expect_nothing("the Manager has requeued that task")
    if any(trial.output.iterdir()):
        raise RuleBroken("no output of that task", str(
            sorted(path.name for path in trial.output.iterdir())))
