"""Run the command mapreduce-cache: show, check and prune a cache."""
from __future__ import annotations

import time
from collections.abc import Sequence

import click

from mapreduce.client import command, completion, job_options
from mapreduce.client.errors import UsageError
from mapreduce.display import text
from mapreduce.system.map_cache import Cache, CacheError, Entry

MAX_WIDTH = 40  # characters of an input or a mapper in the table
DAMAGED = "(damaged)"

EXAMPLES = """\b
Examples:
  mapreduce-cache DIR                  its entries, the one used last first
  mapreduce-cache DIR --verify         read all, and remove damaged ones
  mapreduce-cache DIR --max-size 10G   remove those used longest ago
"""


@click.command(cls=command.Command, epilog=EXAMPLES)
@click.argument("path", metavar="DIR", shell_complete=completion.directories)
@click.option("--verify", is_flag=True, help="Read all entries; remove the "
              "damaged ones, and exit with code 1 if there are any.")
@click.option("--max-size", metavar="SIZE", callback=job_options.size,
              help="Remove the entries used longest ago until the others "
              "have this size, such as 10G, or less.")
@command.common_options
def main(path: str, verify: bool, max_size: int | None, quiet: bool) -> None:
    """Show the map output that --cache DIR has kept, or remove some of it.

    DIR is the directory of the cache. Jobs may use it meanwhile.
    """
    try:
        cache = Cache(path)
    except CacheError as error:
        raise UsageError(str(error)) from error
    damaged = _remove_damaged(cache) if verify else []
    if max_size is not None:
        removed = cache.prune(max_size)
        _say(f"Removed {_sum(removed)}", quiet)
    if verify or max_size is not None:
        _say(f"{_sum(list(cache.entries()))} in the cache", quiet)
    else:
        _show(list(cache.entries()))
    if damaged:
        raise click.ClickException(
            f"damaged, and removed: {_sum(damaged)}; their mappers run again "
            "when they are needed")


def _remove_damaged(cache: Cache) -> list[Entry]:
    # An entry that another process removes meanwhile is not damaged.
    return [entry for entry in cache.entries()
            if not cache.is_whole(entry) and cache.remove(entry.key)]


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        command.print_text(line)


def _show(entries: Sequence[Entry]) -> None:
    if entries:
        command.print_text(text.render(text.Table(
            ("ENTRY", "SIZE", "LAST USED", "INPUT", "MAPPER"),
            tuple(map(_row, entries)))) + "\n")
    command.print_text(_sum(entries))


def _row(entry: Entry) -> tuple[str, ...]:
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
    manifest = entry.manifest
    return (
        entry.key[:12], _size(entry.size), used,
        _clip(manifest.input) if manifest else DAMAGED,
        _clip(manifest.mapper) if manifest else DAMAGED)


def _clip(value: str) -> str:
    """Return a text for a cell: its end, if it is long."""
    shown = text.clean(value.replace("\n", " ").replace("\t", " "))
    return shown if len(shown) <= MAX_WIDTH else f"…{shown[1 - MAX_WIDTH:]}"


def _sum(entries: Sequence[Entry]) -> str:
    """Return, e.g., 3 entries, 1.5 M."""
    noun = "entry" if len(entries) == 1 else "entries"
    size = sum(entry.size for entry in entries)
    return f"{len(entries)} {noun}, {_size(size)}"


def _size(size: float) -> str:
    """Return, e.g., 1.5 M; the units are those of --max-size."""
    for unit in ("", "K", "M", "G"):
        if size < 1024:
            return f"{size:.1f} {unit}" if unit else f"{size:.0f} B"
        size /= 1024
    return f"{size:.1f} T"


if __name__ == "__main__":
    main(prog_name="mapreduce-cache")
