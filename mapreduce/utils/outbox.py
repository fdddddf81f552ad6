"""Send messages: encode, log, and off."""
import logging
from collections.abc import Callable
from typing import Any

from mapreduce.protocol import codec, messages
from mapreduce.protocol.fields import ProtocolError
from mapreduce.utils import network

LOGGER = logging.getLogger(__name__)


NoAnswer = network.NoAnswer
LateAnswer = network.LateAnswer


def send_tcp(host: str, port: int, message: messages.Message) -> None:
    """Send a message on a connection of its own, or raise OSError."""
    _log("TCP", host, port, message)
    network.tcp_client(host, port, codec.encode(message))


def ask(
    host: str, port: int, message: messages.Message,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Return the JSON object that a daemon answers.

    Raises OSError if nobody can be reached, and NoAnswer if no such object
    comes within seconds, those of timeout if they are given.
    """
    _log("TCP", host, port, message)
    payload = network.tcp_query(host, port, codec.encode(message), timeout)
    try:
        return codec.parse(payload)
    except ProtocolError as error:
        raise NoAnswer(str(error)) from error


def send_udp(
    host: str, port: int, message: messages.Message,
    linger: Callable[[], object],
) -> None:
    """Send a message as a datagram, or raise OSError.

    A refusal is noticed if it comes before linger returns.
    """
    _log("UDP", host, port, message)
    network.udp_client(host, port, codec.encode(message), linger)


def _log(
    protocol: str, host: str, port: int, message: messages.Message
) -> None:
    LOGGER.debug("%s send to %s:%s\n%s", protocol, host, port,
                 codec.Indented(codec.to_document(message)))
