"""Define what a rule is, and how it ends. No sockets, files or processes."""
from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any, TypeVar

Check = TypeVar("Check", bound=Callable[[Any], None])


class Outcome(enum.Enum):
    """How the check of a rule ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "not checked"  # The daemon or this machine lacks what it needs.


class RuleBroken(Exception):
    """The daemon did not do what the rule says."""

    def __init__(self, expected: str, seen: str) -> None:
        """Keep both sides, each as a text for people."""
        super().__init__(f"expected {expected}; seen: {seen}")
        self.expected = expected
        self.seen = seen


class CannotCheck(Exception):
    """The rule can't be checked here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Times:
    """Durations in seconds: the limits of the specification, and waits."""

    timeout: float = 5.0  # for what must happen
    quiet: float = 0.7  # for what must not happen
    heartbeat: float = 2.0  # between two heartbeats
    dead: float = 10.0  # of silence after which a Worker is dead
    slack: float = 3.0  # A Manager may check for silence once a second.
    prompt: float = 2.0  # for an idle daemon to start or to end
    processor: float = 2.0  # for which the use of the processor is measured


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule that a daemon must keep, and the function that checks it."""

    side: str  # "manager" or "worker"
    group: str  # "protocol", "faults" or "beyond"
    name: str
    sentence: str
    # Called with a ManagerTrial or a WorkerTrial. Raises RuleBroken or
    # CannotCheck.
    check: Callable[[Any], None]
    takes_time: bool  # whether it waits for limits of 10 s

    @property
    def title(self) -> str:
        """Return, e.g., manager/protocol/shutdown-is-forwarded."""
        return f"{self.side}/{self.group}/{self.name}"


class RuleBook:
    """The rules of one side and group, in the order of their definition."""

    def __init__(self, side: str, group: str) -> None:
        """Start empty."""
        self._side = side
        self._group = group
        self.rules: list[Rule] = []

    def rule(
        self, sentence: str, takes_time: bool = False
    ) -> Callable[[Check], Check]:
        """Return a decorator that adds a rule; the function gives its name."""
        def add(check: Check) -> Check:
            name = check.__name__.strip("_").replace("_", "-")
            self.rules.append(Rule(
                self._side, self._group, name, sentence, check, takes_time))
            return check
        return add
