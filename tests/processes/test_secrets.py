"""Clusters whose messages are signed: who can use them, and who can't."""
import socket
import subprocess

import pytest

from mapreduce.client.submission import submitter
from tests.support import wire
from tests.support.cluster import Cluster
from tests.support.commands import daemon_command, run
from tests.support.files import ROOT
from tests.support.waiting import wait_until


@pytest.fixture(name="secret", scope="module")
def make_secret(tmp_path_factory):
    """Return a secret file."""
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_text("s" * 40 + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture(name="signed")
def make_signed(cluster, secret):
    """Return a cluster with one Worker, all of which have the secret."""
    cluster.env["MAPREDUCE_SECRET_FILE"] = secret
    cluster.start(1)
    return cluster


@pytest.fixture(name="guarded", scope="module")
def make_guarded(tmp_path_factory, secret):
    """Return a signed Manager that gets no job: all clients are refused."""
    with Cluster(tmp_path_factory.mktemp("guarded") / "cluster") as cluster:
        cluster.env["MAPREDUCE_SECRET_FILE"] = secret
        cluster.start_manager()
        yield cluster


def client(cluster, name, *options):
    """Run a client of a cluster."""
    return run(name, "--port", str(cluster.port), *options)


def submit(cluster, output, mapper, *options):
    return client(
        cluster, "submit", "--wait", "--quiet",
        "-i", str(ROOT / "tests/testdata/input_small"), "-o", str(output),
        "-m", str(mapper), "-r", "cat", *options)


def test_job_of_a_client_with_the_secret(signed, secret, output, tmp_path):
    """Its executables are not told of the file, nor is the log."""
    mapper = tmp_path / "mapper"
    mapper.write_text("#!/bin/sh\ncat > /dev/null\nenv\n")
    mapper.chmod(0o700)
    done = submit(signed, output, mapper, "--secret-file", secret)
    assert (done.returncode, done.stderr) == (0, "")
    result = "".join(path.read_text() for path in output.iterdir())
    assert "PATH=" in result
    assert "SECRET" not in result
    for daemon in (signed.manager, *signed.workers):
        assert "s" * 40 not in daemon.log.read_text()


@pytest.mark.parametrize("words", [
    ["submit", "-i", "tests/testdata/input_small"], ["submit", "--shutdown"],
    ["status"], ["cancel", "0"]], ids=str)
def test_client_with_another_secret_is_told(guarded, tmp_path, words):
    """Also by what has no answer."""
    other = tmp_path / "other"
    other.write_text("o" * 40)
    other.chmod(0o600)
    name, *options = words
    refused = client(guarded, name, "--secret-file", str(other), *options)
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "has no secret, or another one than this command" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [
    ["submit"], ["submit", "--wait"], ["submit", "--shutdown"], ["status"],
    ["cancel", "0"]], ids=str)
def test_client_without_a_secret_is_told(guarded, secret, words):
    """Also by what has no answer; it has no effect."""
    warnings = guarded.manager.log.read_text().count("it is not signed")
    refused = client(guarded, *words)
    assert (refused.returncode, refused.stdout, refused.stderr) == (3, "", (
        f"Error: Manager localhost:{guarded.port} accepts only signed "
        "messages: name the file with its secret by --secret-file\n"))
    status = client(guarded, "status", "--secret-file", secret)
    assert (status.returncode, status.stderr) == (0, "")
    assert "No jobs" in status.stdout
    assert wait_until(
        lambda: guarded.manager.says("it is not signed", warnings + 1))


def test_other_dialect_has_no_secret(signed, secret):
    """What is signed would not be understood there."""
    refused = client(
        signed, "submit", "--dialect", "2017", "--secret-file", secret)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the 2017 dialect has no signatures" in refused.stderr


def test_signed_job_has_the_name_of_its_user(signed, secret, output):
    """Also if nothing else is beyond the specification."""
    done = client(signed, "submit", "--secret-file", secret, "--quiet",
                  "-o", str(output))
    assert (done.returncode, done.stderr) == (0, "")
    shown = client(signed, "status", "--secret-file", secret, "0")
    assert f"\n  submitted by        {submitter()}\n" in shown.stdout


def test_client_with_a_secret_refuses_a_manager_without(
        cluster, secret, output):
    """It may be a false one."""
    cluster.start_manager()
    refused = submit(cluster, output, "cat", "--secret-file", secret)
    assert refused.returncode == 3
    assert "has no secret, or another one" in refused.stderr


def test_worker_takes_no_task_of_a_stranger(signed, output):
    """Straight to its port."""
    [worker] = signed.workers
    with socket.create_connection(("localhost", worker.port)) as sock:
        sock.sendall(wire.encode({
            "message_type": "new_map_task", "task_id": 0,
            "input_paths": [], "executable": "cat",
            "output_directory": str(output), "num_partitions": 1}))
    assert wait_until(lambda: worker.says("it is not signed"))
    assert not worker.says("Received task")


def test_restarted_worker_goes_on(signed, secret, output):
    """On the same port, which belongs to a living Worker until it proves."""
    signed.kill_worker(0)
    signed.start_worker(port=signed.workers[0].port)
    assert submit(
        signed, output, "cat", "--secret-file", secret).returncode == 0


@pytest.mark.parametrize("name", ["manager", "worker"])
def test_open_address_is_refused(name):
    refused = run(name, "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "--secret-file" in refused.stderr
    assert "--insecure" in refused.stderr


@pytest.mark.parametrize("name", ["manager", "worker", "status", "submit"])
def test_wrong_secret_file_is_one_line(name, tmp_path):
    wrong = run(name, "--secret-file", str(tmp_path / "missing"))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: the secret file ")
    assert len(wrong.stderr.splitlines()) == 1


def test_missing_secret_of_the_parent_ends_a_daemon():
    """mapreduce-run hands it down; without it, nothing starts."""
    ended = subprocess.run(
        [*daemon_command("manager"), "--port", "0", "--secret-from-stdin"],
        input="short", text=True, check=False, capture_output=True)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == "Error: standard input ended before the secret\n"
