"""Run the command mapreduce-manager: options in, exit code out."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import click

from mapreduce.manager.daemon import Manager, ManagerEnvironment
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
    click.option("--status-interval", type=RealNumber(1),
                 metavar="SECONDS", default=float("inf"), help="Log the state "
                 "of all Workers and jobs at this interval."),
    host_variable=HOST_VARIABLE, port_variable=PORT_VARIABLE)
def main(
    shared_dir: str | None, status_interval: float, **options: Any
) -> None:
    """Run a Manager until it is told to shut down."""
    # For the resolver of the C library. A host name whose name server does not
    # answer would block the Manager's loop for 10 s or more by default.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    if shared_dir:
        tempfile.tempdir = os.path.abspath(shared_dir)
    wanted = daemon.Options(**options)

    def serve(
        port: int, on_listening: Callable[[], None], secret: Secret | None
    ) -> None:
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        Manager(wanted.host, port, ManagerEnvironment(
            daemon.ENDING_SIGNALS, on_listening, status_interval, secret))

    daemon.run("Manager", wanted, serve)


if __name__ == "__main__":
    main(prog_name="mapreduce-manager")
