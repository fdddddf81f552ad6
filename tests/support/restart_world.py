"""A world in which a Manager dies again and again, for the pure tests.

It performs the actions of a Scheduler, keeps its facts as a journal does, and
has the files of jobs as sets of names. After so many actions the Manager dies;
the next one is made from the facts.
"""
from mapreduce.manager.scheduling import events, facts
from mapreduce.manager.scheduling.restoration import Restart, prune
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import codec, messages
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import Stage, WorkerState

HOST = "localhost"


class Died(Exception):
    """The Manager has died."""


class RestartWorld:
    """Managers, one after the other, their facts, and the files of jobs."""

    def __init__(self):
        """Start the first Manager, at time 0."""
        self.now = 0.0
        self.journal = []
        self.safe = []  # the journal as it is after a power failure
        self.accepted = {}  # the keys of all jobs that were ever accepted
        self.num_jobs = 0
        self.epoch = 0
        self.die_after = None  # actions; None: never
        self.map_output = set()  # (epoch, job, map task)
        self.parts = {}  # by job: the ids of the parts in its output directory
        self.outcomes = {}  # by job: the states in which it has ended
        self.prepared = []  # the ids of the jobs that were prepared
        self.again = []  # those that were prepared again
        self.scheduler = None
        self._start([], None)

    def _start(self, known, obstacle):
        self.scheduler = Scheduler(cluster_id="2026", keeps_facts=True)
        self.scheduler.restore(known, Restart(
            "2026", lambda job_id: f"{self.epoch}/job-{job_id:05d}",
            self.epoch, self.num_jobs, obstacle), self.now)

    def restart(self, keep_tail=True, lost_files=lambda fact: False,
                obstacle=None, die_after=None):
        """Start the next Manager with what the last one has kept.

        Without the tail, only what was on the disk for sure is kept.
        """
        self.epoch += 1
        self.die_after = die_after
        if not keep_tail:
            self.journal = list(self.safe)

        def is_there(fact):
            if fact.stage is Stage.REDUCE:
                # None: they were discarded.
                return fact.task_id in (self.parts.get(fact.job_id) or ())
            key = fact.job_id, fact.task_id
            if lost_files(fact) or not any(
                    (epoch, *key) in self.map_output
                    for epoch in range(self.epoch)):
                return False
            self.map_output.add((self.epoch, *key))
            return True
        self.journal = prune(self.journal, is_there)
        self.safe = list(self.journal)
        # In a Manager's directory, nothing of the earlier ones is left.
        self.map_output = {
            name for name in self.map_output if name[0] == self.epoch}
        # As the real journal does, each fact goes through JSON.
        known = [codec.build(type(fact), codec.parse(codec.dump(fact)))
                 for fact in self.journal]
        assert known == self.journal
        self._start(known, obstacle)
        return self.happen(events.Resumed())

    def happen(self, event):
        """Let an event happen; return the actions that are no facts."""
        outcomes, performed = [event], []
        while outcomes:
            for action in self.scheduler.handle(outcomes.pop(0), self.now):
                if self.die_after is not None:
                    if not self.die_after:
                        raise Died
                    self.die_after -= 1
                outcomes += self._perform(action)
                if not isinstance(action, facts.Fact):
                    performed.append(action)
            self._check()
        return performed

    def register(self, *ports):
        """Let Workers register."""
        return [action for port in ports for action in self.happen(
            messages.RegisterMessage(HOST, port))]

    def holders(self):
        """Return the Workers that hold a task."""
        return [worker for worker in self.scheduler.workers
                if worker.state is WorkerState.BUSY]

    def finish(self, worker):
        """Let a Worker do its task and report it."""
        job = self.scheduler.jobs.running
        if not job.over:
            if job.stage is Stage.MAP and job.submission.num_reducers:
                self.map_output.add(
                    (self.epoch, job.job_id, worker.task_id))
            else:
                self.parts[job.job_id].add(worker.task_id)
        return self.happen(messages.FinishedMessage(
            worker.task_id, *worker.address))

    def fail(self, worker):
        """Let a Worker report its task as failed."""
        return self.happen(messages.FailedMessage(
            worker.task_id, *worker.address, "it broke"))

    def state_of(self, job_id):
        """Return the state of a job, as a client sees it."""
        return self.scheduler.details(job_id, self.now).job.state

    def _check(self):
        held = [worker.task_id for worker in self.holders()]
        assert len(set(held)) == len(held), "a task is with two Workers"

    def _perform(self, action):
        match action:
            case facts.Fact():
                self._keep(action)
            case events.Send(worker):
                return [events.MessageSent(worker)]
            case events.PrepareJob(job_id, _, again):
                (self.again if again else self.prepared).append(job_id)
                self.parts[job_id] = set()
                return [events.JobPrepared(
                    job_id, f"{self.epoch}/job-{job_id:05d}",
                    [Split("in/a"), Split("in/b")], None, (1, job_id))]
            case events.CheckOutput(job_id, expected):
                return [events.OutputChecked(
                    job_id, self._missing(job_id, expected))]
            case events.KeepMapOutput(job_id):
                return [events.MapOutputKept(job_id)]
            case events.PublishResult(job_id):
                return [events.ResultPublished(job_id)]
            case events.DiscardOutput():
                self.parts[self._ending()] = None
        return []

    def _ending(self):
        return next(fact.job_id for fact in reversed(self.journal)
                    if isinstance(fact, facts.JobEnded))

    def _missing(self, job_id, expected):
        there = self.parts[job_id]
        if expected.num_partitions:
            there = {task_id for epoch, job, task_id in self.map_output
                     if (epoch, job) == (self.epoch, job_id)}
        return {task_id: f"file {task_id}"
                for task_id in range(expected.num_tasks)
                if task_id not in there}

    def _keep(self, fact):
        """Keep a fact as the journal does."""
        self.num_jobs = max(self.num_jobs, fact.job_id + 1)
        if isinstance(fact, facts.JobAccepted):
            self.accepted[fact.job_id] = fact.submission.job_key
        if isinstance(fact, facts.JobEnded):
            self.outcomes.setdefault(fact.job_id, set()).add(fact.state)
        if fact.final:
            self.journal = [other for other in self.journal
                            if other.job_id != fact.job_id]
        if not isinstance(fact, facts.JobForgotten):
            self.journal.append(fact)
        if fact.durable:
            self.safe = list(self.journal)
