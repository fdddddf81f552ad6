"""The command mapreduce-worker."""
from __future__ import annotations

import click

from mapreduce.utils import daemon
from mapreduce.worker.daemon import Worker


@click.command()
@daemon.options(default_port=6001)
@click.option("--manager-host", default="localhost", show_default=True,
              help="Address of the Manager.")
@click.option("--manager-port", default=6000, show_default=True,
              type=daemon.PORT, help="Port of the Manager.")
def main(
    host: str, port: int, manager_host: str, manager_port: int,
    **log: str,
) -> None:
    """Run a Worker until it is told to shut down."""
    with daemon.running("Worker", port, log["loglevel"], log["logfile"]):
        Worker(host, port, manager_host, manager_port, daemon.ENDING_SIGNALS)


if __name__ == "__main__":
    main(prog_name="mapreduce-worker")
