"""The lines that tell of the progress of a job."""
import re

from mapreduce.client import progress
from mapreduce.protocol import codec
from mapreduce.protocol.status import JobDetails
from tests.support.fake_manager import job


def test_lines_are_ten_seconds_apart(capsys):
    """Within a stage; and only if there is something new."""
    now = 0.0
    lines = progress.Lines(lambda: now)
    for now, done in enumerate([0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4]):
        lines.show(the(job("map", tasks_done=done)))
    for now, done in (30, 4), (60, 4), (61, 5):
        lines.show(the(job("map", tasks_done=done)))
    lines.show(the(job("reduce", tasks_done=5)))
    assert re.findall(r"(\w+), (\d)", capsys.readouterr().err) == [
        ("map", "0"), ("map", "3"), ("map", "4"), ("map", "5"),
        ("reduce", "5")]


def the(document):
    """Return the record of a job."""
    answer = {"job": document, "tasks": []}
    return codec.answer_from_document(JobDetails, answer).job
