"""A map task with all that decides on its output, in files."""
import contextlib
import dataclasses
import os
import pathlib
import tempfile

from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.fields import Split
from mapreduce.worker.cache.identities import Identities
from mapreduce.worker.cache.key import HIDDEN, facts_of, key_of
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from tests.support.files import write_executable
from tests.support.stages import map_files


@contextlib.contextmanager
def world():
    """Yield a World in a new directory."""
    with tempfile.TemporaryDirectory() as directory:
        yield World(pathlib.Path(directory))


class World:
    """The files of a task, and its message."""

    def __init__(self, place):
        """Make the files."""
        self.place = place
        self.runs = 0
        self.environ = {}  # changes of the environment of the Worker
        (place / "input").write_bytes(b"b 1\na 2\nc 3\n")
        (place / "words").write_text("s/a/x/\n")
        (place / "helper.sh").write_text("cat\n")
        write_executable(
            place / "map", f"echo run >> '{place}/log'", "read first",
            'echo "$map_input_file $GIVEN"',
            f"sed -f $1 | . {place}/helper.sh")
        for name in ("combine", "order", "other"):
            write_executable(place / name, "cat")
        write_executable(place / "partition", "sed 's/.*/0/'")
        self.task = ExtendedMapTaskMessage(
            task_id=0, splits=[Split(f"{place}/input", 2, 9)],
            executable=f"{place}/map {place}/words",
            output_directory=str(place / "output"), num_partitions=2,
            environment={"GIVEN": "value", "mapreduce_job_id": "job_1"},
            combiner=f"{place}/combine",
            cache=str(place / "cache"))

    def change(self, **fields):
        """Change fields of the message."""
        self.task = dataclasses.replace(self.task, **fields)

    def key(self):
        """Return the key of the task."""
        with (Interruption() as interruption, self._environ(),
              tempfile.TemporaryDirectory() as local):
            executor = Executor(
                Launcher(interruption), self.task.environment,
                reporter=Reporter(lambda status: None))
            executor.environment.of_task["mapreduce_task_output_dir"] = local
            executor.environment.hidden = HIDDEN
            return key_of(facts_of(self.task, executor, Identities(
                bool(self.task.cache_by_content), lambda: None)))

    @contextlib.contextmanager
    def _environ(self):
        before = dict(os.environ)
        os.environ.update(self.environ)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def run(self, **changes):
        """Do the task; return its files without the number of the task."""
        self.runs += 1
        task = {field.name: getattr(self.task, field.name)
                for field in dataclasses.fields(self.task)}
        task.update(changes)
        del task["output_directory"]
        with self._environ():
            files = map_files(self.place / f"output{self.runs}", [], **task)
        return {name.partition("-")[2]: content
                for name, content in files.items()}

    @property
    def mapped(self):
        """How often the mapper has run."""
        log = self.place / "log"
        return len(log.read_text().splitlines()) if log.exists() else 0
