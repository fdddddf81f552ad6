"""What the Manager, the Workers and the clients share."""
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
