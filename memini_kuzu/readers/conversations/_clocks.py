"""Dates as chats write them: the order of day and month is that of the whole file."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLOCK", "DATE", "Moment", "clock_seconds", "date_alone", "in_order", "moment"]

DATE = r"(?P<a>\d{1,4})(?P<sep>[./\u2010-\u2015-])\s?(?P<b>\d{1,2})(?P=sep)\s?(?P<c>\d{1,4})\.?"
"""Three numbers; which is the year, the month and the day is for `in_order` to find out."""

_EARLY, _LATE = (
    ("上午", "午前", "오전", "am", "a.m", "a. m", "a m", "ص", "π.μ", "pg"),
    ("下午", "午後", "오후", "pm", "p.m", "p. m", "p m", "م", "μ.μ", "ptg"),
)
_HALF = r"(?:上午|下午|午前|午後|오전|오후|[صم]|[πμ]\.μ\.|PG|PTG|[AaPp]\.?\s?[Mm]\b\.?)"
CLOCK = rf"(?P<pre>{_HALF})?\s?(?P<h>\d{{1,2}})[:.](?P<m>\d{{2}})(?:[:.](?P<s>\d{{2}}))?\s?(?P<half>{_HALF})?"
"""A time of day, of 24 hours or of twice twelve."""

_CENTURY, _TURN = 100, 70  # a year of two digits is 1970 to 2069
_NOON = 12


class Moment(NamedTuple):
    """A date of three numbers and a time of day, as they were written."""

    numbers: tuple[int, int, int]
    american: bool
    hour: int
    minute: int
    second: int
    half: str


def moment(found: re.Match[str]) -> Moment:
    """What a match of `DATE` and `CLOCK` holds."""
    written = found["pre"] or found["half"] or ""
    numbers = (int(found["a"]), int(found["b"]), int(found["c"]))
    padded = len(found["a"]) > 1 and len(found["b"]) > 1
    american = written in {"AM", "PM"} and not padded
    return Moment(numbers, american, int(found["h"]), int(found["m"]), int(found["s"] or 0), _half(written))


def _half(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).lower().rstrip(".")
    return "early" if folded in _EARLY else "late" if folded in _LATE else ""


def in_order(moments: Sequence[Moment], latest: int | None) -> tuple[list[int | None], bool]:
    """Read dates of one file in the one order that fits them all.

    A year of four digits in front settles it. Else the order is the one in which every date is one; among
    these, the one in which the fewest dates go back in time; among these, one in which none lies after the
    file's own date. Where that leaves both, AM and PM in capitals beside numbers without leading zeros are
    American, and any other has the day first: so do those who write a.m., am or the word of their language.

    Parameters
    ----------
    moments : sequence of Moment
        In the order of the file.
    latest : int or None
        When the file was last changed, in milliseconds.

    Returns
    -------
    tuple
        Milliseconds since 1970 of each, None for what is no date; and whether the order was a guess.

    Examples
    --------
    >>> first, second = Moment((1, 2, 2025), False, 9, 15, 0, ""), Moment((14, 3, 2025), False, 8, 40, 0, "")
    >>> times, guessed = in_order([first, second], None)
    >>> [datetime.fromtimestamp(time / 1000, UTC).date().isoformat() for time in times], guessed
    (['2025-02-01', '2025-03-14'], False)
    """
    american = any(each.american for each in moments)
    orders: tuple[str, ...] = ("mdy", "dmy") if american else ("dmy", "mdy")
    if any(each.numbers[0] > _CENTURY for each in moments):
        orders = ("ymd",)
    readings = {order: [_millis(each, order) for each in moments] for order in orders}
    ranks = {order: _rank(times, latest) for order, times in readings.items()}
    best = min(orders, key=ranks.__getitem__)  # the first of equals
    same = [order for order in orders if ranks[order] == ranks[best]]
    guessed = any(readings[order] != readings[best] for order in same)
    return readings[best], guessed


def _rank(times: list[int | None], latest: int | None) -> tuple[int, int, int]:
    known = [time for time in times if time is not None]
    back = sum(later < earlier for earlier, later in pairwise(known))
    ahead = 0 if latest is None else sum(time > latest + 86_400_000 for time in known)
    return len(times) - len(known), back, ahead


def _millis(each: Moment, order: str) -> int | None:
    fields = dict(zip(order, each.numbers, strict=True))
    year = fields["y"]
    if year < _CENTURY:
        year += 2000 if year < _TURN else 1900
    hour = each.hour
    if each.half:
        hour = hour % _NOON + (_NOON if each.half == "late" else 0)
    try:
        return to_millis(datetime(year, fields["m"], fields["d"], hour, each.minute, each.second, tzinfo=UTC))
    except ValueError:  # no such day, or one before 1970
        return None


def date_alone(text: str, latest: int | None) -> tuple[str | None, bool]:
    """A date of three numbers in ISO 8601, and whether the order of its day and month was a guess.

    Examples
    --------
    >>> date_alone("14.3.2025", None), date_alone("05/01/2025", None), date_alone("soon", None)
    (('2025-03-14', False), ('2025-01-05', True), (None, False))
    """
    found = re.fullmatch(rf"{DATE} {CLOCK}", f"{text.strip()} 00:00")
    if found is None:
        return None, False
    (time,), guessed = in_order([moment(found)], latest)
    return (None, False) if time is None else (from_millis(time).date().isoformat(), guessed)


def clock_seconds(text: str) -> float:
    """Seconds of a position in a recording.

    Examples
    --------
    >>> clock_seconds("01:02:03,500"), clock_seconds("2:03")
    (3723.5, 123.0)
    """
    seconds = 0.0
    for part in text.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
