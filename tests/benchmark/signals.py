"""What ends the benchmark: Ctrl-C and the signals like it, without a trace.

A signal raises SystemExit, so that every context on the way out ends what it
has started. Between the start of a process and the moment from which somebody
sees to its end, no signal may come through: see deferred.
"""
from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class _Desk:
    """What came while signals were deferred."""

    def __init__(self) -> None:
        self.deferring = False
        self.code: int | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Exit as a shell would say it: 130 for Ctrl-C."""
        # From here on nothing may disturb the cleaning up.
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        self.code = 128 + number
        if not self.deferring:
            sys.exit(self.code)


_DESK = _Desk()


def exit_on_signals() -> None:
    """Make this process exit, by SystemExit, on each of these signals.

    Under nohup, a SIGHUP stays without effect.
    """
    was_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for ending in ENDING:
        signal.signal(ending, _DESK.take)
    if was_ignored:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal that comes within the block take effect at its end."""
    _DESK.deferring = True
    try:
        yield
    finally:
        _DESK.deferring = False
    if _DESK.code is not None:
        sys.exit(_DESK.code)
