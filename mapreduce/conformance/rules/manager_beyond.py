"""Rules for Managers: what this project adds to the specification.

They are checked only where the Manager says that it accepts the messages.
"""
from __future__ import annotations

from typing import Any

from mapreduce.conformance.manager_trial import ManagerTrial, PlayedWorker
from mapreduce.conformance.rule import RuleBook, RuleBroken

BOOK = RuleBook("manager", "beyond")

ATTEMPTS = 4
STATUS = {"message_type": "get_status"}


def _worker(trial: ManagerTrial, *types: str) -> PlayedWorker:
    worker, = trial.workers(1)
    trial.require_types(*types)
    return worker


def _fail(trial: ManagerTrial, worker: PlayedWorker, task_id: int) -> None:
    trial.send({"message_type": "failed", "task_id": task_id,
                **worker.address, "reason": "it exited 3: a planted fault"})


def _state_of(trial: ManagerTrial, job_id: int) -> tuple[Any, Any]:
    """Return the state of a job, and why it failed."""
    answer = trial.query(STATUS)
    for job in answer["jobs"] if isinstance(answer, dict) else ():
        if job.get("id") == job_id:
            return job.get("state"), job.get("reason")
    return None, None


def _expect_state(
    trial: ManagerTrial, job_id: int, state: str, words: str
) -> None:
    trial.wait_for(
        f"job {job_id} {state} with {words!r} in its reason",
        lambda: _state_of(trial, job_id)[0] == state
        and words in str(_state_of(trial, job_id)[1]),
        lambda: str(_state_of(trial, job_id)))


@BOOK.rule("A task that failed is given out again.")
def _failed_task_is_tried_again(trial: ManagerTrial) -> None:
    worker = _worker(trial, "failed")
    trial.submit()
    _fail(trial, worker, worker.expect_task("map")["task_id"])
    worker.do_tasks(2)


@BOOK.rule("A job whose task failed four times fails with the reason of the "
           "task, and the next job runs.")
def _job_fails_after_four_attempts(trial: ManagerTrial) -> None:
    worker = _worker(trial, "failed", "get_status")
    trial.submit()
    for _ in range(ATTEMPTS):
        _fail(trial, worker, worker.expect_task("map")["task_id"])
    _expect_state(trial, 0, "failed", "a planted fault")
    trial.expect_job_works(worker)


@BOOK.rule("A query of the status is answered with the Workers and the jobs.")
def _status_is_answered(trial: ManagerTrial) -> None:
    worker = _worker(trial, "get_status")
    trial.submit()
    worker.expect_task("map")
    answer = trial.query(STATUS)
    seen = ([item.get("port") for item in answer["workers"]],
            [item.get("state") for item in answer["jobs"]])
    if seen != ([worker.listener.port], ["map"]):
        raise RuleBroken("this Worker, and a job in its map stage", str(seen))


@BOOK.rule("A query of a job is answered with its tasks.")
def _tasks_are_answered(trial: ManagerTrial) -> None:
    worker = _worker(trial, "get_job")
    trial.submit(mappers=2, reducers=3)
    worker.expect_task("map")
    answer = trial.query({"message_type": "get_job", "job_id": 0})
    seen = len(answer["tasks"]) if isinstance(answer, dict) else 0
    if seen != 5:
        raise RuleBroken("5 tasks", str(seen))


@BOOK.rule("A job that is cancelled ends when its Worker has answered, and "
           "the next one runs.")
def _job_can_be_cancelled(trial: ManagerTrial) -> None:
    worker = _worker(trial, "cancel_job", "get_status")
    worker.listener.tcp.ignored -= {"cancel"}
    trial.submit()
    task = worker.expect_task("map")
    trial.send({"message_type": "cancel_job", "job_id": 0})
    worker.expect("cancel").expect_message(
        {"message_type": "cancel", "task_id": task["task_id"]})
    _fail(trial, worker, task["task_id"])
    trial.wait_for("a cancelled job",
                   lambda: _state_of(trial, 0)[0] == "cancelled",
                   lambda: str(_state_of(trial, 0)))
    trial.expect_job_works(worker)


@BOOK.rule("A Worker that is unknown and goes on to send heartbeats is asked "
           "to register again, at most once in 10 s.", takes_time=True)
def _stranger_is_asked_to_register(trial: ManagerTrial) -> None:
    _worker(trial, "failed")
    stranger = trial.worker()
    stranger.listener.tcp.ignored -= {"register_again"}
    trial.begin_heartbeats(stranger)
    stranger.listener.tcp.expect("register_again", trial.times.dead)
    stranger.expect_nothing("it was asked a moment ago",
                            2 * trial.times.heartbeat)


@BOOK.rule("A job with options is given only to Workers that know them.")
def _options_are_kept_from_strict_workers(trial: ManagerTrial) -> None:
    worker = _worker(trial, "new_extended_job")
    job = trial.job()
    fields = dict(job.message, message_type="new_extended_job",
                  input_paths=[job.message["input_directory"]],
                  environment={"NAME": "value"})
    del fields["input_directory"]
    trial.send(fields)
    worker.expect_nothing("the specification has no such task")
