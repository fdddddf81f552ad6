"""The command mapreduce-manager."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import click

from mapreduce.manager.daemon import Manager
from mapreduce.protocol import layout
from mapreduce.system import daemon, scratch
from mapreduce.system.command_line import CommandLine


@click.command(cls=CommandLine)
@daemon.options(default_port=6000)
@click.option("--shared_dir", "--shared-dir",
              type=click.Path(exists=True, file_okay=False, writable=True),
              help="Keep the jobs' files in a directory of this directory, "
              "which all Workers must see.  [default: that for temporary "
              "files]")
@click.option("--status-interval", type=click.FloatRange(1), metavar="SECONDS",
              default=float("inf"), help="Log the state of all Workers and "
              "jobs at this interval.")
def main(
    shared_dir: str | None, status_interval: float, **options: Any
) -> None:
    """Run a Manager until it is told to shut down."""
    # A host whose name service is silent must not hold up all others for
    # longer than an address that is. The Manager starts no other program.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    if shared_dir:
        tempfile.tempdir = os.path.abspath(shared_dir)
    wanted = daemon.Options(**options)

    def serve(port: int, on_listening: Callable[[], None]) -> None:
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        Manager(wanted.host, port, daemon.ENDING_SIGNALS, on_listening,
                status_interval)

    daemon.run("Manager", wanted, serve)


if __name__ == "__main__":
    main(prog_name="mapreduce-manager")
