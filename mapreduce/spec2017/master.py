"""The command mapreduce-2017-master, and the Master itself.

The thread that calls the constructor passes each event to the Scheduler and
performs its actions. Two more listen; one more takes the steps of jobs, which
may take long.
"""
from __future__ import annotations

import contextlib
import glob
import logging
import os
import queue
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import click

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages, messages_2017 as dialect
from mapreduce.protocol.layout import LOCAL_DIRECTORY_PREFIX
from mapreduce.spec2017 import plan, scheduler
from mapreduce.system import access, daemon, inputs, scratch
from mapreduce.utils import outbox
from mapreduce.utils.inbox import EndingSignal, Inbox, Ticker
from mapreduce.utils.network import tcp_server, udp_server
from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.shuffle.grouping import cut_files

LOGGER = logging.getLogger(__name__)

HOST = "localhost"
TICK_INTERVAL = 0.25  # seconds; also between two tries of an ack
ACK_TIMEOUT = 5.0  # seconds for a Worker that registers before it listens
MAX_NAMES = 8 * 2**20  # characters, so that one message can hold them


class Master:
    """A Master; the constructor runs it from start to end."""

    def __init__(
        self, port: int, profile: plan.Profile = plan.PROFILES["w17"],
        ending_signals: tuple[signal.Signals, ...] = (),
        on_listening: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a Master that listens on a TCP port, and the UDP port below it.

        Returns after a shutdown message, or one of the signals named, when
        all threads have ended. Raises OSError if it can't listen there.
        """
        self._scheduler = scheduler.Scheduler(profile)
        # Registrations whose ack was refused, and when they are given up.
        self._unacknowledged: dict[dialect.RegisterMessage, float] = {}
        self._steps: queue.SimpleQueue[plan.Step | None] = queue.SimpleQueue()
        self._must_end = False
        with (
            udp_server(HOST, port - 1) as udp,
            tcp_server(HOST, port) as tcp,
            Inbox(classes=dialect.CLASSES) as self._inbox,
            daemon.ending_on(ending_signals, self.terminate),
        ):
            _clear(profile)
            self._inbox.listen_udp(udp, dialect.HeartbeatMessage)
            self._inbox.listen_tcp(
                tcp, dialect.RegisterMessage, dialect.StatusMessage,
                messages.MasterJobMessage, messages.ShutdownMessage)
            self._inbox.spawn(self._take_steps)
            on_listening()
            try:
                self._run()
            finally:
                self._inbox.stop.set()
                self._steps.put(None)

    def terminate(self) -> None:
        """End the Master but not its Workers; for signal handlers."""
        self._must_end = True
        self._inbox.put(EndingSignal())

    def _run(self) -> None:
        """Handle what arrives, in order, until it is time to exit."""
        ticker = Ticker(self._inbox, TICK_INTERVAL, events.Tick())
        while True:
            timeout = max(ticker.put_due() - time.monotonic(), 0.0)
            with contextlib.suppress(queue.Empty):
                event, now = self._inbox.get(timeout)
                if isinstance(event, EndingSignal) or self._handle(event, now):
                    return

    def _handle(self, event: Any, now: float) -> bool:
        """Decide on an event, perform the actions; return whether to exit."""
        todo = deque(self._translate(event, now))
        while todo:
            for action in self._scheduler.handle(todo.popleft(), now):
                if isinstance(action, events.Exit):
                    return True
                todo.extend(self._perform(action))
        return False

    def _translate(self, event: Any, now: float) -> Iterator[scheduler.Event]:
        """Iterate over the events that follow from what was received."""
        match event:
            case dialect.RegisterMessage():
                self._unacknowledged[event] = now + ACK_TIMEOUT
                yield from self._acknowledge(event, now)
                return
            case dialect.StatusMessage():
                task = self._scheduler.task_of(event.worker_pid)
                paths = _find_files(task.outputs if task else [], event)
                event = scheduler.Reported(event.worker_pid, paths)
            case events.Tick():
                for message in list(self._unacknowledged):
                    yield from self._acknowledge(message, now)
        yield event

    def _acknowledge(
        self, message: dialect.RegisterMessage, now: float
    ) -> Iterator[scheduler.Event]:
        """Send an ack; a Worker may register before it listens."""
        ack = dialect.RegisterAckMessage(**vars(message))
        if self._send(message.worker_host, message.worker_port, ack):
            del self._unacknowledged[message]
            yield message
        elif now >= self._unacknowledged[message]:
            del self._unacknowledged[message]
            LOGGER.warning("Gave up %r: it does not listen", message)

    def _perform(self, action: scheduler.Action) -> Iterator[scheduler.Event]:
        """Perform an action; iterate over its outcomes."""
        match action:
            case events.Send(worker, message):
                yield (events.MessageSent
                       if self._send(*worker.address, message)
                       else events.WorkerUnreachable)(worker)
            case scheduler.MakeFolders(job):
                try:
                    for folder in job.folders:
                        os.makedirs(folder, exist_ok=True)
                except OSError as error:
                    yield events.JobBlocked(job.job_id, str(error))
            case plan.FindInputs() | plan.Cut() | plan.Publish():
                self._steps.put(action)

    def _take_steps(self) -> None:
        """Take the steps of jobs until the end, in a thread of its own."""
        while step := self._steps.get():
            try:
                paths = self._take(step)
                self._inbox.put(scheduler.StepDone(step.job, paths))
            except TaskInterrupted:
                return
            except (OSError, TaskError, inputs.InputError) as error:
                self._inbox.put(events.JobBlocked(step.job.job_id, str(error)))

    def _take(self, step: plan.Step) -> list[str]:
        """Take a step; return the paths that were found."""
        job = step.job
        if isinstance(step, plan.FindInputs):
            directory = job.submission.input_directory
            paths = inputs.list_inputs([directory])
            if sum(map(len, paths)) > MAX_NAMES:
                raise TaskError(f"too many input files in {directory!r}")
            return paths
        with scratch.directory(
                LOCAL_DIRECTORY_PREFIX, job.directory) as place:
            if isinstance(step, plan.Cut):
                made = [os.path.join(place, os.path.basename(target))
                        for target in step.targets]
                cut_files(step.paths, made, self._check)
                self._move(made, job.folders[1])
            else:
                os.makedirs(job.submission.output_directory, exist_ok=True)
                for path, name in zip(step.paths, step.names):
                    copy = os.path.join(place, name)
                    shutil.copyfile(path, copy)
                    self._move([copy], job.submission.output_directory)
        scratch.remove_leftovers(LOCAL_DIRECTORY_PREFIX, job.directory)
        return []

    def _move(self, paths: list[str], directory: str) -> None:
        with contextlib.closing(OutputDirectory(directory)) as output:
            for path in paths:
                self._check()
                output.commit(path)

    def _send(self, host: str, port: int, message: messages.Message) -> bool:
        return outbox.try_to_send(host, port, message, self._wait)

    def _wait(self) -> bool:
        """Wait for what this machine lacks; return whether to go on."""
        self._inbox.stop.wait(TICK_INTERVAL)
        return not self._must_end

    def _check(self) -> None:
        if self._inbox.stop.is_set():
            raise TaskInterrupted


def _find_files(
    expected: list[str], status: dialect.StatusMessage
) -> list[str] | None:
    """Return the files of a task, maybe as its Worker named them, or None."""
    for paths in (expected, status.output_files or []):
        if len(paths) == len(expected) and all(map(os.path.isfile, paths)):
            return paths
    return None


def _clear(profile: plan.Profile) -> None:
    """Delete what another Master has left; make the folder of all jobs."""
    for path in glob.glob(profile.leftovers):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    os.makedirs(profile.folder, exist_ok=True)


@click.command()
@click.argument("port", type=click.IntRange(2, 65535))
@click.option("--profile", default="w17", show_default=True,
              type=click.Choice(list(plan.PROFILES)),
              help="Names of folders and files: those of 2017 or of 2020.")
def main(port: int, profile: str) -> None:
    """Run a Master of the 2017 dialect until it is told to shut down.

    It listens on PORT, and for heartbeats on the UDP port below it. At its
    start it deletes what an earlier one left: var/, or tmp/job-* of 2020.
    """
    access.refuse_variable()
    daemon.run(
        "Master", daemon.Options(HOST, port),
        lambda port, on_listening, _: Master(
            port, plan.PROFILES[profile], daemon.ENDING_SIGNALS, on_listening))


if __name__ == "__main__":
    main(prog_name="mapreduce-2017-master")
