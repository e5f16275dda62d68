"""The JSON API: each tool a path below /v1, described at /openapi.json."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from memini_kuzu.errors import InputError, MeminiError, StoreLockedError, UnknownEntityError
from memini_kuzu.service.arguments import NoArguments
from memini_kuzu.service.tools import TOOLS
from memini_kuzu.service.version import version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from memini_kuzu.service.memories import Memories
    from memini_kuzu.service.tool import Served, Tool

__all__ = ["USER", "VERSION", "ErrorResult", "failure", "openapi", "routes"]

USER = "memini.user"
"""Where a request's scope has the user who asks."""

VERSION = "/v1"
"""What the paths begin with."""

REFERENCE = "#/components/schemas/{model}"

Answer = TypeVar("Answer", bound=BaseModel)


class Problem(BaseModel):
    """What went wrong."""

    kind: str = Field(description="The error's class in memini_kuzu.errors")
    message: str = Field(description="What is wrong, and the remedy")


class ErrorResult(BaseModel):
    """The answer to a request that failed; nothing was changed."""

    error: Problem


STATUS: tuple[tuple[type[MeminiError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (UnknownEntityError, HTTPStatus.NOT_FOUND),
    (StoreLockedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (MeminiError, HTTPStatus.CONFLICT),
)
"""Of memini's errors, the first that fits. A StoreError is a conflict with the state of the store."""

REFUSALS = {
    HTTPStatus.BAD_REQUEST: "An argument is wrong, or the body is no JSON",
    HTTPStatus.UNAUTHORIZED: "The bearer token is missing or wrong, or has expired",
    HTTPStatus.FORBIDDEN: "The request comes from a web page of another origin",
    HTTPStatus.NOT_FOUND: "There is no such path, or no entity of that name",
    HTTPStatus.METHOD_NOT_ALLOWED: "The path is asked for by another method",
    HTTPStatus.REQUEST_TIMEOUT: "The body took too long to arrive",
    HTTPStatus.CONFLICT: "The state of the store does not allow it",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not sent as application/json",
    HTTPStatus.MISDIRECTED_REQUEST: "The server is not known by the name in the Host header",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The server failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "Another process has the store, or too many ask at once",
}


def failure(status: HTTPStatus, kind: str, message: str, **headers: str) -> Response:
    """The answer to a request that failed.

    Parameters
    ----------
    status : HTTPStatus
        Its status.
    kind, message : str
        Of the error.
    **headers : str
        More headers.

    Returns
    -------
    Response
        JSON, as `ErrorResult` describes it.
    """
    return answer(ErrorResult(error=Problem(kind=kind, message=message)), status, headers)


def answer(
    result: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """A result as JSON."""
    return Response(result.model_dump_json(), status, headers, "application/json")


def _endpoint(tool: Tool, memories: Memories) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = b"{}" if tool.arguments is NoArguments else await request.body()
        kind = request.headers.get("content-type", "")
        # a web page may send other types to any server without asking it first
        if tool.arguments is not NoArguments and kind.partition(";")[0].strip().lower() != "application/json":
            return failure(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "InputError",
                "send the header Content-Type: application/json",
            )
        try:
            return await memories.call(request.scope[USER], partial(_call, tool, body))
        except MeminiError as error:
            status = next(status for kind, status in STATUS if isinstance(error, kind))
            return failure(status, type(error).__name__, str(error))

    return endpoint


def _call(tool: Tool, body: bytes, memory: Served) -> Response:
    return answer(tool.call(memory, tool.read_json(body)))


def routes(memories: Memories) -> list[Route]:
    """The paths of the API.

    Parameters
    ----------
    memories : Memories
        What is served.

    Returns
    -------
    list of Route
        Of Starlette.
    """

    async def described(_: Request) -> Response:
        return JSONResponse(openapi())

    async def named(_: Request) -> Response:
        return JSONResponse({"name": "memini", "version": version()})

    return [
        Route(VERSION, named, methods=["GET"]),
        Route("/openapi.json", described, methods=["GET"]),
        *(
            Route(f"{VERSION}/{tool.name}", _endpoint(tool, memories), methods=[_method(tool)])
            for tool in TOOLS
        ),
    ]


def _method(tool: Tool) -> str:
    return "GET" if tool.arguments is NoArguments else "POST"


def openapi() -> dict[str, Any]:
    """The API's description.

    Returns
    -------
    dict
        An OpenAPI 3.1 document.
    """
    models = [(tool.arguments, "validation") for tool in TOOLS if tool.arguments is not NoArguments]
    models += [(tool.result, "serialization") for tool in TOOLS]
    models.append((ErrorResult, "serialization"))
    _, shared = models_json_schema(models, ref_template=REFERENCE)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "memini", "version": version(), "description": "An associative memory."},
        "paths": {f"{VERSION}/{tool.name}": {_method(tool).lower(): _operation(tool)} for tool in TOOLS},
        "components": {
            "schemas": shared["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # with a token or, where the server asks for none, without
        "security": [{}, {"token": []}],
    }


def _operation(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": tool.name,
        "summary": tool.title,
        "description": tool.description,
        "responses": {
            "200": {"description": "Done", "content": _content(tool.result)},
            **{
                str(int(status)): {"description": reason, "content": _content(ErrorResult)}
                for status, reason in REFUSALS.items()
            },
        },
    }
    if tool.arguments is not NoArguments:
        made["requestBody"] = {"required": True, "content": _content(tool.arguments)}
    return made


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}}
