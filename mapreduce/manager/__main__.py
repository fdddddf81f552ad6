"""The command mapreduce-manager."""
from __future__ import annotations

import os
import tempfile

import click

from mapreduce.manager.daemon import Manager
from mapreduce.utils import daemon, layout, scratch


@click.command()
@daemon.options(default_port=6000)
@click.option("--shared_dir", "--shared-dir",
              type=click.Path(exists=True, file_okay=False, writable=True),
              help="Keep the jobs' files in a directory of this directory, "
              "which all Workers must see.  [default: that for temporary "
              "files]")
def main(
    host: str, port: int, logfile: str | None, loglevel: str,
    shared_dir: str | None,
) -> None:
    """Run a Manager until it is told to shut down."""
    # A host whose name service is silent must not hold up all others for
    # longer than an address that is. The Manager starts no other program.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    if shared_dir:
        tempfile.tempdir = os.path.abspath(shared_dir)
    with daemon.running("Manager", (host, port), loglevel, logfile):
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        Manager(host, port, daemon.ENDING_SIGNALS)


if __name__ == "__main__":
    main(prog_name="mapreduce-manager")
