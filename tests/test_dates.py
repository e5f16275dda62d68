"""Dates named in a cue, as intervals relative to its `now`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu.text.dates import named_intervals
from memini_kuzu.times import from_millis, to_millis

NOW = "2024-03-13T15:00:00"  # a Wednesday


def named(text: str, now: str = NOW) -> list[tuple[str, str]]:
    return [
        (from_millis(found.start).date().isoformat(), from_millis(found.end).date().isoformat())
        for found in named_intervals(text, to_millis(now))
    ]


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("on 2023-07-08", ("2023-07-08", "2023-07-09")),
        ("on 7 July 2023", ("2023-07-07", "2023-07-08")),
        ("on the 7th of July, 2023", ("2023-07-07", "2023-07-08")),
        ("July 7, 2023", ("2023-07-07", "2023-07-08")),
        ("Sept. 2nd 2023", ("2023-09-02", "2023-09-03")),
        ("on 1 March", ("2024-03-01", "2024-03-02")),
        ("on 14 March", ("2023-03-14", "2023-03-15")),
        ("in July 2023", ("2023-07-01", "2023-08-01")),
        ("last May", ("2023-05-01", "2023-06-01")),
        ("in March", ("2024-03-01", "2024-04-01")),
        ("in December", ("2023-12-01", "2024-01-01")),
        ("in 2022", ("2022-01-01", "2023-01-01")),
        ("yesterday", ("2024-03-12", "2024-03-13")),
        ("today", ("2024-03-13", "2024-03-14")),
        ("last year", ("2023-01-01", "2024-01-01")),
        ("last month", ("2024-02-01", "2024-03-01")),
        ("3 days ago", ("2024-03-10", "2024-03-11")),
        ("2 months ago", ("2024-01-01", "2024-02-01")),
        ("5 years ago", ("2019-01-01", "2020-01-01")),
        ("last Monday", ("2024-03-11", "2024-03-12")),
        ("on Wednesday", ("2024-03-06", "2024-03-07")),
        ("on 29 February 2024", ("2024-02-29", "2024-03-01")),
        ("on 29 February", ("2024-02-29", "2024-03-01")),
        ("in the last week of February 2024", ("2024-02-23", "2024-03-01")),
        ("in the first week of May", ("2023-05-01", "2023-05-08")),
        ("on 14.03.2023", ("2023-03-14", "2023-03-15")),
        ("on 1. 2. 2024", ("2024-02-01", "2024-02-02")),
        ("in 2023-W11", ("2023-03-13", "2023-03-20")),
        ("in 2020-W53", ("2020-12-28", "2021-01-04")),
        ("in June", ("2023-06-01", "2023-07-01")),
        ("before April 2023", ("1970-01-01", "2023-04-01")),
        ("before March", ("1970-01-01", "2024-03-01")),
        ("until 2022", ("1970-01-01", "2022-01-01")),
        ("since 2022", ("2022-01-01", "2024-03-13")),
        ("since February", ("2024-02-01", "2024-03-13")),
        ("after April 2023", ("2023-05-01", "2024-03-13")),
        ("after 2019", ("2020-01-01", "2024-03-13")),
    ],
)
def test_a_date_is_read_as_people_mean_it(text: str, interval: tuple[str, str]) -> None:
    assert named(f"What did Ada do {text}?") == [interval]


@pytest.mark.parametrize(
    "text",
    [
        "May I march on?",
        "31 February 2023",
        "2023-13-45",
        "the year 2525",
        "in 9999-12-31",
        "room 2024",
        "a week",
        "in 1900",
        "2023-W54",
        "14.13.2023",
        "version 1.2.2024.5",
        "29 February 2023",
        "",
    ],
)
def test_what_names_no_date_of_a_store_gives_none(text: str) -> None:
    assert named(text) == []


def test_a_leap_day_without_a_year_is_the_last_one() -> None:
    assert named("29 February", "2027-06-01") == [("2024-02-29", "2024-03-01")]
    assert named("29 February", "1971-06-01") == []  # 1968 is before all that a store may hold


def test_two_dates_are_two_intervals() -> None:
    assert sorted(named("between 1 May 2023 and 3 May 2023")) == [
        ("2023-05-01", "2023-05-02"),
        ("2023-05-03", "2023-05-04"),
    ]


def test_a_date_is_read_once() -> None:
    """ "7 July 2023" holds "July 2023" too."""
    assert len(named("7 July 2023")) == 1


@given(
    text=st.text(alphabet="0123456789 -,.adeilmnorstuwyMJF", max_size=40),
    now=st.integers(0, to_millis("2261-12-31")),
)
def test_no_text_fails(text: str, now: int) -> None:
    for found in named_intervals(text, now):
        assert found.start < found.end
