"""What ingestion takes in: one dated text with its origin."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One document as it was read, before anything is stored.

    Parameters
    ----------
    text : str
        The document's text, kept verbatim.
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
    """

    text: str
    time: int | None = None
    source: str = ""
    title: str = ""
    id: str = ""
    origin: str = ""
