"""Read the kept standard error of a task."""
from __future__ import annotations

import os
import stat

from mapreduce.protocol import layout
from mapreduce.protocol.status import JobDetails

MAX_SHOWN = 2**20  # bytes, from the end of a file


def read_stderr(details: JobDetails, name: str) -> str:
    """Return the end of a file of standard error that the job has kept.

    Raises FileNotFoundError if it has kept no such file, and OSError if this
    machine can't read it.
    """
    logs = next((option.value for option in details.options
                 if option.name == "logs"), None)
    if details.job is None or logs is None or (
            layout.parse_stderr_log(name) is None):
        raise FileNotFoundError
    path = os.path.join(details.job.directory, logs, name)
    # The user of the job has named the directory, and could put anything
    # there: no link is followed, and no pipe is waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError
        left_out = max(status.st_size - MAX_SHOWN, 0)
        file.seek(left_out)
        text = file.read(MAX_SHOWN).decode("utf-8", "replace")
    return (f"… {left_out} bytes left out …\n" if left_out else "") + text
