"""The clients that ask: submit --wait, status, cancel; and their codes."""
import contextlib
import importlib
import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess

import pytest
from click.testing import CliRunner

from mapreduce import cancel, status, submit
from mapreduce.client import progress
from mapreduce.display import text
from mapreduce.protocol import codec
from mapreduce.protocol.status import ClusterStatus, JobDetails
from mapreduce.utils import network
from tests import wire
from tests.cluster import TIMEOUT, command, free_port
from tests.fake_manager import FakeManager, cluster, job, task, worker

SUMMARY = """\
Submitted job to Manager localhost:{port}
input directory      tests/testdata/input
output directory     output
mapper executable    tests/testdata/exec/wc_map.sh
reducer executable   tests/testdata/exec/wc_reduce.sh
num mappers          2
num reducers         2
"""
FOREIGN = (
    "Error: Manager localhost:{port} does not answer questions: what listens "
    "there is another program, an older version, or busy\n")
UNREACHABLE = (
    "Error: {gone}cannot reach Manager localhost:{port}: Connection refused; "
    "is one running there?\n")

QUESTIONS = [
    pytest.param(status.main, [], id="status"),
    pytest.param(status.main, ["3"], id="status-of-a-job"),
    pytest.param(status.main, ["--json"], id="status-json"),
    pytest.param(status.main, ["--watch"], id="status-watch"),
    pytest.param(cancel.main, ["3"], id="cancel"),
    pytest.param(submit.main, ["--wait"], id="submit-wait"),
]


@pytest.fixture(autouse=True)
def _haste(mocker):
    """Look often, so that tests are quick."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.001)
    mocker.patch("mapreduce.status.WATCH_INTERVAL", 0.001)


def run(main, port, *options):
    """Run a client in this process."""
    outcome = CliRunner().invoke(main, ["-p", str(port), *options])
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


def with_key(*states, **fields):
    """Return answers, as functions: the job asked for, in these states."""
    return [lambda question, state=state: cluster(
        *[job(state, key=question["job_key"], **fields)] * bool(state),
        workers=[worker()]) for state in states]


@pytest.mark.parametrize("main, options", QUESTIONS)
def test_no_manager(main, options):
    port = free_port()
    assert run(main, port, *options) == (
        3, "", UNREACHABLE.format(port=port, gone=""))


@pytest.mark.parametrize("main, options", QUESTIONS)
@pytest.mark.parametrize("answer", [
    None, b"", b"{", b"[]", {}, {"jobs": 1}, {"job": {}, "tasks": []},
    cluster({"id": "3"}),
], ids=str)
def test_manager_that_gives_no_answer(mocker, main, options, answer):
    """Nothing but the question was sent."""
    mocker.patch.object(network, "SEND_TIMEOUT", 0.05)
    with FakeManager(answer) as manager:
        assert run(main, manager.port, *options) == (
            3, "", FOREIGN.format(port=manager.port))
    assert {kind[:4] for kind in manager.types()} == {"get_"}


def test_wait_for_a_job_that_is_done():
    with FakeManager(cluster(), *with_key(
            "", "queued", "map", "map", "reduce", "done")) as manager:
        outcome = run(submit.main, manager.port, "--wait", "--name", "words")
    assert outcome == (0, SUMMARY.format(port=manager.port), (
        "job 3: queued\n"
        "job 3: map, 0 of 4 tasks done\n"
        "job 3: reduce, 0 of 4 tasks done\n"
        "job 3: done in 1.5 s; the result is in /cluster/out\n"))
    key = manager.heard[1].get("job_key")
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert manager.heard == [
        {"message_type": "get_status"},
        wire.job("output", job_key=key, job_name="words"),
        *[{"message_type": "get_status", "job_key": key}] * 6]


def test_each_wait_has_a_key_of_its_own():
    keys = set()
    for _ in range(2):
        with FakeManager(cluster(), *with_key("done")) as manager:
            assert run(submit.main, manager.port, "--wait")[0] == 0
        keys.add(manager.heard[1]["job_key"])
    assert len(keys) == 2


def test_quiet_wait():
    with FakeManager(cluster(), *with_key("map", "done")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            0, "", "")


@pytest.mark.parametrize("options", [[], ["--quiet"]])
@pytest.mark.parametrize("state, fields, error", [
    ("failed", {"reason": "map exited 3:\n\x1b[31mno 'x'"},
     "Error: job 3 failed: map exited 3:\n\\x1b[31mno 'x'\n"),
    ("failed", {"name": "n"}, "Error: job 3 (n) failed\n"),
    ("cancelled", {}, "Error: job 3 was cancelled\n"),
])
def test_wait_for_a_job_that_fails(options, state, fields, error):
    with FakeManager(cluster(), *with_key(state, **fields)) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait", *options)
    assert (code, stderr) == (1, error)


def test_wait_tells_once_that_nobody_works():
    def unattended(question):
        return cluster(job("queued", key=question["job_key"]),
                       workers=[worker("dead")])

    with FakeManager(cluster(), unattended, unattended, *with_key(
            "done")) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait")
    assert (code, stderr.count("No Worker lives; mapreduce-worker")) == (0, 1)


def test_wait_for_a_job_that_never_shows_up(mocker):
    mocker.patch("mapreduce.client.progress.KEY_TIMEOUT", 0.05)
    with FakeManager(cluster(job("map"))) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            3, "", "Error: the Manager took the job but does not know it yet: "
            "it is busy, or was started anew\n")


def test_wait_for_a_manager_that_forgets_the_job():
    with FakeManager(cluster(), *with_key("map", "")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            3, "", "Error: the Manager no longer knows the job: it was "
            "started anew; submit the job again\n")


def test_wait_bears_one_question_without_answer():
    with FakeManager(cluster(), *with_key("map"), b"", *with_key(
            "map"), b"", *with_key("done")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet")[0] == 0


def test_wait_gives_up_after_two():
    with FakeManager(
            cluster(), *with_key("map"), b"", b"", *with_key("done")
    ) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait", "--quiet")
    assert (code, stderr) == (3, FOREIGN.format(port=manager.port).replace(
        "Error: ", "Error: the Manager has gone: "))


def test_nothing_to_wait_for():
    """A shutdown is no job; nothing is sent."""
    with FakeManager(cluster()) as manager:
        assert run(submit.main, manager.port, "--wait", "-s")[0] == 2
    assert manager.heard == []


@pytest.mark.parametrize("options, fields", [
    ([], {}),
    (["--name", "words"], {"job_name": "words"}),
    (["--name", ""], {}),
])
def test_submit_without_wait(sockets, options, fields):
    """It asks nothing, and sends no field that it wasn't told."""
    outcome = CliRunner().invoke(submit.main, options)
    assert (outcome.stdout, outcome.stderr) == (SUMMARY.format(port=6000), "")
    assert sockets.sent == [
        ("localhost", 6000, wire.job("output", **fields))]


@pytest.mark.parametrize("options", [["--quiet"], ["--quiet", "-s"]])
def test_quiet_submit(sockets, options):
    outcome = CliRunner().invoke(submit.main, options)
    assert (outcome.exit_code, outcome.output) == (0, "")
    assert len(sockets.sent) == 1


def test_lines_are_ten_seconds_apart(capsys):
    """Within a stage; and only if there is something new."""
    now = 0.0
    lines = progress.Lines(lambda: now)
    for now, done in enumerate([0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4]):
        lines.show(the(job("map", tasks_done=done)))
    for now, done in (30, 4), (60, 4), (61, 5):
        lines.show(the(job("map", tasks_done=done)))
    lines.show(the(job("reduce", tasks_done=5)))
    assert re.findall(r"(\w+), (\d)", capsys.readouterr().err) == [
        ("map", "0"), ("map", "3"), ("map", "4"), ("map", "5"),
        ("reduce", "5")]


def the(document):
    """Return the record of a job."""
    answer = {"job": document, "tasks": []}
    return codec.answer_from_document(JobDetails, answer).job


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
             "counters": [{"group": "g", "name": "n", "amount": -1}]}),
])
def test_status_as_json(options, answer):
    """It is what the Manager answered."""
    with FakeManager(answer) as manager:
        code, stdout, stderr = run(
            status.main, manager.port, "--json", *options)
    assert (code, stderr) == (0, "")
    assert json.loads(stdout) == answer
    assert stdout == json.dumps(json.loads(stdout), indent=2) + "\n"


@pytest.mark.parametrize("main, options, answer", [
    (status.main, ["3"], {"job": None, "tasks": []}),
    (cancel.main, ["3"], cluster()),
])
def test_unknown_job(main, options, answer):
    with FakeManager(answer) as manager:
        assert run(main, manager.port, *options) == (
            2, "", f"Error: Manager localhost:{manager.port} knows no job 3; "
            f"mapreduce-status -p {manager.port} shows those that it knows\n")


@pytest.mark.parametrize("main, options", [
    (status.main, ["x"]), (status.main, ["-1"]), (status.main, ["1", "2"]),
    (status.main, ["--json", "--watch"]), (cancel.main, []),
    (cancel.main, ["x"]),
])
def test_wrong_usage(main, options):
    code, stdout, stderr = run(main, free_port(), *options)
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1].startswith("Error: ")


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


def test_cancel():
    """It returns when the job is cancelled."""
    with FakeManager(*(cluster(job(state, name="n"))
                       for state in ("map", "map", "cancelled"))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            0, "Cancelled job 3 (n)\n", "")
    assert manager.types() == [
        "get_status", "cancel_job", "get_status", "get_status"]
    assert manager.heard[1] == {"message_type": "cancel_job", "job_id": 3}


def test_quiet_cancel():
    with FakeManager(*(cluster(job(state))
                       for state in ("queued", "cancelled"))) as manager:
        assert run(cancel.main, manager.port, "3", "--quiet") == (0, "", "")


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_cancel_of_a_job_that_has_ended(state):
    """No command is sent."""
    with FakeManager(cluster(job(state))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            1, "", f"Error: job 3 has ended already: it is {state}\n")
    assert manager.types() == ["get_status"]


def test_cancel_that_comes_too_late():
    with FakeManager(*(cluster(job(state))
                       for state in ("reduce", "done"))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            1, "", "Error: job 3 ended before it could be cancelled: "
            "it is done\n")


@contextlib.contextmanager
def process(name, port, *options, env=None, **streams):
    """Run a client as a process; kill it if it is still there."""
    with subprocess.Popen(
            [command(name), "-p", str(port), *options],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **streams}, env={**os.environ, **(env or {})}) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_signal_while_waiting(number, code, options):
    """The job goes on; there is no traceback."""
    with (FakeManager(cluster(), *with_key("map")) as manager,
          process("submit", manager.port, "--wait", *options) as waiting):
        manager.wait_for("get_status", 4)
        waiting.send_signal(number)
        _, stderr = waiting.communicate(timeout=TIMEOUT)
    words = f"-p {manager.port} 3\n"
    assert waiting.returncode == code
    assert stderr.decode().replace("job 3: map, 0 of 4 tasks done\n", "") == (
        f"Job 3 goes on. Watch it: mapreduce-status {words}"
        f"Cancel it: mapreduce-cancel {words}")


@pytest.mark.parametrize("name, options, answer, note", [
    ("status", ["--watch"], cluster(), b""),
    ("cancel", ["3"], cluster(job("map")),
     b"Job 3 is being cancelled. See whether it is: mapreduce-status -p "),
    ("submit", ["--wait"], None, b""),
])
@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal(name, options, answer, note, number, code):
    """In the middle of a question, too."""
    times = 1 if answer is None else 3
    with (FakeManager(answer) as manager,
          process(name, manager.port, *options) as running):
        manager.wait_for("get_status", times)
        running.send_signal(number)
        _, stderr = running.communicate(timeout=TIMEOUT)
    assert running.returncode == code
    assert stderr.startswith(note) and b"Traceback" not in stderr
    assert bool(stderr) == bool(note)


def on_terminal(name, port, *options, until=b"", number=0, **env):
    """Run a client on a terminal; return its exit code and what it wrote.

    When the text until is there, it gets a signal.
    """
    leader, follower = pty.openpty()
    with process(name, port, *options, stdout=follower, stderr=follower,
                 env={"TERM": "xterm-256color", "COLUMNS": "100", **env}
                 ) as running:
        os.close(follower)
        written = b""
        for sent in itertools.count():
            assert select.select([leader], [], [], TIMEOUT)[0], written
            try:
                written += os.read(leader, 65536)
            except OSError:  # Nobody has the other end any more.
                break
            if number and until in written:
                running.send_signal(number)
                number = 0
            assert sent < 10_000
        os.close(leader)
        return running.wait(TIMEOUT), written.decode()


@pytest.mark.parametrize("env, colours", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours(env, colours):
    """On a terminal that has some, and for who wants them."""
    clean = {**env, "NO_COLOR": env.get("NO_COLOR", "")}
    with FakeManager(cluster(job("failed", name="[b]"),
                             workers=[worker("dead")])) as manager:
        code, written = on_terminal("status", manager.port, **clean)
    assert code == 0
    assert ("\x1b[31m" in written) == colours
    assert "[b]" in written and "localhost:6001" in written


def test_bar():
    """It follows the job on a terminal, and the result is a line below."""
    with FakeManager(cluster(), *with_key(
            "map", "reduce", "done", tasks_done=4)) as manager:
        code, written = on_terminal("submit", manager.port, "--wait")
    assert code == 0
    for words in ("job 3: map", "job 3: done", "4/4 tasks",
                  "job 3: done in 1.5 s; the result is in /cluster/out"):
        assert words in written


def test_watch_on_a_terminal():
    """It is drawn until Ctrl-C, which leaves no word."""
    with FakeManager(cluster(job("map"), workers=[worker("dead")])) as manager:
        code, written = on_terminal(
            "status", manager.port, "--watch", until=b"dead",
            number=signal.SIGINT)
    assert code == 130
    assert "Abort" not in written and "Traceback" not in written


def test_watch_shows_what_fits():
    """The jobs around the one that runs, and how many there are."""
    screen = importlib.import_module("mapreduce.display.screen")
    whole = codec.answer_from_document(ClusterStatus, cluster(*(
        job("done" if number < 500 else "queued", id=number)
        for number in range(1000))))
    shown, note = screen._fitted(whole, 40)
    assert note == f"{len(shown.jobs)} of 1000 rows"
    assert 20 <= len(shown.jobs) <= 30
    assert shown.jobs[0].id < 500 <= shown.jobs[-1].id


def test_long_tables_are_not_drawn():
    """They are printed as where no terminal is, at once."""
    tasks = [task("map", number, "done") for number in range(2000)]
    with FakeManager({"job": job("map"), "tasks": tasks}) as manager:
        _, written = on_terminal("status", manager.port, "3")
    assert "\x1b" not in written and "map 1999" in written


@pytest.mark.parametrize(
    "name", ["run", "streaming", "submit", "status", "cancel"])
def test_version_and_example(name):
    program = f"mapreduce-{name}"
    outcome = subprocess.run([command(name), "--version"], check=True,
                             capture_output=True, text=True)
    assert re.fullmatch(rf"{program}, version \d\S*\n", outcome.stdout)
    outcome = subprocess.run([command(name), "--help"], check=True,
                             capture_output=True, text=True)
    assert re.search(rf"Examples?:\n +{program} ", outcome.stdout)


@pytest.mark.parametrize("seconds, words", [
    (0.0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"),
    (3599.6, "1 h 00 min"), (90_061.0, "25 h 01 min")])
def test_duration(seconds, words):
    assert text.duration(seconds) == words
