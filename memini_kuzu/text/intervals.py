"""Stretches of the calendar, in UTC, and the arithmetic of what dates in words leave open."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

__all__ = [
    "Interval",
    "after",
    "ago",
    "day",
    "days",
    "last_month",
    "millis",
    "month",
    "since",
    "until",
    "year",
]

SPAN = {"day": 1, "week": 7}

LEAP_DAY = (2, 29)


class Interval(NamedTuple):
    """A stretch of time.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970; `end` is the first that is not in it.
    """

    start: int
    end: int


def millis(moment: datetime) -> int:
    """A moment in milliseconds since 1970, whole seconds."""
    return int(moment.timestamp()) * 1000


def days(first: datetime, number: int) -> Interval:
    """So many days from one on."""
    return Interval(millis(first), millis(first + timedelta(days=number)))


def day(now: datetime, of_year: str | None, of_month: int, number: int) -> Interval:
    """A day of a month; without a year the last that had begun.

    Raises
    ------
    ValueError
        If there is no such day.
    """
    chosen = int(of_year) if of_year else now.year - ((of_month, number) > (now.month, now.day))
    if not of_year and (of_month, number) == LEAP_DAY:
        chosen = next(each for each in range(chosen, 0, -1) if calendar.isleap(each))
    return days(datetime(chosen, of_month, number, tzinfo=UTC), 1)


def month(of_year: int, number: int) -> Interval:
    """A month of a year."""
    return days(datetime(of_year, number, 1, tzinfo=UTC), calendar.monthrange(of_year, number)[1])


def last_month(now: datetime, number: int) -> Interval:
    """A month without a year: the last that had begun."""
    return month(now.year - (number > now.month), number)


def year(number: int) -> Interval:
    """A whole year."""
    return days(datetime(number, 1, 1, tzinfo=UTC), 365 + calendar.isleap(number))


def until(interval: Interval) -> Interval:
    """All before it."""
    return Interval(0, interval.start)


def since(interval: Interval, now: datetime) -> Interval:
    """From its start until now."""
    return Interval(interval.start, max(interval.end, millis(now) + 1))


def after(interval: Interval, now: datetime) -> Interval:
    """From its end until now."""
    return Interval(interval.end, max(interval.end, millis(now) + 1))


def ago(now: datetime, count: int, unit: str) -> Interval:
    """The day, week, month or year so long before now."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in SPAN:
        # "two weeks ago" is some day around then: the stretch is as long as the unit
        return days(midnight - timedelta(days=count * SPAN[unit] + SPAN[unit] // 2), SPAN[unit])
    if unit == "year":
        return year(now.year - count)
    months = now.year * 12 + now.month - 1 - count
    return month(months // 12, months % 12 + 1)
