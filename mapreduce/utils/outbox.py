"""Send messages: encode them, log them at DEBUG, and pass them to network."""
import logging
from collections.abc import Callable
from typing import Any

from mapreduce.protocol import codec, messages
from mapreduce.protocol.fields import ProtocolError
from mapreduce.utils import network

LOGGER = logging.getLogger(__name__)


# For callers, which deal with messages and never with network itself.
NoAnswer = network.NoAnswer
LateAnswer = network.LateAnswer
is_own_failure = network.is_own_failure
UnknownAnswer = network.UnknownAnswer


def send_tcp(host: str, port: int, message: messages.Message) -> None:
    """Send a message on a new TCP connection, or raise OSError.

    Raises network.MessageTooLong for one that no receiver would accept.
    """
    _log("TCP", host, port, message)
    payload = codec.encode(message)
    if codec.has_too_many_values(payload):
        raise network.MessageTooLong(
            f"a message of more than {codec.MAX_VALUES} values")
    network.tcp_client(host, port, payload)


def deliver_tcp(
    host: str, port: int, message: messages.Message, timeout: float
) -> network.Delivery | None:
    """Send a message as send_tcp does; return what is known of it then.

    Waits until it is received, for `timeout` seconds. See network.Delivery.
    """
    _log("TCP", host, port, message)
    return network.tcp_deliver(host, port, codec.encode(message), timeout)


def ask(
    host: str, port: int, message: messages.Message,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Send a query to a daemon and return its answer, a JSON object.

    The timeout is in seconds. Raises OSError if the daemon can't be reached,
    NoAnswer if it does not answer in time, and UnknownAnswer, which is a
    NoAnswer, if it answers with anything else.
    """
    _log("TCP", host, port, message)
    payload = network.tcp_query(host, port, codec.encode(message), timeout)
    if not payload:
        raise NoAnswer("the connection was closed without an answer")
    try:
        return codec.parse(payload)
    except ProtocolError as error:
        raise UnknownAnswer(str(error)) from error


def send_udp(
    host: str, port: int, message: messages.Message,
    linger: Callable[[], object],
) -> None:
    """Send a message as a UDP datagram, or raise OSError.

    A refusal is noticed if it arrives before `linger` returns.
    """
    _log("UDP", host, port, message)
    network.udp_client(host, port, codec.encode(message), linger)


def _log(
    protocol: str, host: str, port: int, message: messages.Message
) -> None:
    LOGGER.debug("%s send to %s:%s\n%s", protocol, host, port,
                 codec.Indented(codec.to_document(message)))
