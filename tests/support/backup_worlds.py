"""Worlds of a Scheduler in which slow tasks get backup attempts."""
from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.facts import TaskDone
from mapreduce.protocol import layout, messages
from mapreduce.protocol.status import Stage, WorkerState
from tests.support.extended_jobs import submit
from tests.support.restart_world import RestartWorld
from tests.support.scheduler_world import EXTENDED, World

ALL = EXTENDED | {"cancel"}
STRICT = 3  # the port of a Worker that knows only the specification
SLOW = 10.0  # seconds that no other task takes


def check_held(workers):
    """Check that no task is with more than two Workers."""
    held = [worker.task_id for worker in workers if worker.task_id is not None]
    assert not held or max(map(held.count, held)) <= 2
    return held


class BackupWorld(World):
    """A World whose Workers know `cancel`, unless they are strict."""

    def check(self):
        """Check what must hold at any time."""
        check_held(self.scheduler.workers)

    def _answer(self, worker, port):
        answer = super()._answer(worker, port)
        if getattr(answer, "message_types", None) == EXTENDED:
            return events.CapabilitiesKnown(worker, ALL)
        return answer

    def begin(self, **options):
        """Have three map tasks with Workers 1 to 3, of which 0 and 1 are done.

        Task 2 is slow, on Worker 3; the others are idle.
        """
        self.register(1, 2, 3)
        submit(self, **{"max_mappers": 3, "map_speculative": True,
                        "reduce_speculative": True, **options})
        self.now += 1.0
        self.finish(0, 1)
        self.finish(1, 2)

    def pass_time(self, seconds=SLOW, ports=(1, 2, 3)):
        """Let time pass in which only Workers on other ports are silent."""
        self.now += seconds
        return self.beat(*ports) + self.wait(0)

    def attempts(self, task_id=2):
        """Return the Worker and the state of each attempt, and the backups."""
        task = self.scheduler.details(0, self.now).tasks[task_id]
        return [(its.worker.port, its.state.value, its.speculative)
                for its in task.history]


class BackupRestartWorld(RestartWorld):
    """A RestartWorld with backup attempts; each task counts itself."""

    def __init__(self):
        """Start the first Manager."""
        self.backups = set()  # (epoch, job, map task), not moved yet
        self.tasks = {}  # the last task that was sent to each Worker
        super().__init__()

    def restart(self, *args, **kwargs):
        """Start the next Manager, which finds the map output of backups."""
        for fact in self.journal:
            name = self.epoch, fact.job_id, getattr(fact, "task_id", None)
            if isinstance(fact, TaskDone) and fact.by_backup and (
                    name in self.backups):
                self.map_output.add(name)
        self.backups.clear()
        return super().restart(*args, **kwargs)

    def finish(self, worker):
        """Let a Worker do its task and report it."""
        job = self.scheduler.jobs.running
        name = self.epoch, job.job_id, worker.task_id
        if not job.over and job.stage is Stage.REDUCE:
            self.parts[job.job_id].add(worker.task_id)
        elif not job.over:
            is_backup = self.tasks[worker].output_directory.endswith(
                layout.BACKUPS)
            (self.backups if is_backup else self.map_output).add(name)
        return self.happen(messages.FinishedMessage(
            worker.task_id, *worker.address, {"tasks": {"done": 1}}))

    def pass_time(self, seconds):
        """Let time pass, in which all Workers send heartbeats."""
        self.now += seconds
        for worker in self.scheduler.workers:
            if worker.state is not WorkerState.DEAD:
                self.happen(messages.HeartbeatMessage(*worker.address))
        self.happen(events.Tick())

    def _check(self):
        held = check_held(self.scheduler.workers)
        for worker in self.holders():
            if held.count(worker.task_id) > 1:
                assert worker.address[1] != STRICT

    def _perform(self, action):
        match action:
            case events.Send(worker, message) if isinstance(
                    message, messages.TaskMessage):
                self.tasks[worker] = message
            case events.ProbeCapabilities(worker):
                return [events.CapabilitiesKnown(
                    worker,
                    frozenset() if worker.address[1] == STRICT else ALL)]
            case events.CheckOutput(job_id, expected, backups) if (
                    expected.num_partitions):
                names = {(self.epoch, job_id, task_id) for task_id in backups}
                assert names <= self.backups | self.map_output
                self.map_output |= names
        return super()._perform(action)
