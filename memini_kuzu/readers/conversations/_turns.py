"""What every conversation becomes: turns, and the records of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._inputs import Input, attempt
from memini_kuzu.records import Item, Notice, Record
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "MEDIA",
    "QUOTED",
    "SYSTEM",
    "LeftOut",
    "Turn",
    "numbered",
    "records_of",
]

SYSTEM, MEDIA, QUOTED = "system messages left out", "messages without text left out", "quoted lines left out"
"""What a conversation holds and nobody says, as reports call it."""

SHOWN_PEOPLE = 3
"""Recipients named in front of a text; all of them count as mentioned."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says at a time.

    Parameters
    ----------
    text : str
        The speaker's words.
    speaker : str
        Who says it; empty where nothing tells.
    time : int, str or None
        When: milliseconds since 1970, or text in ISO 8601; None is the time of the file.
    id : str
        Its own id; empty where the time has to do.
    title : str
        What the conversation is called.
    conversation : str
        Which of a file's conversations it belongs to; empty where a file holds one.
    people : tuple of str
        To whom it is said.
    line : int or None
        Where it stands in the file: its line, or its number; None where it is all of the file.
    """

    text: str
    speaker: str = ""
    time: int | str | None = None
    id: str = ""
    title: str = ""
    conversation: str = ""
    people: tuple[str, ...] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a conversation that is no turn.

    Parameters
    ----------
    what : str
        What a report calls it.
    count : int
        How many of them.
    """

    what: str
    count: int = 1


def numbered(turns: Iterable[Turn | LeftOut]) -> Iterator[Turn | LeftOut]:
    """Turns with no line of their own, by their number: an error names one of them, and not the file."""
    number = 0
    for turn in turns:
        number += isinstance(turn, Turn)
        yield replace(turn, line=number) if isinstance(turn, Turn) else turn


def records_of(given: Input, turns: Iterable[Turn | LeftOut | RecordError]) -> Iterator[Item]:
    """The records of a conversation, then what was left out; turns without a word are left out too."""
    left: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    told = False
    for turn in turns:
        if isinstance(turn, RecordError):
            told = True
            yield turn
        elif isinstance(turn, LeftOut):
            left[turn.what] += turn.count
        elif not turn.text.strip():
            left[MEDIA] += 1
        else:
            told = True
            yield attempt(_record, given, turn, seen)
    for what, count in left.items():
        yield Notice(given.name, what, count)
    if not told and not left:
        yield RecordError(given.name, "is empty; there is no message to remember")


def _record(given: Input, turn: Turn, seen: Counter[tuple[str, str]]) -> Record:
    speaker = " ".join(turn.speaker.split())
    lead = _lead(speaker, turn.people)
    return given.record(
        lead + turn.text.strip(),
        time=from_millis(turn.time) if isinstance(turn.time, int) else turn.time,
        source=f"{given.key}#{turn.conversation}" if turn.conversation else None,
        title=turn.title,
        id=_id(given, turn, seen),
        line=turn.line,
        speaker=speaker,
        people=turn.people,
        lead=len(lead),
    )


def _lead(speaker: str, people: tuple[str, ...]) -> str:
    if not speaker:
        return ""
    named = ", ".join(people[:SHOWN_PEOPLE])
    more = f" and {len(people) - SHOWN_PEOPLE} more" if len(people) > SHOWN_PEOPLE else ""
    return f"{speaker} to {named}{more}: " if people else f"{speaker}: "


def _id(given: Input, turn: Turn, seen: Counter[tuple[str, str]]) -> str:
    """A turn's own id; else its time, and its number among those of the same time."""
    own = turn.id
    if not own:
        own = _when(turn.time)
        seen[turn.conversation, own] += 1
        if (number := seen[turn.conversation, own]) > 1 or not own:
            own = f"{own}#{number}"
    # under a source that was set for several files, their ids must not meet
    return own if given.source is None else f"{given.key}#{own}"


def _when(time: int | str | None) -> str:
    if isinstance(time, int):
        moment = from_millis(time).replace(tzinfo=None)
        return moment.isoformat(timespec="milliseconds" if time % 1000 else "seconds")
    return time or ""
