"""Run a command as on a host of its own: python host.py KEPT… -- COMMAND…

To be started in a mount namespace of its own. There, /tmp is empty, except
for the directories that are kept.
"""
import os
import subprocess
import sys
import tempfile

TEMPORARY = "/tmp"


def mount(*words):
    """Mount something, for this namespace only."""
    subprocess.run(["mount", *words], check=True)


def hide_temporary_files(kept):
    """Put an empty /tmp over that of the machine; keep some directories."""
    mount("--make-rprivate", "/")
    private = tempfile.mkdtemp(dir=TEMPORARY)
    mount("-t", "tmpfs", "none", private)
    for path in map(os.path.realpath, kept):
        if os.path.commonpath([path, TEMPORARY]) == TEMPORARY:
            place = os.path.join(private, os.path.relpath(path, TEMPORARY))
            os.makedirs(place, exist_ok=True)
            mount("--bind", path, place)
    mount("--rbind", private, TEMPORARY)


if __name__ == "__main__":
    end = sys.argv.index("--")
    hide_temporary_files(sys.argv[1:end])
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
