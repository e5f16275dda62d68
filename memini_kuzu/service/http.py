"""Serving over HTTP: who may connect, from where, and under which names.

On the loopback interface the SDK's checks of Host and Origin keep web pages out (DNS rebinding). Beyond it a
bearer token is required, and the names under which clients reach the server must be given.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from memini_kuzu.errors import InputError
from memini_kuzu.service.tools import build

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from memini_kuzu.service.tools import Served

    Scope = MutableMapping[str, Any]
    Application = Callable[
        [Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
    ]

__all__ = ["PATH", "application", "serve_http"]

PATH = "/mcp"
"""Where the server answers."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

ENDING = 3
"""Seconds that those who are connected have when the server is to end: one that listens for messages would
never leave."""

SHORTEST_TOKEN = 16
"""Characters; `python -c "import secrets; print(secrets.token_urlsafe())"` makes 43."""


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


class _RequireToken:
    """Turns away who does not bring the token, before anything is read of the request."""

    def __init__(self, app: Application, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b"a bearer token is required\n"})
                return
        await self._app(scope, receive, send)


def application(
    memory: Served, *, host: str, token: str | None = None, names: Sequence[str] = ()
) -> Application:
    """The ASGI application of a memory.

    Parameters
    ----------
    memory : Memory
        Open.
    host : str
        The address that it will be bound to.
    token : str, optional
        What clients must bring as ``Authorization: Bearer …``; required beyond the loopback interface.
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
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise InputError(f"the token has {len(token)} characters; use {SHORTEST_TOKEN} or more random ones")
    if not is_loopback(host):
        if token is None:
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
    app: Any = build(memory).streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=security,
        host=host,
    )
    return app if token is None else _RequireToken(app, token)


def serve_http(
    memory: Served,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    names: Sequence[str] = (),
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    memory, host, token, names
        As for `application`.
    port : int
        0 takes any that is free.
    ready : callable
        Told the address once connections are taken.

    Raises
    ------
    InputError
        If the address cannot be bound, or may not be.
    """
    app = application(memory, host=host, token=token, names=names)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"cannot serve at {host}:{port}: {error.strerror or error}; pass another --port"
        ) from error
    with listening:
        bound = listening.getsockname()[1]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}{PATH}")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=ENDING
        )
        uvicorn.Server(config).run(sockets=[listening])
