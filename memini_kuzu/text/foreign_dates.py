"""Dates named in a cue in other languages than English: "im März 2024", "le 14 mars 2025", "ayer".

The words for months, and those for yesterday, last week and three days ago, are those of the library
dateparser. Its own search is not used, since it takes "mit" for a Wednesday and "mar" for March. What stands
around the words is read by the patterns below: a day and a month; a month and a year; and, in the languages
of `AROUND`, "in", "before", "since" and "after" a month or a year.
"""

from __future__ import annotations

import re
import runpy
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from memini_kuzu.text.intervals import after, ago, day, last_month, month, since, until, year
from memini_kuzu.text.languages import ENGLISH, UNSPACED, function_words
from memini_kuzu.text.languages import languages as known_languages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from memini_kuzu.text.intervals import Interval

__all__ = ["read"]

MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)

UNITS = ("day", "week", "month", "year")

SHORTEST = 3
"""Letters of the shortest name of a month, so that "m" and "V" are none."""

DAY = r"(?P<day>\d{1,2})(?:\.|er|[ºª°])?"


class Around(NamedTuple):
    """What stands before a month or a year in a language; expressions, in lower case."""

    within: str
    before: str
    since: str
    after: str
    article: str
    year: str


AROUND = {
    "de": Around("im|anfang|mitte|ende", "vor|bis", "seit|ab", "nach", "dem|zum", "jahr|jahre"),
    "es": Around("en|durante", "antes de|hasta", "desde", "después de|tras", "el|del", "el año|año|del año"),
    "fr": Around("en|au mois de", "avant|jusqu'en|jusqu'au", "depuis|dès", "après", "le", "l'année|l'an"),
    "it": Around("in|a|nel|durante", "prima di|prima del|fino al?", "da|dal", "dopo", "il", "nell'anno"),
    "nl": Around("in|tijdens", "voor|tot", "sinds|vanaf", "na", "de", "het jaar"),
    "pt": Around("em|durante", "antes de|até", "desde", "depois de|após", "o|de", "o ano de|ano de"),
}
"""The patterns of these languages are written by hand; of others a month needs its day or its year."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The words and patterns of a language.

    Parameters
    ----------
    months : dict of str to int
        Numbers of months by their names.
    whole : frozenset of str
        The names that are no abbreviations.
    date, of_year : re.Pattern or None
        A month with what stands around it; a year with what stands before it.
    relative : tuple
        Patterns of yesterday, last month, three days ago; how long ago where the pattern has no number; the
        unit.
    numbers : dict of str to int
        Words for numbers.
    """

    months: dict[str, int]
    whole: frozenset[str]
    date: re.Pattern[str]
    of_year: re.Pattern[str] | None
    relative: tuple[tuple[re.Pattern[str], int, str], ...]
    numbers: dict[str, int]


def read(
    text: str, now: datetime, language: str, languages: Collection[str], *, own: str
) -> tuple[list[Interval], str]:
    """What a text names in a language, and the text without it.

    Parameters
    ----------
    text : str
        In lower case.
    now : datetime
        When it is said.
    language : str
        In which dates are read; of one that is unknown none is.
    languages : collection of str
        All that come into question.
    own : str
        The text's own; where that is another, an expression does not count whose every word has a function in
        one of the others: French "hier" is German "here".

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> read("was war im märz 2024?", datetime(2025, 6, 1, tzinfo=UTC), "de", ["de"], own="de")[1]
    'was war ############?'
    """
    words = _words(language)
    if words is None:
        return [], text
    found: list[Interval] = []
    taken: list[tuple[int, int]] = []

    def take(match: re.Match[str], interval: Interval | None) -> None:
        if interval is not None and all(match.end() <= start or end <= match.start() for start, end in taken):
            found.append(interval)
            taken.append(match.span())

    for match in words.date.finditer(text):
        take(match, _dated(match, words, now))
    for match in words.of_year.finditer(text) if words.of_year is not None else ():
        take(match, _placed(match, year(int(match["year"])), now))
    others = {ENGLISH, *languages, own} - {language}
    for pattern, count, unit in words.relative:
        for match in pattern.finditer(text):
            if own == language or not _functional(match[0], others):
                told = match.groupdict().get("number")
                number = count if told is None else words.numbers.get(told) or int(told)
                take(match, _safely(ago, now, number, unit))
    for start, end in taken:
        text = text[:start] + "#" * (end - start) + text[end:]
    return found, text


def _functional(expression: str, languages: Iterable[str]) -> bool:
    """Whether all words of an expression have a function in one of these languages."""
    return any(set(expression.split()) <= function_words(language) for language in languages)


def _dated(match: re.Match[str], words: _Words, now: datetime) -> Interval | None:
    """The interval of a month with what stands around it; None where that is too little."""
    number, whole = words.months[match["month"]], match["month"] in words.whole
    told_year = match["year"]
    if match["day"] and (told_year or whole):
        interval = _safely(day, now, told_year, number, int(match["day"]))
    elif told_year:
        interval = _safely(month, int(told_year), number)
    elif whole and not match["day"] and any(_place(match)):
        interval = _safely(last_month, now, number)
    else:
        return None
    return None if interval is None else _placed(match, interval, now)


def _place(match: re.Match[str]) -> tuple[str | None, ...]:
    groups = match.groupdict()
    return tuple(groups.get(name) for name in ("before", "since", "after", "within"))


def _placed(match: re.Match[str], interval: Interval, now: datetime) -> Interval:
    """An interval, or all before it, since it or after it, as the text says."""
    before, from_then, later, _ = _place(match)
    if before:
        return until(interval)
    if from_then:
        return since(interval, now)
    return after(interval, now) if later else interval


def _safely(make: Any, *arguments: Any) -> Interval | None:
    """An interval; None where there is no such day or year."""
    try:
        made: Interval = make(*arguments)
    except (ValueError, OverflowError):
        return None
    return made


@cache
def _words(language: str) -> _Words | None:
    """The words of a language; None where the library has none, or they are written without blanks."""
    info = _info(language)
    names = {
        name.lower(): number
        for number, english in enumerate(MONTHS, 1)
        for name in info.get(english, ())
        if len(name) >= SHORTEST and not re.search(rf"[{UNSPACED}\d]", name)
    }
    if not names:
        return None
    joined = "|".join(re.escape(word) for word in info.get("pertain", ()))
    join = rf"\s+(?:(?:{joined})\s+)?" if joined else r"\s+"
    around = AROUND.get(language)
    lead = "" if around is None else rf"(?:{_leading(around)}\s(?:(?:{around.article})\s)?)?"
    months = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    date = rf"(?<!\w){lead}(?:{DAY}{join})?(?P<month>{months})(?!\w)\.?,?(?:{join}(?P<year>\d{{4}})(?!\w))?"
    of_year = None
    if around is not None:
        # not the year of a date in figures
        place = rf"{_leading(around)}\s(?:(?:{around.article}|{around.year})\s)?"
        of_year = re.compile(rf"(?<!\w){place}(?P<year>(?:19|20)\d\d)(?![\w-])")
    numbers = {
        word.lower(): int(figure)
        for rule in info.get("simplifications", ())
        for word, figure in rule.items()
        if word.isalpha() and figure.isdigit()
    }
    return _Words(names, _whole(names), re.compile(date), of_year, _relative(info, numbers), numbers)


def _leading(around: Around) -> str:
    return "(?:" + "|".join(f"(?P<{name}>{getattr(around, name)})" for name in Around._fields[:4]) + ")"


def _whole(names: dict[str, int]) -> frozenset[str]:
    """The names that abbreviate no other of the same month."""
    return frozenset(
        name
        for name, number in names.items()
        if not any(
            len(other) > len(name) and (other.startswith(name) or len(name) == SHORTEST)
            for other, same in names.items()
            if same == number
        )
    )


def _relative(info: dict[str, Any], numbers: dict[str, int]) -> tuple[tuple[re.Pattern[str], int, str], ...]:
    """Patterns of what is so long ago, the longest first."""
    figure = "|".join([r"\d{1,2}", *map(re.escape, numbers)])
    found: list[tuple[str, int, str]] = []
    for key, expressions in info.get("relative-type", {}).items():
        # "0 day ago"; some languages have keys of one word, such as "yesterday"
        count, unit, direction = (*key.split(), "", "")[:3]
        if direction == "ago" and unit in UNITS and (unit == "day" or count != "0"):
            found += [(re.escape(each.lower()), int(count), unit) for each in expressions if len(each) > 2]  # noqa: PLR2004
    for key, expressions in info.get("relative-type-regex", {}).items():
        _, unit, direction = (*key.split(), "", "")[:3]
        if direction == "ago" and unit in UNITS:
            # what ends in a letter alone is a unit's sign: "il y a 3 m"
            found += [
                (each.lower().replace(r"(\d++[.,]?\d*+)", rf"(?P<number>{figure})"), 0, unit)
                for each in expressions
                if re.search(r"[^\W\d]{2}$", each) and r"(\d++[.,]?\d*+)" in each
            ]
    found.sort(key=lambda each: -len(each[0]))
    return tuple((re.compile(rf"(?<!\w){each}(?!\w)"), count, unit) for each, count, unit in found)


@cache
def _info(language: str) -> dict[str, Any]:
    """What dateparser knows of a language. Read as a file: importing it loads all of the library."""
    if language not in known_languages():  # a store that was tampered with names no file to be run
        return {}
    found = find_spec("dateparser")
    places = [] if found is None else found.submodule_search_locations or []
    for place in places:
        path = Path(place, "data", "date_translation_data", f"{language}.py")
        if path.is_file():
            info: dict[str, Any] = runpy.run_path(str(path))["info"]
            return info
    return {}
