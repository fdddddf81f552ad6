"""Keep other sites and other machines away from the dashboard."""
from __future__ import annotations

import ipaddress
import platform
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a browser may do with the pages. Nothing comes from elsewhere, no
# script or style stands in a page, and no other site may show it in a frame.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": then browsers hide the origin of a form, too.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MAX_FORM = 4_096  # bytes


class Guard:
    """Refuses requests for other hosts; adds HEADERS to each answer."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        """Accept these names of this host, beside those of loopback."""
        self._app = app
        self._names = {
            "localhost", platform.node().lower(),
            *(name.lower() for name in names)}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a request."""
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        app = self._app
        if not self.accepts(Headers(scope=scope).get("host", "")):
            # By DNS rebinding, a site can make its own name one of this host,
            # and would then be of the same origin as the dashboard.
            app = PlainTextResponse(
                "This is not a name of the dashboard. Use the address that "
                "mapreduce-dashboard prints.\n", 421)
        await app(scope, receive, send_safely)

    def accepts(self, host: str) -> bool:
        """Return whether a header Host names this host, with any port."""
        name = host.lower()
        if not name.endswith("]"):
            name = name.rpartition(":")[0] or name
        if name in self._names:
            return True
        try:  # DNS can't give an IP address another meaning.
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


class Tokens:
    """Distinguish the forms of the dashboard from those of other sites."""

    def __init__(self) -> None:
        """Make a token that lasts as long as this process."""
        self.token = secrets.token_urlsafe(32)

    async def accepts(self, request: Request) -> bool:
        """Return whether a form was sent by a page of the dashboard."""
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        host = request.headers.get("host")
        if origin != f"{request.url.scheme}://{host}" or (
                site != "same-origin"):
            return False
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM:
                return False
        form = QueryParams(body.decode("latin-1"))
        return secrets.compare_digest(
            form.get("token", "").encode(), self.token.encode())
