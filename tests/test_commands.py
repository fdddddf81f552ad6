"""The commands: what they take, send, print and log."""
import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mapreduce import submit
from tests import wire
from tests.cluster import ROOT, TIMEOUT, command, free_port
from tests.stages import TESTDATA

COMMANDS = ["manager", "worker", "submit", "status", "cancel"]


def run_submit(*options):
    """Run mapreduce-submit in this process."""
    return CliRunner().invoke(submit.main, options)


def run(name, *options):
    """Run a command to its end."""
    return subprocess.run([command(name), *options], capture_output=True,
                          text=True, timeout=TIMEOUT)


def test_submit_by_default(sockets):
    """It counts the words of the sample input."""
    outcome = run_submit()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "Submitted job to Manager localhost:6000\n"
        "input directory      tests/testdata/input\n"
        "output directory     output\n"
        "mapper executable    tests/testdata/exec/wc_map.sh\n"
        "reducer executable   tests/testdata/exec/wc_reduce.sh\n"
        "num mappers          2\n"
        "num reducers         2\n")
    assert sockets.sent == [("localhost", 6000, wire.job("output"))]


@pytest.mark.parametrize("spelling", [
    "-h host -p 1234 -i in -o out -m map -r reduce "
    "--nmappers 3 --nreducers 4",
    "--host host --port 1234 --input in --output out --mapper map "
    "--reducer reduce --mappers 3 --reducers 4",
])
def test_submit_with_every_option(sockets, spelling):
    """Short or long, they say the same."""
    outcome = run_submit(*spelling.split())
    assert outcome.stdout == (
        "Submitted job to Manager host:1234\n"
        "input directory      in\n"
        "output directory     out\n"
        "mapper executable    map\n"
        "reducer executable   reduce\n"
        "num mappers          3\n"
        "num reducers         4\n")
    assert sockets.sent == [("host", 1234, wire.job(
        "out", input_directory="in", mapper_executable="map",
        reducer_executable="reduce", num_mappers=3, num_reducers=4))]


@pytest.mark.parametrize("spelling", ["-s", "--shutdown"])
def test_submit_a_shutdown(sockets, spelling):
    """It is sent instead of a job."""
    outcome = run_submit(spelling)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (
        0, "Shut down Manager localhost:6000\n", "")
    assert sockets.sent == [("localhost", 6000, wire.SHUTDOWN)]


@pytest.mark.parametrize("options", [[], ["--shutdown"]])
def test_submit_without_a_manager(options):
    """One line names the address."""
    port = free_port()
    outcome = run("submit", "--port", str(port), *options)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (
        3, "", f"Error: cannot reach Manager localhost:{port}: "
        "Connection refused; is one running there?\n")


@pytest.mark.parametrize("options, culprit", [
    (["--nmappers", "0"], "--nmappers"),
    (["--nreducers", "100001"], "--nreducers"),
    (["--port", "65536"], "--port"),
    (["--nmappers", "many"], "many"),
    (["--unknown"], "--unknown"),
    (["argument"], "argument"),
    (["--input", "a\udce9\ud800"], "--input"),
])
def test_submit_with_wrong_options(sockets, options, culprit):
    """One line says which; nothing is sent."""
    outcome = run_submit(*options)
    errors = [line for line in outcome.stderr.splitlines()
              if line.startswith("Error: ")]
    assert (outcome.exit_code, outcome.stdout, len(errors)) == (2, "", 1)
    assert culprit in errors[0]
    assert sockets.sent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    """Every command tells how it is used."""
    outcome = run(name, "--help")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert re.match(rf"Usage: mapreduce-{name} \[OPTIONS\]( \[?JOB\]?)?\n",
                    outcome.stdout)
    for option in ("--host", "--port"):
        assert option in outcome.stdout


@pytest.mark.parametrize("code", [
    pytest.param(
        "import mapreduce; mapreduce.manager.Manager; mapreduce.worker.Worker",
        id="mapreduce-is-enough"),
    pytest.param(
        "import sys, mapreduce.run, mapreduce.streaming, mapreduce.submit, "
        "mapreduce.status, mapreduce.cancel; "
        "assert not [name for name in sys.modules if 'rich' in name]",
        id="clients-import-rich-when-they-draw"),
    pytest.param(
        "import sys, mapreduce.worker.task; "
        "assert not {'click', 'socket'} & sys.modules.keys()",
        id="stages-need-neither-click-nor-sockets"),
    pytest.param(
        "from mapreduce.utils import ThreadSafeOrderedDict, tcp_server",
        id="names-of-utils"),
])
def test_imports(code):
    """In an interpreter that has imported nothing else."""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


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
    cluster.shutdown()
    assert set(re.findall(
        rf"^Manager:{cluster.port} \[([A-Z]+)\] ", manager.log.read_text(),
        re.MULTILINE)) == shown


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
