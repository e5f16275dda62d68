"""Chats and transcripts written line by line: which form a text has, and its turns.

A text is a conversation only if a line opens a turn at its very start, or soon after a heading, and the form
carries the text; everything else stays one document. Forms with dates are tried before forms with positions
in a recording, and those before bare names.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memini_kuzu.readers.conversations._clocks import CLOCK, DATE, clock_seconds, in_order, moment
from memini_kuzu.readers.conversations._recordings import recorded_at
from memini_kuzu.readers.conversations._turns import MEDIA, SYSTEM, LeftOut, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memini_kuzu.readers._inputs import Input

__all__ = ["line_turns"]

FEWEST = 4
"""Turns without a date of their own that make a transcript: fewer are as often a list of fields."""

SHARE = 0.8
"""Of the lines of a text of bare names and colons, those that must open a turn."""

LONGEST_STAMP = 30
"""Characters of a date and a time, at most."""

GUESSED = "dates read by guess: nothing tells whether the day or the month comes first"

ABOVE = "lines above the first message left out"

_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_RULE = f"{_MARKS} \t\r="
_PADDING = f"{_MARKS} ~\u202f\xa0"
_OWN = "\u200e"  # WhatsApp on iOS puts it before what it says itself

_STAMP = rf"{DATE}(?:,|\sà|\u060c|\s\u060c|\sklo?\.?|\sum|\sг\.,?)?\s{CLOCK}"
_DATED = (
    re.compile(rf"\[{_STAMP}\]\s(?P<rest>.*)"),
    re.compile(rf"{_STAMP}(?:\s[-\u2013]|,|:)?\s(?P<rest>.*)"),
    re.compile(rf"\[{CLOCK},?\s{DATE}\]\s(?P<rest>.*)"),
    re.compile(rf"{CLOCK},?\s{DATE}\s[-\u2013]\s(?P<rest>.*)"),
)
_ASIAN_DATE = re.compile(
    r"(?<!\d)(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일](?:\s?\S曜日|\s?\S요일)?"
)
_SAID = re.compile(
    r"(?:<(?P<nick>[^<>\s]{1,40})>\s|(?P<who>[^:\n\"\u201c\u201d\u00ab]{1,60}?)\s?:(?:\s|$))(?P<said>.*)"
)

_NAME = r"(?P<who>[^\W\d_][^:\n\t\[\]()<>]{0,40}?)"
_AT = r"(?P<at>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,3})?)?)"
_PLACED = (
    re.compile(rf"{_AT}\s+From\s+(?P<who>\S.*?)(?:\s+to\s+(?P<to>\S.*?))?\s?:\s*(?P<said>.*)", re.IGNORECASE),
    re.compile(rf"[\[(]?{_AT}[\])]?[\s\u2013-]+{_NAME}:(?:\s+|$)(?P<said>.*)"),
    re.compile(rf"{_NAME}\s*[\[(]{_AT}[\])]:?\s*(?P<said>.*)"),
    re.compile(rf"{_NAME}\s+{_AT}(?P<said>)\s*"),
)
_BARE = re.compile(r"(?P<who>[^\W\d_][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){0,3}):[ \t]+(?P<said>\S.*)")
_POSITION = re.compile(rf"[\[(]?{_AT}[\])]?")

_FIELDS = frozenset(
    """
    action actions address agenda answer attendees author cc conclusion date decision decisions description
    duration email example from goal host id key location method name note notes organizer participants phone
    place present price question re reference status subject summary tags time title to todo topic type url
    version warning critical debug error fatal info trace warn
    """.split()  # noqa: SIM905 - read and edited as text
)
"""What stands before a colon where nobody speaks: fields of a form, levels of a log."""

_ATTACHED = re.compile(  # a name as WhatsApp gives it, or what it says of any: the rest are words
    r"\S+-WA\d+\.\w{2,4} \([^()\n]{3,40}\)|\S[^\n]*\.\w{2,4} \((?:file attached|datei angehängt|"
    r"fichier joint|archivo adjunto|file allegato|(?:arquivo|ficheiro) anexado|bestand bijgevoegd|"
    r"bifogad fil|fil vedlagt|vedhæftet fil|plik dołączony|файл добавлен|dosya ekli)\)",
    re.IGNORECASE,
)
_OMITTED = re.compile(r"<(?![a-z]+:)[^<>\n]{3,60}>")
_EDITED = re.compile(
    r"\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet|Ce message a été modifié|"
    r"Se editó este mensaje\.?|Questo messaggio è stato modificato|Mensagem editada)>\s*\Z"
)
_DELETED = re.compile(
    r"(?:this message was deleted|you deleted this message|missed (?:voice|video) call|null|"
    r"diese nachricht wurde gelöscht|du hast diese nachricht gelöscht|ce message a été supprimé|"
    r"vous avez supprimé ce message|se eliminó este mensaje|eliminaste este mensaje|"
    r"este mensaje fue eliminado|"
    r"questo messaggio è stato eliminato|hai eliminato questo messaggio|mensagem apagada|"
    r"esta mensagem foi apagada|você apagou esta mensagem|dit bericht is verwijderd)[.!]?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Opened:
    """A line that opens a turn, and the lines that follow."""

    match: re.Match[str]
    line: int
    rest: str
    more: list[str] = field(default_factory=list)


def line_turns(text: str, given: Input) -> Iterator[Turn | LeftOut] | None:
    """The turns of a chat or a transcript; None where a text is neither.

    Parameters
    ----------
    text : str
        The file.
    given : Input
        Tells when it was recorded, where its lines do not.

    Returns
    -------
    iterator or None
        Turns, and what was left out.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip(_RULE)), None)
    if first is None:
        return None
    for pattern in _DATED:
        opened = _opened(lines, pattern, _dated_line)
        if opened and _is_chat(opened, lines, first):
            return _below(lines[: opened[0].line], _chat(opened, given))
    for pattern in _PLACED:
        opened = _opened(lines, pattern, str.strip)
        if len(opened) >= FEWEST - 1 and _speaks(opened) and opened[0].line <= first + FEWEST:
            return _below(lines[: opened[0].line], _transcript(opened, given))
    opened = _opened(lines, _BARE, str.strip)
    if _is_dialogue(opened, lines):
        return _below(lines[: opened[0].line], _dialogue(lines, given))
    return None


def _below(head: list[str], turns: Iterator[Turn | LeftOut]) -> Iterator[Turn | LeftOut]:
    """The turns, and how many lines stand above them: a title, a list of who was there."""
    above = sum(bool(line.strip(_RULE)) and not _POSITION.fullmatch(line.strip()) for line in head)
    if above:
        yield LeftOut(ABOVE, above)
    yield from turns


def _dated_line(line: str) -> str:
    marked = line.lstrip(_MARKS)
    # Arabic has marks between the numbers of a date
    bare = marked[:LONGEST_STAMP].replace("\u200f", "") + marked[LONGEST_STAMP:]
    return _ASIAN_DATE.sub(r"\1/\2/\3", bare, count=1)


def _opened(lines: list[str], pattern: re.Pattern[str], cleaned: object) -> list[_Opened]:
    """The turns that a form finds in the lines; what stands before the first is none of theirs."""
    clean = cleaned if callable(cleaned) else str
    found: list[_Opened] = []
    for number, line in enumerate(lines):
        match = pattern.fullmatch(clean(line))
        if match:
            groups = match.groupdict()
            found.append(_Opened(match, number, groups.get("rest", groups.get("said")) or ""))
        elif found:
            found[-1].more.append(line)
    return found


def _is_chat(opened: list[_Opened], lines: list[str], first: int) -> bool:
    """Whether dated lines are a chat: they start the text, and people speak in them."""
    if opened[0].line != first and not _is_export(lines, opened[0].line):
        return False
    names = [_name(each.rest) for each in opened]
    if not any(names):  # the name stands alone behind brackets, the words follow
        return opened[0].match[0].startswith("[") and all(0 < len(each.rest) <= _LONGEST for each in opened)
    said = Counter(name.casefold() for name in names if name)
    if said.keys() <= _FIELDS:
        return False
    # in a diary, a colon stands here and there
    return max(said.values()) > 1 or RARE * said.total() > len(opened)


RARE = 4
"""One in so many dated lines has a name in a text where nobody speaks, and no name twice."""

_LONGEST = 60
"""Characters in a name."""


def _is_export(lines: list[str], first: int) -> bool:
    """Whether what stands before the first turn is the head of an export: rules, and fields with a colon."""
    return all(not line.strip("= \t") or ":" in line for line in lines[:first])


def _name(rest: str) -> str:
    return _named(rest)[0]


def _named(rest: str) -> tuple[str, str]:
    """Who speaks on a line, and the words there; empty where nobody does."""
    said = _SAID.fullmatch(rest)
    return ("", "") if said is None else ((said["nick"] or said["who"]).strip(_PADDING), said["said"])


def _chat(opened: list[_Opened], given: Input) -> Iterator[Turn | LeftOut]:
    times, guessed = in_order([moment(each.match) for each in opened], given.modified)
    alone = not any(_name(each.rest) for each in opened)
    for each, time in zip(opened, times, strict=True):
        name, said = (each.rest.strip(), "") if alone else _named(each.rest)
        if not name:
            yield LeftOut(SYSTEM)
            continue
        body, what = _own_words([said, *each.more])
        if what:
            yield LeftOut(what)
        if body:
            yield Turn(body, name, _iso(each) if time is None else time, line=each.line + 1)
    if guessed:
        yield LeftOut(GUESSED, len(times))


def _iso(each: _Opened) -> str:
    """A date that is none, for the error to name."""
    return each.match[0][: each.match.start("rest")].strip(" []-,")


def _own_words(lines: list[str]) -> tuple[str, str]:
    """What somebody wrote, and what of the rest there is to count."""
    first = lines[0].strip()
    body = "\n".join(lines).strip()
    if first.startswith(_OWN) or _DELETED.fullmatch(body.strip(_MARKS)):
        media = ":" in first or "omitted" in first or len(lines) > 1 or "<" in first
        rest = "\n".join(line for line in lines[1:] if not line.lstrip().startswith(_OWN)).strip()
        return rest, MEDIA if media else SYSTEM
    if _OMITTED.fullmatch(body.strip(_MARKS)):
        return "", MEDIA
    if _ATTACHED.fullmatch(first):
        return "\n".join(lines[1:]).strip(), MEDIA if not "".join(lines[1:]).strip() else ""
    body = re.sub(rf"[^\S\n]*{_OWN}<?[^\n]*", "", body) if _OWN in body else body
    return _EDITED.sub("", body).strip(), ""


def _speaks(opened: list[_Opened]) -> bool:
    """Whether the names before the words are those of people: at least one comes back."""
    names = Counter(each.match["who"].strip().casefold() for each in opened)
    return max(names.values()) > 1 and not set(names) <= _FIELDS


def _transcript(opened: list[_Opened], given: Input) -> Iterator[Turn | LeftOut]:
    start = recorded_at(given)
    for each in opened:
        words = "\n".join([each.rest, *each.more]).strip()
        to = each.match.groupdict().get("to")
        people = () if not to or to.casefold() == "everyone" else (to.strip(),)
        time = None if start is None else start + round(clock_seconds(each.match["at"]) * 1000)
        if words:
            yield Turn(
                words, each.match["who"].strip(), time, each.match["at"], people=people, line=each.line + 1
            )


def _is_dialogue(opened: list[_Opened], lines: list[str]) -> bool:
    """Whether a text is people speaking in turn: nearly every line opens one, and they take several each."""
    names = Counter(each.match["who"].casefold() for each in opened)
    written = sum(bool(line.strip()) and not _POSITION.fullmatch(line.strip()) for line in lines)
    return (
        len(opened) >= FEWEST
        and len(opened) >= SHARE * written
        and len(names) > 1
        and 2 * len(names) <= len(opened)
        and not set(names) & _FIELDS
    )


def _dialogue(lines: Iterable[str], given: Input) -> Iterator[Turn | LeftOut]:
    """Turns of bare names; a position in the recording that stands alone is that of the turns after it."""
    start, offset = recorded_at(given), 0
    turn: tuple[str, int, int] | None = None
    words: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        opens = _BARE.fullmatch(line.strip())
        position = _POSITION.fullmatch(line.strip())
        if turn is not None and (opens or position):
            name, at, begun = turn
            yield Turn(
                "\n".join(words).strip(), name, None if start is None else start + at, str(begun), line=begun
            )
            turn, words = None, []
        if position:
            offset = round(clock_seconds(position["at"]) * 1000)
        elif opens:
            turn, words = (opens["who"], offset, number), [opens["said"]]
        elif turn is not None:
            words.append(line)
    if turn is not None:
        name, at, begun = turn
        yield Turn(
            "\n".join(words).strip(), name, None if start is None else start + at, str(begun), line=begun
        )
