"""The tools for models: an MCP server, over stdio or mounted in the HTTP application."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from mcp import MCPError
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    INTERNAL_ERROR,
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
from memini_kuzu.service.api import USER
from memini_kuzu.service.attached import PROMPTS, TEMPLATES, answered_prompt, read_resource, resources
from memini_kuzu.service.log import FAILED, LOG, where
from memini_kuzu.service.memories import OneMemory
from memini_kuzu.service.tools import INSTRUCTIONS, OFFERED
from memini_kuzu.service.version import version

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import ServerRequestContext
    from mcp.shared._stream_protocols import ReadStream, WriteStream

    from memini_kuzu.service.memories import Memories
    from memini_kuzu.service.tool import Served, Tool

__all__ = ["build", "serve_stdio"]

Given = TypeVar("Given")


def build(memories: Memories) -> Server[Any]:
    """An MCP server with the tools of a memory.

    Parameters
    ----------
    memories : Memories
        What is served; over HTTP a request's scope says under `USER` whose it is.

    Returns
    -------
    Server
        To be run over a transport.
    """
    answers = _Answers(memories)
    server: Server[Any] = Server(
        "memini",
        title="Memini memory",
        instructions=INSTRUCTIONS,
        version=version(),
        on_list_tools=answers.list_tools,
        on_call_tool=answers.call_tool,
        on_list_resources=answers.list_resources,
        on_list_resource_templates=answers.list_templates,
        on_read_resource=answers.read_resource,
        on_list_prompts=answers.list_prompts,
        on_get_prompt=answers.get_prompt,
    )
    # the SDK traces every message where OpenTelemetry is installed; here nothing is reported to anyone
    server.middleware.clear()
    return server


class _Answers:
    """What the server gives to each kind of request."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    async def list_tools(self, *_: object) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(tool) for tool in OFFERED.values()])

    async def call_tool(self, context: ServerRequestContext[Any], asked: Any) -> CallToolResult:
        try:
            return await self._ask(context, partial(_answer, asked.name, asked.arguments or {}))
        except MeminiError as error:
            # the model can act on it
            return _told(str(error), failed=True)

    async def list_resources(self, context: ServerRequestContext[Any], _: object) -> ListResourcesResult:
        return ListResourcesResult(resources=await self._attached(context, resources))

    async def list_templates(self, *_: object) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def read_resource(self, context: ServerRequestContext[Any], asked: Any) -> ReadResourceResult:
        return await self._attached(context, partial(read_resource, asked.uri))

    async def list_prompts(self, *_: object) -> ListPromptsResult:
        return ListPromptsResult(prompts=PROMPTS)

    async def get_prompt(self, context: ServerRequestContext[Any], asked: Any) -> GetPromptResult:
        return await self._attached(context, partial(answered_prompt, asked.name, asked.arguments or {}))

    async def _attached(self, context: ServerRequestContext[Any], call: Callable[[Served], Given]) -> Given:
        try:
            return await self._ask(context, call)
        except MeminiError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error

    async def _ask(self, context: ServerRequestContext[Any], call: Callable[[Served], Given]) -> Given:
        # over standard input and output there is no request, and no user
        user = "" if context.request is None else context.request.scope[USER]
        try:
            return await self._memories.call(user, call)
        except MeminiError:
            raise
        except Exception as error:  # noqa: BLE001
            # the SDK would tell and log its message, which may hold a stored text or a path
            LOG.error(json.dumps({"failed": where(error)}))
            raise MCPError(INTERNAL_ERROR, FAILED) from None


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


def _answer(name: str, given: dict[str, Any], memory: Served) -> CallToolResult:
    """What a call gives."""
    tool = OFFERED.get(name)
    if tool is None:
        return _told(f"there is no tool {name!r}; there are {', '.join(OFFERED)}", failed=True)
    return _told(tool.answer(memory, given))


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
        server = build(OneMemory(memory))
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
