"""Render the pages. The only module that imports jinja2.

Every text that a template prints is escaped, after control characters were
made visible: names, reasons and status lines come from users and tasks.
"""
from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe

from mapreduce.display import text
from mapreduce.display.html import cluster, job
from mapreduce.protocol import layout
from mapreduce.protocol.status import JobDetails

FOLDER = pathlib.Path(__file__).parent
MAX_REASON = 8_000  # characters of one reason on a page
# A browser loads these once for all pages of a server; a report contains them.
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
ICON = (FOLDER / "icon.svg").read_text(encoding="utf-8")

SIGNS = {
    "queued": "○", "running": "●", "map": "●", "reduce": "●", "busy": "●",
    "ready": "○", "waiting": "○", "done": "✓", "failed": "✕", "dead": "✕",
    "lost": "?", "cancelled": "–",
}


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a page of a server has around its content."""

    manager: str  # e.g., localhost:6000
    options: str  # the same as options of a command, e.g., -p 6000
    updated: str  # the time of the answer that is shown, or an empty text
    trouble: str = ""  # why the Manager can't be reached, if so
    notice: str = ""  # the effect of what the user did last
    events: str = ""  # the path of the updates, if the page changes
    reload: bool = True  # without scripts, reload the page


def _shown(value: Any) -> Any:
    """Return a text with its control characters escaped; all else as it is."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return text.clean(value)
    return value


def _environment() -> jinja2.Environment:
    # A sandbox is not needed: the templates are ours.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"), autoescape=True,
        finalize=_shown, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False)
    environment.filters.update(
        duration=text.duration, size=_size, number=lambda its: f"{its:,}",
        headline=cluster.headline, clock=_clock, clip=_clip,
        percent=lambda its: f"{100 * its:.0f} %")
    environment.globals.update(
        signs=SIGNS, address=text.address, stderr_log=layout.stderr_log,
        logs_line=text.logs_line)
    # Not imported by each template: a single block of it is rendered, too.
    environment.globals["m"] = environment.get_template("macros.html").module
    return environment


def _size(value: float) -> str:
    """Return, e.g., 512 bytes, 3.4 MB."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def _clock(value: str | None, now: datetime.datetime | None = None) -> str:
    """Return the time of a moment; with its date if that is another day."""
    when = cluster.moment(value)
    if when is None:
        return value or ""
    today = now and when.date() == now.astimezone(when.tzinfo).date()
    return f"{when:%H:%M:%S}" if today else f"{when:%Y-%m-%d %H:%M:%S %z}"


def _clip(value: str) -> str:
    """Return the ends of a text that is too long for a page."""
    if len(value) <= MAX_REASON:
        return value
    half = MAX_REASON // 2
    return (f"{value[:half]}\n… {len(value) - 2 * half} characters left out "
            f"…\n{value[-half:]}")


_ENVIRONMENT = _environment()


def cluster_page(
    view: cluster.ClusterView | None, now: datetime.datetime,
    around: Surroundings,
) -> str:
    """Return the page of a cluster; without a view, nothing is known yet."""
    return _render("cluster.html", _context(view, now, around))


def cluster_parts(
    view: cluster.ClusterView | None, now: datetime.datetime,
    around: Surroundings,
) -> dict[str, str]:
    """Return the parts of that page which change, by their names."""
    return _parts("cluster.html", _context(view, now, around))


def job_page(
    view: job.JobView | None, now: datetime.datetime, around: Surroundings,
) -> str:
    """Return the page of a job; without a view, nothing is known yet."""
    return _render("job.html", _context(view, now, around))


def job_parts(
    view: job.JobView | None, now: datetime.datetime, around: Surroundings,
) -> dict[str, str]:
    """Return the parts of that page which change, by their names."""
    return _parts("job.html", _context(view, now, around))


def cancel_page(view: job.JobView, around: Surroundings, token: str) -> str:
    """Return a page that asks whether a job is to be cancelled."""
    return _render("cancel.html", {
        "view": view, "around": around, "token": token})


def message_page(title: str, message: str, around: Surroundings) -> str:
    """Return a page with a message, such as an error."""
    return _render("message.html", {
        "title": title, "message": message, "around": around})


def job_report(
    details: JobDetails, now: datetime.datetime, command: str = ""
) -> str:
    """Return a page of a job that needs no server and no other file.

    The command is one that would run the job again.
    """
    view = job.job_view(details, job.Choice(size=job.REPORT_ROWS), command)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest())
    return _render("report.html", {
        "view": view, "now": now, "style": markupsafe.Markup(STYLE),
        "digest": digest.decode(),
        "icon": base64.b64encode(ICON.encode()).decode()})


def _context(view: Any, now: Any, around: Surroundings) -> dict[str, Any]:
    return {"view": view, "now": now, "around": around}


def _render(name: str, context: Mapping[str, Any]) -> str:
    return _ENVIRONMENT.get_template(name).render(context)


def _parts(name: str, context: dict[str, Any]) -> dict[str, str]:
    template = _ENVIRONMENT.get_template(name)
    return {
        block: "".join(render(template.new_context(context)))
        for block, render in template.blocks.items() if block != "main"}
