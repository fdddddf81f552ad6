"""Run the command mapreduce-worker: options in, exit code out."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mapreduce.protocol import layout
from mapreduce.protocol.signing import Secret
from mapreduce.system import daemon, scratch
from mapreduce.system.command_line import (
    HOST_VARIABLE,
    PORT_VARIABLE,
    CommandLine,
    Number,
    check_host,
)
from mapreduce.utils import network
from mapreduce.worker.daemon import Worker, WorkerEnvironment
from mapreduce.worker.processes.reaper import running_reaper
from mapreduce.worker.shuffle import loops


@click.command(cls=CommandLine)
@daemon.options(
    6001,
    click.option("--manager-host", default="localhost", show_default=True,
                 metavar="HOST", envvar=HOST_VARIABLE, show_envvar=True,
                 callback=check_host, help="Address of the Manager."),
    click.option("--manager-port", default=6000, show_default=True,
                 metavar="PORT", envvar=PORT_VARIABLE, show_envvar=True,
                 type=daemon.PORT, help="Port of the Manager."),
    click.option("--fail-after", type=Number(0), metavar="N",
                 help="For drills: do N tasks, then exit as in a crash, "
                 "without a message, when the next task comes."),
    build=f" ({loops.DESCRIPTION})")
def main(
    manager_host: str, manager_port: int, fail_after: int | None,
    **options: Any,
) -> None:
    """Run a Worker until it is told to shut down."""
    wanted = daemon.Options(**options)
    if network.is_only_local(wanted.host) and (
            not network.is_this_machine(manager_host)):
        raise click.ClickException(
            f"a Manager on {manager_host} can't reach a Worker on "
            f"{wanted.host}; name an address of this machine by --host")

    def serve(
        port: int, on_listening: Callable[[], None], secret: Secret | None
    ) -> None:
        scratch.remove_leftovers(layout.LOCAL_DIRECTORY_PREFIX)
        # Before the Worker: it must exist when the first task starts, and be
        # started before the first thread.
        with running_reaper() as reaper:
            environment = WorkerEnvironment(
                daemon.ENDING_SIGNALS, reaper, fail_after, on_listening,
                secret)
            Worker(
                wanted.host, port, manager_host, manager_port, environment)

    daemon.run("Worker", wanted, serve)


if __name__ == "__main__":
    main(prog_name="mapreduce-worker")
