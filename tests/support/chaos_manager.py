"""What the random fault test does to the Manager, and checks at its end."""
import contextlib
import signal

from tests.support import wire

MAX_AWAY = 3.0  # seconds until a Manager is continued or the next one starts


class ChaosError(Exception):
    """A result is wrong or missing."""


class ManagerFaults:
    """The Managers, one after the other, on one state directory."""

    def __init__(self, cluster, randomness, after, options):
        """Start none yet; `after` calls a function after some seconds."""
        self.is_away = False
        self._cluster = cluster
        self._random = randomness
        self._after = after
        self._options = [
            *options, "--state-dir", str(cluster.directory / "state")]
        self._job = None
        self._num_jobs = 0

    def start(self):
        """Start the next Manager; submit the job again, which may be lost."""
        self._cluster.start_manager(*self._options)
        self.is_away = False
        if self._job:
            self._send()

    def submit(self, job):
        """Submit a job, which a Manager knows by its key afterwards."""
        self._num_jobs += 1
        self._job = {**job, "job_key": f"key-{self._num_jobs}"}
        self._send()

    def _send(self):
        with contextlib.suppress(OSError):
            self._cluster.send(self._job)

    def faults(self):
        """Return what can be done to the Manager now."""
        return [] if self.is_away else [
            self.kill_manager, self.end_manager, self.stop_manager]

    def kill_manager(self):
        """Kill it; the next one goes on."""
        return self._end(signal.SIGKILL)

    def end_manager(self):
        """End it by a signal; the next one goes on."""
        return self._end(self._random.choice([signal.SIGTERM, signal.SIGINT]))

    def _end(self, number):
        self.is_away = True
        self._cluster.manager.process.send_signal(number)
        self._cluster.manager.process.wait()
        self._after(self._random.uniform(0, MAX_AWAY), self.start)
        return True

    def stop_manager(self):
        """Stop it for a short time."""
        self.is_away = True
        self._cluster.manager.process.send_signal(signal.SIGSTOP)
        self._after(self._random.uniform(0.1, MAX_AWAY), self._continue)
        return True

    def _continue(self):
        self._cluster.manager.process.send_signal(signal.SIGCONT)
        self.is_away = False


def check_end(cluster):
    """End all daemons; check the exit codes and that nothing is left."""
    cluster.send(wire.SHUTDOWN)
    # Those that were thought dead have not heard of it.
    for worker in cluster.workers:
        worker.process.terminate()
    codes = cluster.exit_codes()
    if any(codes):
        raise ChaosError(f"exit codes {codes}")
    if cluster.leftovers():
        raise ChaosError(f"left behind: {cluster.leftovers()}")
