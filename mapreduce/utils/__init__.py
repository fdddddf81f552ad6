"""How bytes travel: sockets, connections, and what waits at their ends.

The names that the specification gives to this package are imported when they
are first named (PEP 562): most of its users need only one of its modules.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.utils.network import (
        tcp_client,
        tcp_server,
        udp_client,
        udp_server,
    )
    from mapreduce.utils.ordered_dict import ThreadSafeOrderedDict

__all__ = [
    "ThreadSafeOrderedDict",
    "tcp_client",
    "tcp_server",
    "udp_client",
    "udp_server",
]

_HOMES = {
    "ThreadSafeOrderedDict": "ordered_dict",
    "tcp_client": "network",
    "tcp_server": "network",
    "udp_client": "network",
    "udp_server": "network",
}


def __getattr__(name: str) -> Any:
    """Return one of the names above, from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, name)
