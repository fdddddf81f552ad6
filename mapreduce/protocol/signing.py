r"""Sign messages with a shared secret, and check signed ones. Pure.

    mapreduce-1 SECONDS NONCE LENGTH ADMISSION SIGNATURE\n
    {"message_type": …}

The message is byte for byte as without a secret, not encrypted. The head is:

    SECONDS    when it was signed, in Unix time
    NONCE      16 random bytes, in hexadecimal
    LENGTH     the number of bytes of the message
    ADMISSION  an HMAC of the four words and the receiver, which is checked
               before the whole of a long message is received
    SIGNATURE  an HMAC of the five words, the receiver and the message

The receiver is not sent: each knows its own name. That is `manager`, `worker
HOST:PORT`, or, for an answer, `answer NONCE` with the nonce of the question.
Time and nonce follow MUNGE, which signs such messages in HPC clusters.
"""
from __future__ import annotations

import dataclasses
import hmac
import re
from collections.abc import Iterable
from typing import NamedTuple

from mapreduce.protocol.fields import ProtocolError

SECRET_VARIABLE = "MAPREDUCE_SECRET_FILE"
SCHEME = b"mapreduce-1"
MANAGER = "manager"
WINDOW = 30.0  # seconds for which a message is valid, by default

_HEAD = re.compile(
    rb"(((" + SCHEME + rb" ([0-9]{1,12}) ([0-9a-f]{32}) ([0-9]{1,10}))"
    rb" ([0-9a-f]{64})) ([0-9a-f]{64})\n)")


class SignatureError(ProtocolError):
    """A message was not signed for its receiver now; the text says why."""


class Opened(NamedTuple):
    """A message whose signature is right, without its head."""

    payload: bytes
    seconds: int  # when it was signed
    nonce: str


@dataclasses.dataclass(frozen=True)
class Secret:
    """The keys of a cluster: the first signs, each of them may verify."""

    keys: tuple[bytes, ...] = dataclasses.field(repr=False)
    # Seconds that a message may be on its way, and clocks may differ.
    window: float = WINDOW

    @classmethod
    def derive(cls, words: Iterable[bytes]) -> Secret:
        """Return the Secret whose keys are derived from these words."""
        # Not the words themselves: another scheme then has other keys.
        return cls(tuple(_mac(word, SCHEME) for word in words))

    def sign(
        self, payload: bytes, receiver: str, seconds: int, nonce: str
    ) -> bytes:
        """Return a message with its head; no nonce may be used twice."""
        key, name = self.keys[0], _encoded(receiver)
        head = b"%b %d %b %d" % (SCHEME, seconds, nonce.encode(), len(payload))
        head = b"%b %b" % (head, _mac(key, head, name))
        return b"%b %b\n%b" % (
            head, _mac(key, head, name, payload), payload)

    def open(self, signed: bytes, receiver: str) -> Opened:
        """Return a message without its head; raise SignatureError.

        History checks its age, and whether it came before.
        """
        match = _match(signed)
        whole, head, _, seconds, nonce, length, _, signature = match.groups()
        payload = signed[len(whole):]
        if int(length) != len(payload):
            raise SignatureError("it is cut, or too long")
        self._check(signature, head, _encoded(receiver), payload)
        return Opened(payload, int(seconds), nonce.decode())

    def admit(self, start: bytes, receiver: str) -> int:
        """Return the whole size for a head; raise SignatureError."""
        match = _match(start)
        whole, _, head, _, _, length, admission, _ = match.groups()
        self._check(admission, head, _encoded(receiver))
        return len(whole) + int(length)

    def _check(self, signature: bytes, *parts: bytes) -> None:
        for key in self.keys:
            # In constant time: the time must not show how much is right.
            if hmac.compare_digest(signature, _mac(key, *parts)):
                return
        raise SignatureError(
            "it was signed with another secret, or for another receiver")


def worker(host: str, port: int) -> str:
    """Return the name of a Worker as a receiver."""
    return f"worker {host}:{port}"


def answer(nonce: str) -> str:
    """Return the name of the sender of a question, as a receiver."""
    return f"answer {nonce}"


class History:
    """The nonces of two periods, so that no message is accepted twice.

    Each is two windows long: a message from a clock that is ahead is valid for
    that time.
    """

    def __init__(self, window: float) -> None:
        """Accept messages that were signed at most `window` seconds ago."""
        self._window = window
        self._begin = float("-inf")  # of the present period
        self._nonces: set[str] = set()
        self._old_nonces: set[str] = set()

    def accept(self, opened: Opened, now: float) -> None:
        """Note a message; raise SignatureError if it is old or known."""
        # Strangers can't fill the memory: the signature was right.
        age = now - opened.seconds
        if abs(age) > self._window:
            raise SignatureError(
                f"it was signed {age:.0f} s ago: are all clocks right?")
        if opened.nonce in self._nonces or opened.nonce in self._old_nonces:
            raise SignatureError("it came before")
        if now - self._begin >= 2 * self._window:
            self._begin = now
            self._nonces, self._old_nonces = set(), self._nonces
        # After a clock was set back, the nonces are kept for longer.
        self._begin = min(self._begin, now)
        self._nonces.add(opened.nonce)


def _match(signed: bytes) -> re.Match[bytes]:
    match = _HEAD.match(signed)
    if match is None:
        raise SignatureError("it is not signed, but must be here")
    return match


def _encoded(receiver: str) -> bytes:
    return receiver.encode(errors="backslashreplace")


def _mac(key: bytes, *parts: bytes) -> bytes:
    # The length before each part: no other parts give the same bytes.
    return hmac.digest(key, b"".join(
        b"%d:%b" % (len(part), part) for part in parts
    ), "sha256").hex().encode()
