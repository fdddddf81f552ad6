"""Run a command in a small world of its own: python namespace.py COMMAND…

To be started by `unshare` with namespaces for network, mounts and processes.
In there, every port is free, no process of others is seen, the hosts host1,
host2 and host3 exist, and /mnt/shared is an empty directory. Nothing of it is
left when the command ends.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile

SIOCSIFFLAGS = 0x8914
SIOCSIFADDR = 0x8916
IFF_UP = 1

# A network for documentation (RFC 5737). On the loopback interface, the
# address of one host stands for all of its network.
HOSTS = """\
127.0.0.1 localhost
192.0.2.1 host1
192.0.2.2 host2
192.0.2.3 host3
"""


def start_network():
    """Bring the loopback interface up, with an address beside 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack(
            "16sH2s4s8x", b"lo:1", socket.AF_INET, bytes(2),
            socket.inet_aton("192.0.2.1")))


def mount_files():
    """Put our /etc/hosts and our /mnt over those of the machine."""
    with tempfile.NamedTemporaryFile("w") as hosts:
        hosts.write(HOSTS)
        hosts.flush()
        os.chmod(hosts.name, 0o644)
        subprocess.run(
            ["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
    os.mkdir("/mnt/shared")


if __name__ == "__main__":
    start_network()
    mount_files()
    os.execvp(sys.argv[1], sys.argv[1:])
