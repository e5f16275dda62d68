"""The tools of the MCP server: few, each one call of `Memory`, with errors that a model can act on."""

from __future__ import annotations

import functools
from importlib import metadata
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, Protocol, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.results import AssociativeMemory, Order
from memini_kuzu.service.results import (
    AssociationsResult,
    BackupResult,
    ForgetResult,
    RecallResult,
    RememberResult,
    StatsResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Served", "build"]

INSTRUCTIONS = """A long-term memory. Call `recall` before you answer what may depend on earlier conversations
or notes; call `remember` for what will matter later, one short, self-contained text a call, with names
instead of pronouns. What is told again becomes durable, what is not fades by itself: nothing needs tidying.
Use `forget` only when the user asks for it."""

Given = ParamSpec("Given")
Result = TypeVar("Result")

Sources = Annotated[
    list[str] | None,
    Field(description="Only from these sources; a name that ends in * is all that begin so"),
]
Since = Annotated[str | None, Field(description="Only what is dated from then on, ISO 8601")]
Until = Annotated[str | None, Field(description="Only what is dated before then, ISO 8601")]
Where = Annotated[
    dict[str, str] | None, Field(description="Only what was remembered with this metadata, by name and value")
]

Time = Annotated[
    str | None, Field(description="ISO 8601, such as 2026-01-04 or 2026-01-04T09:30; now if left out")
]


class Served(AssociativeMemory, Protocol):
    """What the tools call: a memory whose file is on this machine."""

    @property
    def path(self) -> Path:
        """The store's file."""


def _with_tool_errors(tool: Callable[Given, Result]) -> Callable[Given, Result]:
    """Show memini's errors to the model, the class name first, so that a client can raise them again."""

    @functools.wraps(tool)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return tool(*args, **kwargs)
        except MeminiError as error:
            raise ToolError(f"{type(error).__name__}: {error}") from error

    return call


def _hints(title: str, *, reads: bool, destroys: bool, repeatable: bool) -> ToolAnnotations:
    return ToolAnnotations(
        title=title,
        read_only_hint=reads,
        destructive_hint=destroys,
        idempotent_hint=repeatable,
        open_world_hint=False,
    )


def build(memory: Served) -> MCPServer[Any]:
    """An MCP server with the tools of a memory.

    Parameters
    ----------
    memory : Memory
        Open; it may be used by other threads.

    Returns
    -------
    MCPServer
        To be run over a transport.
    """
    server: MCPServer[Any] = MCPServer(
        "memini",
        title="Memini memory",
        instructions=INSTRUCTIONS,
        version=_version(),
        log_level="WARNING",
    )

    @server.tool(annotations=_hints("Remember a text", reads=False, destroys=False, repeatable=False))
    @_with_tool_errors
    def remember(
        text: Annotated[str, Field(description="A short, self-contained text; it is kept word for word")],
        *,
        time: Annotated[str | None, Field(description="When it was said, ISO 8601; now if left out")] = None,
        source: Annotated[
            str, Field(description="What it belongs to, such as a conversation; `forget` goes by it")
        ] = "",
        title: Annotated[str, Field(description="What it is about, such as a person or a project")] = "",
        id: Annotated[  # noqa: A002
            str, Field(description="Its own id in the source; the same id later is a new version of it")
        ] = "",
        metadata: Annotated[
            dict[str, str] | None, Field(description="What else is known of it, such as its project")
        ] = None,
    ) -> RememberResult:
        """Store a text in long-term memory; it strengthens the associations between what it names."""
        return RememberResult.model_validate(
            memory.remember(text, time=time, source=source, title=title, id=id, metadata=metadata)
        )

    @server.tool(annotations=_hints("Recall", reads=True, destroys=False, repeatable=True))
    @_with_tool_errors
    def recall(
        cue: Annotated[str, Field(description="A question, a name, or some words")],
        *,
        k: Annotated[int, Field(description="How many passages", ge=1, le=100)] = 5,
        now: Time = None,
        sources: Sources = None,
        since: Since = None,
        until: Until = None,
        where: Where = None,
    ) -> RecallResult:
        """Find what a cue brings to mind: passages with dates and sources, best first, and why.

        Associations count as strong as they are now: recent and repeated things come first.
        """
        return RecallResult.model_validate(
            memory.recall(cue, now=now, k=k, sources=sources, since=since, until=until, where=where)
        )

    @server.tool(annotations=_hints("List associations", reads=True, destroys=False, repeatable=True))
    @_with_tool_errors
    def associations(
        entity: Annotated[str, Field(description="Name or alias of a person, place, thing or concept")],
        *,
        about: Annotated[str | None, Field(description="Only by what was said with these words")] = None,
        k: Annotated[int, Field(description="How many", ge=1, le=100)] = 10,
        now: Time = None,
        by: Annotated[
            Order, Field(description="First the strongest, or those that tell most: strong, and no chance")
        ] = "strength",
        sources: Sources = None,
        since: Since = None,
        until: Until = None,
        where: Where = None,
    ) -> AssociationsResult:
        """List what one entity is associated with, strongest first."""
        found = memory.associations(
            entity,
            about=about,
            now=now,
            k=k,
            by=by,
            sources=sources,
            since=since,
            until=until,
            where=where,
        )
        return AssociationsResult.model_validate({"associations": found}, from_attributes=True)

    @server.tool(annotations=_hints("Forget", reads=False, destroys=True, repeatable=True))
    @_with_tool_errors
    def forget(
        *,
        id: Annotated[  # noqa: A002
            str | None, Field(description="Forget this document alone, by the id that recall gives")
        ] = None,
        source: Annotated[str | None, Field(description="Forget the documents of this source")] = None,
        since: Annotated[str | None, Field(description="Forget documents from this date on")] = None,
        until: Annotated[str | None, Field(description="Forget documents before this date")] = None,
        entity: Annotated[str | None, Field(description="Forget this entity and its associations")] = None,
        association: Annotated[
            list[str] | None, Field(description="Forget the association between two entities: both names")
        ] = None,
        dry_run: Annotated[
            bool, Field(description="True only says what would go; set it to false to do it")
        ] = True,
    ) -> ForgetResult:
        """Take back what a document, a source, dates, an entity or an association has contributed, exactly.

        Pass one kind of thing. Look at the dry run first: what is forgotten cannot be brought back.
        """
        if association is not None and len(association) != 2:  # noqa: PLR2004
            raise InputError(f"association = {association!r}; pass the names of two entities")
        return ForgetResult.model_validate(
            memory.forget(
                id=id,
                source=source,
                since=since,
                until=until,
                entity=entity,
                association=None if association is None else (association[0], association[1]),
                dry_run=dry_run,
            )
        )

    @server.tool(annotations=_hints("Memory statistics", reads=True, destroys=False, repeatable=True))
    @_with_tool_errors
    def memory_stats() -> StatsResult:
        """Say what the memory holds: counts, dates, size and time constants."""
        return StatsResult.model_validate(memory.stats())

    @server.tool(annotations=_hints("Back up", reads=False, destroys=False, repeatable=False))
    @_with_tool_errors
    def backup(
        name: Annotated[str, Field(description="A new file's name; it is put beside the store")],
    ) -> BackupResult:
        """Copy the memory, as it is now, into a file of its own beside the store."""
        # a client may not choose where on this machine is written
        if not name or name != PurePath(name).name or name.startswith("."):
            raise InputError(
                f"name = {name!r}; pass a file's name without folders: it is put beside the store"
            )
        return BackupResult(path=str(memory.backup(memory.path.with_name(name))))

    return server


def _version() -> str:
    try:
        return metadata.version("memini-kuzu")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0"
