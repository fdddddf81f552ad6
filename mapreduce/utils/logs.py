"""Set up the log of a daemon: one format, to a file or standard error."""
from __future__ import annotations

import logging


def configure(name: str, level: str, logfile: str | None = None) -> None:
    """Log lines like ``Worker:6001 [INFO] Received task …`` from now on.

    The name is what stands before the level; the level is one of logging's
    names, in any case. Raises OSError if the file can't be written.
    """
    # A log may name files that are no UTF-8: they must not break it.
    handler = (
        logging.FileHandler(
            logfile, encoding="utf-8", errors="backslashreplace")
        if logfile else logging.StreamHandler()
    )
    handler.setFormatter(logging.Formatter(
        name.replace("%", "%%") + " [%(levelname)s] %(message)s"))
    # In place of one that another call has set.
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
