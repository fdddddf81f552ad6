"""The messages of the 2017 dialect, as its contract writes them."""
import pytest

from mapreduce.protocol import codec, messages
from mapreduce.protocol import messages_2017 as dialect
from mapreduce.protocol.fields import ProtocolError

WIRE = [
    (dialect.RegisterMessage("localhost", 6001, 77),
     b'{"message_type": "register", "worker_host": "localhost", '
     b'"worker_port": 6001, "worker_pid": 77}'),
    (dialect.RegisterAckMessage("localhost", 6001, 77),
     b'{"message_type": "register_ack", "worker_host": "localhost", '
     b'"worker_port": 6001, "worker_pid": 77}'),
    (dialect.HeartbeatMessage(77),
     b'{"message_type": "heartbeat", "worker_pid": 77}'),
    (messages.MasterJobMessage("in", "out", "map.py", "reduce.py", 2, 3),
     b'{"message_type": "new_master_job", "input_directory": "in", '
     b'"output_directory": "out", "mapper_executable": "map.py", '
     b'"reducer_executable": "reduce.py", "num_mappers": 2, '
     b'"num_reducers": 3}'),
    (dialect.WorkerJobMessage(["in/a", "in/b"], "map.py", "out", 77),
     b'{"message_type": "new_worker_job", "input_files": ["in/a", "in/b"], '
     b'"executable": "map.py", "output_directory": "out", '
     b'"worker_pid": 77}'),
    (dialect.SortJobMessage(["out/a"], "sorted", 77),
     b'{"message_type": "new_sort_job", "input_files": ["out/a"], '
     b'"output_file": "sorted", "worker_pid": 77}'),
    (dialect.StatusMessage(
        output_files=["out/a"], status="finished", worker_pid=77),
     b'{"message_type": "status", "output_files": ["out/a"], '
     b'"status": "finished", "worker_pid": 77}'),
    (dialect.StatusMessage(
        output_file="sorted", status="finished", worker_pid=77),
     b'{"message_type": "status", "output_file": "sorted", '
     b'"status": "finished", "worker_pid": 77}'),
    (messages.ShutdownMessage(), b'{"message_type": "shutdown"}'),
]


def decode(payload):
    """Return the message in a payload."""
    return codec.from_document(codec.parse(payload), dialect.CLASSES)


@pytest.mark.parametrize("message, payload", WIRE)
def test_message_encodes_to_exact_bytes(message, payload):
    assert codec.encode(message) == payload


@pytest.mark.parametrize("message, payload", WIRE)
def test_message_decodes_from_its_bytes(message, payload):
    assert decode(payload) == message
    assert decode(payload[:-1] + b', "more": [1]}') == message


@pytest.mark.parametrize("payload, complaint", [
    (b'{"message_type": "finished"}', "unknown message_type 'finished'"),
    (b'{"message_type": "heartbeat"}', "heartbeat lacks field 'worker_pid'"),
    (b'{"message_type": "heartbeat", "worker_pid": true}',
     "heartbeat has a field 'worker_pid' that is not a process id: True"),
    (b'{"message_type": "status", "worker_pid": 1}',
     "status lacks field 'status'"),
    (b'{"message_type": "status", "status": "ready", "worker_pid": 1}',
     "status has a field 'status' that is not the word finished: 'ready'"),
    (b'{"message_type": "status", "status": "finished", "worker_pid": 1, '
     b'"output_files": "a"}',
     "status has a field 'output_files' that is not a list of paths: 'a'"),
])
def test_what_is_no_message_is_refused(payload, complaint):
    with pytest.raises(ProtocolError) as caught:
        decode(payload)
    assert str(caught.value) == complaint


def test_other_dialects_do_not_know_these_messages():
    with pytest.raises(ProtocolError, match="unknown message_type"):
        codec.decode(WIRE[4][1])


@pytest.mark.parametrize("task, outputs, status", [
    (WIRE[4][0], ["out/a", "out/b"], dialect.StatusMessage(
        output_files=["out/a", "out/b"], status="finished", worker_pid=77)),
    (dialect.WorkerJobMessage(["in/a"], "map", "out/", 7), ["out//a"],
     dialect.StatusMessage(
         output_files=["out//a"], status="finished", worker_pid=7)),
    (dialect.WorkerJobMessage([], "map", "out", 7), [], dialect.StatusMessage(
        output_files=[], status="finished", worker_pid=7)),
    (WIRE[5][0], ["sorted"], WIRE[7][0]),
])
def test_outputs_of_a_task(task, outputs, status):
    assert task.outputs == outputs
    assert task.status == status


@pytest.mark.parametrize("path, directory", [
    ("sorted", "."), ("var/job-0/sorted", "var/job-0")])
def test_directory_of_a_sorted_file(path, directory):
    assert dialect.SortJobMessage([], path, 7).output_directory == directory


def test_messages_with_the_files_of_a_task_may_be_long():
    """A Master that got no status would wait for it for ever."""
    assert sorted(name for name, cls in dialect.CLASSES.items()
                  if codec.may_be_long(cls)) == [
        "new_sort_job", "new_worker_job", "status"]
