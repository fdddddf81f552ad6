"""Keep the addresses of hosts, for when the name service is away.

An outage must not stop heartbeats, for example. So a name is resolved again
only after a message to its address has failed; while that fails, too, the old
address is used. Any thread may call all of this: each step is one operation on
a dictionary or a set.
"""
from __future__ import annotations

import contextlib

from mapreduce.utils.connections import Socket

MAX_NAMES = 1_000  # of hosts, whose addresses are kept


class Names:
    """The addresses of hosts, each as it was when the host was reached."""

    def __init__(self, lookup_error: type[OSError]) -> None:
        """Start without any; a look-up that fails raises that error."""
        self._lookup_error = lookup_error
        self._addresses: dict[str, str] = {}
        self._doubted: set[str] = set()

    def connect(self, sock: Socket, host: str, port: int) -> None:
        """Connect to a host, at the address that worked last if there is one.

        Raises OSError.
        """
        kept = self._addresses.get(host)
        if kept and host not in self._doubted:
            sock.connect((kept, port))
            return
        try:
            sock.connect((host, port))
        except self._lookup_error:
            if kept is None:
                raise
            sock.connect((kept, port))

    def keep(self, sock: Socket, host: str) -> None:
        """Keep the address of a host that was reached."""
        # An IP address needs no look-up, nor does a name in a local file.
        if host == "localhost" or host.replace(".", "").isdigit() or (
                host in self._addresses and host not in self._doubted):
            return
        with contextlib.suppress(OSError):  # The peer may be gone by now.
            if len(self._addresses) >= MAX_NAMES:
                self._addresses.clear()
            self._addresses[host] = sock.getpeername()[0]
            self._doubted.discard(host)

    def doubt(self, host: str) -> None:
        """Note that a host was not reached at the address that is kept."""
        if host in self._addresses:
            self._doubted.add(host)
