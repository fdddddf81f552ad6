"""A job of flawed_manager: its tasks, with one fault planted in them."""
import collections
import os
import pathlib
import sys

FAULT = sys.argv[1]


def has(fault):
    """Return whether this is the planted fault."""
    return fault == FAULT


class Job:
    """A job, and which of its tasks wait or are done."""

    def __init__(self, number, message):
        """Begin with nothing made."""
        self.id = number
        self.message = message
        self.state = "queued"
        self.reason = None
        self.directory = None
        self.waiting = collections.deque()
        self.done = set()
        self.attempts = collections.Counter()
        self.tasks = []

    @property
    def output(self):
        """The output directory."""
        return pathlib.Path(self.message["output_directory"])

    def map_tasks(self):
        """Return all map tasks."""
        message = self.message
        names = sorted(os.listdir(message["input_directory"]))
        if not has("subdirectories-are-no-input"):
            names = [name for name in names if os.path.isfile(
                os.path.join(message["input_directory"], name))]
        if has("odd-names-work"):
            names = [name for name in names if name.isascii()]
        base = message["input_directory"]
        if has("paths-are-joined-as-text"):
            base = os.path.normpath(base)
        if has("relative-paths-stay-relative"):
            base = os.path.abspath(base)
        paths = [os.path.join(base, name) for name in names]
        number = message["num_mappers"]
        parts = [paths[task::number] for task in range(number)]
        if has("files-go-round-robin"):
            size = -(-len(paths) // number)
            parts = [paths[task * size:(task + 1) * size]
                     for task in range(number)]
        if has("more-mappers-than-files"):
            parts = list(filter(None, parts))
        return [{"message_type": "new_map_task", "task_id": task,
                 "input_paths": part,
                 "executable": message["mapper_executable"],
                 "output_directory": str(self.directory),
                 "num_partitions": message["num_reducers"],
                 **({"x": 1} if has("map-task-is-exact") else {})}
                for task, part in enumerate(parts)]

    def reduce_tasks(self):
        """Return all reduce tasks."""
        message = self.message
        step = -1 if has("reduce-task-is-exact") else 1
        return [{"message_type": "new_reduce_task", "task_id": part,
                 "executable": message["reducer_executable"],
                 "input_paths": [
                     f"{self.directory}/maptask{task:05d}-part{part:05d}"
                     for task in range(message["num_mappers"])][::step],
                 "output_directory": message["output_directory"]}
                for part in range(message["num_reducers"])]


def has_files(task):
    """Return whether the files of a task are there."""
    directory = pathlib.Path(task["output_directory"])
    if task["message_type"] == "new_reduce_task":
        return (directory / f"part-{task['task_id']:05d}").exists()
    return all((directory / f"maptask{task['task_id']:05d}-part{part:05d}"
                ).exists() for part in range(task["num_partitions"]))
