"""The Worker: registers, sends heartbeats, does its tasks one by one.

The thread that calls the constructor does the tasks. One more listens, so that
whatever comes is heard at once, and one sends the heartbeats.
"""
from __future__ import annotations

import logging
import queue
import signal
import time

from mapreduce.utils import messages, outbox
from mapreduce.utils.daemon import end_on_signals
from mapreduce.utils.inbox import Inbox, Terminated
from mapreduce.utils.network import tcp_server
from mapreduce.worker.mapping import run_map
from mapreduce.worker.process import Interruption, TaskError, TaskInterrupted
from mapreduce.worker.reducing import run_reduce

LOGGER = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 2.0  # seconds
MIN_REGISTER_DELAY = 1.0  # seconds until a Manager that is away is tried again
MAX_REGISTER_DELAY = 30.0  # seconds; the delay doubles until then


class Worker:
    """A Worker, from start to end: the constructor is its whole life."""

    def __init__(
        self, host: str, port: int, manager_host: str, manager_port: int,
        ending_signals: tuple[signal.Signals, ...] = (),
    ) -> None:
        """Run a Worker that listens on host and port and serves a Manager.

        Returns after a shutdown message, or one of the signals named, when
        all threads and processes have ended. Raises OSError if it can't
        listen there.
        """
        self._address = host, port
        self._manager = manager_host, manager_port
        self._register_delay = MIN_REGISTER_DELAY
        self._register_time: float | None = None
        self._beats = False
        with (
            Interruption() as self._interruption,
            tcp_server(host, port) as tcp,
            Inbox() as self._inbox,
        ):
            end_on_signals(ending_signals, self.terminate)
            self._inbox.listen_tcp(
                tcp, messages.RegisterAckMessage, messages.MapTaskMessage,
                messages.ReduceTaskMessage, messages.ShutdownMessage)
            LOGGER.info("Listening on %s:%d", host, port)
            self._register()
            self._run()
        LOGGER.info("Ended")

    def terminate(self) -> None:
        """Have the Worker end, and its task with it; for signal handlers."""
        self._interruption.set()
        self._inbox.put(Terminated())

    def _run(self) -> None:
        """Handle what arrives, in order, until it is time to exit."""
        while True:
            try:
                event, _ = self._inbox.get(self._time_to_registration())
            except queue.Empty:
                self._register()
                continue
            match event:
                case messages.RegisterAckMessage():
                    self._begin_heartbeats()
                case messages.MapTaskMessage() | messages.ReduceTaskMessage():
                    self._do(event)
                case messages.ShutdownMessage() | Terminated():
                    return

    # The Manager

    def _register(self) -> None:
        """Register, or try again later if the Manager can't be reached."""
        self._register_time = None
        try:
            outbox.send_tcp(
                *self._manager, messages.RegisterMessage(*self._address))
        except OSError as error:
            LOGGER.warning(
                "Cannot reach the Manager at %s:%d: %s; next try in %g s",
                *self._manager, error, self._register_delay)
            self._register_time = time.monotonic() + self._register_delay
            self._register_delay = min(
                2 * self._register_delay, MAX_REGISTER_DELAY)

    def _time_to_registration(self) -> float | None:
        """Return the seconds until the next try, None if none is due."""
        if self._register_time is None:
            return None
        return max(0.0, self._register_time - time.monotonic())

    def _begin_heartbeats(self) -> None:
        """Send heartbeats from the first acknowledgement on."""
        self._register_delay = MIN_REGISTER_DELAY
        if not self._beats:
            self._beats = True
            self._inbox.spawn(self._send_heartbeats)

    def _send_heartbeats(self) -> None:
        message = messages.HeartbeatMessage(*self._address)
        while True:
            try:
                outbox.send_udp(*self._manager, message)
            except OSError as error:
                LOGGER.debug("Cannot send a heartbeat: %s", error)
            if self._inbox.stop.wait(HEARTBEAT_INTERVAL):
                return

    # Tasks

    def _do(self, task: messages.TaskMessage) -> None:
        """Do a task and report it, or log why it can't be done."""
        LOGGER.info("Received task %r", task)
        try:
            if isinstance(task, messages.MapTaskMessage):
                run_map(task, self._interruption)
            else:
                run_reduce(task, self._interruption)
        except TaskInterrupted:
            LOGGER.info("Gave up task %d", task.task_id)
        except (TaskError, OSError) as error:
            LOGGER.error("Task %d failed: %s", task.task_id, error)
        else:
            LOGGER.info("Finished task %d", task.task_id)
            self._report_finished(task.task_id)

    def _report_finished(self, task_id: int) -> None:
        try:
            outbox.send_tcp(*self._manager, messages.FinishedMessage(
                task_id, *self._address))
        except OSError as error:
            # The Manager is gone, and the job with it.
            LOGGER.warning("Cannot report task %d: %s", task_id, error)
            self._register_time = time.monotonic() + self._register_delay
