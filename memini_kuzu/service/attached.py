"""What people bring into a conversation in an MCP client: resources that they choose, and a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.types import (
    Annotations,
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from memini_kuzu.errors import InputError
from memini_kuzu.recall.context import one_line
from memini_kuzu.service.tools import OFFERED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.results import Document

__all__ = ["PROMPTS", "TEMPLATES", "answered_prompt", "read_resource", "resources"]

STATS = "memini://stats"

DOCUMENT = "memini://document/"

NEWEST = 50
"""Documents that are listed: clients show them in a menu. The others are read by their ids."""

SHOWN = 60
"""Characters of a text that stand for a title."""

TEMPLATES = [
    ResourceTemplate(
        name="document",
        title="A remembered text",
        uri_template=f"{DOCUMENT}{{id}}",
        description="One remembered text in full, by its id",
        mime_type="text/plain",
    )
]

PROMPTS = [
    Prompt(
        name="remembered",
        title="What do you remember about …",
        description="Recalls what earlier conversations and notes say, and asks for an answer from it.",
        arguments=[
            PromptArgument(name="about", description="A question, a name or some words", required=True)
        ],
    )
]


def resources(memory: AssociativeMemory) -> list[Resource]:
    """What can be chosen: the statistics, and the newest documents.

    Parameters
    ----------
    memory : AssociativeMemory
        Open.

    Returns
    -------
    list of Resource
        The newest first.
    """
    stats = Resource(
        uri=STATS,
        name="stats",
        title="Memory statistics",
        description="What the memory holds, with first and last dates",
        mime_type="application/json",
    )
    return [stats, *map(_listed, memory.list(k=NEWEST))]


def _listed(document: Document) -> Resource:
    return Resource(
        uri=f"{DOCUMENT}{document.id}",
        name=document.id,
        title=one_line(document.title or document.text)[:SHOWN],
        description=" | ".join(filter(None, [f"{document.time:%Y-%m-%d}", one_line(document.source)])),
        mime_type="text/plain",
        annotations=Annotations(last_modified=document.time.isoformat()),
    )


def read_resource(uri: str, memory: AssociativeMemory) -> ReadResourceResult:
    """A resource's content.

    Parameters
    ----------
    uri : str
        As `resources` and `TEMPLATES` have it.
    memory : AssociativeMemory
        Open.

    Returns
    -------
    ReadResourceResult
        A text word for word, or JSON.

    Raises
    ------
    InputError
        If there is no such resource.
    """
    if uri == STATS:
        text, kind = OFFERED["stats"].answer(memory, {}), "application/json"
    elif uri.startswith(DOCUMENT):
        text, kind = memory.get(uri.removeprefix(DOCUMENT)).text, "text/plain"
    else:
        raise InputError(f"uri = {uri!r}: there are {STATS} and {DOCUMENT}ID")
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=text, mime_type=kind)])


def answered_prompt(name: str, given: Mapping[str, str], memory: AssociativeMemory) -> GetPromptResult:
    """A prompt with what it recalls.

    Parameters
    ----------
    name : str
        Of `PROMPTS`.
    given : mapping of str to str
        Its arguments.
    memory : AssociativeMemory
        Open.

    Returns
    -------
    GetPromptResult
        One message of the user.

    Raises
    ------
    InputError
        If there is no such prompt, or an argument is missing or not known.
    """
    [prompt] = PROMPTS
    if name != prompt.name:
        raise InputError(f"there is no prompt {name!r}; there is {prompt.name}")
    if given.keys() != {"about"}:
        raise InputError(f"{prompt.name} takes about, a question, a name or some words; not {sorted(given)}")
    quoted = OFFERED["recall"].answer(memory, {"cue": given["about"]})
    text = (
        f"What do you remember about this: {given['about']}\n\n"
        f"Answer from what was recalled, with its dates, and say so where it does not tell.\n\n{quoted}"
    )
    message = PromptMessage(role="user", content=TextContent(type="text", text=text))
    return GetPromptResult(description=prompt.description, messages=[message])
