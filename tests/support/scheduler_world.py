"""A Scheduler for tests, with a world around it where everything works.

Each message can be sent and each job prepared, unless a test names the Worker
as unreachable or the job as unpreparable. Actions come back as short texts:

    "register_ack → 1"       a message to the Worker on port 1
    "map 0 → 1"              task 0 of the map stage to that Worker
    "reduce 2 → 1"           task 2 of the reduce stage
    "extended map 0 → 1"     likewise, in a message that strict ones don't know
    "ask → 1"                which messages that Worker takes
    "cancel 0 → 1"           task 0 of a job that failed
    "register_again → 1"     to a process that is no living Worker
    "prepare job 0", "discard output", "clean up job 0", "exit"
    "keep map output 0 in d" of job 0, in the directory d
"""
import dataclasses

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import codec, messages
from mapreduce.protocol.extensions import (
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import WorkerState

EXTENDED = frozenset(codec.capabilities(ExtendedMapTaskMessage)
                     | codec.capabilities(ExtendedReduceTaskMessage))
OLD = frozenset({"new_extended_map_task", "new_extended_reduce_task"})

HOST = "localhost"


def job(num_mappers=2, num_reducers=2, **fields):
    """Return the submission of a job."""
    return messages.extended_job(messages.ManagerJobMessage(**{
        "input_directory": "in", "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "num_mappers": num_mappers, "num_reducers": num_reducers, **fields}))


def extended_job(**fields):
    """Return a submission whose tasks strict Workers can't do."""
    return messages.ExtendedJobMessage(**{
        "input_paths": ["in"], "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "max_mappers": 2, "num_reducers": 1, "environment": {}, **fields})


class World:
    """A Scheduler and what becomes of its actions."""

    def __init__(self):
        """Start with no Workers, at time 0."""
        self.scheduler = Scheduler(cluster_id="202611211417")
        self.now = 0.0
        self.unreachable = set()
        self.slow = set()  # ports of Workers to which sending takes long
        self.missing = {}  # names of files that the next check does not find
        self.checked = []  # directory, tasks, partitions and compression
        self.delayed = []  # the Workers of the messages on their way
        self.unpreparable = {}
        self.unkeepable = set()  # ids of jobs
        self.splits = [Split("in/a"), Split("in/b"), Split("in/c")]
        self.strict = set()  # ports of Workers that know nothing of ours
        self.mute = set()  # ports of those that answer no question
        self.silent = set()  # ports of those that have not answered yet
        self.sent = []

    def happen(self, event):
        """Let an event happen; return all actions that it leads to."""
        outcomes = [event]
        actions = []
        while outcomes:
            for action in self.scheduler.handle(outcomes.pop(0), self.now):
                # Almost every test has Workers that do what they report.
                if not isinstance(action, events.CheckOutput):
                    actions.append(self._name(action))
                outcomes += self._outcomes(action)
            self.check()
        return actions

    def register(self, *ports):
        """Let Workers register, one after the other."""
        return [action for port in ports for action in self.happen(
            messages.RegisterMessage(HOST, port))]

    def beat(self, *ports):
        """Let heartbeats of Workers arrive."""
        return [action for port in ports for action in self.happen(
            messages.HeartbeatMessage(HOST, port))]

    def submit(self, *args, **kwargs):
        """Submit a job."""
        return self.happen(job(*args, **kwargs))

    def finish(self, task_id, port, counters=None):
        """Let a Worker report a task as finished."""
        return self.happen(
            messages.FinishedMessage(task_id, HOST, port, counters))

    def fail(self, task_id, port, reason="it broke"):
        """Let a Worker report a task as failed."""
        return self.happen(
            messages.FailedMessage(task_id, HOST, port, reason))

    def wait(self, seconds):
        """Let time pass, and the clock tick at the end of it."""
        self.now += seconds
        return self.happen(events.Tick())

    def arrive(self):
        """Let the message that is longest on its way arrive."""
        return self.happen(events.MessageSent(self.delayed.pop(0)))

    def be_refused(self):
        """Let the message that is longest on its way be refused."""
        return self.happen(events.WorkerUnreachable(self.delayed.pop(0)))

    def check(self):
        """Check what must hold at any time."""
        workers = self.scheduler.workers
        holders = [worker for worker in workers if worker.task_id is not None]
        held = [worker.task_id for worker in holders]
        assert len(set(held)) == len(held), "a task is with two Workers"
        assert all(worker.state is WorkerState.BUSY for worker in holders)

    def _outcomes(self, action):
        match action:
            case events.Send():
                self.sent.append(action.message)
                if action.worker.address[1] in self.slow:
                    self.delayed.append(action.worker)
                    return [events.MessageDelayed(action.worker)]
                if action.worker.address[1] in self.unreachable:
                    return [events.WorkerUnreachable(action.worker)]
                return [events.MessageSent(action.worker)]
            case events.ProbeCapabilities(worker) if (
                    worker.address[1] in self.silent):
                return []
            case events.ProbeCapabilities(worker):
                return [self._answer(worker, worker.address[1])]
            case events.CheckOutput(job_id, expected):
                self.checked.append(dataclasses.astuple(expected))
                missing, self.missing = self.missing, {}
                return [events.OutputChecked(job_id, missing)]
            case events.KeepMapOutput(job_id) if job_id in self.unkeepable:
                return [events.JobBlocked(job_id, "the disk is full")]
            case events.KeepMapOutput(job_id):
                return [events.MapOutputKept(job_id)]
            case events.PrepareJob(job_id) if job_id in self.unpreparable:
                return [events.JobBlocked(
                    job_id, self.unpreparable[job_id])]
            case events.PrepareJob():
                return [events.JobPrepared(
                    action.job_id, f"jobs/{action.job_id}", self.splits)]
        return []

    def _answer(self, worker, port):
        if port in self.unreachable:
            return events.ProbeFailed(worker)
        if port in self.mute:
            return events.CapabilitiesKnown(worker, frozenset())
        return events.CapabilitiesKnown(
            worker, {"new_map_task"} if port in self.strict else EXTENDED)

    @staticmethod
    def _name(action):
        match action:
            case events.Send(worker, message):
                match message:
                    case messages.MapTaskMessage():
                        name = f"map {message.task_id}"
                    case messages.ReduceTaskMessage():
                        name = f"reduce {message.task_id}"
                    case messages.ExtendedMapTaskMessage():
                        name = f"extended map {message.task_id}"
                    case messages.ExtendedReduceTaskMessage():
                        name = f"extended reduce {message.task_id}"
                    case messages.CancelMessage():
                        name = f"cancel {message.task_id}"
                    case _:
                        name = codec.to_document(message)["message_type"]
                return f"{name} → {worker.address[1]}"
            case events.AskToRegister((_, port)):
                return f"register_again → {port}"
            case events.ProbeCapabilities(worker):
                return f"ask → {worker.address[1]}"
            case events.KeepMapOutput(job_id, directory):
                return f"keep map output {job_id} in {directory}"
            case events.PrepareJob():
                return f"prepare job {action.job_id}"
            case events.DiscardOutput():
                return "discard output"
            case events.CleanUpJob():
                return f"clean up job {action.job_id}"
            case events.Exit():
                return "exit"
