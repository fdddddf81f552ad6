"""A job, from its first step to its last, and the names of its files. Pure."""
from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

from mapreduce.manager.scheduling.tasks import Tasks
from mapreduce.protocol import messages_2017 as dialect
from mapreduce.protocol.messages import MasterJobMessage

NO_PID = 0  # of a task that no Worker has yet
NO_TIME = 0.0  # Tasks keep times to show them, which this Master does not.


class Profile(NamedTuple):
    """The names of one year; the numbers of files begin with `first`."""

    folder: str  # of all jobs
    leftovers: str  # a pattern of what a Master deletes at its start
    sorted_file: str
    reduce_input: str
    result: str  # in the output directory
    first: int


PROFILES = {
    "w17": Profile("var", "var", "/sorted_{}", "/input_{}", "input_{}", 0),
    "f20": Profile("tmp", "tmp/job-*", "/sorted{:02d}", "/reduce{:02d}",
                   "outputfile{:02d}", 1),
}


class Job:
    """A job, and the tasks of the stage that it is in."""

    def __init__(
        self, job_id: int, submission: MasterJobMessage, profile: Profile
    ) -> None:
        """Start without tasks."""
        self.job_id = job_id
        self.submission = submission
        self.messages: list[dialect.TaskMessage] = []
        self.tasks = Tasks(0)
        self._profile = profile
        self._outputs: dict[int, list[str]] = {}

    @property
    def directory(self) -> str:
        """The directory for the output of all stages, e.g., var/job-0."""
        return f"{self._profile.folder}/job-{self.job_id}"

    @property
    def folders(self) -> list[str]:
        """The folders in there, one for each stage."""
        return [f"{self.directory}/{stage}-output"
                for stage in ("mapper", "grouper", "reducer")]

    @property
    def outputs(self) -> list[str]:
        """The files that this stage has made, in the order of its tasks."""
        return [path for _, paths in sorted(self._outputs.items())
                for path in paths]

    def steps(self, count_ready: Callable[[], int]) -> Steps:
        """Yield one step after the other; count_ready counts the Workers."""
        mapped, grouped, reduced = self.folders
        job, profile = self.submission, self._profile
        reducers = range(profile.first, profile.first + job.num_reducers)
        targets = [grouped + profile.reduce_input.format(number)
                   for number in reducers]
        paths = yield FindInputs(self)
        paths = yield [
            dialect.WorkerJobMessage(
                share, job.mapper_executable, mapped, NO_PID)
            for share in _shares(paths, job.num_mappers)]
        shares = _shares(sorted(paths), max(1, count_ready()))
        paths = yield [
            dialect.SortJobMessage(
                share, grouped + profile.sorted_file.format(number), NO_PID)
            for number, share in enumerate(shares, profile.first)]
        yield Cut(self, paths, targets)
        paths = yield [
            dialect.WorkerJobMessage(
                [path], job.reducer_executable, reduced, NO_PID)
            for path in targets]
        yield Publish(self, paths, list(map(profile.result.format, reducers)))

    def begin(self, messages: list[dialect.TaskMessage]) -> None:
        """Begin a stage of these tasks."""
        self.messages, self.tasks = messages, Tasks(len(messages))
        self._outputs = {}

    def finish(self, task_id: int, outputs: list[str]) -> bool:
        """Note what files a task made; return whether all tasks are done."""
        self._outputs[task_id] = outputs
        return self.tasks.finish(task_id, NO_TIME)


def _shares(paths: list[str], number: int) -> list[list[str]]:
    """Deal paths round robin into lists, none of which is empty."""
    return [paths[n::number] for n in range(min(number, len(paths)))]


# What the Master does itself; there is a name for each path.
FindInputs = NamedTuple("FindInputs", [("job", Job)])
Cut = NamedTuple("Cut", [
    ("job", Job), ("paths", list[str]), ("targets", list[str])])
Publish = NamedTuple("Publish", [
    ("job", Job), ("paths", list[str]), ("names", list[str])])
Step = FindInputs | Cut | Publish

# The tasks of a stage, or a step of the Master's own; each is answered by the
# paths that were found or made.
Steps = Generator[list[dialect.TaskMessage] | Step, list[str], None]
