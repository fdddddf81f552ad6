"""A Scheduler for tests, with a world around it where everything works.

Each message can be sent and each job prepared, unless a test names the Worker
as unreachable or the job as unpreparable. Actions come back as short texts:

    "register_ack → 1"       a message to the Worker on port 1
    "map 0 → 1"              task 0 of the map stage to that Worker
    "reduce 2 → 1"           task 2 of the reduce stage
    "cancel 0 → 1"           task 0 of a job that failed
    "prepare job 0", "discard output", "clean up job 0", "exit"
"""
from mapreduce.manager import events
from mapreduce.manager.remote_worker import State
from mapreduce.manager.scheduler import Scheduler
from mapreduce.utils import messages

HOST = "localhost"


def job(num_mappers=2, num_reducers=2, **fields):
    """Return the submission of a job."""
    return messages.ManagerJobMessage(**{
        "input_directory": "in", "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "num_mappers": num_mappers, "num_reducers": num_reducers, **fields})


class World:
    """A Scheduler and what becomes of its actions."""

    def __init__(self):
        """Start with no Workers, at time 0."""
        self.scheduler = Scheduler()
        self.now = 0.0
        self.unreachable = set()
        self.unpreparable = {}
        self.input_paths = ["in/a", "in/b", "in/c"]
        self.sent = []

    def happen(self, event):
        """Let an event happen; return all actions that it leads to."""
        outcomes = [event]
        actions = []
        while outcomes:
            for action in self.scheduler.handle(outcomes.pop(0), self.now):
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

    def finish(self, task_id, port):
        """Let a Worker report a task as finished."""
        return self.happen(messages.FinishedMessage(task_id, HOST, port))

    def fail(self, task_id, port, reason="it broke"):
        """Let a Worker report a task as failed."""
        return self.happen(
            messages.FailedMessage(task_id, HOST, port, reason))

    def wait(self, seconds):
        """Let time pass, and the clock tick at the end of it."""
        self.now += seconds
        return self.happen(events.Tick())

    def check(self):
        """Check what must hold at any time."""
        workers = self.scheduler.workers
        holders = [worker for worker in workers if worker.task_id is not None]
        held = [worker.task_id for worker in holders]
        assert len(set(held)) == len(held), "a task is with two Workers"
        assert all(worker.state is State.BUSY for worker in holders)

    def _outcomes(self, action):
        match action:
            case events.Send():
                self.sent.append(action.message)
                if action.worker.address[1] in self.unreachable:
                    return [events.WorkerUnreachable(action.worker)]
                return [events.MessageSent(action.worker)]
            case events.PrepareJob(job_id) if job_id in self.unpreparable:
                return [events.JobUnprepared(
                    job_id, self.unpreparable[job_id])]
            case events.PrepareJob():
                return [events.JobPrepared(
                    action.job_id, f"jobs/{action.job_id}", self.input_paths)]
        return []

    @staticmethod
    def _name(action):
        match action:
            case events.Send(worker, message):
                match message:
                    case messages.MapTaskMessage():
                        name = f"map {message.task_id}"
                    case messages.ReduceTaskMessage():
                        name = f"reduce {message.task_id}"
                    case messages.CancelMessage():
                        name = f"cancel {message.task_id}"
                    case _:
                        name = messages.to_document(message)["message_type"]
                return f"{name} → {worker.address[1]}"
            case events.PrepareJob():
                return f"prepare job {action.job_id}"
            case events.DiscardOutput():
                return "discard output"
            case events.CleanUpJob():
                return f"clean up job {action.job_id}"
            case events.Exit():
                return "exit"
