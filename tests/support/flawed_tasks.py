"""The tasks of flawed_worker, with one fault planted in them."""
import contextlib
import hashlib
import heapq
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

FAULT = sys.argv[1]


def has(*faults):
    """Return whether one of these is the planted fault."""
    return FAULT in faults


def key(line):
    """Return what sort compares."""
    return line if has("merge-order-is-that-of-sort") else line[:-1]


def partition(line, number):
    """Return the partition of a line."""
    text = line.rstrip(b"\n")
    if has("line-without-tab-is-a-key") and b"\t" not in line:
        text = b""
    if not has("partition-is-md5-of-the-key"):
        text = text.partition(b"\t")[0]
    return int(hashlib.md5(text).hexdigest(), 16) % number


def start_guard():
    """Start a process that kills all tasks when this Worker has ended.

    Returns a file descriptor, to which the process id of a task is written.
    """
    reader, writer = os.pipe()
    if os.fork():
        os.close(reader)
        return writer
    os.setsid()
    os.close(writer)
    with os.fdopen(reader) as file:
        groups = [int(line) for line in file]
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    os._exit(0)


class Failed(Exception):
    """A task failed."""


class Tasks:
    """Does map and reduce tasks."""

    def __init__(self):
        """Begin without any."""
        self.processes = []
        self.killing = False
        self.guard = start_guard()

    def enter_session(self):
        """Begin a session in a new process of a task, and have it guarded."""
        os.setsid()
        if not has("kill-leaves-no-process"):
            os.write(self.guard, b"%d\n" % os.getpid())

    def kill_task(self):
        """Kill the processes of the current task."""
        self.killing = True
        for process in list(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def map(self, task, directory):
        """Do a map task."""
        number = task["num_partitions"]
        paths = [directory / f"maptask{task['task_id']:05d}-part{part:05d}"
                 for part in range(number)]
        splits = task.get("splits") or [
            [path, 0, None] for path in task["input_paths"]]
        if not has("empty-partitions-are-made"):
            for path in paths:
                path.touch()
        command = [task["executable"]]
        if "splits" in task and not has("extended-task-works"):
            command = task["executable"].rsplit(" ", 1)
        environment = {**os.environ, **task.get("environment", {})}
        if has("one-mapper-for-each-file") and splits:
            data = b"".join(pathlib.Path(path).read_bytes()
                            for path, _, __ in splits)
            splits = [[None, data, None]]
        for path, start, end in splits:
            if has("odd-names-work") and not path.isascii():
                continue
            data = start if path is None else pathlib.Path(
                path).read_bytes()[start:end]
            self.run_mapper(command, environment, path, data, paths)
        self.sort(paths)

    def run_mapper(self, command, environment, path, data, paths):
        """Run a mapper; add its lines to the partitions."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(path, "ab")) for path in paths
                     if path.exists()]
            for line in self.lines_of(command, environment, data, str(path)):
                if not files:
                    files = [stack.enter_context(open(path, "ab"))
                             for path in paths]
                if not line.endswith(b"\n") and not has(
                        "missing-newline-is-added"):
                    line += b"\n"
                if has("bytes-arrive-unchanged"):
                    line = line.replace(b"\r", b"")
                if has("long-lines-work"):
                    line = line[:2**20]
                files[partition(line, len(files))].write(line)

    def sort(self, paths):
        """Sort the partitions."""
        locale = {} if has("sort-is-in-the-c-locale") else {"LC_ALL": "C"}
        for path in filter(pathlib.Path.exists, paths):
            size = path.stat().st_size
            if size > 2**20:  # The tests are faster so.
                continue
            if has("one-sort-for-each-partition") and not size:
                continue
            subprocess.run(["sort", "-o", path, path], check=True,
                           env={**os.environ, **locale})

    def reduce(self, task, directory):
        """Do a reduce task."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(path, "rb"))
                     for path in task["input_paths"]]
            lines = heapq.merge(*files, key=key)
            if has("reduce-input-is-a-stream"):
                lines = list(lines)
            runs = 2 if has("reduce-merges-for-one-process") else 1
            if has("reducer-runs-without-lines") and not any(
                    os.path.getsize(path) for path in task["input_paths"]):
                runs = 0
            for _ in range(runs):
                out = self.lines_of([task["executable"]], os.environ, lines,
                                    "reduce")
                with open(directory / f"part-{task['task_id']:05d}",
                          "wb") as file:
                    file.writelines(out)

    def lines_of(self, command, environment, data, what):
        """Run an executable; yield what it prints, line by line."""
        cwd = None
        if has("executable-has-directory-and-environment"):
            cwd = "/"
        stdout = subprocess.PIPE
        with contextlib.ExitStack() as stack:
            if has("late-output-is-not-lost"):
                stdout = stack.enter_context(tempfile.TemporaryFile())
            noisy = has("standard-error-never-blocks",
                        "child-with-standard-error-never-blocks")
            error = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=stdout,
                stderr=subprocess.PIPE if noisy else error, cwd=cwd,
                env=environment, preexec_fn=self.enter_session)
            self.processes.append(process)
            if self.killing:  # It was too early for this process.
                self.kill_task()
            feeder = threading.Thread(target=self.feed, args=[process, data])
            feeder.start()
            if stdout is not subprocess.PIPE:
                process.wait()
                stdout.seek(0)
                yield from stdout
            elif has("map-output-is-a-stream"):
                yield from process.stdout.read().splitlines(keepends=True)
            else:
                yield from process.stdout
            code = process.wait()
            if has("child-with-standard-error-never-blocks"):
                process.stderr.read()
            feeder.join()
            self.processes.remove(process)
            broken = has("unread-input-is-no-failure") and process.broken
            if code or broken:
                error.seek(0)
                raise Failed(f"{command[0]} exited {code} for {what}: "
                             f"{error.read()[-200:]}")

    def feed(self, process, data):
        """Write the input of an executable."""
        process.broken = False
        try:
            if isinstance(data, bytes):
                process.stdin.write(data)
            else:
                process.stdin.writelines(data)
            process.stdin.close()
        except BrokenPipeError:
            process.broken = True
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
