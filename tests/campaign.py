"""Kill a Manager at each of its system calls: python -m tests.campaign.

Three jobs of three map tasks and two reduce tasks are submitted to a Manager
with a state directory. strace kills it at its N-th write, rename, fsync,
unlink, connect or send; then the next one is started on that directory. All
three jobs must end right, each once. N begins at 1 and ends when the Manager
outlives its jobs, a moment without work, and its shutdown.

strace counts the calls of each name and of each thread, and kills at the
first N-th one. So each name has its own round.

It takes half an hour or more, and needs strace. --every 5 takes each fifth N.
With --restored, the Manager that is killed so is itself one that goes on, with
a job of which a part is done.
"""
import argparse
import collections
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from tests.support import wire
from tests.support.cluster import Cluster, pipeline
from tests.support.commands import daemon_command
from tests.support.files import (
    EXECUTABLES,
    ROOT,
    in_order,
    names_in,
    write_files,
)
from tests.support.ports import answers
from tests.support.waiting import wait_until

CALLS = [
    "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "link",
    "unlink", "unlinkat", "rmdir", "mkdir", "connect", "sendto"]
NUM_JOBS = 3
NUM_WORKERS = 2
TIMEOUT = 30.0  # seconds
IDLE_TIME = 2.5  # seconds; a Manager without work compacts its database


class CampaignError(Exception):
    """A job did not end right."""


class Campaign:
    """One Manager after the other, on one cluster of Workers."""

    def __init__(self, directory, restored):
        """Make the input; start nothing yet."""
        self.directory = directory
        self.restored = restored
        self.input = directory / "input"
        write_files(self.input, b"a b\nc\n", b"b b\n", b"c a a\n")
        self.expected = in_order(pipeline(
            self.input, EXECUTABLES / "wc_map.sh",
            EXECUTABLES / "wc_reduce.sh"))

    def run(self, kind, number):
        """Kill a Manager at a call; return whether it came to that."""
        place = self.directory / f"{kind}-{number}"
        with Cluster(place) as cluster:
            for job in range(NUM_JOBS):
                write_files(place / f"output{job}")
                (place / f"output{job}/part-00009").touch()
            log = place / "manager.log"
            command = [
                *daemon_command("manager"), "--port", str(cluster.port),
                "--state-dir", str(place / "state"), "--shared_dir",
                str(cluster.shared)]
            if self.restored:
                self._interrupt(
                    self._start(command, cluster, log), cluster, place)
            first = self._start([
                "strace", "-f", "-qq",
                "-o", str(place / "strace.log"), "-e", f"trace={kind}",
                "-e", f"inject={kind}:signal=KILL:when={number}",
                *command], cluster, log)
            self._submit(cluster, place)
            if not cluster.workers:
                self._start_workers(cluster, first)
            killed = self._is_killed(first, cluster, place)
            if killed:
                self._go_on(self._start(command, cluster, log), cluster, place)
        shutil.rmtree(place)
        return killed

    def _interrupt(self, manager, cluster, place):
        """Kill a Manager when a map task of the first job is done."""
        # Before the jobs are there, which take less than a second.
        self._start_workers(cluster, manager)
        self._submit(cluster, place)
        log = place / "manager.log"
        wait_until(lambda: log.read_text().count("Assigned task") > 2, TIMEOUT)
        manager.kill()
        manager.wait()

    def _go_on(self, manager, cluster, place):
        """Have the next Manager end the jobs, and check what comes of them."""
        self._submit(cluster, place)
        # A shutdown, in which the first one was killed, may have ended them.
        if cluster.workers[0].says("Ended"):
            self._start_workers(cluster, manager)
        try:
            self._check(cluster, place)
        finally:
            self._end(cluster, manager)
        left = names_in(cluster.shared)
        if left or names_in(place / "state") != ["lock"]:
            raise CampaignError(f"left: {left}; see {place}")

    @staticmethod
    def _start_workers(cluster, manager):
        """One after the other: the Manager may die before it answers one."""
        for _ in range(NUM_WORKERS):
            worker = cluster.start_worker()
            wait_until(lambda worker=worker: manager.poll() is not None
                       or worker.says("Registered with"), TIMEOUT)

    def _is_killed(self, manager, cluster, place):
        """Let a Manager do the jobs, and end; return whether it is killed."""
        def is_dead():
            return manager.poll() is not None

        def until(predicate, timeout=TIMEOUT):
            wait_until(lambda: is_dead() or predicate(), timeout)

        # Not by its status: each answer would be one more send.
        until(lambda: all(self._has_parts(place / f"output{job}")
                          for job in range(NUM_JOBS)))
        until(lambda: self._is_done(cluster))
        until(is_dead, IDLE_TIME)
        if is_dead():
            return True
        cluster.send(wire.SHUTDOWN)
        return manager.wait(TIMEOUT) != 0

    @staticmethod
    def _has_parts(output):
        return names_in(output) == ["part-00000", "part-00001"]

    def _start(self, command, cluster, log):
        process = self._popen(command, cluster, log)
        wait_until(lambda: answers(cluster.port)
                   or process.poll() is not None, TIMEOUT)
        return process

    @staticmethod
    def _popen(command, cluster, log):
        with open(log, "ab") as file:
            return subprocess.Popen(
                command, cwd=ROOT, env=cluster.env, stdout=file, stderr=file,
                stdin=subprocess.DEVNULL)

    def _submit(self, cluster, place):
        """Submit the jobs as clients do: again, by key, until it is known."""
        for job in range(NUM_JOBS):
            message = wire.job(
                place / f"output{job}", input_directory=str(self.input),
                mapper_executable=str(EXECUTABLES / "wc_map.sh"),
                reducer_executable=str(EXECUTABLES / "wc_reduce.sh"),
                num_mappers=3, num_reducers=2)
            if job:
                message.update(
                    message_type="new_extended_job",
                    **({"keep_old": True} if job == 1 else {
                        "keep_intermediate": str(place / "kept")}),
                    input_paths=[message.pop("input_directory")])
            try:
                cluster.send({**message, "job_key": f"key-{job}"})
            except OSError:
                return

    def _is_done(self, cluster):
        states = [state for _, state in self._statuses(cluster).values()]
        return states == ["done"] * NUM_JOBS

    def _check(self, cluster, place):
        deadline = time.monotonic() + TIMEOUT
        statuses = {}
        while time.monotonic() < deadline:
            statuses = self._statuses(cluster)
            if len(statuses) == NUM_JOBS and all(
                    state in ("done", "failed", "cancelled")
                    for _, state in statuses.values()):
                break
            time.sleep(0.05)
        if statuses != {f"key-{job}": (job, "done")
                        for job in range(NUM_JOBS)}:
            raise CampaignError(f"{statuses}; see {place}")
        for job in range(NUM_JOBS):
            output = place / f"output{job}"
            if not self._has_parts(output) or (
                    in_order(cluster.result(output)) != self.expected):
                raise CampaignError(
                    f"a wrong result in {output}: {names_in(output)}")
        hidden = [path for path in place.iterdir()
                  if path.name.startswith(".output")]
        if hidden:
            raise CampaignError(f"left: {hidden}")

    @staticmethod
    def _statuses(cluster):
        try:
            with socket.create_connection(
                    ("localhost", cluster.port), TIMEOUT) as sock:
                sock.sendall(wire.encode({"message_type": "get_status"}))
                sock.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
            jobs = json.loads(answer)["jobs"]
        except (OSError, ValueError):
            return {}
        return {job["key"]: (job["id"], job["state"]) for job in jobs}

    @staticmethod
    def _end(cluster, manager):
        try:
            cluster.send(wire.SHUTDOWN)
        except OSError:
            pass
        if not wait_until(lambda: manager.poll() is not None, 10):
            manager.kill()
            manager.wait()


def main():
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Kill a Manager at each of its system calls.")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--call", choices=CALLS, action="append")
    parser.add_argument("--restored", action="store_true")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mapreduce-campaign-"))
    campaign = Campaign(directory, options.restored)
    points = collections.Counter()
    failures = []
    for kind in options.call or CALLS:
        number = options.first
        while time.monotonic() < end:
            try:
                if not campaign.run(kind, number):
                    break
            except CampaignError as error:
                failures.append(f"{kind} {number}: {error}")
                print(f"Error: {failures[-1]}", file=sys.stderr, flush=True)
            points[kind] += 1
            number += options.every
        print(f"{kind}: {points[kind]} points", flush=True)
    print(f"{points.total()} points, {len(failures)} failures")
    if failures:
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
