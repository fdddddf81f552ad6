"""The logs of a real Manager and of real Workers."""
import json
import re

import pytest

from tests.support import wire
from tests.support.commands import run
from tests.support.files import TESTDATA
from tests.support.ports import free_port


@pytest.mark.parametrize("name", ["manager", "worker"])
def test_log_file_cannot_be_written(tmp_path, name):
    """One line says so."""
    path = tmp_path / "missing" / "log"
    outcome = run(name, "--port", str(free_port()), "--logfile", str(path))
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert re.fullmatch(r"Error: cannot write the log: .*\n", outcome.stderr)
    assert str(path) in outcome.stderr


def test_log_goes_to_a_file(cluster, tmp_path):
    """Nothing goes to standard error then."""
    manager = cluster.start_manager("--logfile", str(tmp_path / "log"))
    cluster.shutdown()
    assert manager.log.read_text() == ""
    assert (tmp_path / "log").read_text().startswith(
        f"Manager:{cluster.port} [")


@pytest.mark.parametrize("level, shown", [
    ("WARNING", {"WARNING"}),
    ("Info", {"WARNING", "INFO"}),
    ("debug", {"WARNING", "INFO", "DEBUG"}),
])
def test_log_level_in_any_case(cluster, level, shown):
    """It is the least that is shown."""
    manager = cluster.start_manager("--loglevel", level)
    cluster.send({"message_type": "unknown"})
    # Two messages at once may be handled in any order.
    cluster.wait_for(lambda: manager.says("WARNING"))
    cluster.shutdown()
    assert set(re.findall(
        rf"^Manager:{cluster.port} \[([A-Z]+)\] ", manager.log.read_text(),
        re.MULTILINE)) == shown


def test_log_with_the_time(cluster):
    """It stands in front of each line."""
    manager = cluster.start_manager("--log-time")
    cluster.shutdown()
    lines = [line for line in manager.log.read_text().splitlines()
             if "[INFO]" in line]
    assert lines
    assert [line for line in lines if not re.match(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} "
        rf"Manager:{cluster.port} \[INFO\] ", line)] == []


def test_log_of_a_job(cluster, tmp_path):
    """The entries that users search for are there, and the messages."""
    cluster.start(1)
    cluster.run_job(tmp_path / "output",
                    input_directory=str(TESTDATA / "input_small"),
                    num_mappers=1, num_reducers=1)
    cluster.wait_for(lambda: cluster.manager.says("UDP recv"))
    cluster.shutdown()
    log = cluster.manager.log.read_text()
    port = cluster.workers[0].port
    directory = re.search(r"'([^']*/job-00000)'", log)[1]
    input_paths = [f"{TESTDATA}/input_small/file0{n}" for n in (1, 2)]
    map_task = (
        f"MapTaskMessage(task_id=0, input_paths={input_paths}, "
        "executable='tests/testdata/exec/wc_map.sh', "
        f"output_directory='{directory}', num_partitions=1)")
    remote = f"RemoteWorker('localhost', {port})"
    assert_holds(log, f"Manager:{cluster.port}", [
        f"[INFO] Registered Worker {remote}",
        f"[INFO] Assigned task to Worker {map_task} {remote}",
        f"[DEBUG] TCP recv\n{indented(wire.register(port))}",
        f"[DEBUG] TCP send to localhost:{port}\n{indented(wire.ACK)}",
        f"[DEBUG] UDP recv\n{indented(wire.heartbeat(port))}",
    ])
    assert_holds(cluster.workers[0].log.read_text(), f"Worker:{port}", [
        f"[INFO] Received task {map_task}",
        "[INFO] Received task ReduceTaskMessage(task_id=0, ",
        f"[DEBUG] UDP send to localhost:{cluster.port}\n"
        f"{indented(wire.heartbeat(port))}",
    ])


def indented(message):
    """Return a message as the log shows it."""
    return json.dumps(message, indent=2)


def assert_holds(log, name, entries):
    """Check that a log holds entries, each after the name of the daemon."""
    assert [entry for entry in entries if f"{name} {entry}" not in log] == []
