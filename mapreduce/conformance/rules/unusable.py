"""Make messages that a daemon can't use, and rules: it ignores them."""
from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mapreduce.conformance.rule import RuleBook
from mapreduce.conformance.trial import Trial

AnyTrial = TypeVar("AnyTrial", bound=Trial)
Payloads = Callable[[AnyTrial], list[bytes]]  # made from what is in a trial

# Not JSON, or JSON that is no message, or a message that can't be used.
UNUSABLE = {
    "text that is no JSON": b"{\"message_type\": ",
    "bytes that are no UTF-8": b"{\"message_type\": \"\xff\xfe\"}",
    "JSON that is no object": b"[1, 2, 3]",
    "an unknown message_type": b"{\"message_type\": \"no_such_type\"}",
    "no message_type": b"{\"worker_host\": \"localhost\"}",
    "a message_type that is no string": b"{\"message_type\": [\"shutdown\"]}",
    "an empty connection": b"",
}
HOSTILE = {
    "100,000 nested brackets": b"[" * 100_000,
    "an integer of 5,000 digits":
        b'{"message_type": "finished", "task_id": ' + b"9" * 5000 + b"}",
}


def without_a_field(messages: Iterable[dict[str, Any]]) -> list[bytes]:
    """Return each message without each of its fields, one at a time."""
    return [_encoded({name: value for name, value in message.items()
                      if name != missing})
            for message in messages
            for missing in message if missing != "message_type"]


def with_a_wrong_type(messages: Iterable[dict[str, Any]]) -> list[bytes]:
    """Return each message with null in each of its fields, one at a time.

    Texts are in place of numbers and lists, too.
    """
    return [_encoded({**message, name: wrong})
            for message in messages
            for name, value in message.items() if name != "message_type"
            for wrong in ((None,) if isinstance(value, str)
                          else (None, str(value)))]


def with_a_nul(message: dict[str, Any], field: str) -> list[bytes]:
    """Return a message with a NUL at the end of a path in it."""
    return [_encoded({**message, field: f"{message[field]}\0"})]


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def add_rules(
    book: RuleBook, daemon: str, malformed: Mapping[str, Payloads[AnyTrial]],
    check_ignored: Callable[[AnyTrial, list[bytes]], None],
) -> None:
    """Add a rule for each kind of message that a daemon must ignore.

    `malformed` are the kinds that its other messages have. `check_ignored`
    sends messages, and raises RuleBroken if the daemon does not ignore them.
    """
    def add(what: str, payloads: Payloads[AnyTrial]) -> None:
        def check(trial: AnyTrial) -> None:
            check_ignored(trial, payloads(trial))

        check.__name__ = "ignores-" + what.replace(" ", "-").replace(",", "")
        book.rule(f"The {daemon} ignores {what}, and goes on.")(check)

    for name, payload in (UNUSABLE | HOSTILE).items():
        add(name, functools.partial(_only, payload))
    for name, payloads in malformed.items():
        add(name, payloads)


def _only(payload: bytes, _trial: Trial) -> list[bytes]:
    return [payload]
