"""Send messages: encode and sign them, log them at DEBUG, pass them on.

The only place where messages go out. With a Seal, each is signed.
"""
import logging
from collections.abc import Callable
from typing import Any

from mapreduce.protocol import codec, long_json, messages, signing
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.signing import SignatureError
from mapreduce.utils import network
from mapreduce.utils.door import REFUSAL, Seal, signed
from mapreduce.utils.incoming import MAX_MESSAGE

LOGGER = logging.getLogger(__name__)

MAX_HEAD = 256  # bytes that a signature adds

# For callers, which deal with messages and never with network itself.
NoAnswer = network.NoAnswer
LateAnswer = network.LateAnswer
is_own_failure = network.is_own_failure
UnknownAnswer = network.UnknownAnswer
Delivery = network.Delivery
MessageTooLong = network.MessageTooLong


class NotSigned(NoAnswer):
    """A query or its answer is not signed, or not with the same secret."""


def send_tcp(
    host: str, port: int, message: messages.Message,
    seal: Seal | None = None,
) -> None:
    """Send a message on a new TCP connection, or raise OSError.

    Raises MessageTooLong for one that no receiver would accept.
    """
    _log("TCP", host, port, message)
    payload = codec.encode(message)
    if codec.has_too_many_values(payload):
        raise MessageTooLong(
            f"a message of more than {long_json.MAX_VALUES} values")
    network.tcp_client(host, port, signed(payload, seal)[0])


def check_acceptable(message: messages.Message) -> None:
    """Raise MessageTooLong for a message that a Manager would not accept."""
    payload = codec.encode(message)
    if len(payload) > MAX_MESSAGE - MAX_HEAD:  # It may have to be signed.
        raise MessageTooLong(
            f"{len(payload)} bytes, more than {MAX_MESSAGE - MAX_HEAD}")
    if codec.has_too_many_values(payload):
        raise MessageTooLong(f"more than {long_json.MAX_VALUES} values")


def try_to_send(
    host: str, port: int, message: messages.Message, wait: Callable[[], bool]
) -> bool:
    """Send a message; return False if its receiver can't be reached.

    What this machine lacks, such as file descriptors, says nothing of the
    receiver. Then `wait` is called, and returns whether to try again.
    """
    while True:
        try:
            send_tcp(host, port, message)
            return True
        except (OSError, MessageTooLong) as error:
            LOGGER.warning("Cannot send to %s:%d: %s", host, port, error)
            if not (isinstance(error, OSError)
                    and network.is_own_failure(error) and wait()):
                return False


def deliver_tcp(
    host: str, port: int, message: messages.Message, timeout: float,
    seal: Seal | None = None,
) -> Delivery | None:
    """Send a message as send_tcp does; return what is known of it then.

    Waits until it is received, for `timeout` seconds. See Delivery.
    """
    _log("TCP", host, port, message)
    payload, _ = signed(codec.encode(message), seal)
    return network.tcp_deliver(host, port, payload, timeout)


def ask(
    host: str, port: int, message: messages.Message,
    timeout: float | None = None, seal: Seal | None = None,
) -> dict[str, Any]:
    """Send a query to a daemon and return its answer, a JSON object.

    The timeout is in seconds. Raises OSError if the daemon can't be reached,
    NoAnswer if it does not answer in time, and UnknownAnswer, which is a
    NoAnswer, if it answers with anything else. It is NotSigned, also a
    NoAnswer, if the daemon refuses the signature or, with a seal, if the
    answer is not signed.
    """
    _log("TCP", host, port, message)
    question, nonce = signed(codec.encode(message), seal)
    payload = network.tcp_query(host, port, question, timeout)
    if payload == REFUSAL:
        raise NotSigned("the query was not signed, or with another secret")
    if not payload and not seal:
        raise NoAnswer("the connection was closed without an answer")
    try:
        if seal:
            payload = seal.secret.open(payload, signing.answer(nonce)).payload
        # A Manager asks this of Workers, and any program can claim to be one.
        if isinstance(message, messages.GetMessageTypesMessage):
            return codec.parse(payload)
        return codec.parse_trusted(payload)
    except SignatureError as error:
        raise NotSigned(str(error)) from error
    except ProtocolError as error:
        raise UnknownAnswer(str(error)) from error


def send_udp(
    host: str, port: int, message: messages.Message,
    linger: Callable[[], object], seal: Seal | None = None,
) -> None:
    """Send a message as a UDP datagram, or raise OSError.

    A refusal is noticed if it arrives before `linger` returns.
    """
    _log("UDP", host, port, message)
    payload, _ = signed(codec.encode(message), seal)
    network.udp_client(host, port, payload, linger)


def _log(
    protocol: str, host: str, port: int, message: messages.Message
) -> None:
    LOGGER.debug("%s send to %s:%s\n%s", protocol, host, port,
                 codec.Indented(codec.to_document(message)))
