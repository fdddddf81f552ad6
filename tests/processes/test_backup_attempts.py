"""Slow tasks on real Workers, which are overtaken by backup attempts."""
import uuid

from mapreduce.protocol import codec, messages
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import ClusterStatus, JobDetails
from mapreduce.utils import outbox
from tests.support.files import names_in, write_executable, write_files
from tests.support.waiting import Lifeline

# The first attempt that reads "slow" waits for ever, and holds a pipe open.
SCRIPT = """
IFS= read -r line || exit 0
if [ "$line" = slow ] && mkdir '{mark}' 2>/dev/null; then
    {lifeline}
    sleep 600
fi
echo "$line"
exec cat
"""


def submit(cluster, tmp_path, mapper, reducer):
    """Submit a job; return its key."""
    key = uuid.uuid4().hex
    outbox.send_tcp(*cluster.address, ExtendedJobMessage(
        input_paths=[str(tmp_path / "input")],
        output_directory=str(tmp_path / "output"),
        mapper_executable=mapper, reducer_executable=reducer,
        num_mappers=2, num_reducers=2, job_key=key,
        map_speculative=True, reduce_speculative=True))
    return key


def wait_for(cluster, key):
    """Return what is told of a job when it has ended."""
    found = []

    def ask(cls, question):
        return codec.answer_from_document(
            cls, outbox.ask(*cluster.address, question))

    def has_ended():
        found[:] = ask(ClusterStatus, messages.GetStatusMessage(key)).jobs
        return found and found[0].ended
    cluster.wait_for(has_ended)
    return ask(JobDetails, messages.GetJobMessage(found[0].id))


def test_sleeping_tasks_are_overtaken(cluster, tmp_path):
    """In both stages; and no process of the slow attempts is left."""
    cluster.start(2)
    write_files(tmp_path / "input", b"slow\n", b"word\nword\n")
    lifelines = [Lifeline(tmp_path / name) for name in ("map-", "reduce-")]
    mapper, reducer = (
        write_executable(tmp_path / stage, SCRIPT.format(
            mark=tmp_path / f"{stage}-began", lifeline=lifeline))
        for stage, lifeline in zip(("map", "reduce"), lifelines))
    details = wait_for(cluster, submit(cluster, tmp_path, mapper, reducer))
    assert (details.job.state, details.job.reason) == ("done", None)
    assert sorted(cluster.result(tmp_path / "output").split()) == [
        b"slow", b"word", b"word"]
    assert names_in(tmp_path / "output") == ["part-00000", "part-00001"]
    assert [[(its.state, its.speculative) for its in task.history]
            for task in details.tasks if task.history] == 2 * [
        [("cancelled", False), ("done", True)]]
    for lifeline in lifelines:
        assert lifeline.all_ended()
        lifeline.close()
    assert cluster.shutdown() == [0, 0, 0]
    assert cluster.leftovers() == []
