"""Signed messages on real sockets: what passes, and what never gets far."""
import contextlib
import logging
import os
import queue
import socket
import time

import pytest

from mapreduce.protocol import codec, messages
from mapreduce.protocol.signing import MANAGER, Secret, worker
from mapreduce.utils import network, outbox
from mapreduce.utils.door import REFUSAL, Seal, signed
from mapreduce.utils.inbox import Inbox

SECRET = Secret.derive([b"s" * 32])
SEAL = Seal(SECRET, MANAGER)
MESSAGE = messages.CancelMessage(3)
PAYLOAD = codec.encode(MESSAGE)
WAIT = 60.0  # seconds for what is only late if it never comes


@pytest.fixture(name="inbox")
def make_inbox(port, caplog):
    """Return an Inbox that listens, with a secret."""
    caplog.set_level(logging.DEBUG)
    with (network.tcp_server("localhost", port) as tcp,
          network.udp_server("localhost", port) as udp,
          Inbox(seal=SEAL) as inbox):
        inbox.listen_tcp(tcp, messages.CancelMessage)
        inbox.listen_udp(udp, messages.CancelMessage)
        yield inbox


def at(seconds):
    """Return the message, signed so many seconds from now."""
    return SECRET.sign(
        PAYLOAD, MANAGER, int(time.time() + seconds), os.urandom(16).hex())


BAD = {
    "unsigned": lambda: PAYLOAD,
    "other secret": lambda: signed(
        PAYLOAD, Seal(Secret.derive([b"x" * 32]), MANAGER))[0],
    "re-targeted": lambda: signed(
        PAYLOAD, Seal(SECRET, worker("localhost", 1)))[0],
    "late": lambda: at(-40),
    "early": lambda: at(40),
    "cut": lambda: at(0)[:-1],
    "doubled": lambda: at(0) * 2,
    "flipped": lambda: at(0)[:-1] + b"!",
    "brackets": lambda: b"[" * 10_000,
}


@pytest.mark.parametrize("send", [network.tcp_client, network.udp_client])
@pytest.mark.parametrize("bad", BAD)
def test_bad_message_reaches_no_parser(inbox, port, mocker, bad, send):
    """And the next good one is handled."""
    parse = mocker.spy(codec, "parse")
    send("localhost", port, BAD[bad]())
    send("localhost", port, at(0))
    assert inbox.get(WAIT)[0] == MESSAGE
    assert parse.call_count == 1


@pytest.mark.parametrize("again", [network.tcp_client, network.udp_client])
def test_message_is_accepted_once(inbox, port, again):
    """Also if it comes again by the other protocol."""
    message = at(0)
    network.tcp_client("localhost", port, message)
    assert inbox.get(WAIT)[0] == MESSAGE
    again("localhost", port, message)
    with pytest.raises(queue.Empty):
        inbox.get(0.3)


def test_stranger_can_send_64_kib_at_most(inbox, port):
    """Then the connection is closed, before the rest of it was received."""
    with socket.create_connection(("localhost", port)) as stranger:
        stranger.settimeout(WAIT)
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                stranger.sendall(b"x" * 2**16)
        with contextlib.suppress(ConnectionError):
            assert stranger.recv(1) == b""
    network.tcp_client("localhost", port, at(0))
    assert inbox.get(WAIT)[0] == MESSAGE


@pytest.fixture(name="open_inbox")
def make_open_inbox(port):
    """Return an Inbox of a Worker and a Manager in one, without a secret."""
    with network.tcp_server("localhost", port) as tcp, Inbox() as inbox:
        inbox.listen_tcp(tcp, messages.CancelMessage, messages.MapTaskMessage,
                         messages.ManagerJobMessage,
                         messages.ExtendedJobMessage)
        yield inbox


@pytest.mark.parametrize("start", [
    PAYLOAD[:-1],
    b'{"x": ["new_map_task"], "message_type": "new_map_task", ',
    b'{"message_type": "cancel", "x": "message_type", "new_map_task": 1, ',
    b'["new_map_task", ', b" "], ids=str)
def test_unsigned_message_may_have_1_mib(open_inbox, port, start):
    """Whatever is said in it."""
    with socket.create_connection(("localhost", port)) as stranger:
        stranger.settimeout(WAIT)
        with contextlib.suppress(ConnectionError):
            for block in [start] + [b" " * 2**16] * 64:
                stranger.sendall(block)
        with contextlib.suppress(ConnectionError):
            assert stranger.recv(1) == b""
    network.tcp_client("localhost", port, PAYLOAD + b" " * 900_000)
    assert open_inbox.get(WAIT)[0] == MESSAGE


@pytest.mark.parametrize("message", [
    messages.MapTaskMessage(0, ["in/0"] * 300_000, "cat", "out", 1),
    messages.ExtendedJobMessage(["in/0"] * 300_000, "out", "cat", 0,
                                num_mappers=1),
], ids=["task", "job"])
def test_list_of_files_without_a_signature_may_be_longer(
        open_inbox, port, message):
    """A task and a job may have very many of them."""
    outbox.send_tcp("localhost", port, message)
    event = open_inbox.get(WAIT)[0]
    assert getattr(event, "job", event) == message


@pytest.mark.parametrize("command, taken", [
    (messages.ShutdownMessage(), False), (messages.CancelJobMessage(1), False),
    (messages.ManagerJobMessage("in", "out", "m", "r", 1, 1), False),
    (messages.RegisterMessage("localhost", 6001), True)], ids=str)
def test_command_from_before_the_start_has_no_effect(
        port, mocker, command, taken):
    """The process before this one, on the same port, may have done it."""
    old = SECRET.sign(
        codec.encode(command), MANAGER, int(time.time()) - 2, "1" * 32)
    mocker.patch("mapreduce.utils.door.BEGAN", int(time.time()) - 1)
    mocker.patch("mapreduce.utils.door.BEGAN_MONOTONIC", time.monotonic())
    with (network.tcp_server("localhost", port) as tcp,
          Inbox(seal=SEAL) as inbox):
        inbox.listen_tcp(tcp, type(command), messages.CancelMessage)
        delivery = network.tcp_deliver("localhost", port, old, WAIT)
        assert delivery.answer == (b"" if taken else REFUSAL)
        outbox.send_tcp("localhost", port, MESSAGE, SEAL)
        if taken:
            assert inbox.get(WAIT)[0] == command
        assert inbox.get(WAIT)[0] == MESSAGE


def test_clock_that_was_set_back_refuses_no_command(inbox, port, mocker):
    """A message from before the start of the process is too old by now."""
    mocker.patch("mapreduce.utils.door.BEGAN", int(time.time()) + 3600)
    mocker.patch("mapreduce.utils.door.BEGAN_MONOTONIC",
                 time.monotonic() - SECRET.window - 1)
    mocker.patch("mapreduce.utils.inbox.Command", messages.CancelMessage)
    network.tcp_client("localhost", port, at(0))
    assert inbox.get(WAIT)[0] == MESSAGE


def test_old_head_admits_no_long_message(inbox, port):
    """It may have been recorded: the rest would fill the memory."""
    payload = PAYLOAD + b" " * 2**19
    old = SECRET.sign(payload, MANAGER, int(time.time()) - 40, "1" * 32)
    with socket.create_connection(("localhost", port)) as stranger:
        stranger.settimeout(WAIT)
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(old) - 2**16, 2**16):
                stranger.sendall(old[start:start + 2**16])
        with contextlib.suppress(ConnectionError):
            assert stranger.recv(1) == b""
    network.tcp_client("localhost", port, at(0))
    assert inbox.get(WAIT)[0] == MESSAGE


def test_long_signed_message_is_accepted(inbox, port):
    payload = PAYLOAD + b" " * 2**19
    network.tcp_client("localhost", port, signed(payload, SEAL)[0])
    assert inbox.get(WAIT)[0] == MESSAGE


def test_signed_query_has_a_signed_answer(inbox, port):
    query = messages.GetMessageTypesMessage()
    assert outbox.ask("localhost", port, query, seal=SEAL) == {
        "message_types": ["cancel", "get_message_types"]}
    with pytest.raises(outbox.NotSigned):
        outbox.ask("localhost", port, query, seal=Seal(
            Secret.derive([b"x" * 32]), MANAGER))
    with pytest.raises(outbox.NoAnswer):
        outbox.ask("localhost", port, query)
    assert inbox.is_empty


@pytest.mark.parametrize("receiver", ["answer " + "0" * 32, MANAGER])
def test_answer_to_another_question_is_refused(mocker, receiver):
    """A false Manager can't repeat an answer that it has seen."""
    old = SECRET.sign(b"{}", receiver, int(time.time()), "1" * 32)
    mocker.patch("mapreduce.utils.network.tcp_query", return_value=old)
    with pytest.raises(outbox.NotSigned):
        outbox.ask("localhost", 1, messages.GetMessageTypesMessage(),
                   seal=SEAL)


def test_without_a_secret_not_one_byte_is_added():
    assert signed(PAYLOAD, None) == (PAYLOAD, "")


def test_secret_is_in_no_log(inbox, port, caplog):
    """Not even at DEBUG."""
    outbox.send_tcp("localhost", port, MESSAGE, SEAL)
    network.tcp_client("localhost", port, PAYLOAD)
    inbox.get(WAIT)
    assert SECRET.keys[0].decode() not in caplog.text
    assert repr(SECRET.keys[0]) not in caplog.text
