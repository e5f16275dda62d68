"""What a request passes before anything answers it: names, token, size, time; and the log."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.requests import Request

from memini_kuzu.errors import StoreError
from memini_kuzu.service.api import USER, failure
from memini_kuzu.service.log import LOG, where

if TYPE_CHECKING:
    from collections.abc import Collection

    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from memini_kuzu.service.tokens import Admission

__all__ = ["BODY", "HEALTH", "guarded"]

HEALTH = "/health"
"""Where anyone may ask whether the server runs."""

BODY = 4 << 20
"""Bytes of a request's body at most."""

ARRIVAL = 30.0
"""Seconds in which a body must have arrived."""


class _KnownNames:
    """Turns away requests under other host names and from other web pages: DNS rebinding."""

    def __init__(self, app: ASGIApp, settings: TransportSecuritySettings) -> None:
        self._app = app
        self._checked = TransportSecurityMiddleware(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = await self._checked.validate_request(Request(scope))
        if refused is not None:
            status = HTTPStatus(refused.status_code)
            reason = bytes(refused.body).decode()
            answered = failure(status, "InputError", f"{reason}; name the host with --allow-host")
            await answered(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _Admitted:
    """Turns away who brings no token that is good, before anything is read of the request."""

    def __init__(self, app: ASGIApp, admission: Admission, free: Collection[str]) -> None:
        self._app = app
        self._admission = admission
        self._free = frozenset(free)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._free:
            await self._app(scope, receive, send)
            return
        try:
            scope[USER] = self._admission.user(_bearer(scope))
        except StoreError as error:
            headers = {"www-authenticate": "Bearer"}
            answered = failure(HTTPStatus.UNAUTHORIZED, "StoreError", str(error), **headers)
            await answered(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _bearer(scope: Scope) -> str | None:
    """The token of a request."""
    header = dict(scope["headers"]).get(b"authorization", b"").decode("utf-8", "replace")
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class _WholeBody:
    """Reads the body before the application is called, up to a size and within a time."""

    def __init__(self, app: ASGIApp, limit: int = BODY, seconds: float = ARRIVAL) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        more = True
        with anyio.move_on_after(self._seconds):
            while more and len(body) <= self._limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
        if len(body) > self._limit:
            status, reason = (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is over {self._limit:,} bytes; send it in parts",
            )
        elif more:
            status, reason = HTTPStatus.REQUEST_TIMEOUT, f"the body took over {self._seconds:g} s to arrive"
        else:
            await self._app(scope, _replay(bytes(body), receive), send)
            return
        # the rest of the body is not read, so the connection is of no more use
        await failure(status, "InputError", reason, connection="close")(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


class _Logged:
    """Writes a line for every request."""

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        told: dict[str, Any] = {
            "method": scope["method"] if scope["method"] in {"GET", "POST", "DELETE"} else "other",
            # another path may hold anything
            "path": scope["path"] if scope["path"] in self._paths else "other",
            "status": None,
            "bytes": 0,
        }

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            else:
                told["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001
            told["failed"] = where(error)
            LOG.error(json.dumps({"failed": told["failed"]}))
        finally:
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            LOG.info(json.dumps({"time": time.time(), **told, "ms": milliseconds}))


def guarded(
    app: ASGIApp,
    *,
    names: TransportSecuritySettings,
    admission: Admission,
    paths: Collection[str],
    free: Collection[str] = (),
) -> ASGIApp:
    """An application behind all of that, but for `HEALTH`.

    Parameters
    ----------
    app : callable
        For an ASGI server.
    names : TransportSecuritySettings
        Under which it may be reached, and from which web pages.
    admission : Admission
        Says who asks, which the request's scope then has under `USER`.
    paths : collection of str
        The application's own, which the log may name.
    free : collection of str
        Those of them that are given without a token.

    Returns
    -------
    callable
        For an ASGI server.
    """
    inner: ASGIApp = _KnownNames(_Admitted(_WholeBody(app), admission, free), names)

    async def entered(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["path"] == HEALTH else inner)(scope, receive, send)

    logged = _Logged(entered, paths)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        # what is no request is the server's own start and end
        await (logged if scope["type"] == "http" else app)(scope, receive, send)

    return served
