"""Front matter: the YAML at the start of a note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["LABELS", "LOADER", "RESOLVER", "Matter", "front_matter", "scalars"]


LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Makes text of every value."""


RESOLVER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Tells text from numbers and dates."""


_OPEN = re.compile(r"\A-{3,}[ \t]*\r?\n")


_CLOSE = re.compile(r"^(?:-{3,}|\.{3})[ \t]*\r?(?:\n|\Z)", re.MULTILINE)


class Matter(NamedTuple):
    """Front matter: where its YAML starts and ends, and where the text behind it starts."""

    start: int
    end: int
    body: int


def front_matter(text: str) -> Matter | None:
    r"""Where the front matter of a text stands; None where it has none, or does not close it.

    Examples
    --------
    >>> front_matter("---\ntitle: x\n---\ntext")
    Matter(start=4, end=13, body=17)
    """
    opened = _OPEN.match(text)
    closed = opened and _CLOSE.search(text, opened.end())
    return Matter(opened.end(), closed.start(), closed.end()) if opened and closed else None


LABELS = frozenset(
    {"title", "date", "time", "created", "updated", "modified", "id", "uid", "cssclass", "cssclasses"}
)
"""Properties that are the note's own, and about nothing else."""


def scalars(node: Any, met: set[int]) -> Iterator[Any]:
    """The values below a node that were not met before: references of YAML may lead to one by many ways."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if id(at) in met:
            continue
        met.add(id(at))
        if isinstance(at, yaml.ScalarNode):
            yield at
        elif isinstance(at, yaml.SequenceNode):
            waiting.extend(reversed(at.value))
        else:
            waiting.extend(value for _, value in reversed(at.value))
