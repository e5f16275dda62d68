"""What `Memory.remember` is given, as records: a text, a chat message, or a list of messages."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.identity import text_digest
from memini_kuzu.memory.opening import check_text
from memini_kuzu.records import Notice, Record
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.records import Item

__all__ = ["records_of"]

SILENT = frozenset({"developer", "function", "system", "tool"})
"""Roles that say nothing to remember: instructions, and what programs answer."""

ORIGIN = "the messages"

PARTS, WORDLESS = "parts without text left out", "left out as without text"

MUTE = "left out as of the system or a tool"

WANTED = "a text, a message such as {'role': 'user', 'content': 'Hello'}, or a list of messages"


def records_of(
    given: object,
    *,
    now: int,
    time: int | None,
    source: str,
    title: str,
    own: str,
    metadata: dict[str, str] | None,
) -> list[Item]:
    """Records of what `remember` is given.

    Parameters
    ----------
    given : str, mapping, or sequence of mappings
        A text or messages.
    now : int
        The date of messages without one where `time` is None; milliseconds since 1970.
    time : int or None
        The date that was passed.
    source, title : str
        Of all of it.
    own : str
        The record's id; of several messages, their numbers are added.
    metadata : dict of str to str, or None
        Of all of it.

    Raises
    ------
    InputError
        If it is nothing that can be remembered; names it.
    """
    for name, value in (("source", source), ("title", title), ("id", own)):
        check_text(value, name, "a name, or leave it out,")
    if isinstance(given, str):
        return [Record(given, time, source, title, own, "the text", metadata=metadata)]
    if isinstance(given, Mapping):
        messages: Sequence[Any] = [given]
    elif isinstance(given, list | tuple) and given:
        messages = given
    else:
        if isinstance(given, bytes):
            check_text(given, "text", "a text")
        raise InputError(f"text = {reprlib.repr(given)}; pass {WANTED}")
    left: Counter[str] = Counter()
    again: Counter[tuple[str, int]] = Counter()
    found: list[Item] = []
    for number, message in enumerate(messages, 1):
        where = f"message {number}"
        if not isinstance(message, Mapping):
            raise InputError(f"{where} = {reprlib.repr(message)}; pass {WANTED}")
        speaker, words, others = _said(message, where)
        left[PARTS] += others
        if speaker in SILENT or not words.strip():
            left[MUTE if speaker in SILENT else WORDLESS] += 1
            continue
        moment = message.get("time")
        when = (now if time is None else time) if moment is None else to_millis(moment)
        lead = f"{speaker}: " if speaker else ""
        text = lead + words.strip()
        again[text, when] += 1
        told = _own(message, where) or (own if not own or len(messages) == 1 else f"{own}#{number}")
        if not told and again[text, when] > 1:
            # said twice at one time, it is two messages
            told = f"{text_digest(title, text)}@{when}#{again[text, when]}"
        found.append(
            Record(
                *(text, when, source, title, told, where),
                speaker=speaker,
                lead=len(lead),
                metadata=metadata,
            )
        )
    return [*found, *(Notice(ORIGIN, what, number) for what, number in left.items() if number)]


def _said(message: Mapping[str, Any], where: str) -> tuple[str, str, int]:
    """Who says a message, what, and how many parts of it are no text."""
    for name in ("role", "content"):
        if name not in message:
            raise InputError(
                f"{where} has no {name!r}; pass messages such as {{'role': 'user', 'content': '…'}}"
            )
    speaker, content = message.get("name") or message["role"], message["content"]
    if not isinstance(speaker, str):
        raise InputError(f"{where}: role = {speaker!r}; pass the role or name of who says it, as text")
    if message["role"] in SILENT:
        speaker = message["role"]
    if content is None:  # a call of a tool
        return " ".join(speaker.split()), "", 0
    parts = [content] if isinstance(content, str) else content
    if not isinstance(parts, list | tuple):
        raise InputError(f"{where}: content = {reprlib.repr(content)}; pass text, or a list of parts")
    texts = [part if isinstance(part, str) else _part(part) for part in parts]
    told = [text for text in texts if text is not None]
    return " ".join(speaker.split()), "\n".join(told), len(texts) - len(told)


def _part(part: object) -> str | None:
    """The text of a part of a message; None where it is something else, such as an image."""
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else None


def _own(message: Mapping[str, Any], where: str) -> str:
    own = message.get("id")
    if own is None:
        return ""
    if not isinstance(own, str):
        raise InputError(f"{where}: id = {own!r}; pass its id as text")
    return own
