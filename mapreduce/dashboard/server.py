"""Listen for browsers until a signal ends this process."""
from __future__ import annotations

import errno
import signal
import socket
import threading
import webbrowser

import click
import uvicorn

from mapreduce.client.remote_manager import RemoteManager
from mapreduce.dashboard.app import application
from mapreduce.system.command_line import accept_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MAX_CONNECTIONS = 500
END_TIMEOUT = 2  # seconds for answers that are on their way


def serve(
    manager: RemoteManager, host: str, port: int, open_browser: bool
) -> None:
    """Show a Manager to browsers; return after a signal.

    Port 0 is any free port. Raises click.ClickException if it can't listen.
    """
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                f"port {port} is in use; choose another one: --listen "
                f"{host}:PORT") from error
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror or error}"
        ) from error
    app = application(manager, [host], lambda: server.should_exit)
    server = uvicorn.Server(uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_config=None,
        log_level="error", access_log=False, server_header=False,
        proxy_headers=False, limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=END_TIMEOUT))
    # While the server runs, it replaces these handlers; after its end, it
    # raises the signal again.
    for number in accept_signals(SIGNALS):
        signal.signal(number, server.handle_exit)
    with listener:
        url = f"http://{host}:{listener.getsockname()[1]}/"
        click.echo(f"Dashboard of {manager}: {url}")
        if open_browser:
            # A browser in a terminal returns only when its user closes it.
            threading.Thread(
                target=webbrowser.open, args=[url], daemon=True).start()
        server.run(sockets=[listener])
