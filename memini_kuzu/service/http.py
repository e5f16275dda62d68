"""Serving over HTTP: who may connect, from where, and under which names.

On the loopback interface the SDK's checks of Host and Origin keep web pages out (DNS rebinding). Beyond it a
bearer token is required, and the names under which clients reach the server must be given.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from memini_kuzu.errors import InputError
from memini_kuzu.service.api import failure, routes
from memini_kuzu.service.guard import BODY, HEALTH, guarded
from memini_kuzu.service.log import FAILED, LOG
from memini_kuzu.service.mcp_server import build
from memini_kuzu.service.memories import OneMemory, UserMemories
from memini_kuzu.service.static import page_routes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from memini_kuzu.service.memories import Memories
    from memini_kuzu.service.tool import Served

__all__ = ["PATH", "application", "serve_http"]

PATH = "/mcp"
"""Where models are served."""

IDLE = 30
"""Seconds that a connection may stay open between requests, and that the head of a request may take."""

CONNECTIONS = 512
"""Connections at once; further ones are told that the server is busy."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

ENDING = 3
"""Seconds that those who are connected have when the server is to end: one that listens for messages would
never leave."""


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Punctual(H11Protocol):
    """HTTP that closes a connection whose next request does not begin in time.

    Uvicorn's own waits without end for the first request, and any byte of a request's head starts its clock
    anew.
    """

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    @override
    def data_received(self, data: bytes) -> None:
        clock, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        answering = self.cycle
        super().data_received(data)
        if clock is None:
            return
        if self.cycle is answering and not self.transport.is_closing():
            # still no whole head
            self.timeout_keep_alive_task = clock
        else:
            clock.cancel()


def application(
    memory: Served | UserMemories, *, host: str, token: str | None = None, names: Sequence[str] = ()
) -> ASGIApp:
    """The ASGI application: MCP for models at `PATH`, JSON for programs, a page at ``/`` for people.

    Parameters
    ----------
    memory : Memory or UserMemories
        Open; or those of many users, who bring tokens of their own.
    host : str
        The address that it will be bound to.
    token : str, optional
        What clients of one memory must bring as ``Authorization: Bearer …``; required beyond the loopback
        interface.
    names : sequence of str
        Names and addresses under which clients reach it, beside the loopback ones.

    Returns
    -------
    callable
        For an ASGI server.

    Raises
    ------
    InputError
        If it would be open to others without a token, or without a name.
    """
    memories: Memories
    if isinstance(memory, UserMemories):
        if token is not None:
            raise InputError("users have tokens of their own, which a key signs; leave MEMINI_TOKEN out")
        memories = memory
    else:
        memories = OneMemory(memory, token)
    if not is_loopback(host):
        if token is None and memories is not memory:
            raise InputError(
                f"{host} is open to other machines, so a bearer token is required; set MEMINI_TOKEN, "
                "or bind to 127.0.0.1"
            )
        if not names:
            raise InputError(
                f"{host} is open to other machines; name it as clients do, with --allow-host NAME, so that "
                "requests under other names are refused"
            )
    hosts = [f"{name}{port}" for name in (*LOOPBACK, *names) for port in ("", ":*")]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{name}" for scheme in ("http", "https") for name in hosts],
    )
    manager = StreamableHTTPSessionManager(
        # names, origins and sizes are checked in front of it
        build(memories),
        json_response=True,
        stateless=True,
        max_request_body_size=BODY,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    page = page_routes()
    served = [
        *page,
        Route(PATH, endpoint=StreamableHTTPASGIApp(manager)),
        Route(HEALTH, _healthy, methods=["GET"]),
        *routes(memories),
    ]
    app = Starlette(
        routes=served, lifespan=lifespan, exception_handlers={HTTPException: _refused, Exception: _failed}
    )
    return guarded(
        app,
        names=security,
        admission=memories.admission,
        paths=[route.path for route in served],
        free=[route.path for route in page],
    )


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refused(_: Request, error: Exception) -> Response:
    """An unknown path or method."""
    refused = cast("HTTPException", error)
    reason = f"{refused.detail}; the paths are described at /openapi.json"
    return failure(HTTPStatus(refused.status_code), "InputError", reason, **dict(refused.headers or {}))


async def _failed(*_: object) -> Response:
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "StoreError", FAILED)


def serve_http(
    memory: Served | UserMemories,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    names: Sequence[str] = (),
    log: bool = False,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    memory, host, token, names
        As for `application`.
    port : int
        0 takes any that is free.
    log : bool
        Write a line of JSON about each request to standard error: method, path, status, bytes, milliseconds.
    ready : callable
        Told the address once connections are taken.

    Raises
    ------
    InputError
        If the address cannot be bound, or may not be.
    """
    app = application(memory, host=host, token=token, names=names)
    if log:
        LOG.setLevel(logging.INFO)
        LOG.addHandler(logging.StreamHandler(sys.stderr))
        LOG.propagate = False
    try:
        listening = listen(host, port)
    except OSError as error:
        raise InputError(
            f"cannot serve at {host}:{port}: {error.strerror or error}; pass another --port"
        ) from error
    with listening:
        bound = listening.getsockname()[1]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}{PATH}")
        server(app).run(sockets=[listening])


def server(app: ASGIApp, *, idle: float = IDLE) -> uvicorn.Server:
    """What takes the connections.

    Parameters
    ----------
    app : callable
        The application.
    idle : float
        Seconds until a connection is closed whose next request does not begin.

    Returns
    -------
    uvicorn.Server
        To be run.
    """
    config = uvicorn.Config(
        app,
        http=_Punctual,
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="on",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=idle,  # type: ignore[arg-type] # it goes to the loop's call_later
        timeout_graceful_shutdown=ENDING,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Parameters
    ----------
    host : str
        An address of this machine.
    port : int
        0 takes any that is free.

    Returns
    -------
    socket.socket
        Bound. Its connections send small packets at once: asyncio sets TCP_NODELAY only where the protocol is
        named, and without it every answer waits some 40 ms for the client to confirm its first packet.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
