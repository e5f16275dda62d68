"""The tools for models: an MCP server, over stdio or mounted in the HTTP application."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from anyio.to_thread import run_sync
from mcp import MCPError
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    PARSE_ERROR,
    CallToolResult,
    ErrorData,
    GetPromptResult,
    JSONRPCError,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    ReadResourceResult,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool
from pydantic import ValidationError

from memini_kuzu.errors import MeminiError
from memini_kuzu.service.attached import PROMPTS, TEMPLATES, answered_prompt, read_resource, resources
from memini_kuzu.service.tools import INSTRUCTIONS, OFFERED
from memini_kuzu.service.version import version

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.shared._stream_protocols import ReadStream, WriteStream

    from memini_kuzu.service.tools import Served, Tool

__all__ = ["build", "serve_stdio"]

Attached = TypeVar("Attached")


def build(memory: Served) -> Server[Any]:
    """An MCP server with the tools of a memory.

    Parameters
    ----------
    memory : Memory
        Open; it may be used by other threads.

    Returns
    -------
    Server
        To be run over a transport.
    """

    async def list_tools(*_: object) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(tool) for tool in OFFERED.values()])

    async def call_tool(_: object, asked: Any) -> CallToolResult:
        # in a thread: the memory waits for the disk, and the loop may not
        return await run_sync(_answer, memory, asked.name, asked.arguments or {})

    async def attached(call: Callable[[Served], Attached]) -> Attached:
        try:
            return await run_sync(call, memory)
        except MeminiError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error

    async def list_resources(*_: object) -> ListResourcesResult:
        return ListResourcesResult(resources=await attached(resources))

    async def list_templates(*_: object) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def read(_: object, asked: Any) -> ReadResourceResult:
        return await attached(partial(read_resource, asked.uri))

    async def list_prompts(*_: object) -> ListPromptsResult:
        return ListPromptsResult(prompts=PROMPTS)

    async def get_prompt(_: object, asked: Any) -> GetPromptResult:
        return await attached(partial(answered_prompt, asked.name, asked.arguments or {}))

    server: Server[Any] = Server(
        "memini",
        title="Memini memory",
        instructions=INSTRUCTIONS,
        version=version(),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )
    # the SDK traces every message where OpenTelemetry is installed; here nothing is reported to anyone
    server.middleware.clear()
    return server


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.schema(),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.repeats,
            open_world_hint=False,
        ),
    )


def _answer(memory: Served, name: str, given: dict[str, Any]) -> CallToolResult:
    """What a call gives; memini's errors are told to the model, which can act on them."""
    tool = OFFERED.get(name)
    try:
        if tool is None:
            return _told(f"there is no tool {name!r}; there are {', '.join(OFFERED)}", failed=True)
        return _told(tool.answer(memory, given))
    except MeminiError as error:
        return _told(str(error), failed=True)


def _told(text: str, *, failed: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)


def serve_stdio(memory: Served) -> None:
    """Serve over standard input and output until the input ends.

    Parameters
    ----------
    memory : Memory
        Open.
    """

    async def serve() -> None:
        server = build(memory)
        async with stdio_server() as (incoming, outgoing):
            await server.run(_Answered(incoming, outgoing), outgoing, server.create_initialization_options())

    anyio.run(serve)


class _Answered:
    """A stream of messages whose unreadable lines are answered; the SDK passes over them without a word."""

    def __init__(self, incoming: ReadStream[Any], outgoing: WriteStream[SessionMessage]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def __getattr__(self, name: str) -> Any:
        # what the SDK carries along with a message
        return getattr(self._incoming, name)

    async def receive(self) -> Any:
        while isinstance(message := await self._incoming.receive(), Exception):
            await self._outgoing.send(SessionMessage(unreadable(message)))
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._incoming.aclose()


def unreadable(error: Exception) -> JSONRPCError:
    """The answer to a line that is no message, with the request's number where it can be made out.

    Parameters
    ----------
    error : Exception
        What the SDK says of it; pydantic's errors hold the line.

    Returns
    -------
    JSONRPCError
        With what is wrong.
    """
    number, reason = None, "the message cannot be read"
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False)[0]
        reason = found["msg"]
        try:
            # this reader takes half a surrogate pair, which no text can hold
            line = json.loads(found["input"])
            number = line.get("id")
        except (ValueError, TypeError, AttributeError):
            pass
    identity = number if isinstance(number, int | str) else None
    return JSONRPCError(
        jsonrpc="2.0",
        id=identity,
        error=ErrorData(code=PARSE_ERROR, message=f"no JSON-RPC message: {reason}"),
    )
