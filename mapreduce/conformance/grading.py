"""Check rules one after the other, and collect the results."""
from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence

from mapreduce.conformance.manager_trial import ManagerTrial
from mapreduce.conformance.rule import (
    CannotCheck,
    Outcome,
    Rule,
    RuleBroken,
    Times,
)
from mapreduce.conformance.rules import (
    manager_beyond,
    manager_deaths,
    manager_faults,
    manager_jobs,
    manager_workers,
    worker_beyond,
    worker_faults,
    worker_files,
    worker_messages,
    worker_tasks,
)
from mapreduce.conformance.transcript import Entry
from mapreduce.conformance.worker_trial import WorkerTrial

SIDES = {"manager": ManagerTrial, "worker": WorkerTrial}
RULES: tuple[Rule, ...] = tuple(itertools.chain.from_iterable(
    module.BOOK.rules for module in (
        manager_workers, manager_deaths, manager_jobs, manager_faults,
        manager_beyond, worker_messages, worker_tasks, worker_files,
        worker_faults, worker_beyond)))


@dataclasses.dataclass(frozen=True)
class Result:
    """How a rule ended, with what people need to find the fault."""

    rule: Rule
    outcome: Outcome
    seconds: float
    expected: str = ""
    seen: str = ""  # for a rule that was not checked: why
    entries: tuple[Entry, ...] = ()
    log: str = ""  # the end of what the daemon wrote


def select(
    side: str | None, words: Sequence[str], mode: str
) -> list[Rule]:
    """Return the rules of a side whose titles contain one of the words.

    The mode is "quick", "times" or "all". Without a side, the rules of
    both are returned.
    """
    return [rule for rule in RULES
            if side in (None, rule.side)
            and (not words or any(word in rule.title for word in words))
            and mode in ("all", "times" if rule.takes_time else "quick")]


def check(rule: Rule, command: Sequence[str], times: Times) -> Result:
    """Check a rule on new processes of the daemon; end all of them."""
    start = time.monotonic()
    outcome, expected, seen = Outcome.PASSED, "", ""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory(
                prefix="mapreduce-conformance-", ignore_cleanup_errors=True)))
        trial = SIDES[rule.side](command, times, stack, directory)
        try:
            rule.check(trial)
        except RuleBroken as error:
            outcome = Outcome.FAILED
            expected, seen = error.expected, error.seen
        except CannotCheck as error:
            outcome, seen = Outcome.SKIPPED, str(error)
        # A foreign daemon may send anything, also a task without a field.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcome = Outcome.FAILED
            expected = "messages with the fields of the specification"
            seen = _without_field(error)
        # It may also delete what is not its own.
        except (FileNotFoundError, NotADirectoryError) as error:
            outcome = Outcome.FAILED
            expected = "files and directories that stay where they are"
            seen = f"{error.strerror}: {error.filename}"
        except OSError as error:  # e.g., a full disk
            outcome = Outcome.SKIPPED
            seen = f"the kit can't go on: {error.strerror or error}"
        entries = tuple(trial.transcript.entries())
        log = trial.log()
    return Result(rule, outcome, round(time.monotonic() - start, 3),
                  expected, seen, entries, log)


def _without_field(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a message without {error}"
    return f"a message with a field of a wrong type: {error}"


def check_all(
    rules: Iterable[Rule], command: Sequence[str], times: Times
) -> Iterator[Result]:
    """Check rules one after the other; yield each result at once."""
    for rule in rules:
        yield check(rule, command, times)
