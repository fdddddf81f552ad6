"""Provide what all client commands share: exit codes, signals, options.

A client prints results on standard output, and everything else on standard
error. Its exit codes:

    0    done
    1    the job failed or was cancelled
    2    the command was used wrongly
    3    no Manager answers
    129, 130, 143: ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM
"""
from __future__ import annotations

import atexit
import collections
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem

from mapreduce.client.errors import Interrupted
from mapreduce.display import text
from mapreduce.system.access import secret_option
from mapreduce.system.command_line import (
    HOST_VARIABLE,
    PORT_VARIABLE,
    CommandLine,
    Number,
    accept_signals,
    check_host,
)

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

NO_WORKER = "No Worker lives; mapreduce-worker starts one"
MAX_WORKERS = 1_000  # of mapreduce-run
PORT = Number(1, 65535)
WORDS = "mapreduce.words"  # the words of a command line, in its context
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(CommandLine):
    """A command that ends on signals with their exit code and no traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; warn of options that are given twice."""
        given = list(args)  # The parser takes them out of their list.
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:  # The shell completes a word.
            return rest
        _, _, order = self.make_parser(ctx).parse_args(given)
        for option, times in collections.Counter(order).items():
            if times > 1 and isinstance(option, click.Option) and not (
                    option.multiple or option.is_flag
                    or ctx.params.get("quiet")):
                tell(f"{max(option.opts, key=len)} is given {times} times; "
                     "the last value counts")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the process ends soon afterwards."""
        obey_signals()
        try:
            result = super().invoke(ctx)
            # The command is done, so its exit code must be 0 from now on.
            ignore_signals()
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click ends quietly.
                raise
            raise click.ClickException(
                f"cannot go on: {error.strerror or error}") from error
        except Interrupted as interrupted:
            if interrupted.note:
                tell(interrupted.note)
            # The code that a shell reports for a process ended by a signal.
            ctx.exit(128 + interrupted.number)
        return result


def obey_signals() -> None:
    """Let signals end this process from now on, after ignore_signals."""
    _handle_signals(_interrupt)


class JobCommand(Command):
    """A command whose options take patterns, and commands with arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; explain those that belong to no option."""
        ctx.meta[WORDS] = list(args)
        # Without quotes, the shell splits a command.
        try:
            return super().parse_args(ctx, with_inputs(self.params, args))
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(
                f"{error.message}; quote a command with its arguments",
                error.ctx) from error

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete also further words after -i, and --input=WORD."""
        words = ctx.meta.get(WORDS, [])
        # bash makes three words of --input=WORD, and click sees two of them.
        if words[-1:] == ["="]:
            for option in self.params:
                if words[-2] in option.opts:
                    return option.shell_complete(ctx, incomplete)
        is_input = len(with_inputs(self.params, [*words, incomplete])) > len(
            with_inputs(self.params, words)) + 1
        if is_input:
            return [CompletionItem(incomplete, type="file")]
        return super().shell_complete(ctx, incomplete)


def with_inputs(
    options: Sequence[click.Parameter], args: Sequence[str]
) -> list[str]:
    """Return arguments in which each input has an option of its own.

    The shell makes several words of a pattern: -i a b is -i a -i b.
    """
    names = next(option.opts for option in options
                 if option.name == "input_paths")
    result = []
    # The words after the option: 1 if the next one is its value for sure.
    place = 0
    for word in args:
        is_option = word.startswith("-") and len(word) > 1
        if place == 2 and not is_option:
            result += [names[0], word]
            continue
        result.append(word)
        if place == 1:
            place = 2
        else:
            place = _place_after(word, names)
    return result


def _place_after(word: str, names: Sequence[str]) -> int:
    """Return 1 after an option for inputs, 2 after one with its value."""
    if word in names:
        return 1
    has_value = any(
        word.startswith(f"{name}=" if len(name) > 2 else name)
        for name in names)
    return 2 if has_value else 0


def _interrupt(number: int, _: object) -> NoReturn:
    """Raise Interrupted; the handler of the first signal, and only of it."""
    # A second one must not interrupt the removal of files and processes.
    ignore_signals()
    raise Interrupted(number)


def ignore_signals() -> None:
    """Let signals have no effect from now on: the process is ending."""
    # Not SIG_IGN, which child processes would inherit.
    _handle_signals(lambda number, frame: None)
    # When Python ends, it removes its handlers some milliseconds before the
    # process ends. By then no child is started, so SIG_IGN does no harm.
    atexit.register(_handle_signals, signal.SIG_IGN)


def _handle_signals(
    handle: Callable[[int, Any], object] | signal.Handlers
) -> None:
    """Set one handler for all signals that end a client."""
    for number in accept_signals(SIGNALS):
        signal.signal(number, handle)


@contextlib.contextmanager
def postponed_signals() -> Iterator[None]:
    """Postpone signals that end a client until the end of the block."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    came: list[int] = []
    _handle_signals(lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def manager_options(command: Decorated) -> Decorated:
    """Add the options that name the Manager, and the one for its secret."""
    for option in (
        secret_option,
        click.option("-p", "--port", default=6000, show_default=True,
                     metavar="PORT", type=PORT, envvar=PORT_VARIABLE,
                     show_envvar=True,
                     help="Port of the Manager."),
        click.option("-h", "--host", default="localhost", show_default=True,
                     metavar="HOST", envvar=HOST_VARIABLE, show_envvar=True,
                     callback=check_host, help="Address of the Manager."),
    ):
        command = option(command)
    return command


def common_options(command: Decorated) -> Decorated:
    """Add the options --quiet and --version."""
    for option in (
        click.version_option(package_name="mapreduce"),
        click.option("--quiet", is_flag=True, help="Print only results and "
                     "errors."),
    ):
        command = option(command)
    return command


def workers_option(command: Decorated) -> Decorated:
    """Add the option --workers."""
    return click.option(
        "--workers", metavar="N", type=Number(1, MAX_WORKERS),
        help="Number of Workers, and so of tasks at the same time.  "
        "[default: the number of cores]")(command)


def dry_run_option(command: Decorated) -> Decorated:
    """Add the option --dry-run."""
    return click.option(
        "--dry-run", is_flag=True, default=None, help="Start nothing: print "
        "the plan of the job, check what can be checked, and try mapper and "
        "reducer on a sample of at most 1 MB.")(command)


def verify_option(command: Decorated) -> Decorated:
    """Add the option --verify."""
    return click.option(
        "--verify", is_flag=True, default=None, help="After the job, run "
        "map | sort | reduce on the same input, one process after the other, "
        "and compare the results; exit with code 1 if they differ.")(command)


def is_terminal(stream: IO[str]) -> bool:
    """Return whether a stream is a terminal that supports drawing."""
    # sys.stdout is None if the process was started with it closed.
    return (bool(stream) and stream.isatty()
            and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"))


def tell(message: str) -> None:
    """Print a message on standard error, if that can be done.

    What a command does must not end because the message can't be printed.
    """
    with contextlib.suppress(OSError, ValueError):
        click.echo(message, err=True)


def tell_all(messages: Iterable[str]) -> None:
    """Print messages on standard error, if that can be done."""
    for message in messages:
        tell(text.clean(message))


def print_text(result: str) -> None:
    """Print a result on standard output."""
    # Names may contain characters that the encoding of the terminal lacks.
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(result.encode(encoding, "backslashreplace"))
