"""Answer browsers: pages, updates of pages, and requests to cancel a job."""
from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from mapreduce.client.errors import NoManager
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.dashboard.observer import INTERVAL, Observer, Seen
from mapreduce.dashboard.safety import Guard, Tokens
from mapreduce.dashboard.task_logs import read_stderr
from mapreduce.display.html import cluster, job, pages
from mapreduce.protocol import messages
from mapreduce.protocol.status import ClusterStatus, JobDetails

STATIC = {
    "style.css": ("text/css", pages.STYLE),
    "icon.svg": ("image/svg+xml", pages.ICON),
    "live.js": ("text/javascript", (
        pathlib.Path(__file__).parent / "static/live.js").read_text(
            encoding="utf-8")),
}
STATIC_CACHE = {"cache-control": "max-age=60"}
MAX_NUMBER = 10**6  # the highest number of a page of a table

# Returns the parts of a page, and whether they will never change again.
Look = Callable[[], Awaitable[tuple[dict[str, str], bool]]]


class Dashboard:
    """The handlers of all requests."""

    def __init__(
        self, manager: RemoteManager, is_ending: Callable[[], bool]
    ) -> None:
        """Show a Manager; end all updates once `is_ending` returns True."""
        self._manager = manager
        self._observer = Observer(manager)
        self._tokens = Tokens()
        self._is_ending = is_ending
        # Rendered once for all browsers that look at the same page.
        self._rendered: dict[str, tuple[object, dict[str, str]]] = {}

    def routes(self) -> list[Route]:
        """Return all paths with their handlers."""
        return [
            Route("/", self.show_cluster),
            Route("/jobs/{job_id:int}", self.show_job),
            Route("/jobs/{job_id:int}/report.html", self.report),
            Route("/jobs/{job_id:int}/stderr/{name}", self.stderr),
            Route("/jobs/{job_id:int}/cancel", self.ask_cancel),
            Route("/jobs/{job_id:int}/cancel", self.cancel, methods=["POST"]),
            Route("/events/", self.cluster_events),
            Route("/events/jobs/{job_id:int}", self.job_events),
            Route("/static/{name}", self.static),
        ]

    # Pages

    async def show_cluster(self, request: Request) -> Response:
        """Show the cluster."""
        seen = await self._observer.cluster()
        now = _now()
        return HTMLResponse(pages.cluster_page(
            self._cluster_view(seen, request.query_params, now), now,
            self._around(request, seen)))

    async def show_job(self, request: Request) -> Response:
        """Show a job."""
        job_id = request.path_params["job_id"]
        seen = await self._known_job(job_id)
        around = self._around(request, seen)
        if seen.answer and seen.answer.job and seen.answer.job.ended:
            around = dataclasses.replace(around, events="")
        elif "cancelling" in request.query_params:
            around = dataclasses.replace(around, notice=(
                f"Job {job_id} is being cancelled: its tasks are ended."))
        return HTMLResponse(pages.job_page(
            self._job_view(seen, request.query_params), _now(), around))

    async def report(self, request: Request) -> Response:
        """Send the page of a job as one file."""
        seen = await self._known_job(request.path_params["job_id"])
        if seen.answer is None:
            raise HTTPException(503, seen.trouble)
        page = pages.job_report(seen.answer, _now(), self._command(seen))
        # The page contains its style, and its own policy allows that.
        return HTMLResponse(page, headers={
            "content-disposition": "attachment"})

    async def stderr(self, request: Request) -> Response:
        """Send what an attempt at a task wrote on standard error."""
        seen = await self._known_job(request.path_params["job_id"])
        if seen.answer is None:
            raise HTTPException(503, seen.trouble)
        name = request.path_params["name"]
        try:
            return PlainTextResponse(await anyio.to_thread.run_sync(
                read_stderr, seen.answer, name))
        except (OSError, ValueError) as error:
            raise HTTPException(404, (
                f"This machine has no file {name} of the job, or may not read "
                "it.")) from error

    async def static(self, request: Request) -> Response:
        """Send a style, a script or a picture."""
        if request.path_params["name"] not in STATIC:
            raise HTTPException(404)
        kind, content = STATIC[request.path_params["name"]]
        return Response(content, media_type=kind, headers=STATIC_CACHE)

    # Cancel a job

    async def ask_cancel(self, request: Request) -> Response:
        """Ask whether a job is to be cancelled."""
        job_id = request.path_params["job_id"]
        seen = await self._known_job(job_id)
        if seen.answer is None:
            raise HTTPException(503, seen.trouble)
        if seen.answer.job and seen.answer.job.ended:
            return RedirectResponse(f"/jobs/{job_id}", 303)
        around = dataclasses.replace(self._around(request, seen), events="")
        return HTMLResponse(pages.cancel_page(
            job.job_view(seen.answer), around, self._tokens.token))

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        if not await self._tokens.accepts(request):
            raise HTTPException(403, (
                "This form is too old, or was not sent by this dashboard. Go "
                "back, load the page again, and try once more."))
        job_id = request.path_params["job_id"]
        try:
            await anyio.to_thread.run_sync(self._send_cancel, job_id)
        except NoManager as error:
            raise HTTPException(503, error.message) from error
        return RedirectResponse(f"/jobs/{job_id}?cancelling=1", 303)

    def _send_cancel(self, job_id: int) -> None:
        self._manager.check_secret()
        self._manager.send(messages.CancelJobMessage(job_id))

    # Updates

    async def cluster_events(self, request: Request) -> Response:
        """Keep the page of the cluster up to date."""
        async def look() -> tuple[dict[str, str], bool]:
            seen = await self._observer.cluster(urgent=False)
            now = _now()
            return self._parts(request, seen, lambda: pages.cluster_parts(
                self._cluster_view(seen, request.query_params, now), now,
                self._around(request, seen))), False
        return self._stream(look)

    async def job_events(self, request: Request) -> Response:
        """Keep the page of a job up to date until the job has ended."""
        async def look() -> tuple[dict[str, str], bool]:
            seen = await self._observer.job(
                request.path_params["job_id"], urgent=False)
            parts = self._parts(request, seen, lambda: pages.job_parts(
                self._job_view(seen, request.query_params), _now(),
                self._around(request, seen)))
            return parts, bool(
                seen.answer and seen.answer.job and seen.answer.job.ended)
        return self._stream(look)

    def _parts(
        self, request: Request, seen: Seen[ClusterStatus] | Seen[JobDetails],
        render: Callable[[], dict[str, str]],
    ) -> dict[str, str]:
        key = f"{request.url.path}?{request.url.query}"
        known, parts = self._rendered.get(key, (None, {}))
        if known is not seen:
            parts = render()
            # A limit: a client may ask for any number of different pages.
            if len(self._rendered) > 100:
                self._rendered.clear()
            self._rendered[key] = seen, parts
        return parts

    def _stream(self, look: Look) -> Response:
        async def updates() -> AsyncIterator[str]:
            yield "retry: 1000\n\n"
            sent: dict[str, str] = {}
            while not self._is_ending():
                parts, is_last = await look()
                changed = {name: part for name, part in parts.items()
                           if sent.get(name) != part}
                sent = parts
                # The empty comment reveals a browser that has disconnected.
                yield (f"data: {json.dumps(changed)}\n\n" if changed
                       else ":\n\n")
                if is_last:
                    yield "event: end\ndata: \n\n"
                    return
                await anyio.sleep(INTERVAL)
        return StreamingResponse(updates(), media_type="text/event-stream")

    # What the pages are made of

    async def _known_job(self, job_id: int) -> Seen[JobDetails]:
        seen = await self._observer.job(job_id)
        if seen.answer is None and not seen.trouble:
            raise HTTPException(404, (
                f"The Manager has no job {job_id}. It keeps the last 1,000 "
                "jobs, and starts anew with number 0."))
        return seen

    def _cluster_view(
        self, seen: Seen[ClusterStatus], query: QueryParams,
        now: datetime.datetime,
    ) -> cluster.ClusterView | None:
        if seen.answer is None:
            return None
        return cluster.cluster_view(seen.answer, now, cluster.Choice(
            *(_number(query, name) for name in (
                "queued", "ended", "workers"))), self._observer.rates.rates())

    def _job_view(
        self, seen: Seen[JobDetails], query: QueryParams
    ) -> job.JobView | None:
        if seen.answer is None or seen.answer.job is None:
            return None
        return job.job_view(seen.answer, job.Choice(
            query.get("show", "all"), _number(query, "page")),
            self._command(seen))

    def _command(self, seen: Seen[JobDetails]) -> str:
        if seen.answer is None:
            return ""
        return job.submit_command(seen.answer, self._manager.options())

    def _around(
        self, request: Request, seen: Seen[ClusterStatus] | Seen[JobDetails]
    ) -> pages.Surroundings:
        path = request.url.path.removeprefix("/events")
        query = f"?{request.url.query}" if request.url.query else ""
        return pages.Surroundings(
            f"{self._manager.host}:{self._manager.port}",
            self._manager.options(), seen.clock, seen.trouble,
            events=f"/events{path}{query}",
            reload=request.query_params.get("reload") != "0")

    async def show_error(self, _: Request, error: Exception) -> Response:
        """Show why there is no such page."""
        assert isinstance(error, HTTPException)
        around = pages.Surroundings(
            f"{self._manager.host}:{self._manager.port}",
            self._manager.options(), "")
        title = {404: "Not found", 403: "Not allowed",
                 503: "The Manager can’t be reached"}.get(
                     error.status_code, error.detail)
        detail = "" if error.detail == title else error.detail
        return HTMLResponse(pages.message_page(
            title, detail, around), error.status_code, error.headers)


def application(
    manager: RemoteManager, names: Iterable[str] = (),
    is_ending: Callable[[], bool] = lambda: False,
) -> Starlette:
    """Return the dashboard of a Manager as an ASGI application.

    `names` are those of this host in addresses of the pages.
    """
    dashboard = Dashboard(manager, is_ending)
    return Starlette(
        routes=dashboard.routes(),
        middleware=[Middleware(Guard, names=names)],
        exception_handlers={HTTPException: dashboard.show_error})


def _number(query: QueryParams, name: str) -> int:
    """Return the number of a page, which is 1 unless the user chose one."""
    value = query.get(name, "1")
    return min(int(value), MAX_NUMBER) if (
        value.isascii() and value.isdigit() and len(value) < 10) else 1


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()
