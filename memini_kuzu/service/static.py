"""The page at ``/``: files of the package, with headers that let a browser run and ask nothing else.

Nothing in them is secret, so that they are given without a token; what they show comes from the JSON API,
for which the page asks its user for one where it is needed.
"""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from memini_kuzu.resources import PAGE

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

__all__ = ["page_routes"]

PREFIX = "/page/"

SUFFIXES = {".html", ".css", ".js", ".svg"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No inline script or style, no other host, and no text that becomes markup: a browser refuses innerHTML."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # asked for again each time, and answered with 304: another version has other files
    "Cache-Control": "no-cache",
}


def page_routes() -> list[Route]:
    """The paths of the page: ``/``, and its files.

    Returns
    -------
    list of Route
        Of Starlette.
    """
    files = sorted(path for path in PAGE.rglob("*") if path.suffix in SUFFIXES)
    routes = [_route(PREFIX + path.relative_to(PAGE).as_posix(), path) for path in files]
    return [_route("/", PAGE / "index.html"), *routes]


def _route(address: str, path: Path) -> Route:
    body = path.read_bytes()
    kind = mimetypes.types_map[path.suffix]
    headers = {**HEADERS, "ETag": f'"{sha256(body).hexdigest()[:32]}"'}

    async def file(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        return Response(body, 200, headers, kind)

    return Route(address, file, methods=["GET"])
