"""What the Manager, the Workers and the clients share.

The modules, and the names that are used from outside, are imported when they
are first named (PEP 562): the help of a client needs none of them.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.utils import fields, messages, outbox, report, status
    from mapreduce.utils.network import (
        tcp_client,
        tcp_server,
        udp_client,
        udp_server,
    )
    from mapreduce.utils.ordered_dict import ThreadSafeOrderedDict

__all__ = [
    "ThreadSafeOrderedDict",
    "fields",
    "messages",
    "outbox",
    "report",
    "status",
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
    """Import a module of this package, or the one that has the name."""
    if name in _HOMES:
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(home, name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
