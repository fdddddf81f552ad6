"""mapreduce-status: what it asks, and what it prints of the answers."""
import json
import re

import pytest

from mapreduce import status
from tests.support.clients import run
from tests.support.fake_manager import FakeManager, cluster, job, task, worker


def test_status_as_text():
    """Plain where no terminal is, and not cut however long a name is."""
    long = "/results/" + 100 * "x"
    with FakeManager(cluster(
            job("done", id=0, tasks_done=4, seconds=65.2, name="all words"),
            job("map", id=1, tasks_done=1, output_directory=long),
            workers=[worker(), worker("busy", port=16002, task={
                "job_id": 1, "stage": "map", "task_id": 7})])) as manager:
        outcome = run(status.main, manager.port)
    assert outcome == (0, f"""\
WORKER           STATE  TASK         LAST HEARD  DONE  FAILED
localhost:6001   ready  -            0.5 s ago   2     1
localhost:16002  busy   job 1 map 7  0.5 s ago   2     1

JOB  NAME       STATE  TASKS  TIME        OUTPUT
0    all words  done   4/4    1 min 05 s  out
1    -          map    1/4    1.5 s       {long}

Relative paths are meant in /cluster
""", "")


def test_status_of_nothing():
    with FakeManager(cluster()) as manager:
        assert run(status.main, manager.port) == (
            0, "No Workers\n\nNo jobs\n\n"
            "Relative paths are meant in /cluster\n", "")


@pytest.mark.parametrize("options, advice", [
    ([], "No Worker lives; mapreduce-worker starts one\n"),
    (["--quiet"], ""),
])
def test_status_advises_to_start_a_worker(options, advice):
    with FakeManager(cluster(job("map"), workers=[worker("dead")])) as manager:
        assert run(status.main, manager.port, *options)[2] == advice


def test_status_of_a_job():
    with FakeManager({
            "job": job("failed", name="n\x1b", reason="map exited 1:\nno\n"),
            "tasks": [
                task("map", 0, "done"),
                task("map", 1, "failed", attempts=4, reason="no 1\nno 2\n"),
                task("reduce", 0, "waiting", worker=None, seconds=None,
                     attempts=0)]}) as manager:
        outcome = run(status.main, manager.port, "3")
    assert manager.heard == [{"message_type": "get_job", "job_id": 3}]
    assert outcome == (0, """\
Job 3 (n\\x1b): failed
  tasks done          0 of 4: map 0 of 2, reduce 0 of 2
  running time        1.5 s
  input directory     in
  output directory    out
  mapper executable   map
  reducer executable  reduce
  relative paths in   /cluster
  reason              map exited 1:
                      no

TASK      STATE    WORKER          ATTEMPTS  TIME
map 0     done     localhost:6001  1         0.2 s
map 1     failed   localhost:6001  4         0.2 s
reduce 0  waiting  -               0         -

map 1 failed:
  no 1
  no 2
""", "")


@pytest.mark.parametrize("options, answer", [
    ([], cluster(job("map", name="\udce9"), workers=[worker()])),
    (["3"], {"job": job("map"), "tasks": [task("map", 0, "running")],
             "counters": [{"group": "g", "name": "n", "amount": -1}],
             "options": [{"name": "num_reducers", "value": "2"}]}),
])
def test_status_as_json(options, answer):
    """It is what the Manager answered."""
    with FakeManager(answer) as manager:
        code, stdout, stderr = run(
            status.main, manager.port, "--json", *options)
    assert (code, stderr) == (0, "")
    assert json.loads(stdout) == answer
    assert stdout == json.dumps(json.loads(stdout), indent=2) + "\n"


def test_watch_prints_what_has_changed():
    """Time that goes by is no change; a Manager that goes is the end."""
    steps = [cluster(job(state, seconds=seconds)) for state, seconds in [
        ("map", 1.0), ("map", 2.0), ("reduce", 2.0), ("reduce", 3.0)]]
    with FakeManager(*steps, b"", b"") as manager:
        code, stdout, stderr = run(status.main, manager.port, "--watch")
    assert (code, stderr.count("\n")) == (3, 1)
    assert stderr.startswith("Error: the Manager has gone: ")
    assert re.findall(r"^3 .*?(map|reduce)", stdout, re.MULTILINE) == [
        "map", "reduce"]
