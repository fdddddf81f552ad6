"""Prepare the directory for the standard error of a job's tasks."""
from __future__ import annotations

import contextlib
import os

from mapreduce.manager.output_safety import (
    Inputs,
    StorageError,
    check_kept,
)
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage


def prepare_logs(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> None:
    """Make the directory, and remove what an older job left there.

    Other files stay. Raises StorageError with a reason for the user.
    """
    logs = submission.logs
    if logs is None:
        return
    check_kept(logs, submission.output_directory, found, shared_directory,
               "the logs are")
    try:
        os.makedirs(logs, exist_ok=True)
        for name in filter(layout.parse_stderr_log, os.listdir(logs)):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(logs, name))
    except OSError as error:
        raise StorageError(
            f"cannot use the directory {logs!r} for logs: {error.strerror}"
        ) from error
