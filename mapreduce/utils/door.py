"""Sign messages on their way out, and check them on their way in.

Adds to protocol/signing what is not pure: the clock, the random nonces, and a
lock. The only use of the wall clock: it is the only one that the machines of a
cluster share.

    any thread  signed
    listeners   Door.open, Door.max_size
    watcher     Door.max_size, and the answers of Door.signing
"""
from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from mapreduce.protocol import signing
from mapreduce.protocol.signing import Opened, Secret, SignatureError
from mapreduce.utils.incoming import MAX_MESSAGE

# The answer to a message that is not signed, or not rightly. It tells nothing
# but that a secret is needed, to a client whose message has no other answer.
REFUSAL = signing.SCHEME + b"\n"

# The second in which this process began. Another one, on the same port, may
# have accepted what was signed before: its history was lost with it.
BEGAN = int(time.time())
BEGAN_MONOTONIC = time.monotonic()

# Bytes of a message without a signature. A job or a task may be longer: it has
# a list of files, and its sender can't be told from others.
MAX_UNSIGNED = 2**20
# As in the specification, the type comes first.
_TYPE = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"message_type"[ \t\n\r]*:'
                   rb'[ \t\n\r]*"([a-z_]+)"')

Answer = Callable[[Callable[[], bytes]], None]


class Seal(NamedTuple):
    """What signs messages for one receiver, or checks those to it."""

    secret: Secret
    receiver: str


def seal_for(receiver: str, secret: Secret | None) -> Seal | None:
    """Return the Seal for a receiver; None if there is no secret."""
    return Seal(secret, receiver) if secret else None


def random_text() -> str:
    """Return 16 random bytes in hexadecimal."""
    return os.urandom(16).hex()


def signed(payload: bytes, seal: Seal | None) -> tuple[bytes, str]:
    """Return a message as it is sent, and its nonce.

    Without a seal, not one byte is added, and the nonce is empty.
    """
    if seal is None:
        return payload, ""
    nonce = random_text()
    return seal.secret.sign(
        payload, seal.receiver, int(time.time()), nonce), nonce


class Door:
    """Where messages come in: with a seal, only those that were signed."""

    def __init__(self, seal: Seal | None) -> None:
        """Start with no message; without a seal, each one may pass."""
        self._seal = seal
        self.secret = seal.secret if seal else None
        self._lock = threading.Lock()  # on the history
        self._history = signing.History(
            seal.secret.window if seal else signing.WINDOW)

    def open(self, received: bytes) -> Opened:
        """Return a message without its head; raise SignatureError.

        Without a seal, each one is as if it was signed just now.
        """
        if self._seal is None:
            return Opened(received, BEGAN, "")
        opened = self._seal.secret.open(received, self._seal.receiver)
        with self._lock:
            self._history.accept(opened, time.time())
        return opened

    def check_new(self, opened: Opened) -> None:
        """Raise SignatureError if it was signed before this process began."""
        # Later, such a message is too old. The clock may also have been set
        # back: then, for hours, all messages would seem to be from before.
        age = time.monotonic() - BEGAN_MONOTONIC
        if opened.seconds < BEGAN and self.secret and (
                age <= self.secret.window):
            raise SignatureError(
                f"it was signed {BEGAN - opened.seconds} s before this "
                "process began, and may come a second time: if not, send it "
                "again")

    def max_size(self, start: bytes, long_types: Collection[str] = ()) -> int:
        """Return how many bytes a message that begins like this may have.

        `long_types` are those that may be long without a signature. Raises
        OSError if not even the head may pass. So a stranger can't make this
        process keep long messages.
        """
        if self._seal is None:
            found = _TYPE.match(start)
            may_be_long = found and found[1].decode() in long_types
            return MAX_MESSAGE if may_be_long else MAX_UNSIGNED
        try:
            size = self._seal.secret.admit(start, self._seal.receiver)
            # Otherwise a head that was recorded once would always admit.
            age = time.time() - int(start.split(b" ", 2)[1])
            if abs(age) > self._seal.secret.window:
                raise SignatureError(f"it was signed {age:.0f} s ago")
        except SignatureError as error:
            raise OSError(f"a long message may not pass: {error}") from error
        return min(size, MAX_MESSAGE)

    def signing(self, answer: Answer, nonce: str) -> Answer:
        """Return a function that signs an answer and gives it to `answer`.

        The nonce is that of the question.
        """
        if self._seal is None:
            return answer
        seal = Seal(self._seal.secret, signing.answer(nonce))
        return lambda make: answer(lambda: signed(make(), seal)[0])
