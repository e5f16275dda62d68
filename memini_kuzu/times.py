"""Time at the door: what people write becomes UTC milliseconds since 1970, and back.

Milliseconds, because that is what `to_epoch_ms` gives a Cypher macro: Python and Cypher then compute the
same interval to the last bit. Times without an offset are read as UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from memini_kuzu.errors import TimeError

__all__ = [
    "DAY",
    "LATEST",
    "MILLIS",
    "SECONDS",
    "Clock",
    "TimeLike",
    "from_millis",
    "system_clock",
    "to_millis",
]

TimeLike = datetime | date | str

Clock = Callable[[], int]
"""Gives the present in milliseconds; tests and replays pass their own."""

DAY = 86_400_000
"""Milliseconds in a day: the dynamics count in days."""

SECONDS, MILLIS = 1e8, 1e11
"""Numbers from which a time is in seconds since 1970, and in milliseconds: both are in March 1973. What is
read as the wrong one lies in the far future; days and years have smaller numbers."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LATEST = datetime(2262, 1, 1, tzinfo=UTC)
"""Later dates do not fit the nanosecond timestamps that Arrow tools like to convert to."""


def system_clock() -> int:
    """The present in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def to_millis(value: TimeLike) -> int:
    """Read a date as milliseconds since 1970, UTC.

    Parameters
    ----------
    value : datetime, date or str
        A string is read as ISO 8601, such as ``2026-01-04`` or ``2026-01-04T09:30:00+01:00``. A value
        without an offset is UTC.

    Returns
    -------
    int
        Milliseconds, ≥ 0; finer digits are cut off.

    Raises
    ------
    TimeError
        If the text is no such date, or the date lies before 1970 or after 2261.

    Examples
    --------
    >>> to_millis("1970-01-02")
    86400000
    >>> to_millis("1970-01-01T01:00:00.0019+01:00")
    1
    """
    moment: datetime
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise TimeError(
                f"time {value!r} is not a date; write it as 2026-01-04 or 2026-01-04T09:30:00"
            ) from None
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        raise TimeError(
            f"time {value!r} is a {type(value).__name__}; pass a datetime, a date or ISO 8601 text"
        )
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # an offset takes year 1 or 9999 out of what a datetime can hold
        moment = LATEST
    if not EPOCH <= moment < LATEST:
        raise TimeError(f"time {value!s} lies outside 1970 to 2261; correct it or set a time by hand")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """The UTC datetime of so many milliseconds since 1970.

    Examples
    --------
    >>> from_millis(86_400_000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return EPOCH + timedelta(milliseconds=int(millis))
