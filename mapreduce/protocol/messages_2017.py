"""The messages of the 2017 dialect, as frozen dataclasses.

What a client says, MasterJobMessage and ShutdownMessage, is among the messages
of the specification. A Worker is known by its process id.
"""
from __future__ import annotations

from typing import Annotated

from mapreduce.protocol import fields
from mapreduce.protocol.dataclass import dataclass
from mapreduce.protocol.messages import (
    DialectMessage,
    MasterJobMessage,
    ShutdownMessage,
)

FINISHED = "finished"
Finished = Annotated[
    str, fields.Rule("the word finished", lambda value: value == FINISHED)]


@dataclass(frozen=True)
class RegisterMessage(DialectMessage):
    """A Worker says where it listens, and which process it is."""

    message_type = "register"
    worker_host: fields.Host
    worker_port: fields.Port
    worker_pid: fields.Pid


@dataclass(frozen=True)
class RegisterAckMessage(RegisterMessage):
    """The Master repeats what the Worker said."""

    message_type = "register_ack"


@dataclass(frozen=True)
class HeartbeatMessage(DialectMessage):
    """A Worker is alive; the only message that goes over UDP."""

    message_type = "heartbeat"
    worker_pid: fields.Pid


@dataclass(frozen=True, kw_only=True)
class StatusMessage(DialectMessage):
    """A Worker has done the task that it holds.

    It names one file after a sort job, and a list of files after any other;
    some Workers name one file always.
    """

    message_type = "status"
    is_long = True
    output_files: fields.OptionalPaths = None
    output_file: fields.OptionalPath = None
    status: Finished
    worker_pid: fields.Pid


@dataclass(frozen=True)
class WorkerJobMessage(DialectMessage):
    """The Master has a Worker run an executable once for each file."""

    message_type = "new_worker_job"
    is_long = True
    input_files: fields.Paths
    executable: fields.Path
    output_directory: fields.Path
    worker_pid: fields.Pid

    @property
    def outputs(self) -> list[str]:
        """The paths of the files that the Worker makes, in order."""
        return [f"{self.output_directory}/{path.rpartition('/')[2]}"
                for path in self.input_files]

    @property
    def status(self) -> StatusMessage:
        """What the Worker says when the task is done."""
        return StatusMessage(output_files=self.outputs, status=FINISHED,
                             worker_pid=self.worker_pid)


@dataclass(frozen=True)
class SortJobMessage(DialectMessage):
    """The Master has a Worker sort the lines of files into one file."""

    message_type = "new_sort_job"
    is_long = True
    input_files: fields.Paths
    output_file: fields.Path
    worker_pid: fields.Pid

    @property
    def outputs(self) -> list[str]:
        """The path of the file that the Worker makes, in a list."""
        return [self.output_file]

    @property
    def output_directory(self) -> str:
        """The directory of that file."""
        return self.output_file.rpartition("/")[0] or "."

    @property
    def status(self) -> StatusMessage:
        """What the Worker says when the task is done."""
        return StatusMessage(output_file=self.output_file, status=FINISHED,
                             worker_pid=self.worker_pid)


TaskMessage = WorkerJobMessage | SortJobMessage
CLASSES = {
    "shutdown": ShutdownMessage,
    **{cls.message_type: cls for cls in (
        RegisterMessage, RegisterAckMessage, HeartbeatMessage,
        MasterJobMessage, WorkerJobMessage, SortJobMessage, StatusMessage)},
}
