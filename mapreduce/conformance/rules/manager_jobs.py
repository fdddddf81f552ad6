"""Rules for Managers: jobs, their tasks and their directories."""
from __future__ import annotations

import os
import pathlib
import time

from mapreduce.conformance.manager_trial import SHARED, ManagerTrial
from mapreduce.conformance.rule import RuleBook, RuleBroken
from mapreduce.conformance.transcript import is_same
from mapreduce.conformance.trial import SHUTDOWN

BOOK = RuleBook("manager", "protocol")


def _check_equal(what: str, expected: object, seen: object) -> None:
    if not is_same(expected, seen):
        raise RuleBroken(f"{what} = {expected}", str(seen))


@BOOK.rule("A new_map_task has exactly the fields of the specification: the "
           "mapper, the job's directory job-00000 and the number of reduce "
           "tasks among them.")
def _map_task_is_exact(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.submit(mappers=1, reducers=3, files=2,
                       reducer_executable="/bin/true")
    task = worker.expect_task("map")
    directory = str(task.get("output_directory"))
    _check_equal("task", {
        "message_type": "new_map_task", "task_id": 0,
        "input_paths": job.paths("f0", "f1"), "executable": "/bin/cat",
        "output_directory": directory, "num_partitions": 3}, task)
    _check_equal("the name of the job's directory", "job-00000",
                 os.path.basename(directory))


@BOOK.rule("The input files, sorted by name, are dealt round robin to the "
           "map tasks.")
def _files_go_round_robin(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job(mappers=2, files=5)
    # As text: f10 comes before f2, and capital letters before small ones.
    for name in ("f10", "Z"):
        (job.input / name).touch()
    trial.send(job.message)
    tasks = worker.do_tasks(2)
    _check_equal("the inputs of both map tasks", [
        job.paths("Z", "f1", "f2", "f4"), job.paths("f0", "f10", "f3")],
        [task["input_paths"] for task in tasks])


@BOOK.rule("There are exactly num_mappers map tasks, also where some of them "
           "have no input file.")
def _more_mappers_than_files(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.submit(mappers=3, files=1)
    tasks = worker.do_tasks(3)
    _check_equal(
        "the types and inputs of three tasks",
        [("new_map_task", job.paths("f0")), ("new_map_task", []),
         ("new_map_task", [])],
        [(task["message_type"], task["input_paths"]) for task in tasks])


@BOOK.rule("Only regular files directly inside the input directory are "
           "input; subdirectories are not.")
def _subdirectories_are_no_input(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job(files=2)
    (job.input / "d").mkdir()
    (job.input / "d/inside").touch()
    trial.send(job.message)
    _check_equal("the input paths", job.paths("f0", "f1"),
                 worker.expect_task("map")["input_paths"])


@BOOK.rule("Paths are passed on as they were submitted: a relative path "
           "stays relative.")
def _relative_paths_stay_relative(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job(files=1)
    for name, path in (("input_directory", job.input),
                       ("output_directory", job.output)):
        job.message[name] = os.path.relpath(path)
    trial.send(job.message)
    tasks = worker.do_tasks(2)
    _check_equal("the input paths", job.paths("f0"), tasks[0]["input_paths"])
    _check_equal("the output directory", job.message["output_directory"],
                 tasks[1]["output_directory"])


@BOOK.rule("An input path is os.path.join(input_directory, filename): the "
           "directory is used as it was given, and not made shorter. So is "
           "the output directory.")
def _paths_are_joined_as_text(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.job(files=1)
    directory = f"{job.input.parent}/.//{job.input.name}/"
    job.message.update(input_directory=directory,
                       output_directory=f"{job.output}//")
    trial.send(job.message)
    tasks = worker.do_tasks(2)
    _check_equal("the input paths", [os.path.join(directory, "f0")],
                 tasks[0]["input_paths"])
    _check_equal("the output directory", f"{job.output}//",
                 tasks[1]["output_directory"])


@BOOK.rule("A new_reduce_task has exactly the fields of the specification: "
           "the reducer, the partition of every map task in order, and the "
           "job's output directory.")
def _reduce_task_is_exact(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.submit(mappers=2, reducers=2, reducer_executable="/bin/true")
    tasks = worker.do_tasks(4)
    directory = tasks[0]["output_directory"]
    _check_equal("both reduce tasks", [{
        "message_type": "new_reduce_task", "task_id": partition,
        "executable": "/bin/true", "output_directory": str(job.output),
        "input_paths": [
            f"{directory}/maptask{task:05d}-part{partition:05d}"
            for task in range(2)]} for partition in range(2)], tasks[2:])


@BOOK.rule("The first reduce task is sent only when every map task is "
           "finished.")
def _reduce_waits_for_all_maps(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit(mappers=2, reducers=1)
    task = first.expect_task("map")
    first.finish(task)
    first.expect_nothing("a map task is still with another Worker")
    second.finish(second.expect_task("map"))
    first.expect_task("reduce")


@BOOK.rule("One directory mapreduce-shared-* exists in the shared directory "
           "as soon as the Manager answers over TCP.")
def _shared_directory_is_made_first(trial: ManagerTrial) -> None:
    trial.require_shared_directory()
    trial.send({"message_type": "heartbeat"})  # Ignored; waits for the port.
    names = [path.name for path in trial.shared.iterdir()]
    if len(names) != 1 or not names[0].startswith(SHARED.rstrip("*")):
        raise RuleBroken("one directory mapreduce-shared-*", str(names))


@BOOK.rule("The UDP socket is there as soon as the Manager answers over "
           "TCP.")
def _udp_socket_is_made_first(trial: ManagerTrial) -> None:
    trial.send({"message_type": "heartbeat"})  # Ignored; waits for the port.
    trial.expect_udp_socket()


@BOOK.rule("The shared directory is kept until the Manager ends, and is "
           "removed then.")
def _shared_directory_lives_with_the_manager(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    made = trial.leftovers(SHARED)
    if len(made) != 1:
        raise RuleBroken(f"one directory {SHARED} in that of TMPDIR, or in "
                         "{shared_dir}", str(made))
    trial.expect_job_works(worker)
    time.sleep(trial.times.quiet)
    _check_equal("the directory after a job", made, trial.leftovers(SHARED))
    trial.send(SHUTDOWN)
    trial.expect_end(trial.times.prompt)
    _check_equal("the directories after the end", [],
                 trial.leftovers(SHARED))


@BOOK.rule("A job starts without a Worker, too: job-00000 is made in the "
           "shared directory, and the output directory with its parents.")
def _directories_are_made_at_the_start(trial: ManagerTrial) -> None:
    job = trial.job()
    output = job.output / "a" / "b"
    job.message["output_directory"] = str(output)
    trial.send(job.message)
    trial.wait_for("the output directory", output.is_dir,
                   lambda: "there is none")
    trial.require_shared_directory()
    trial.wait_for(
        "job-00000 in mapreduce-shared-*",
        lambda: trial.job_directories() == ["job-00000"],
        lambda: str(trial.job_directories()))


@BOOK.rule("An output directory that exists is deleted when its job starts.")
def _old_output_is_deleted(trial: ManagerTrial) -> None:
    job = trial.job()
    job.output.mkdir()
    old = job.output / "part-00007"
    old.touch()
    trial.send(job.message)
    trial.wait_for("the old file is gone", lambda: not old.exists(),
                   lambda: "it is still there")
    trial.wait_for("a new output directory", job.output.is_dir,
                   lambda: "there is none")


def _submit_behind_another(trial: ManagerTrial) -> pathlib.Path:
    """Submit a job behind one that runs; return an old part of its result."""
    queued = trial.job()
    queued.output.mkdir()
    old = queued.output / "part-00007"
    old.touch()
    trial.send(queued.message)
    return old


@BOOK.rule("A job that waits for another one leaves its output directory "
           "alone, until it starts.")
def _queued_job_touches_nothing(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    task = worker.expect_task("map")
    old = _submit_behind_another(trial)
    new = trial.submit().output
    worker.expect_nothing("the Worker has a task")
    if not old.exists():
        raise RuleBroken("the old result of a queued job", "it is gone")
    if new.exists():
        raise RuleBroken("no output directory of a queued job", "it was made")
    worker.finish(task)
    worker.do_tasks(1)
    worker.expect_task("map")
    if old.exists():
        raise RuleBroken("the old result is gone when the job starts",
                         "it is still there")


@BOOK.rule("Jobs run one at a time, in the order of arrival, with the "
           "directories job-00000 and job-00001, and with task ids from 0.")
def _jobs_run_in_order(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit(mappers=1, reducers=1)
    task = first.expect_task("map")
    # Not earlier: a Manager with threads may handle two jobs in any order.
    queued = trial.submit(mappers=1, reducers=1)
    second.expect_nothing("the first job has no other task")
    first.finish(task)
    reduce_task = first.expect_task("reduce")
    second.expect_nothing("the first job still runs")
    first.finish(reduce_task)
    task = first.expect_task("map")
    _check_equal("the directory of the second job", "job-00001",
                 os.path.basename(task["output_directory"]))
    _check_equal("its first task and the input of that",
                 (0, queued.paths("f0", "f1")),
                 (task["task_id"], task["input_paths"]))


@BOOK.rule("A job ends when every reduce task is finished, and not before.")
def _job_ends_with_its_last_task(trial: ManagerTrial) -> None:
    first, second = trial.workers(2)
    trial.submit(reducers=2)
    task = first.expect_task("map")
    trial.submit()
    first.finish(task)
    task, last = first.expect_task("reduce"), second.expect_task("reduce")
    first.finish(task)
    first.expect_nothing("the other reduce task is not finished")
    second.finish(last)
    first.expect_task("map")


@BOOK.rule("shutdown drops the jobs that wait: they never start.")
def _shutdown_drops_the_queue(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    worker.expect_task("map")
    old = _submit_behind_another(trial)
    worker.expect_nothing("the Worker has a task")
    trial.send(SHUTDOWN)
    worker.expect("shutdown")
    trial.expect_end(trial.times.prompt)
    if not old.exists():
        raise RuleBroken("the old result of a job that never started",
                         "it is gone")


@BOOK.rule("The directory of a job is removed when its last reduce task is "
           "finished.")
def _job_directory_is_removed(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    trial.submit()
    tasks = worker.do_tasks(2)
    directory = pathlib.Path(tasks[0]["output_directory"])
    trial.wait_for("the job's directory is gone",
                   lambda: not directory.exists(),
                   lambda: f"{directory} is still there")


@BOOK.rule("The output directory holds the parts and nothing else when the "
           "job has ended.")
def _nothing_is_added_to_the_output(trial: ManagerTrial) -> None:
    worker, = trial.workers(1)
    job = trial.submit(reducers=2)
    tasks = worker.do_tasks(3)
    directory = pathlib.Path(tasks[0]["output_directory"])
    trial.wait_for("the end of the job", lambda: not directory.exists(),
                   lambda: f"{directory} is still there")
    _check_equal("the files", ["part-00000", "part-00001"],
                 sorted(path.name for path in job.output.iterdir()))
