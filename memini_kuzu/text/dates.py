"""Dates named in a cue: "last May", "on 7 July 2023", "in 2022", "yesterday", as intervals of time.

Only what names a definite stretch of the calendar counts, or all before or after one ("before April 2025").
The reading is relative to the cue's own `now`: a month or a day without a year is the last that had begun.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from memini_kuzu.times import DAY, LATEST, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Interval", "named_intervals"]

MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}

MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))

WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}

SPAN = {"day": 1, "week": 7}

LEAP_DAY = (2, 29)

WEEKS = {"first": 0, "second": 7, "third": 14, "fourth": 21}
"""Days of a month before its weeks; the last week is its last seven days."""


class Interval(NamedTuple):
    """A stretch of time.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970; `end` is the first that is not in it.
    """

    start: int
    end: int


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _days(first: datetime, days: int) -> Interval:
    return Interval(_millis(first), _millis(first + timedelta(days=days)))


def _day(now: datetime, year: str | None, month: int, day: int) -> Interval:
    chosen = int(year) if year else now.year - ((month, day) > (now.month, now.day))
    if not year and (month, day) == LEAP_DAY:
        chosen = next(each for each in range(chosen, 0, -1) if calendar.isleap(each))
    return _days(datetime(chosen, month, day, tzinfo=UTC), 1)


def _month(year: int, month: int) -> Interval:
    return _days(datetime(year, month, 1, tzinfo=UTC), calendar.monthrange(year, month)[1])


def _week_of(which: str, month: Interval) -> Interval:
    """A week of a month, counted from its first day."""
    if which in {"last", "final"}:
        return Interval(month.end - 7 * DAY, month.end)
    return Interval(month.start + WEEKS[which] * DAY, month.start + (WEEKS[which] + 7) * DAY)


def _iso_week(year: int, week: int) -> Interval:
    return _days(datetime.fromisocalendar(year, week, 1).replace(tzinfo=UTC), 7)


def _until(interval: Interval) -> Interval:
    """All before it."""
    return Interval(0, interval.start)


def _since(interval: Interval, now: datetime) -> Interval:
    """From its start until now."""
    return Interval(interval.start, max(interval.end, _millis(now) + 1))


def _after(interval: Interval, now: datetime) -> Interval:
    """From its end until now."""
    return Interval(interval.end, max(interval.end, _millis(now) + 1))


def _year(year: int) -> Interval:
    return _days(datetime(year, 1, 1, tzinfo=UTC), 365 + calendar.isleap(year))


def _last_month(now: datetime, month: int) -> Interval:
    return _month(now.year - (month > now.month), month)


def _ago(now: datetime, count: int, unit: str) -> Interval:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in SPAN:
        # "two weeks ago" is some day around then: the stretch is as long as the unit
        return _days(midnight - timedelta(days=count * SPAN[unit] + SPAN[unit] // 2), SPAN[unit])
    if unit == "year":
        return _year(now.year - count)
    months = now.year * 12 + now.month - 1 - count
    return _month(months // 12, months % 12 + 1)


def _weekday(now: datetime, name: str) -> Interval:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return _days(midnight - timedelta(days=(midnight.weekday() - WEEKDAYS[name] - 1) % 7 + 1), 1)


OPEN = {"since": _since, "after": _after}

# Tried in this order; what one has taken of the text, the next does not read again.
PATTERNS: list[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Interval]]] = [
    (
        re.compile(rf"\b({'|'.join(WEEKS)}|last|final) week (?:of|in) ({MONTH})\b\.?,?(?: (\d{{4}}))?"),
        lambda m, now: _week_of(
            m[1], _month(int(m[3]), MONTHS[m[2]]) if m[3] else _last_month(now, MONTHS[m[2]])
        ),
    ),
    (
        re.compile(rf"\b(?:before|until|prior to) ({MONTH})\b\.?,?(?: (\d{{4}}))?(?! \d)"),
        lambda m, now: _until(_month(int(m[2]), MONTHS[m[1]]) if m[2] else _last_month(now, MONTHS[m[1]])),
    ),
    (
        re.compile(r"\b(?:before|until|prior to) ((?:19|20)\d\d)\b(?!-)"),
        lambda m, _: _until(_year(int(m[1]))),
    ),
    (
        re.compile(rf"\b(since|after) ({MONTH})\b\.?,?(?: (\d{{4}}))?(?! \d)"),
        lambda m, now: OPEN[m[1]](
            _month(int(m[3]), MONTHS[m[2]]) if m[3] else _last_month(now, MONTHS[m[2]]), now
        ),
    ),
    (
        re.compile(r"\b(since|after) ((?:19|20)\d\d)\b(?!-)"),
        lambda m, now: OPEN[m[1]](_year(int(m[2])), now),
    ),
    (
        re.compile(r"\b(\d{4})-w(\d\d)\b(?!-)"),
        lambda m, _: _iso_week(int(m[1]), int(m[2])),
    ),
    (
        # with full stops the day comes first wherever dates are written so
        re.compile(r"(?<![\d.])(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})\b(?!\.\d)"),
        lambda m, now: _day(now, m[3], int(m[2]), int(m[1])),
    ),
    (
        re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"),
        lambda m, now: _day(now, m[1], int(m[2]), int(m[3])),
    ),
    (
        re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({MONTH})\b\.?,?(?: (\d{{4}}))?"),
        lambda m, now: _day(now, m[3], MONTHS[m[2]], int(m[1])),
    ),
    (
        re.compile(rf"\b({MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b,?(?: (\d{{4}}))?"),
        lambda m, now: _day(now, m[3], MONTHS[m[1]], int(m[2])),
    ),
    (
        re.compile(rf"\b({MONTH})\b\.?,?(?: of)? (\d{{4}})\b"),
        lambda m, _: _month(int(m[2]), MONTHS[m[1]]),
    ),
    (
        # "may" and "march" are also verbs: a month by itself needs a word before it
        re.compile(rf"\b(?:in|during|last|of|early|late|mid)[ -]({MONTH})\b"),
        lambda m, now: _last_month(now, MONTHS[m[1]]),
    ),
    (
        re.compile(r"\b(?:in|during|of) ((?:19|20)\d\d)\b"),
        lambda m, _: _year(int(m[1])),
    ),
    (re.compile(r"\byesterday\b"), lambda _, now: _ago(now, 1, "day")),
    (re.compile(r"\btoday\b"), lambda _, now: _ago(now, 0, "day")),
    (re.compile(r"\blast (week|month|year)\b"), lambda m, now: _ago(now, 1, m[1])),
    (
        re.compile(rf"\b(?:last|on) ({'|'.join(WEEKDAYS)})\b"),
        lambda m, now: _weekday(now, m[1]),
    ),
    (
        re.compile(r"\b(\d{1,2}) (day|week|month|year)s? ago\b"),
        lambda m, now: _ago(now, int(m[1]), m[2]),
    ),
]


def _read(text: str, now: datetime) -> Iterator[Interval]:
    for pattern, interval in PATTERNS:
        for match in pattern.finditer(text):
            try:
                yield interval(match, now)
            except (ValueError, OverflowError):
                # 31 February, year 0: no such day, so the text names none
                continue
        text = pattern.sub(lambda match: "#" * len(match.group()), text)


def _within(interval: Interval) -> bool:
    """Whether dates like these may stand in a store; those far outside no arithmetic holds."""
    return interval.end > 0 and interval.start < _millis(LATEST)


def named_intervals(text: str, now: int) -> list[Interval]:
    """The stretches of the calendar that a text names.

    Parameters
    ----------
    text : str
        A cue in English.
    now : int
        When it is said, in milliseconds since 1970.

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
    return [interval for interval in _read(text.lower(), from_millis(now)) if _within(interval)]
