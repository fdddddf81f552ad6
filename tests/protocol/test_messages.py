"""The messages: their exact bytes, and what is refused."""
import dataclasses
import json
import os

import pytest

from mapreduce.protocol import codec, long_json, messages
from mapreduce.protocol.fields import ProtocolError, Split

WIRE = [
    (messages.RegisterMessage("localhost", 6001),
     b'{"message_type": "register", "worker_host": "localhost", '
     b'"worker_port": 6001}'),
    (messages.RegisterAckMessage(), b'{"message_type": "register_ack"}'),
    (messages.HeartbeatMessage("localhost", 6001),
     b'{"message_type": "heartbeat", "worker_host": "localhost", '
     b'"worker_port": 6001}'),
    (messages.ManagerJobMessage("in", "out", "map.py", "reduce.py", 2, 3),
     b'{"message_type": "new_manager_job", "input_directory": "in", '
     b'"output_directory": "out", "mapper_executable": "map.py", '
     b'"reducer_executable": "reduce.py", "num_mappers": 2, '
     b'"num_reducers": 3}'),
    (messages.MapTaskMessage(0, ["in/a", "in/b"], "map.py", "job-00000", 3),
     b'{"message_type": "new_map_task", "task_id": 0, '
     b'"input_paths": ["in/a", "in/b"], "executable": "map.py", '
     b'"output_directory": "job-00000", "num_partitions": 3}'),
    (messages.ReduceTaskMessage(1, "reduce.py", ["a-part00001"], "out"),
     b'{"message_type": "new_reduce_task", "task_id": 1, '
     b'"executable": "reduce.py", "input_paths": ["a-part00001"], '
     b'"output_directory": "out"}'),
    (messages.FinishedMessage(0, "localhost", 6001),
     b'{"message_type": "finished", "task_id": 0, '
     b'"worker_host": "localhost", "worker_port": 6001}'),
    (messages.ShutdownMessage(), b'{"message_type": "shutdown"}'),
    (messages.ExtendedJobMessage(
        ["in", "*.gz"], "out", "map.py -x", 3, "uniq -c", max_mappers=32),
     b'{"message_type": "new_extended_job", "input_paths": ["in", "*.gz"], '
     b'"output_directory": "out", "mapper_executable": "map.py -x", '
     b'"num_reducers": 3, "reducer_executable": "uniq -c", '
     b'"max_mappers": 32}'),
    (messages.ExtendedMapTaskMessage(
        0, [Split("a"), Split("b", 5, 9)], "map.py -x", "job-00000", 0,
        {"NAME": "value"}, combiner="uniq -c"),
     b'{"message_type": "new_extended_map_task", "task_id": 0, '
     b'"splits": [["a", 0, null], ["b", 5, 9]], "executable": "map.py -x", '
     b'"output_directory": "job-00000", "num_partitions": 0, '
     b'"environment": {"NAME": "value"}, "combiner": "uniq -c"}'),
    (messages.ExtendedReduceTaskMessage(
        1, "uniq -c", ["a-part00001"], "out", {}, task_timeout=0.5),
     b'{"message_type": "new_extended_reduce_task", "task_id": 1, '
     b'"executable": "uniq -c", "input_paths": ["a-part00001"], '
     b'"output_directory": "out", "environment": {}, "task_timeout": 0.5}'),
    (messages.ProgressMessage(0, "localhost", 6001, "half done"),
     b'{"message_type": "progress", "task_id": 0, '
     b'"worker_host": "localhost", "worker_port": 6001, '
     b'"status": "half done"}'),
]
DOCUMENTS = {
    document["message_type"]: document
    for document in (codec.to_document(message) for message, _ in WIRE)
}
OPTIONAL = {"reducer_executable", "max_mappers", "combiner", "task_timeout"}
FIELDS = [
    (message_type, field)
    for message_type, document in DOCUMENTS.items()
    for field in document if field != "message_type"
    and not ("extended" in message_type and field in OPTIONAL)
]
LONGEST_TEXT = 200  # characters of an error


def payload_with(message_type, field, value):
    """Return a message with a field changed; the value is a JSON text."""
    document = {**DOCUMENTS[message_type], field: "@"}
    return json.dumps(document).replace('"@"', value).encode()


def refusal(payload):
    """Return the text of the error that a payload raises."""
    with pytest.raises(ProtocolError) as caught:
        codec.decode(payload)
    assert len(str(caught.value)) <= LONGEST_TEXT
    return str(caught.value)


@pytest.mark.parametrize("message, payload", WIRE)
def test_message_encodes_to_exact_bytes(message, payload):
    assert codec.encode(message) == payload


@pytest.mark.parametrize("message, payload", WIRE)
def test_message_decodes_from_its_bytes(message, payload):
    assert codec.decode(payload) == message


@pytest.mark.parametrize("message, payload", WIRE)
def test_unknown_fields_are_ignored(message, payload):
    newer = payload[:-1] + b', "priority": {"level": [1, null, 2.5]}}'
    assert codec.decode(newer) == message


@pytest.mark.parametrize("payload, complaint", [
    (b"", "no JSON: b''"),
    (b"shutdown", "no JSON: b'shutdown'"),
    (b'{"message_type": "shutdown"', "no JSON: "),
    (b'{"message_type": "shutdown"} {}', "no JSON: "),
    (b'\xef\xbb\xbf{"message_type": "shutdown"}', "no JSON: "),
    (b'{"message_type": "shutdown\xff"}', "no UTF-8: "),
    (json.dumps(DOCUMENTS["shutdown"]).encode("utf-16"), "no UTF-8: "),
    (b"[]", "no JSON object: b'[]'"),
    (b"null", "no JSON object: b'null'"),
    (b'"shutdown"', "no JSON object: "),
    (b"[" * 60_000, "no JSON: "),
    (b"[" * 100_000, "lists and objects in more than 30 levels"),
    (b'{"a":' * 100_000, "lists and objects in more than 30 levels"),
    (payload_with("finished", "task_id", "9" * 5_000), "no JSON: "),
    (b"x" * 1_000_000, "no JSON: "),
], ids=lambda value: repr(value[:30]))
def test_payload_that_is_no_document_is_refused(payload, complaint):
    assert refusal(payload).startswith(complaint)


@pytest.mark.parametrize("message_type", [
    '"restart"', '""', "null", "3", "[]", "{}", '["shutdown"]',
    '"' + "x" * 1_000_000 + '"',
], ids=lambda value: value[:30])
def test_unknown_message_type_is_refused(message_type):
    payload = payload_with("shutdown", "message_type", message_type)
    assert refusal(payload).startswith("unknown message_type ")


def test_missing_message_type_is_refused():
    assert refusal(b"{}") == "unknown message_type None"


@pytest.mark.parametrize("message_type, field", FIELDS)
def test_missing_field_is_refused(message_type, field):
    document = dict(DOCUMENTS[message_type])
    del document[field]
    assert refusal(json.dumps(document).encode()) == (
        f"{message_type} lacks field {field!r}")


@pytest.mark.parametrize("value", ["null", "true", "1.0", "{}", "[[]]"])
@pytest.mark.parametrize("message_type, field", [
    names for names in FIELDS if names[1] != "environment"])
def test_field_of_another_type_is_refused(message_type, field, value):
    assert refusal(payload_with(message_type, field, value)).startswith(
        f"{message_type} has a field {field!r} that is not ")


@pytest.mark.parametrize("message_type, field, value", [
    *[("register", "worker_port", port) for port in (
        "0", "65536", "-1", "false", '"6001"', "6001.0", "1e999", "-1e999",
        "NaN", "Infinity", "9" * 4_000, '"' + "6" * 1_000_000 + '"')],
    *[("finished", "worker_host", host) for host in (
        '""', r'"local\u0000host"', r'"\ud800"', "1")],
    *[("new_manager_job", "input_directory", path) for path in (
        r'"a\u0000"', r'"\ud800"', r'"a\udc7f"', r'"\udfff"', '["in"]')],
    *[("new_manager_job", "num_mappers", number) for number in (
        "0", "-1", "100001", "2.0", "1e2", '"2"')],
    ("new_manager_job", "num_reducers", "100001"),
    ("new_map_task", "num_partitions", "0"),
    *[("new_map_task", "task_id", number) for number in ("-1", "100000")],
    *[("new_reduce_task", "input_paths", paths) for paths in (
        '"a"', '["a", 1]', '["a", null]', r'["a\u0000"]', r'["a", "\ud800"]',
        '{"a": "b"}')],
    ("new_extended_job", "num_reducers", "-1"),
    *[("new_extended_job", "split_size", size) for size in (
        "0", "-1", "1.5", "null", str(2**63))],
    ("new_extended_job", "no_clobber", "false"),
    *[("new_extended_map_task", "splits", splits) for splits in (
        '["a"]', '[["a"]]', '[["a", 0]]', '[["a", -1, null]]',
        '[["a", 2, 1]]', f'[["a", {2**63}, null]]',
        '[["a", 0, true]]', '[[1, 0, 1]]')],
    *[("new_extended_map_task", "environment", names) for names in (
        "[]", '{"": "b"}', '{"a=b": "c"}', r'{"a": "\u0000"}', '{"a": 1}')],
    *[("new_extended_map_task", "task_timeout", seconds) for seconds in (
        "0", "-1", "NaN", "1e999", "true", '"1"', "1e10",
        "1" + "0" * 400)],
    *[("finished", "counters", counters) for counters in (
        "[]", '{"a": 1}', '{"a": {"b": 1.5}}', '{"a": {"b": true}}',
        '{"a": {"b": 9223372036854775808}}',
        json.dumps({"a": {str(number): 1 for number in range(1_008)}}))],
], ids=lambda value: value[:30])
def test_value_out_of_bounds_is_refused(message_type, field, value):
    assert refusal(payload_with(message_type, field, value)).startswith(
        f"{message_type} has a field {field!r} that is not ")


@pytest.mark.parametrize("message_type, field, value", [
    ("register", "worker_port", 1),
    ("register", "worker_port", 65535),
    ("new_manager_job", "num_mappers", 1),
    ("new_manager_job", "num_reducers", 100_000),
    ("new_map_task", "task_id", 99_999),
    ("new_map_task", "input_paths", []),
    ("new_map_task", "executable", " -map\n\u00e9\u6f22\U0001f980"),
])
def test_value_within_bounds_is_taken(message_type, field, value):
    message = codec.decode(
        payload_with(message_type, field, json.dumps(value)))
    assert getattr(message, field) == value


@pytest.mark.parametrize("fields, complaint", [
    ({"input_paths": []}, "no input"),
    ({"max_mappers": None}, "either num_mappers or max_mappers"),
    ({"num_mappers": 2}, "either num_mappers or max_mappers"),
    ({"reducer_executable": None}, "no reducer"),
    ({"num_reducers": 0, "combiner": "cat"}, "no use for a combiner"),
    ({"num_reducers": 0, "keep_intermediate": "k"}, "or kept files"),
])
def test_fields_that_do_not_go_together_are_refused(fields, complaint):
    document = {**DOCUMENTS["new_extended_job"], **fields}
    payload = json.dumps({name: value for name, value in document.items()
                          if value is not None})
    assert complaint in refusal(payload.encode())


@pytest.mark.parametrize("option", [
    {"environment": {}}, {"split_size": 1}, {"decompress": True},
    {"combiner": "cat"}, {"partitioner": "p"}, {"task_timeout": 1.5},
    {"num_reducers": 0},
], ids=str)
def test_option_that_changes_tasks_is_told_from_others(option):
    job = codec.decode(codec.encode(messages.ExtendedJobMessage(
        ["in"], "out", "map", 1, "reduce", num_mappers=2, no_clobber=True,
        max_map_attempts=1, max_reduce_attempts=1, keep_intermediate="kept")))
    assert not job.changes_tasks
    assert dataclasses.replace(
        job, keep_intermediate=None, **option).changes_tasks


def test_name_that_is_no_utf8_goes_over_the_wire():
    name = b"caf\xe9-\x80\xff"
    sent = messages.MapTaskMessage(0, [os.fsdecode(name)], "cat", "out", 1)
    received = codec.decode(codec.encode(sent))
    assert os.fsencode(received.input_paths[0]) == name


def test_message_shows_its_fields_as_users_grep_for_them():
    assert repr(messages.MapTaskMessage(1, ["a"], "cat", "out", 2)) == (
        "MapTaskMessage(task_id=1, input_paths=['a'], executable='cat', "
        "output_directory='out', num_partitions=2)")
    assert repr(messages.RegisterAckMessage()) == "RegisterAckMessage()"


def test_indented_is_json_with_an_indent_of_two():
    document = DOCUMENTS["register"]
    assert str(codec.Indented(document)) == json.dumps(document, indent=2)


def test_indented_shows_that_a_document_is_nested_too_deeply():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert str(codec.Indented({"nested": nested})) == (
        "(a document nested too deeply to show)")


@pytest.mark.parametrize("message, text", [
    (messages.ExtendedMapTaskMessage(0, [], "map", "out", 2, {}),
     "MapTaskMessage(task_id=0, splits=[], executable='map', "
     "output_directory='out', num_partitions=2)"),
    (messages.ExtendedReduceTaskMessage(0, "cat", [], "out", {}, 2.0),
     "ReduceTaskMessage(task_id=0, executable='cat', input_paths=[], "
     "output_directory='out', task_timeout=2.0)"),
    (messages.ExtendedJobMessage(["in"], "out", "map", 0, num_mappers=1),
     "JobMessage(input_paths=['in'], output_directory='out', "
     "mapper_executable='map', num_reducers=0, num_mappers=1)"),
])
def test_log_shows_both_forms_of_a_message_alike(message, text):
    """By one name, and without the fields that are None."""
    assert repr(message) == text


@pytest.mark.parametrize("split, text", [
    (Split("in/a"), "'in/a'"), (Split("in/a", 0, 9), "'in/a'[0:9]"),
    (Split("in/a", 9), "'in/a'[9:]")])
def test_log_shows_a_split_as_its_path_and_its_bytes(split, text):
    assert repr(split) == text


@pytest.mark.parametrize("unit", [b"[],", b"0,", b'{"a":', b"["])
def test_flood_of_values_is_not_sent(unit):
    """Its receiver would refuse it."""
    assert codec.has_too_many_values(b"[" + unit * long_json.MAX_VALUES)


def test_messages_that_may_be_long_are_told_from_others():
    """They have a list of files."""
    assert sorted(name for name, cls in codec.CLASSES.items()
                  if codec.may_be_long(cls)) == [
        "new_extended_job", "new_extended_map_task",
        "new_extended_reduce_task", "new_manager_job", "new_map_task",
        "new_reduce_task"]


def test_long_list_of_files_is_no_flood():
    paths = [f"in/{number}" for number in range(400_000)]
    task = messages.MapTaskMessage(0, paths, "map", "out", 1)
    assert not codec.has_too_many_values(codec.encode(task))
