"""Send and receive bytes: sockets, connections, and the queues behind them.

The names that the specification gives to this package are imported when they
are first used (PEP 562): most of its users need only one of its modules.
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

# The only name that has nothing to do with sending, ThreadSafeOrderedDict, is
# here because the specification puts it here.
_HOMES = {
    "ThreadSafeOrderedDict": "ordered_dict",
    "tcp_client": "network",
    "tcp_server": "network",
    "udp_client": "network",
    "udp_server": "network",
}


def __getattr__(name: str) -> Any:
    """Import the module that defines one of the names above."""
    if name not in _HOMES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, name)
