"""Run the command mapreduce-manager: options in, exit code out."""
from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import click

from mapreduce.manager.daemon import Manager, ManagerEnvironment
from mapreduce.manager.state.directory import StateDirectory
from mapreduce.manager.state.journal import StateError
from mapreduce.manager.state.recorder import NoRecorder, Recorder
from mapreduce.protocol import layout
from mapreduce.protocol.signing import Secret
from mapreduce.system import daemon, scratch
from mapreduce.system.command_line import (
    HOST_VARIABLE,
    PORT_VARIABLE,
    CommandLine,
    RealNumber,
)


@click.command(cls=CommandLine)
@daemon.options(
    6000,
    click.option("--shared_dir", "--shared-dir",
                 type=click.Path(exists=True, file_okay=False, writable=True),
                 help="Keep the files of jobs in a new directory in this one, "
                 "which all Workers must be able to use.  [default: the "
                 "directory for temporary files]"),
    click.option("--state-dir", metavar="DIR",
                 type=click.Path(file_okay=False),
                 help="Keep the jobs in this directory, and go on with them "
                 "at the next start after a crash or a signal."),
    click.option("--fresh", is_flag=True, help="Remove what is kept in "
                 "--state-dir, and begin anew with job 0."),
    click.option("--status-interval", type=RealNumber(1),
                 metavar="SECONDS", default=float("inf"), help="Log the state "
                 "of all Workers and jobs at this interval."),
    host_variable=HOST_VARIABLE, port_variable=PORT_VARIABLE)
def main(
    shared_dir: str | None, status_interval: float, state_dir: str | None,
    fresh: bool, **options: Any
) -> None:
    """Run a Manager until it is told to shut down."""
    # For the resolver of the C library. A host name whose name server does not
    # answer would block the Manager's loop for 10 s or more by default.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    if fresh and not state_dir:
        raise click.UsageError("--fresh is for --state-dir")
    if shared_dir:
        tempfile.tempdir = os.path.abspath(shared_dir)
    wanted = daemon.Options(**options)

    def serve(
        port: int, on_listening: Callable[[], None], secret: Secret | None
    ) -> None:
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        with _recorder(state_dir, shared_dir, fresh) as recorder:
            Manager(wanted.host, port, ManagerEnvironment(
                daemon.ENDING_SIGNALS, on_listening, status_interval, secret,
                recorder))

    daemon.run("Manager", wanted, serve)


@contextlib.contextmanager
def _recorder(
    state_dir: str | None, shared_dir: str | None, fresh: bool
) -> Iterator[NoRecorder]:
    """Yield what keeps the jobs; an error of the state becomes one line."""
    if state_dir is None:
        yield NoRecorder()
        return
    try:
        with contextlib.closing(
                StateDirectory(state_dir, shared_dir, fresh)) as state:
            yield Recorder(state)
    except StateError as error:
        raise click.ClickException(str(error)) from error
    except sqlite3.Error as error:
        raise click.ClickException(
            f"cannot use the state in {state_dir!r}: {error}; look at its "
            "disk, and start again") from error


if __name__ == "__main__":
    main(prog_name="mapreduce-manager")
