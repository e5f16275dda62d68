"""Dates named in a cue: "last May", "on 7 July 2023", "in 2022", "yesterday", as intervals of time.

Here they are read in English and in figures; `foreign_dates` reads them in other languages. Only what names a
definite stretch of the calendar counts, or all before or after one ("before April 2025"). The reading is
relative to the cue's own `now`: a month or a day without a year is the last that had begun.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from memini_kuzu.text import foreign_dates
from memini_kuzu.text.intervals import (
    Interval,
    after,
    ago,
    day,
    days,
    last_month,
    millis,
    month,
    since,
    until,
    year,
)
from memini_kuzu.text.languages import ENGLISH
from memini_kuzu.times import DAY, LATEST, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Interval", "named_intervals"]

MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}

MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))

WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}

WEEKS = {"first": 0, "second": 7, "third": 14, "fourth": 21}
"""Days of a month before its weeks; the last week is its last seven days."""


def _week_of(which: str, month: Interval) -> Interval:
    """A week of a month, counted from its first day."""
    if which in {"last", "final"}:
        return Interval(month.end - 7 * DAY, month.end)
    return Interval(month.start + WEEKS[which] * DAY, month.start + (WEEKS[which] + 7) * DAY)


def _iso_week(year: int, week: int) -> Interval:
    return days(datetime.fromisocalendar(year, week, 1).replace(tzinfo=UTC), 7)


def _weekday(now: datetime, name: str) -> Interval:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return days(midnight - timedelta(days=(midnight.weekday() - WEEKDAYS[name] - 1) % 7 + 1), 1)


OPEN = {"since": since, "after": after}

SINCE = re.compile(r"\bsince (?:the )?\Z")
"""What makes of any date all from it until now; a month or a year alone is read with it."""

# Tried in this order; what one has taken of the text, the next does not read again.
PATTERNS: list[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Interval]]] = [
    (
        re.compile(rf"\b({'|'.join(WEEKS)}|last|final) week (?:of|in) ({MONTH})\b\.?,?(?: (\d{{4}}))?"),
        lambda m, now: _week_of(
            m[1], month(int(m[3]), MONTHS[m[2]]) if m[3] else last_month(now, MONTHS[m[2]])
        ),
    ),
    (
        re.compile(rf"\b(?:before|until|prior to) ({MONTH})\b\.?,?(?: (\d{{4}}))?(?! \d)"),
        lambda m, now: until(month(int(m[2]), MONTHS[m[1]]) if m[2] else last_month(now, MONTHS[m[1]])),
    ),
    (
        re.compile(r"\b(?:before|until|prior to) ((?:19|20)\d\d)\b(?!-)"),
        lambda m, _: until(year(int(m[1]))),
    ),
    (
        re.compile(rf"\b(since|after) ({MONTH})\b\.?,?(?: (\d{{4}}))?(?! \d)"),
        lambda m, now: OPEN[m[1]](
            month(int(m[3]), MONTHS[m[2]]) if m[3] else last_month(now, MONTHS[m[2]]), now
        ),
    ),
    (
        re.compile(r"\b(since|after) ((?:19|20)\d\d)\b(?!-)"),
        lambda m, now: OPEN[m[1]](year(int(m[2])), now),
    ),
    (
        re.compile(r"\b(\d{4})-w(\d\d)\b(?!-)"),
        lambda m, _: _iso_week(int(m[1]), int(m[2])),
    ),
    (
        # with full stops the day comes first wherever dates are written so
        re.compile(r"(?<![\d.])(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})\b(?!\.\d)"),
        lambda m, now: day(now, m[3], int(m[2]), int(m[1])),
    ),
    (
        re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"),
        lambda m, now: day(now, m[1], int(m[2]), int(m[3])),
    ),
    (
        # Chinese, Japanese and Korean: 2024年3月14日
        re.compile(r"(?<!\d)(\d{4}) ?[年년] ?(\d{1,2}) ?[月월](?: ?(\d{1,2}) ?[日일])?"),
        lambda m, now: day(now, m[1], int(m[2]), int(m[3])) if m[3] else month(int(m[1]), int(m[2])),
    ),
    (
        re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({MONTH})\b\.?,?(?: (\d{{4}}))?"),
        lambda m, now: day(now, m[3], MONTHS[m[2]], int(m[1])),
    ),
    (
        re.compile(rf"\b({MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b,?(?: (\d{{4}}))?"),
        lambda m, now: day(now, m[3], MONTHS[m[1]], int(m[2])),
    ),
    (
        re.compile(rf"\b({MONTH})\b\.?,?(?: of)? (\d{{4}})\b"),
        lambda m, _: month(int(m[2]), MONTHS[m[1]]),
    ),
    (
        # "may" and "march" are also verbs: a month by itself needs a word before it
        re.compile(rf"\b(?:in|during|last|of|early|late|mid)[ -]({MONTH})\b"),
        lambda m, now: last_month(now, MONTHS[m[1]]),
    ),
    (
        re.compile(r"\b(?:in|during|of) ((?:19|20)\d\d)\b"),
        lambda m, _: year(int(m[1])),
    ),
    (re.compile(r"\byesterday\b"), lambda _, now: ago(now, 1, "day")),
    (re.compile(r"\btoday\b"), lambda _, now: ago(now, 0, "day")),
    (re.compile(r"\blast (week|month|year)\b"), lambda m, now: ago(now, 1, m[1])),
    (
        re.compile(rf"\b(?:last|on) ({'|'.join(WEEKDAYS)})\b"),
        lambda m, now: _weekday(now, m[1]),
    ),
    (
        re.compile(r"\b(\d{1,2}) (day|week|month|year)s? ago\b"),
        lambda m, now: ago(now, int(m[1]), m[2]),
    ),
]


def _read(text: str, now: datetime) -> tuple[list[Interval], str]:
    """What a text names in English or in figures, and the text without it."""
    found: list[Interval] = []
    for pattern, interval in PATTERNS:
        for match in pattern.finditer(text):
            try:
                stretch = interval(match, now)
            except (ValueError, OverflowError):
                # 31 February, year 0: no such day, so the text names none
                continue
            found.append(since(stretch, now) if SINCE.search(text, 0, match.start()) else stretch)
        text = pattern.sub(lambda match: "#" * len(match.group()), text)
    return found, text


def _within(interval: Interval) -> bool:
    """Whether dates like these may stand in a store; those far outside no arithmetic holds."""
    return interval.end > 0 and interval.start < millis(LATEST)


def named_intervals(
    text: str, now: int, *, languages: Collection[str] = (), own: str = ENGLISH
) -> list[Interval]:
    """The stretches of the calendar that a text names.

    Parameters
    ----------
    text : str
        A cue.
    now : int
        When it is said, in milliseconds since 1970.
    languages : collection of str
        Those in which dates are read, beside English.
    own : str
        The text's own among them, where it is known.

    Returns
    -------
    list of Interval
        In no particular order; empty where no date is named.

    Examples
    --------
    >>> from memini_kuzu.times import to_millis
    >>> [found] = named_intervals("What did Ada do last May?", to_millis("2026-02-01"))
    >>> from_millis(found.start).date().isoformat(), from_millis(found.end).date().isoformat()
    ('2025-05-01', '2025-06-01')
    """
    moment, left = from_millis(now), unicodedata.normalize("NFC", text).lower()
    found: list[Interval] = []
    # the text's own language first: what it has taken, the next does not read again
    for language in dict.fromkeys([own, ENGLISH, *sorted(languages)]):
        if language == ENGLISH:
            named, left = _read(left, moment)
        else:
            named, left = foreign_dates.read(left, moment, language, languages, own=own)
        found += named
    return [interval for interval in found if _within(interval)]
