"""Send messages: encode, log, and off."""
import logging
from collections.abc import Callable
from typing import Any

from mapreduce.utils import messages, network

LOGGER = logging.getLogger(__name__)


NoAnswer = network.NoAnswer
LateAnswer = network.LateAnswer


def send_tcp(host: str, port: int, message: messages.Message) -> None:
    """Send a message on a connection of its own, or raise OSError."""
    _log("TCP", host, port, message)
    network.tcp_client(host, port, messages.encode(message))


def ask(
    host: str, port: int, message: messages.Message,
    patience: float | None = None,
) -> dict[str, Any]:
    """Return the JSON object that a daemon answers.

    Raises OSError if nobody can be reached, and NoAnswer if no such object
    comes within seconds, those of patience if they are given.
    """
    _log("TCP", host, port, message)
    payload = network.tcp_query(host, port, messages.encode(message), patience)
    try:
        return messages.parse(payload)
    except messages.ProtocolError as error:
        raise NoAnswer(str(error)) from error


def send_udp(
    host: str, port: int, message: messages.Message,
    linger: Callable[[], object],
) -> None:
    """Send a message as a datagram, or raise OSError.

    A refusal is noticed if it comes before linger returns.
    """
    _log("UDP", host, port, message)
    network.udp_client(host, port, messages.encode(message), linger)


def _log(
    protocol: str, host: str, port: int, message: messages.Message
) -> None:
    LOGGER.debug("%s send to %s:%s\n%s", protocol, host, port,
                 messages.Indented(messages.to_document(message)))
