"""Run the command mapreduce-dashboard: show a cluster in a browser."""
from __future__ import annotations

import importlib
import ipaddress
from typing import Any

import click

from mapreduce.client import command
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol.signing import Secret
from mapreduce.system.command_line import CommandLine, check_host

EXAMPLES = """\b
Examples:
  mapreduce-dashboard --open             of the Manager on this machine
  mapreduce-dashboard -h host1 -p 6000   of another one
"""
MAX_PORT = 65535


class Address(click.ParamType[tuple[str, int]]):
    """A host and a port, such as 127.0.0.1:6080."""

    name = "HOST:PORT"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, int]:
        """Return the host and the port, or fail with a message."""
        host, _, port = str(value).rpartition(":")
        if not (host and port.isascii() and port.isdigit()
                and int(port[:6]) <= MAX_PORT):
            self.fail(f"{value!r} is no address such as 127.0.0.1:6080",
                      param, ctx)
        check_host(ctx, param, host)
        return host, int(port)


@click.command(cls=CommandLine, epilog=EXAMPLES)
@command.manager_options
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:6080",
              show_default=True, type=Address(), help="Address of the pages; "
              "port 0 is any free port.")
@click.option("--open", "open_browser", is_flag=True,
              help="Open the page in a browser.")
@click.version_option(package_name="mapreduce")
def main(
    host: str, port: int, secret: Secret | None, listen: tuple[str, int],
    open_browser: bool,
) -> None:
    """Show the Workers and the jobs of a Manager as pages for browsers.

    Prints the address of the pages, and runs until Ctrl-C. The pages can
    cancel jobs.
    """
    try:
        server = importlib.import_module("mapreduce.dashboard.server")
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"mapreduce-dashboard needs the package {error.name}; "
            "pip install 'mapreduce[dashboard]' installs it") from error
    if not _is_loopback(listen[0]):
        command.tell(f"Everybody who can reach {listen[0]}:{listen[1]} can "
                     "see all jobs and cancel them")
    server.serve(RemoteManager(host, port, secret), *listen, open_browser)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main(prog_name="mapreduce-dashboard")
