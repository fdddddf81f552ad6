"""Long JSON of strangers: the same values as of json, at a limited cost."""
import contextlib
import json
import tracemalloc

import hypothesis
import hypothesis.strategies
import pytest

from mapreduce.protocol import codec, long_json, messages
from mapreduce.protocol.fields import ProtocolError

VALUES = hypothesis.strategies.recursive(
    hypothesis.strategies.none() | hypothesis.strategies.booleans()
    | hypothesis.strategies.integers() | hypothesis.strategies.floats(
        allow_nan=False) | hypothesis.strategies.text(max_size=20),
    lambda values: hypothesis.strategies.lists(values, max_size=5)
    | hypothesis.strategies.dictionaries(
        hypothesis.strategies.text(max_size=5), values, max_size=5),
    max_leaves=30)
CONTAINERS = (hypothesis.strategies.lists(VALUES)
              | hypothesis.strategies.dictionaries(
                  hypothesis.strategies.text(max_size=5), VALUES))


@pytest.fixture(name="short_pieces")
def make_short_pieces(mocker):
    """Have texts of a few bytes parsed in several pieces."""
    mocker.patch("mapreduce.protocol.long_json.PIECE", 12)


@pytest.mark.usefixtures("short_pieces")
@hypothesis.settings(suppress_health_check=[
    hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(value=CONTAINERS, as_ascii=hypothesis.strategies.booleans(),
                  indent=hypothesis.strategies.sampled_from([None, 1]))
def test_values_are_those_of_json(value, as_ascii, indent):
    text = json.dumps(value, ensure_ascii=as_ascii, indent=indent)
    assert long_json.parse(text.encode("utf-8", "surrogatepass")) == value


@pytest.mark.usefixtures("short_pieces")
@hypothesis.settings(suppress_health_check=[
    hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    value=CONTAINERS, at=hypothesis.strategies.integers(0, 10**6),
    piece=hypothesis.strategies.sampled_from(list('[]{},:"\\ 1xn')))
def test_damaged_text_is_as_for_json(value, at, piece):
    """One character is replaced."""
    text = json.dumps(value)
    at %= len(text)
    damaged = (text[:at] + piece + text[at + 1:]).encode()
    try:
        expected = json.loads(damaged)
    except ValueError:
        expected = ValueError
    if not isinstance(expected, list | dict):
        with pytest.raises(ValueError):
            long_json.parse(damaged)
        return
    assert long_json.parse(damaged) == expected


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("text", [
    "", " ", "1", '"a"', "[", "{", "[1,]", '{"a":1,}', "[,1]", "{,}", "[1 2]",
    "[1]x", "[1}", '{"a":1]', '{"a"}', '{"a":}', "{1:2}", '["a', "[nul]",
    '["\n"]', "\ufeff[]", "[\u00a01]"])
def test_what_is_no_list_or_object_is_refused(text):
    with pytest.raises(ValueError):
        long_json.parse(text.encode())


@pytest.mark.parametrize("size", [0, 1, 5_000, 2**20 - 10])
@pytest.mark.parametrize("unit", ["x", "\\n", "\u00e9"])
def test_long_text_is_accepted(size, unit):
    text = unit * (size // len(unit.encode()))
    payload = f'{{"a": ["{text}", {{}}], "b": "{text}"}}'.encode()
    assert long_json.parse(payload) == json.loads(payload)


def test_text_without_escapes_and_space_around_may_be_longer():
    text = "x\u00e9" * 2**20
    payload = f'{" " * 2**21}{{"a": ["{text}"], "b": "{text}"}}{" " * 2**21}'
    assert long_json.parse(payload.encode()) == {"a": [text], "b": text}


@pytest.mark.parametrize("unit", [b"\\n", b'\\"'])
def test_text_with_escapes_of_more_than_a_mebibyte_is_refused(unit):
    with pytest.raises(ValueError):
        long_json.parse(b'["' + unit * (2**20 // len(unit)) + b'"]')


LISTS = {
    "brackets": (b"[", b""),
    "empty lists": (b"[],", b"[]"),
    "lists in lists": (b"[[[[[[]]]]]],", b"[]"),
    "small objects": (b'{"a":[]},', b"0"),
    "objects in objects": (b'{"a":{"b":{}}},', b"0"),
    "numbers": (b"1234,", b"0"),
    "empty texts": (b'"",', b'""'),
    "small texts": (b'"ab",', b'""'),
    "other texts": ('"\U0001f600",'.encode(), b'""'),
}


@pytest.mark.parametrize("unit, last", LISTS.values(), ids=LISTS)
def test_flood_costs_no_more_than_ten_times_its_size(unit, last):
    payload = b'{"a": [' + unit * (2**19 // len(unit)) + last + b"]}"
    tracemalloc.start()
    try:
        with contextlib.suppress(ProtocolError):
            codec.parse(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Some memory is for messages of any size.
    assert peak < 10 * len(payload) + 2**20


@pytest.mark.parametrize("unit", [b"[],", b'"",'])
def test_too_many_values_are_refused(unit):
    with pytest.raises(ProtocolError):
        codec.parse(b'{"a": [' + unit * 500_000 + b"0]}")


@pytest.mark.parametrize("where", ["", '"x": '])
def test_object_of_very_many_members_is_refused(where):
    members = ", ".join(f'"k{number}": 1' for number in range(300_000))
    payload = f"{{{members}}}" if not where else f"{{{where}{{{members}}}}}"
    with pytest.raises(ProtocolError, match="too many|more than"):
        codec.parse(payload.encode())


@pytest.mark.parametrize("unit", [
    b"[],", b'{"a":[]},', b"[" * 28 + b"]" * 28 + b","], ids=str)
def test_flood_is_refused_after_its_first_part(mocker, unit):
    """Other messages wait until it is."""
    loads = mocker.spy(json, "loads")
    with pytest.raises(ProtocolError, match="too many short values"):
        codec.parse(b'{"a": [' + unit * (2**22 // len(unit)) + b"0]}")
    parsed = sum(len(call.args[0]) for call in loads.call_args_list)
    assert parsed < 2**17


def test_json_gets_short_pieces_of_a_long_message(mocker):
    """No other thread runs while json.loads does."""
    task = messages.MapTaskMessage(
        0, [f"in/{number:06d}" for number in range(100_000)], "map", "out", 1)
    payload = codec.encode(task)
    loads = mocker.spy(json, "loads")
    assert codec.decode(payload) == task
    sizes = [len(call.args[0]) for call in loads.call_args_list]
    assert len(sizes) > 300
    assert max(sizes) <= long_json.PIECE + 2


@pytest.mark.parametrize("task", [
    messages.MapTaskMessage(
        0, [f"in/{number}" for number in range(400_000)], "map", "out", 1),
    messages.ExtendedMapTaskMessage(
        0, [messages.Split(f"in/{number}", number) for number in range(
            100_000)], "map", "out", 1, {}),
    messages.ExtendedJobMessage(
        ["in"], "out", "map", 0, num_mappers=1, environment={
            f"V{number}": "x" for number in range(2_000)}),
], ids=lambda task: type(task).__name__)
def test_long_message_is_no_flood(task):
    """Of a user with very many files, or variables."""
    payload = codec.encode(task)
    assert not codec.has_too_many_values(payload)
    assert codec.decode(payload) == task


def test_error_does_not_repeat_a_long_message():
    """To show its first bytes, all would be copied, four times as long."""
    payload = b"\xff" * 2**20
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="no JSON"):
            codec.parse(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**18
