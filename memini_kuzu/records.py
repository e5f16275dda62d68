"""What the readers give, a dated text with its origin and what they tell beside it; and where they look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError, RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MARKDOWN",
    "PLAIN",
    "ROLES",
    "Columns",
    "EventColumns",
    "Item",
    "Notice",
    "Record",
    "Skipped",
    "as_metadata",
    "check_metadata",
]

MARKDOWN, PLAIN = "markdown", "plain"
"""The forms of a text."""

ROLES = frozenset({"assistant", "user"})
"""Speakers that are a side of a conversation and nobody in particular: they are no entities."""


@dataclass(frozen=True, slots=True)
class Record:
    """One document or message as it was read, before anything is stored.

    Parameters
    ----------
    text : str
        Its text, kept verbatim.
    time : int or None
        When it was said, in milliseconds since 1970 (UTC); None where nothing tells.
    source : str
        What it belongs to (a conversation, a feed, a file): what `forget` and contiguity go by.
    title : str
        Its title, or the empty string.
    id : str
        The record's own id within its source, or the empty string where it has none.
    origin : str
        Where it was read, such as ``notes.jsonl:17``; for messages only.
    speaker : str
        Who says it, where its source tells; one of `ROLES` is no entity.
    people : tuple of str
        Who else takes part in it, such as the recipients of a mail. They count as mentioned.
    lead : int
        Characters at the start of the text that the reader put there, such as ``Ada: ``, and that no
        mention is looked for in.
    names : tuple of str
        What it is called beside its title, such as the name of its file; the first stands for a title where
        there is none. No part of what the text is known by: a file that is renamed says nothing new.
    form : str
        `MARKDOWN` where the text is that: mentions are then looked for in its prose, and its links and tags
        are mentions. Otherwise `PLAIN`.
    aside : tuple of tuple of int
        Start and end of each part of a plain text that is no prose, such as code.
    links : tuple of tuple
        What the author of a plain text linked: the name of a note, and start and end of the words. It counts
        as mentioned.
    file : str
        What the file that it was read from is known by.
    former : tuple of two str, or None
        The source and the id that the same document had before files were known by their names.
    metadata : dict of str to str, or None
        What is known of it beside its text, such as the project that it belongs to: recall can be asked to go
        by it alone. None where nothing tells: a document that the store has keeps its own then.
    """

    text: str
    time: int | None = None
    source: str = ""
    title: str = ""
    id: str = ""
    origin: str = ""
    speaker: str = ""
    people: tuple[str, ...] = ()
    lead: int = 0
    names: tuple[str, ...] = ()
    form: str = PLAIN
    aside: tuple[tuple[int, int], ...] = ()
    links: tuple[tuple[str, int, int], ...] = ()
    file: str = ""
    former: tuple[str, str] | None = None
    metadata: dict[str, str] | None = None


def check_metadata(metadata: object, name: str = "metadata") -> dict[str, str]:
    """Metadata that can be stored.

    Parameters
    ----------
    metadata : object
        What somebody passed.
    name : str
        What the message calls it.

    Raises
    ------
    InputError
        If it is no mapping of strings to strings, or holds half of a character.

    Examples
    --------
    >>> check_metadata({"project": 7})
    Traceback (most recent call last):
    ...
    memini_kuzu.errors.InputError: metadata['project'] = 7; pass strings, such as {'project': 'orion'}
    """
    if not isinstance(metadata, dict):
        raise InputError(f"{name} = {metadata!r}; pass strings by name, such as {{'project': 'orion'}}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError(f"{name}[{key!r}] = {value!r}; pass strings, such as {{'project': 'orion'}}")
        try:
            f"{key}{value}".encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{name}[{key!r}] = {value!r} holds half of a character; decode it with its own encoding"
            ) from None
    return dict(metadata)


def as_metadata(told: Mapping[str, object]) -> dict[str, str]:
    """What others tell beside a text, as metadata: what is no string is its JSON, and None is nothing.

    Parameters
    ----------
    told : mapping of str to object
        Names and values.

    Raises
    ------
    InputError
        If a value has no JSON.

    Examples
    --------
    >>> as_metadata({"project": "orion", "page": 7, "author": None})
    {'project': 'orion', 'page': '7'}
    """
    known = {}
    for name, value in told.items():
        if value is None:
            continue
        try:
            known[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"metadata[{name!r}] = {value!r}: {error}; pass what JSON can say") from error
    return known


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader left out or found odd; no error, but nothing that a user should not know.

    Parameters
    ----------
    origin : str
        Where, such as ``chat.txt``.
    what : str
        What it is, such as ``system lines left out``.
    count : int or None
        How many, where there may be several.

    Examples
    --------
    >>> str(Notice("chat.txt", "system messages left out", 2))
    'chat.txt: system messages left out: 2'
    """

    origin: str
    what: str
    count: int | None = None

    def __str__(self) -> str:
        counted = "" if self.count is None else f": {self.count:,}"
        return f"{self.origin}: {self.what}{counted}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file of a folder, or a folder in it, that gave no record.

    Parameters
    ----------
    file : str
        What it is known by.
    why : str
        Why it was not read, and what would read it where anything does.
    """

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a record's fields in JSONL, and of its columns in CSV.

    Parameters
    ----------
    text, time, source, title, id : str
        The field or column that holds each. Only that of the text must be there.
    metadata : str
        The field of JSONL that holds an object of strings.

    Examples
    --------
    >>> Columns(text="body", time="sent_at")
    Columns(text='body', time='sent_at', source='source', title='title', id='id', metadata='metadata')
    """

    text: str = "text"
    time: str = "time"
    source: str = "source"
    title: str = "title"
    id: str = "id"
    metadata: str = "metadata"


@dataclass(frozen=True, slots=True)
class EventColumns:
    """What the columns of an event table are called; other columns are left out.

    Parameters
    ----------
    source, target : str
        The endpoints: text columns hold names, integer columns hold ids of entities.
    time : str
        When: a timestamp, a date, ISO 8601 text, or a number of seconds (from 10⁸, in 1973) or milliseconds
        (from 10¹¹) since 1970.
    amount : str, optional
        How much, as a multiple of the store's impulse, above 0; by default the column ``amount`` where there
        is one, else 1 for every event.
    kind : str, optional
        What kind of event it is, such as a type of relation; by default the column ``kind`` where there is
        one. It is kept with the events.
    """

    source: str = "source"
    target: str = "target"
    time: str = "time"
    amount: str | None = None
    kind: str | None = None


Item = Record | RecordError | Notice | Skipped
"""What the readers give: a record, what is wrong with one, what was left out, or a file that was."""
