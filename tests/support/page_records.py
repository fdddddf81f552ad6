"""Clusters and jobs for the tests of pages, and what stands on a page."""
import html.parser

from mapreduce.protocol import codec
from mapreduce.protocol.status import ClusterStatus, JobDetails
from tests.support import fake_manager

EVIL = "<script>alert(1)</script>\x1b[31m"
SHOWN = "<script>alert(1)</script>\\x1b[31m"


def cluster(*jobs, workers=()):
    """Return the status of a cluster."""
    return codec.answer_from_document(
        ClusterStatus, fake_manager.cluster(*jobs, workers=workers))


def details(state="done", tasks=(), counters=(), options=(), **fields):
    """Return the details of job 3."""
    return codec.answer_from_document(JobDetails, {
        "job": fake_manager.job(state, **fields), "tasks": list(tasks),
        "counters": list(counters), "options": [
            {"name": name, "value": value} for name, value in options]})


def attempt(state, started, ended, port=6001, **fields):
    """Return an attempt as a Manager tells of it."""
    return {"worker": {"host": "localhost", "port": port}, "state": state,
            "started": started, "ended": ended, **fields}


INLINE = {"a", "b", "code", "span", "small"}  # no space is before these


class Page(html.parser.HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text):
        """Read a page."""
        super().__init__()
        self.elements = []  # each a name and its attributes
        self.text = ""
        self.title = ""
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag not in INLINE:
            self.text += " "

    def handle_endtag(self, tag):
        """Note the end of an element."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        """Note a text."""
        if self._open[-1:] == ["title"] and "svg" not in self._open:
            self.title += data
        elif self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag, **attributes):
        """Return the attributes of all elements that have these."""
        return [found for name, found in self.elements if name == tag
                and attributes.items() <= found.items()]

    def words(self):
        """Return the text with single spaces."""
        return " ".join(self.text.split())
