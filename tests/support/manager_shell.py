"""A Manager without sockets and threads: it performs actions on files only."""
import os
import pathlib
import time

from mapreduce.manager.daemon import Manager, ManagerEnvironment, _Core
from mapreduce.manager.scheduling import events
from mapreduce.manager.state.directory import StateDirectory
from mapreduce.manager.state.recorder import Recorder
from mapreduce.manager.storage import Storage
from mapreduce.protocol import layout, messages
from mapreduce.protocol.status import WorkerState

HOST = "localhost"
DIED = 9  # the exit code of a process that ended at the moment it should


class Shell(Manager):
    """A Manager with a state directory, and Workers that do what they say."""

    def __init__(self, path, **options):
        """Start; `options` are those of StateDirectory."""
        self.state = StateDirectory(path, **options)
        self.recorder = Recorder(self.state)
        _Core.__init__(self, ManagerEnvironment(recorder=self.recorder))
        self._sender = self
        self.sent = []
        self._begin = self.recorder.shared_directory()
        self._storage = Storage(
            self._begin.__enter__(), lambda: False, self.recorder.owner,
            self.recorder.directory)
        self.recorder.restore(self._scheduler, self._storage)
        self.happen(events.Resumed())

    def send(self, worker, message):
        """Send a message as a Sender does; every one arrives."""
        self.sent.append(message)
        return events.MessageSent(worker)

    def kill(self):
        """Close its files as the end of a process does."""
        self.state.journal.pending.clear()
        self.state.close()

    def end(self):
        """Shut down."""
        self.recorder.end()
        self.state.close()

    def happen(self, event):
        """Let an event happen; return the tasks that are sent for it."""
        del self.sent[:]
        self._handle(event, time.monotonic())
        return [message for message in self.sent
                if isinstance(message, messages.TaskMessage)]

    def submit(self, submission):
        """Submit a job."""
        return self.happen(submission)

    def submit_and_count(self, submission):
        """Submit a job; return its id."""
        self.happen(submission)
        return self._scheduler.jobs.num_jobs - 1

    def register(self, port):
        """Let a Worker register."""
        return self.happen(messages.RegisterMessage(HOST, port))

    def finish_task(self, files=True):
        """Let a Worker do its task; return where it put its files."""
        job = self._scheduler.jobs.running
        worker = next(worker for worker in self._scheduler.workers
                      if worker.state is WorkerState.BUSY)
        expected = job.expected_output
        names = layout.task_files(
            worker.task_id, expected.num_partitions, expected.compress)
        for name in names if files else ():
            pathlib.Path(expected.directory, name).write_text(name)
        self.happen(messages.FinishedMessage(worker.task_id, *worker.address))
        self._recorder._commit()  # As 0.1 s later.
        return expected.directory

    def state_of(self, job_id):
        """Return the state of a job, as a client sees it."""
        return self._status(job_id).state

    def reason_of(self, job_id):
        """Return why a job failed."""
        return self._status(job_id).reason

    def _status(self, job_id):
        return self._scheduler.details(job_id, time.monotonic()).job


def die(act, owner, name, must_die, after):
    """Do something in a process that ends in a call of `owner.name`.

    It ends at the first call for whose arguments must_die returns true,
    before or after that. Nothing is cleaned up, as after a kill.
    """
    pid = os.fork()
    if not pid:
        try:
            _die_in(owner, name, must_die, after)
            act()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == DIED


def _die_in(owner, name, must_die, after):
    original = getattr(owner, name)

    def wrapper(*args, **kwargs):
        if must_die(*args):
            if after:
                original(*args, **kwargs)
            os._exit(DIED)
        return original(*args, **kwargs)
    setattr(owner, name, wrapper)
