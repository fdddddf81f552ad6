"""A small Manager of the specification, with one fault planted in it.

Run as a program; the fault has the name of the rule that it breaks. It has a
single thread, and knows as much of the extensions as the rules need.
"""
import contextlib
import errno
import os
import pathlib
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time

from tests.support.flawed_extensions import tcp_send
from tests.support.flawed_job import Job, has, has_files
from tests.support.flawed_registry import DEAD, Registry

PORT, SHARED = int(sys.argv[2]), sys.argv[3]
HEARTBEAT = float(sys.argv[4])


class Manager(Registry):
    """The Manager; run is its whole life."""

    def __init__(self):
        """Make the directory and the sockets."""
        super().__init__()
        self.shared = None
        if not has("shared-directory-is-made-first"):
            self.make_shared()
        if has("port-answers-soon"):
            time.sleep(DEAD)
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind(
            ("localhost", 0 if has("udp-socket-is-made-first") else PORT))
        self.udp.setblocking(False)
        self.tcp = socket.create_server(("localhost", PORT), backlog=100)
        self.tcp.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.tcp, selectors.EVENT_READ)
        self.selector.register(self.udp, selectors.EVENT_READ)
        self.buffers = {}
        self.jobs = []
        self.last_read = 0.0
        self.ending = False
        self.hears_udp = True

    def make_shared(self):
        """Make the shared directory."""
        self.shared = tempfile.mkdtemp(prefix="mapreduce-shared-", dir=SHARED)

    def run(self):
        """Serve until a shutdown."""
        while not (self.ending and (
                not has("shutdown-does-not-wait-for-tasks")
                or self.job is None)):
            timeout = 0 if has("idle-manager-does-not-spin") else (
                HEARTBEAT / 4)
            # From before the wait: if this process is stopped anywhere, the
            # heartbeats of that time are read first.
            self.now = time.monotonic()
            ready = self.selector.select(timeout)
            if has("stopped-manager-keeps-its-workers"):
                self.now = time.monotonic()
                self.tick()
            for key, _ in ready:
                self.read(key.fileobj)
                self.last_read = self.now
            if not self.has_datagrams():
                self.tick()
            self.assign()
        if self.shared and not has("shared-directory-lives-with-the-manager"):
            shutil.rmtree(self.shared, ignore_errors=True)

    def has_datagrams(self):
        """Return whether heartbeats wait, as far as this Manager looks."""
        if has("silent-worker-is-found-in-traffic"):
            return self.now - self.last_read < HEARTBEAT
        return any(key.fileobj is self.udp
                   for key, _ in self.selector.select(0))

    def read(self, sock):
        """Read what is there; a message ends with its connection."""
        if sock is self.udp:
            with contextlib.suppress(BlockingIOError):
                while self.hears_udp:
                    self.handle(sock.recv(65536), None)
            if not self.hears_udp:
                self.selector.unregister(self.udp)
            return
        if sock is self.tcp:
            connection, _ = sock.accept()
            if has("idle-clients-delay-nobody"):
                connection.setblocking(True)
                chunks = list(iter(lambda: connection.recv(65536), b""))
                self.handle(b"".join(chunks), connection)
                return
            connection.setblocking(False)
            self.buffers[connection] = b""
            self.selector.register(connection, selectors.EVENT_READ)
            return
        with contextlib.suppress(BlockingIOError):
            try:
                chunk = sock.recv(65536)
            except ConnectionError:
                chunk = b""
            self.buffers[sock] += chunk
            if not chunk or has("long-messages-are-read-to-their-end"):
                self.selector.unregister(sock)
                self.handle(self.buffers.pop(sock), sock)
                sock.close()

    @property
    def job(self):
        """The job that runs; the next one is started if none does."""
        for job in self.jobs:
            if job.state in ("map", "reduce"):
                return job
        for job in self.jobs:
            if job.state == "queued":
                if (has("directories-are-made-at-the-start")
                        and not self.workers):
                    return None
                self.start(job)
                return self.job
        return None

    def start(self, job):
        """Make the directories and the map tasks of a job."""
        job.state = "failed"
        if self.shared is None:
            self.make_shared()
        output = job.output
        source = os.path.realpath(job.message.get("input_directory", "/x"))
        if not has("input-is-never-deleted") and (
                source + "/").startswith(os.path.realpath(output) + "/"):
            return
        if output.is_symlink():
            if not has("link-is-never-followed"):
                return
            shutil.rmtree(os.path.realpath(output))
            output.unlink()
        try:
            number = 0 if has("jobs-run-in-order") else job.id
            job.directory = pathlib.Path(self.shared, f"job-{number:05d}")
            job.directory.mkdir(exist_ok=True)
            if not has("old-output-is-deleted"):
                shutil.rmtree(output, ignore_errors=True)
            output.mkdir(parents=True, exist_ok=True)
            if "input_paths" in job.message:
                job.tasks = [{"message_type": "new_map_task", "task_id": 0}]
                job.state = "map"
                if has("options-are-kept-from-strict-workers"):
                    job.waiting.extend(job.tasks)
                return
            job.waiting.extend(job.map_tasks())
        except OSError:
            if has("missing-input-fails-the-job-alone"):
                raise
            return
        job.tasks = job.map_tasks() + job.reduce_tasks()
        job.state = "map"

    def assign(self):
        """Give tasks to ready Workers."""
        if self.ending:
            return
        while True:
            job = self.job
            ready = [worker for worker in self.workers
                     if not worker.task and not worker.dead]
            if has("workers-are-served-in-order"):
                ready.reverse()
            if has("no-worker-stays-idle") and any(
                    worker.task for worker in self.workers):
                return
            if not (job and job.waiting):
                return
            if has("job-waits-for-a-worker") and self.workers and all(
                    worker.dead for worker in self.workers):
                job.state = "failed"
                return
            if not ready:
                return
            task = job.waiting.popleft()
            self.give(job, ready[0], task)
            if has("task-is-with-one-worker"):
                for worker in ready[1:]:
                    self.give(job, worker, task)

    def give(self, job, worker, task):
        """Send a task; a Worker that refuses it is dead."""
        worker.task = None if has("one-task-at-a-time") else task
        if tcp_send(worker.address, task):
            return
        worker.dead = True
        worker.task = None
        if has("refused-send-is-not-repeated"):
            self.refused.append((worker.address, task))
        if has("refused-task-goes-to-another"):
            return
        if has("refused-task-goes-first"):
            job.waiting.append(task)
        else:
            job.waiting.appendleft(task)

    def on_finished(self, message, _):
        """Count a task that the Worker holds."""
        worker, job = self.find(message), self.job
        if has("finished-of-another-worker-does-not-count"):
            holders = [other for other in self.workers if other.task
                       and other.task["task_id"] == message["task_id"]]
            worker = holders[0] if holders else worker
        held = worker and worker.task
        if has("finished-without-a-task-is-ignored") and not held:
            sys.exit("what is that")
        if not (worker and job and held):
            return
        if held["task_id"] != message["task_id"] and not has(
                "second-finished-does-not-count"):
            return
        worker.task = None
        if not has("lying-worker-is-not-trusted") and not has_files(held):
            job.waiting.append(held)
            return
        job.done.add((held["message_type"], held["task_id"]))
        self.go_on(job)

    def go_on(self, job):
        """Begin the next stage, or end the job, if it is time."""
        maps = len(job.map_tasks())
        done = [kind for kind, _ in job.done].count
        if job.state == "map" and not job.waiting and (
                done("new_map_task") == maps
                or has("reduce-waits-for-all-maps")):
            job.state = "reduce"
            job.waiting.extend(job.reduce_tasks())
        elif job.state == "reduce" and (
                done("new_reduce_task") == job.message["num_reducers"]
                or has("job-ends-with-its-last-task")):
            job.state = "done"
            if has("nothing-is-added-to-the-output"):
                (job.output / "_SUCCESS").touch()
            if not has("job-directory-is-removed"):
                shutil.rmtree(job.directory)

    def on_new_manager_job(self, message, _):
        """Queue a job."""
        self.jobs.append(Job(len(self.jobs), message))
        if has("queued-job-touches-nothing"):
            shutil.rmtree(message["output_directory"], ignore_errors=True)

    on_new_extended_job = on_new_manager_job

    def on_shutdown(self, _, __):
        """Forward it, and end."""
        if has("shutdown-does-not-wait-for-tasks") and self.job:
            self.ending = True
            return
        extra = {"x": 1} if has("shutdown-is-forwarded") else {}
        for worker in self.workers:
            if not worker.dead or has("dead-worker-gets-no-shutdown"):
                is_sent = tcp_send(
                    worker.address, {"message_type": "shutdown", **extra})
                if not is_sent and has("refused-shutdown-stops-nothing"):
                    break
        if has("shutdown-drops-the-queue"):
            for job in self.jobs:
                if job.state == "queued":
                    self.start(job)
        self.ending = True


def main():
    """Run until a shutdown or SIGTERM."""
    try:
        manager = Manager()
    except OSError as error:
        sys.exit(0 if has("port-in-use-is-an-error") or (
            error.errno != errno.EADDRINUSE) else 1)

    def end(number, _):
        name = signal.Signals(number).name.lower()
        if manager.shared and not has(f"{name}-leaves-nothing"):
            shutil.rmtree(manager.shared)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, end)
    manager.run()


if __name__ == "__main__":
    main()
