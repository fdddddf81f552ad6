"""A Scheduler of the 2017 dialect, with a world where everything works.

Each message can be sent, each step taken and each file of a task is there,
unless a test says other. Actions come back as short texts:

    "map a,c → 1"          these inputs to the Worker with process id 1
    "sort a,b → 1"         these map outputs into one file
    "reduce input_0 → 1"
    "shutdown → 1"
    "folders 0", "inputs 0", "cut 0", "publish 0", "exit"    of job 0
"""
import posixpath

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from mapreduce.protocol import messages_2017 as dialect
from mapreduce.spec2017 import plan
from mapreduce.spec2017.scheduler import (
    MakeFolders,
    Reported,
    Scheduler,
    StepDone,
)


def job(num_mappers=2, num_reducers=2, **fields):
    """Return the submission of a job."""
    return messages.MasterJobMessage(**{
        "input_directory": "in", "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "num_mappers": num_mappers, "num_reducers": num_reducers, **fields})


class World:
    """A Scheduler and what becomes of its actions."""

    def __init__(self, profile="w17"):
        """Start with no Workers, at time 0."""
        self.scheduler = Scheduler(plan.PROFILES[profile])
        self.now = 0.0
        self.inputs = ["in/a", "in/b", "in/c"]
        self.unreachable = set()  # process ids
        self.blocked = {}  # by the text of an action: why it fails
        self.pending = set()  # texts of steps that are not done yet
        self.sent = []  # messages
        self.steps = []  # in order

    def happen(self, event):
        """Let an event happen; return all actions that it leads to."""
        outcomes, actions = [event], []
        while outcomes:
            for action in self.scheduler.handle(outcomes.pop(0), self.now):
                actions.append(self._name(action))
                outcomes += self._outcomes(action, actions[-1])
            self._check()
        return actions

    def register(self, *pids):
        """Let Workers register, on the ports 1000 + process id."""
        return [action for pid in pids for action in self.happen(
            dialect.RegisterMessage("localhost", 1000 + pid, pid))]

    def submit(self, *args, **fields):
        """Submit a job."""
        return self.happen(job(*args, **fields))

    def finish(self, *pids):
        """Let Workers report their tasks, with all files in place."""
        return [action for pid in pids for action in self._report(pid)]

    def lie(self, pid):
        """Let a Worker report its task, without files."""
        return self.happen(Reported(pid, None))

    def _report(self, pid):
        task = self.scheduler.task_of(pid)
        return self.happen(Reported(pid, task.outputs if task else None))

    def beat(self, *pids):
        """Let heartbeats arrive."""
        return [action for pid in pids
                for action in self.happen(dialect.HeartbeatMessage(pid))]

    def wait(self, seconds, *living):
        """Let time pass, with heartbeats, and the clock tick at its end."""
        self.now += seconds
        return self.beat(*living) + self.happen(events.Tick())

    def take(self, number=-1):
        """Let the last step, or the one of a number, be done now."""
        return self.happen(StepDone(self.steps[number].job, []))

    def _outcomes(self, action, name):
        match action:
            case events.Send(worker, message):
                self.sent.append(message)
                pid = worker.address[1] - 1000
                return [events.WorkerUnreachable(worker)
                        if pid in self.unreachable
                        else events.MessageSent(worker)]
            case events.Exit():
                return []
        if name in self.blocked:
            return [events.JobBlocked(action.job.job_id, self.blocked[name])]
        if isinstance(action, MakeFolders):
            return []
        self.steps.append(action)
        if name in self.pending:
            return []
        return [StepDone(action.job, self.inputs if isinstance(
            action, plan.FindInputs) else [])]

    def _check(self):
        """Check that no task is with two living Workers."""
        held = [worker.task_id for worker in self.scheduler.workers
                if worker.task_id is not None
                and self.scheduler.task_of(worker.address[1] - 1000)]
        assert len(set(held)) == len(held)

    @staticmethod
    def _name(action):
        match action:
            case events.Send(worker, message):
                return f"{_words(message)} → {worker.address[1] - 1000}"
            case events.Exit():
                return "exit"
        title = {MakeFolders: "folders", plan.FindInputs: "inputs",
                 plan.Cut: "cut", plan.Publish: "publish"}[type(action)]
        return f"{title} {action.job.job_id}"


def _words(message):
    match message:
        case messages.ShutdownMessage():
            return "shutdown"
        case dialect.SortJobMessage():
            title = "sort"
        case _:
            title = message.executable
    return f"{title} {','.join(map(posixpath.basename, message.input_files))}"
