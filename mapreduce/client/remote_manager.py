"""Send messages and queries to a Manager, for clients."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from mapreduce.client.errors import (
    NoManager,
    NotReceived,
    UnknownJob,
    UsageError,
)
from mapreduce.protocol import codec, messages, signing
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.status import (
    ClusterStatus,
    JobDetails,
    JobStatus,
    MessageTypes,
    Receipt,
    Stage,
    TaskCommand,
)
from mapreduce.utils import outbox
from mapreduce.utils.door import REFUSAL, seal_for


ANSWER_TIMEOUT = 2.0  # seconds, for what a Manager does at once


class RemoteManager:
    """The Manager at an address.

    Every method that sends raises NoManager, with a line for the user, if the
    Manager can't be reached or does not answer.
    """

    def __init__(
        self, host: str, port: int, secret: signing.Secret | None = None
    ) -> None:
        """Keep the address, and the secret of the cluster; send nothing."""
        self.host = host
        self.port = port
        self._seal = seal_for(signing.MANAGER, secret)

    @property
    def is_signed(self) -> bool:
        """Whether messages to it are signed."""
        return self._seal is not None

    def __str__(self) -> str:
        """Return, e.g., Manager localhost:6000."""
        return f"Manager {self.host}:{self.port}"

    def options(self) -> str:
        """Return the options of a client for this Manager, e.g., -p 6000."""
        host = "" if self.host == "localhost" else f"-h {self.host} "
        return f"{host}-p {self.port}"

    def send(self, message: messages.Message) -> None:
        """Send a message that has no answer."""
        self._check_length(message)
        with self._reached():
            outbox.send_tcp(self.host, self.port, message, self._seal)

    def check_secret(self) -> None:
        """Raise NoManager unless the Manager has the secret, if there is one.

        For what has no answer: a Manager ignores what it can't verify.
        """
        if self._seal:
            with contextlib.suppress(outbox.NoAnswer, ProtocolError):
                self._query(messages.GetMessageTypesMessage())

    def status(
        self, key: str | None = None, hold: float | None = None
    ) -> ClusterStatus:
        """Query the Workers, and all jobs or only the one with the key.

        With `hold`, return after so many seconds, or earlier if a job ends.
        """
        return self._ask(
            messages.GetStatusMessage(job_key=key, hold=hold), ClusterStatus)

    def details(self, job_id: int) -> JobDetails:
        """Query a job and its tasks; raise UnknownJob if there is none."""
        details = self._ask(messages.GetJobMessage(job_id), JobDetails)
        if details.job is None:
            raise self._unknown_job(job_id)
        return details

    def command(self, job_id: int, stage: Stage, task_id: int) -> TaskCommand:
        """Query what a task runs; raise UnknownJob if that is not kept."""
        command = self._ask(
            messages.GetTaskMessage(job_id, stage.value, task_id), TaskCommand)
        if not command.executable:
            raise UnknownJob(
                f"{self} does not keep what {stage.value} task {task_id} of "
                f"job {job_id} ran: the job has not begun, or later ones took "
                "the room")
        return command

    def job(self, job_id: int) -> JobStatus:
        """Query a job; raise UnknownJob if there is none."""
        # Not by `details`, whose answer has all tasks of the job.
        for job in self.status().jobs:
            if job.id == job_id:
                return job
        raise self._unknown_job(job_id)

    def _unknown_job(self, job_id: int) -> UnknownJob:
        return UnknownJob(
            f"{self} knows no job {job_id}; mapreduce-status "
            f"{self.options()} shows those that it knows")

    def submit(
        self, job: messages.JobMessage, known: Sequence[str] = ()
    ) -> int | None:
        """Send a job; return its id if the Manager tells it.

        `known` is what check_accepts has returned, if it was called. A
        Manager that knows the specification alone tells nothing. Raises
        NoManager if what listens there is plainly no Manager, and NotReceived
        if the job was sent but not read within ANSWER_TIMEOUT.
        """
        delivery = self._deliver(job)
        if delivery is None:
            return None
        if delivery.answer is None:
            raise NotReceived(
                f"{self} has not read the job yet: it is busy, or was stopped")
        known = known or self._types_after(job, delivery.answer)
        question = messages.GetReceiptMessage(*delivery.sender)
        if codec.name_of(type(question)) not in known:
            return None
        with contextlib.suppress(NoManager):
            return self._ask(question, Receipt).job_id
        return None

    def shut_down(self) -> None:
        """Shut down the Manager and its Workers.

        Raises NoManager if what listens there is plainly another program.
        """
        self.check_secret()
        delivery = self._deliver(messages.ShutdownMessage())
        if delivery and delivery.answer:  # A Manager sends nothing back.
            raise NoManager(f"what listens at {self.host}:{self.port} is no "
                            "Manager but another program")

    def _deliver(self, message: messages.Message) -> outbox.Delivery | None:
        """Send a message, and wait a moment for what comes back."""
        self._check_length(message)
        with self._reached():
            delivery = outbox.deliver_tcp(
                self.host, self.port, message, ANSWER_TIMEOUT, self._seal)
        if delivery and delivery.answer == REFUSAL:
            raise self._wrong_secret()
        return delivery

    def _check_length(self, message: messages.Message) -> None:
        """Raise UsageError for a message that no Manager would accept."""
        try:
            outbox.check_acceptable(message)
        except outbox.MessageTooLong as error:
            raise UsageError(
                f"the job is too long to send ({error}): name directories or "
                "patterns in quotes instead of so many files") from error

    def _wrong_secret(self) -> NoManager:
        return NoManager(
            f"{self} has no secret, or another one than this command (see "
            "--secret-file); or one of the two clocks is wrong: its log says "
            "which" if self._seal else
            f"{self} accepts only signed messages: name the file with its "
            "secret by --secret-file")

    def _types_after(
        self, job: messages.JobMessage, answer: bytes
    ) -> tuple[str, ...]:
        """Return the types of messages that the receiver of a job accepts.

        None of them if it does not tell. `answer` is what it sent back when
        it received the job: a Manager sends nothing.
        """
        try:
            if answer:
                raise outbox.UnknownAnswer
            known = self._message_types(ANSWER_TIMEOUT)
        except (outbox.UnknownAnswer, ProtocolError) as error:
            raise NoManager(
                f"what listens at {self.host}:{self.port} is no Manager but "
                "another program, so the job was not submitted") from error
        except (outbox.NoAnswer, NoManager):
            return ()
        if codec.name_of(type(job)) not in known:
            raise NoManager(
                f"what listens at {self.host}:{self.port} is a Worker, so the "
                "job was not submitted; name the port of its Manager")
        return known

    def _message_types(self, timeout: float | None = None) -> tuple[str, ...]:
        """Return the types of messages that it accepts.

        Raises NoAnswer, ProtocolError and NoManager.
        """
        answer = self._query(messages.GetMessageTypesMessage(), timeout)
        return codec.answer_from_document(MessageTypes, answer).message_types

    def check_accepts(self, job: messages.JobMessage) -> tuple[str, ...]:
        """Raise NoManager unless the Manager knows all options of a job.

        Returns all types that it accepts.
        """
        known: tuple[str, ...] = ()
        # An older Manager ignores the query, and also would ignore the job.
        with contextlib.suppress(outbox.NoAnswer, ProtocolError):
            known = self._message_types()
        # Otherwise the user would wait for a job that nothing will ever start.
        if not codec.capabilities(type(job), job) <= set(known):
            raise NoManager(
                f"{self} does not know these options, or commands with "
                "arguments, so the job was not submitted: what listens there "
                "is an older version, another program, or busy")
        return known

    def _ask(
        self, query: messages.Query, answer: type[codec.Answer]
    ) -> codec.Answer:
        # Two kinds of errors: nothing listens there, or it is no Manager that
        # knows queries.
        try:
            document = self._query(query)
            return codec.answer_from_document(answer, document)
        except (outbox.NoAnswer, ProtocolError) as error:
            raise NoManager(
                f"{self} does not answer questions: what listens there is "
                "another program, an older version, or busy"
            ) from error

    def _query(
        self, query: messages.Query, timeout: float | None = None
    ) -> dict[str, Any]:
        try:
            with self._reached():
                return outbox.ask(
                    self.host, self.port, query, timeout, self._seal)
        except outbox.NotSigned as error:
            raise self._wrong_secret() from error

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NoManager(
                f"cannot reach {self}: {error.strerror or error}; "
                "is one running there?") from error
