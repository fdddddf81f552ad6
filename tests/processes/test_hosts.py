"""A cluster on three hosts: each has an address and files of its own.

Only one directory is shared, as the page on clusters asks for.
"""
import contextlib
import os
import subprocess
import time

import pytest

from tests.support.cluster import MAPPER, REDUCER, pipeline
from tests.support.commands import command, daemon_command
from tests.support.files import (
    ROOT,
    TESTDATA,
    in_order,
    names_in,
    write_executable,
)
from tests.support.namespaces import Network, needs_namespaces
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, needs_namespaces]

TIMEOUT = 100.0  # seconds
INPUT = TESTDATA / "input"


class Hosts:
    """A Manager on host 1, a Worker each on hosts 2 and 3, and their logs."""

    def __init__(self, network, directory):
        """Make the shared directory, with executables that can be held."""
        self.network = network
        self.shared = directory / "shared"
        (self.shared / "tmp").mkdir(parents=True)
        secret = self.shared / "secret"
        secret.write_text("c2VjcmV0" * 8)
        secret.chmod(0o600)
        self._env = {**os.environ, "MAPREDUCE_SECRET_FILE": str(secret)}
        self.scripts = [
            write_executable(
                self.shared / stage,
                f"while [ ! -e '{self.shared}/{stage}-go' ]",
                "do sleep 0.05; done", f"exec '{executable}'")
            for stage, executable in (("map", MAPPER), ("reduce", REDUCER))]
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        """Start all daemons."""
        host = self.network.host
        with self._stack:
            self._start(1, "manager", "--host", host(1), "--shared_dir",
                        str(self.shared / "tmp"))
            self.wait_for(1, "Listening")
            for number in (2, 3):
                self._start(number, "worker", "--host", host(number),
                            "--manager-host", host(1))
                self.wait_for(1, f"RemoteWorker('{host(number)}'")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        """End all."""
        self._stack.close()

    def _words(self, number):
        return self.network.host_command(number, self.shared)

    def _start(self, number, name, *options):
        with open(self.log(number), "wb") as file:
            process = self._stack.enter_context(subprocess.Popen(
                [*self._words(number), *daemon_command(name), *options],
                cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file))
        self._stack.callback(process.terminate)

    def log(self, number):
        """Return the path of the log of a host's daemon."""
        return self.shared / f"{number}.log"

    def wait_for(self, number, text, times=1):
        """Wait until a text is in the log of a host, so many times."""
        assert wait_until(
            lambda: self.log(number).read_text().count(text) >= times,
            TIMEOUT), self.log(number).read_text()

    def release(self, stage):
        """Let the tasks of a stage go on."""
        (self.shared / f"{stage}-go").touch()

    @contextlib.contextmanager
    def job(self):
        """Submit a job; when the block ends, check its result."""
        mapper, reducer = self.scripts
        with subprocess.Popen(
                [*self._words(1), command("submit"), "--host",
                 self.network.host(1), "--wait", "--quiet", "--input",
                 str(INPUT), "--output", str(self.shared / "output"),
                 "--mapper", mapper, "--reducer", reducer,
                 "--nmappers", "4", "--nreducers", "2"], cwd=ROOT,
                env=self._env, stdin=subprocess.DEVNULL) as client:
            try:
                yield
                assert client.wait(TIMEOUT) == 0
            finally:
                client.kill()
        parts = sorted((self.shared / "output").glob("*"))
        assert [path.name for path in parts] == ["part-00000", "part-00001"]
        assert in_order(b"".join(path.read_bytes() for path in parts)) == (
            in_order(pipeline(INPUT, MAPPER, REDUCER)))


@pytest.fixture(name="hosts")
def _hosts(tmp_path):
    """The daemons, which leave nothing in the shared directory."""
    with Network(3) as network:
        with Hosts(network, tmp_path) as hosts:
            yield hosts
        assert names_in(hosts.shared / "tmp") == []


def test_host_is_away_from_the_map_stage_to_the_reduce_stage(hosts):
    """Its tasks are done elsewhere; what it did alone is not used."""
    with hosts.job():
        hosts.wait_for(1, "Assigned task to Worker MapTask", 2)
        hosts.network.interrupt("port3")
        hosts.wait_for(1, "Worker died")
        hosts.release("map")
        hosts.wait_for(1, "Assigned task to Worker ReduceTask")
        hosts.network.resume("port3")
        hosts.wait_for(
            1, f"Registered Worker RemoteWorker('{hosts.network.host(3)}'", 2)
        hosts.wait_for(1, "Assigned task to Worker ReduceTask", 2)
        hosts.release("reduce")


def test_host_of_the_manager_is_away_for_half_a_minute(hosts):
    """All Workers are marked dead meanwhile; they register again."""
    with hosts.job():
        hosts.wait_for(1, "Assigned task to Worker MapTask", 2)
        hosts.network.interrupt("port1")
        back = time.monotonic() + 30
        hosts.wait_for(1, "Worker died", 2)
        hosts.release("map")
        assert wait_until(lambda: time.monotonic() > back, TIMEOUT)
        hosts.network.resume("port1")
        hosts.release("reduce")
