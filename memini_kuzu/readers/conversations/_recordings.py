"""Subtitles (.srt, .vtt): what is said, sentence by sentence, at its time in the recording."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING

from memini_kuzu.readers.conversations._clocks import clock_seconds
from memini_kuzu.readers.conversations._turns import LeftOut, Turn
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.readers._inputs import Input

__all__ = ["is_subtitles", "recorded_at", "subtitle_turns"]

SOUNDS = "sounds left out"

_FILE_DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)[-_.]?(?P<mo>\d\d)[-_.]?(?P<d>\d\d)"
    r"(?:(?:[ T_-]+(?:at[ _])?|T)(?P<h>\d\d)[-_.:h]?(?P<mi>\d\d)(?:[-_.:]?(?P<s>\d\d))?)?(?!\d)"
)
_TIMING = re.compile(r"\s*(?P<at>[\d:]+[.,]?\d*)\s*-->\s*(?P<to>[\d:]+[.,]?\d*).*")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)*\s+(?P<who>[^>]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9:.][^<>]*>|\{\\[^{}]*\}")
_WHO = re.compile(
    r"(?:>>\s*|-\s*)?(?P<who>[^\W\d_a-z][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){0,2}):\s+(?=\S)"
)
_WORD_MARK = re.compile(r"<[\d:.]+>|</?c[^<>]*>")  # when a word is said, and its colour
_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|\Z)")
_CHANGE = re.compile(r"\s*>>\s*|^-\s*", re.MULTILINE)
_SOUND = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|[♪♫][^♪♫\n]*[♪♫]?")
_ENDED = re.compile(r"[.!?…。！？][\"'”’»)\]」』）]*\Z")


def recorded_at(given: Input) -> int | None:
    """When a recording began: the date in the name of its file, else that of the file.

    Returns
    -------
    int or None
        Milliseconds since 1970.
    """
    found = _FILE_DATE.search(given.key.rpartition("/")[2])
    if found:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        try:
            return to_millis(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
        except ValueError:  # a number like a date that is none
            pass
    return given.modified


@dataclass(slots=True)
class _Cue:
    """What is shown at a time."""

    at: str
    line: int
    lines: list[str] = field(default_factory=list)


def is_subtitles(text: str) -> bool:
    """Whether a text has the head of WebVTT, or a timing on its second line, as SubRip has."""
    first, _, rest = text.lstrip().partition("\n")
    return first.startswith("WEBVTT") or (
        first.strip().isdecimal() and _TIMING.fullmatch(rest.partition("\n")[0].rstrip("\r")) is not None
    )


def subtitle_turns(text: str, given: Input) -> Iterator[Turn | LeftOut]:
    """The turns of subtitles: cues are joined until a sentence ends or another speaks.

    Parameters
    ----------
    text : str
        A file in the SubRip or the WebVTT format.
    given : Input
        Tells when the recording began.

    Yields
    ------
    Turn or LeftOut
        Sentences, and sounds such as ``[music]``.
    """
    start = recorded_at(given)
    who, begun, words = "", None, list[str]()
    shown: list[str] = []

    def turn() -> Turn:
        at = 0.0 if begun is None else clock_seconds(begun.at)
        time = None if start is None else start + round(at * 1000)
        return Turn(" ".join(words), who, time, "" if begun is None else begun.at, line=begun and begun.line)

    for cue in _cues(text):
        # captions that roll show a line twice: word by word, and as a whole
        lines = [line for line in cue.lines if _WORD_MARK.sub("", line) not in shown]
        shown = [_WORD_MARK.sub("", line) for line in cue.lines]
        for said_by, said, sounds in _parts(lines):
            if sounds:
                yield LeftOut(SOUNDS, sounds)
            if words and said_by is not None and (said_by != who or not said_by):
                yield turn()
                words = []
            if said_by is not None:
                who = said_by
            if said:
                begun = cue if not words else begun
                words.append(said)
                if _ENDED.search(said):
                    yield turn()
                    words = []
    if words:
        yield turn()


def _cues(text: str) -> Iterator[_Cue]:
    """Blocks with a timing, in the order of the file; one without goes on from the one before."""
    cue = None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for block in re.finditer(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+", text):
        lines = block[0].rstrip("\n").split("\n")
        timings = map(_TIMING.fullmatch, lines[:3])
        place, timing = next(((place, timing) for place, timing in enumerate(timings) if timing), (0, None))
        if timing is not None:
            if cue is not None:
                yield cue
            line = text.count("\n", 0, block.start()) + place + 1
            cue = _Cue(timing["at"], line, lines[place + 1 :])
        elif cue is not None and not _NO_CUE.match(lines[0]) and not block[0].strip().isdecimal():
            cue.lines += lines
    if cue is not None:
        yield cue


def _parts(lines: list[str]) -> Iterator[tuple[str | None, str, int]]:
    """Who says what in a cue: the speaker where a line names one, the words, and how many sounds."""
    for line in lines:
        voice = _VOICE.search(line)
        plain = unescape(_TAG.sub("", line))
        quiet, sounds = _SOUND.subn("", plain)
        named = _WHO.match(quiet.strip())
        who = voice["who"].strip() if voice else None
        if named and who is None:
            who, quiet = named["who"], quiet.strip()[named.end() :]
        elif who is None and _CHANGE.match(quiet):
            who = ""
        yield who, " ".join(_CHANGE.sub("", quiet, count=1).split()), sounds
