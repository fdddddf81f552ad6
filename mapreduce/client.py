"""What the clients share: options, exit codes, signals, questions.

A client prints results on standard output and talk on standard error. It
exits with 0 when it is done, 1 when the job failed or was cancelled, 2 when it
was used wrongly, 3 when there is no Manager that answers, 130 on Ctrl-C,
143 on SIGTERM and 129 on SIGHUP.

What only some clients need is imported when it is named: the help and a plain
submission need none of it.
"""
from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from mapreduce import utils

if TYPE_CHECKING:
    from mapreduce.utils.messages import Message
    from mapreduce.utils.status import ClusterStatus, JobDetails, JobStatus

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Answer = TypeVar("Answer")

NO_WORKER = "No Worker lives; mapreduce-worker starts one"
MAX_WORKERS = 1_000  # of mapreduce-run
PORT = click.IntRange(1, 65535)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class JobFailed(click.ClickException):
    """The job failed or was cancelled; or it can't be, for it has ended."""

    exit_code = 1


class WrongUse(click.ClickException):
    """What the user named can't be used; one line says what to do."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """Show nothing that a terminal might obey."""
        super().__init__(utils.report.clean(message))


class UnknownJob(click.ClickException):
    """The user named a job that the Manager doesn't know."""

    exit_code = 2


class NoManager(click.ClickException):
    """No Manager can be reached, or it is one that can't answer."""

    exit_code = 3


class Interrupted(KeyboardInterrupt):
    """A signal asks the client to end; the note is for its user."""

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__()
        self.number = number
        self.note = ""


class Command(click.Command):
    """A command that ends on signals with their exit code and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _interruptible():
                result = super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click ends quietly.
                raise
            raise click.ClickException(
                f"cannot go on: {error.strerror or error}") from error
        except Interrupted as interrupted:
            with contextlib.suppress(OSError):  # The terminal may be gone.
                if interrupted.note:
                    click.echo(interrupted.note, err=True)
            ctx.exit(128 + interrupted.number)
        return result


class JobCommand(Command):
    """A command whose options take what a shell expands, or splits."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments; tell whose words they may be."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(
                f"{error.message}; quote a pattern, and a command with its "
                "arguments", error.ctx) from error


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Raise Interrupted at the first of the signals, once."""
    def interrupt(number: int, _: object) -> NoReturn:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    with on_signals(interrupt):
        yield


@contextlib.contextmanager
def on_signals(handle: Callable[[int, Any], object]) -> Iterator[None]:
    """Have the signals that end a client handled, until the end of the block.

    SIGHUP stays ignored where the caller ignores it, as nohup wants it.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    if handlers[signal.SIGHUP] == signal.SIG_IGN:
        del handlers[signal.SIGHUP]
    for number in handlers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def manager_options(command: Decorated) -> Decorated:
    """Add the options that name the Manager."""
    for option in (
        click.option("-p", "--port", default=6000, show_default=True,
                     type=PORT,
                     help="Port of the Manager."),
        click.option("-h", "--host", default="localhost", show_default=True,
                     help="Address of the Manager."),
    ):
        command = option(command)
    return command


def common_options(command: Decorated) -> Decorated:
    """Add the options --quiet and --version."""
    for option in (
        click.version_option(package_name="mapreduce"),
        click.option("--quiet", is_flag=True, help="Print nothing but "
                     "results and errors."),
    ):
        command = option(command)
    return command


def workers_option(command: Decorated) -> Decorated:
    """Add the option --workers."""
    return click.option(
        "--workers", metavar="N", type=click.IntRange(1, MAX_WORKERS),
        help="Number of Workers, and so of tasks at a time.  "
        "[default: the cores]")(command)


class Manager:
    """A Manager as a client sees it: it takes messages, and answers some.

    Every method raises NoManager, with a line for the user, where that fails.
    """

    def __init__(self, host: str, port: int) -> None:
        """Name the Manager; say nothing yet."""
        self.host = host
        self.port = port

    def __str__(self) -> str:
        """Return, e.g., Manager localhost:6000."""
        return f"Manager {self.host}:{self.port}"

    def options(self) -> str:
        """Return what a client has to be told, e.g., -p 6000."""
        host = "" if self.host == "localhost" else f"-h {self.host} "
        return f"{host}-p {self.port}"

    def send(self, message: Message) -> None:
        """Send a message that has no answer."""
        with self._reached():
            utils.outbox.send_tcp(self.host, self.port, message)

    def status(self, key: str | None = None) -> ClusterStatus:
        """Ask for the Workers and jobs, or only the job with a key."""
        return self._ask(utils.messages.GetStatusMessage(job_key=key),
                         utils.status.cluster_from_document)

    def details(self, job_id: int) -> JobDetails:
        """Ask for a job and its tasks; raise UnknownJob if there is none."""
        details = self._ask(utils.messages.GetJobMessage(job_id),
                            utils.status.details_from_document)
        if details.job is None:
            raise self._unknown_job(job_id)
        return details

    def _unknown_job(self, job_id: int) -> UnknownJob:
        return UnknownJob(
            f"{self} knows no job {job_id}; mapreduce-status "
            f"{self.options()} shows those that it knows")

    def job(self, job_id: int) -> JobStatus:
        """Ask for a job; raise UnknownJob if there is none."""
        for job in self.status().jobs:
            if job.id == job_id:
                return job
        raise self._unknown_job(job_id)

    def check_takes(self, job: Message) -> None:
        """Raise NoManager unless the Manager takes messages of that type."""
        known: tuple[str, ...] = ()
        # An older one ignores the question.
        with contextlib.suppress(
                utils.outbox.NoAnswer, utils.messages.ProtocolError):
            with self._reached():
                answer = utils.outbox.ask(
                    self.host, self.port,
                    utils.messages.GetMessageTypesMessage())
            known = utils.status.message_types_from_document(
                answer).message_types
        if utils.messages.name_of(type(job)) not in known:
            raise NoManager(
                f"{self} does not know these options, or commands with "
                "arguments, so the job was not submitted: what listens there "
                "is an older version, another program, or busy")

    def _ask(
        self, question: Message, read: Callable[[dict[str, Any]], Answer]
    ) -> Answer:
        """Return what a function, which may raise ProtocolError, reads."""
        try:
            with self._reached():
                answer = utils.outbox.ask(self.host, self.port, question)
            return read(answer)
        except (
            utils.outbox.NoAnswer, utils.messages.ProtocolError
        ) as error:
            raise NoManager(
                f"{self} does not answer questions: what listens there is "
                "another program, an older version, or busy"
            ) from error

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NoManager(
                f"cannot reach {self}: {error.strerror or error}; "
                "is one running there?") from error


def is_terminal(stream: IO[str]) -> bool:
    """Tell whether a stream is a terminal on which one can draw."""
    # A stream that was closed from the start is None.
    return (bool(stream) and stream.isatty()
            and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"))


def print_text(text: str) -> None:
    """Print a result on standard output, whatever characters it has."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace"))
