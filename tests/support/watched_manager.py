"""A Manager for tests of the dashboard, without sockets, and its browsers."""
from starlette.testclient import TestClient

from mapreduce.client.errors import NoManager, UnknownJob
from mapreduce.dashboard.app import application

ORIGIN = {"origin": "http://localhost:6080"}


class WatchedManager:
    """Answers questions with records, and notes all that it gets."""

    host, port = "localhost", 6000

    def __init__(self, status=None, details=None):
        """Answer with these; None is a Manager that can't be reached."""
        self.answer = status
        self.jobs = details or {}
        self.heard = []

    def options(self):
        """Return the options of a command for this Manager."""
        return "-p 6000"

    def check_secret(self):
        """Raise NoManager if it can't be reached."""
        self.heard.append("check")
        self._check()

    def status(self):
        """Answer a question for the cluster."""
        self.heard.append("status")
        self._check()
        return self.answer

    def details(self, job_id):
        """Answer a question for a job."""
        self.heard.append(job_id)
        self._check()
        if job_id not in self.jobs:
            raise UnknownJob(f"no job {job_id}")
        return self.jobs[job_id]

    def send(self, message):
        """Take a message."""
        self._check()
        self.heard.append(message)

    def _check(self):
        if self.answer is None:
            raise NoManager("cannot reach it")


def browser(manager, rounds=0, names=()):
    """Return a browser of its pages; updates end after some rounds."""
    left = iter(range(rounds))
    app = application(manager, names, lambda: next(left, None) is None)
    return TestClient(app, base_url="http://localhost:6080",
                      follow_redirects=False)
