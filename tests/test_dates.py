"""Dates named in a cue, as intervals relative to its `now`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu.text import foreign_dates
from memini_kuzu.text.dates import named_intervals
from memini_kuzu.text.languages import languages as known_languages
from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from memini_kuzu.memory import Memory

pytest_plugins = ["fixtures_memory"]

NOW = "2024-03-13T15:00:00"  # a Wednesday


def named(
    text: str, now: str = NOW, languages: tuple[str, ...] = (), own: str = "en"
) -> list[tuple[str, str]]:
    return [
        (from_millis(found.start).date().isoformat(), from_millis(found.end).date().isoformat())
        for found in named_intervals(text, to_millis(now), languages=languages, own=own)
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
        ("since 2023-07-08", ("2023-07-08", "2024-03-13")),
        ("since 7 July 2023", ("2023-07-07", "2024-03-13")),
        ("since the 7th of July", ("2023-07-07", "2024-03-13")),
        ("since July 7, 2023", ("2023-07-07", "2024-03-13")),
        ("since 14.03.2023", ("2023-03-14", "2024-03-13")),
        ("since the last week of February 2024", ("2024-02-23", "2024-03-13")),
        ("since yesterday", ("2024-03-12", "2024-03-13")),
        ("since last month", ("2024-02-01", "2024-03-13")),
        ("since last Monday", ("2024-03-11", "2024-03-13")),
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


# --- other languages ---

HELD = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "zh")


@pytest.mark.parametrize(
    ("language", "text", "interval"),
    [
        ("de", "Was geschah im März 2023?", ("2023-03-01", "2023-04-01")),
        ("de", "Was sagte Ada am 14. März 2023?", ("2023-03-14", "2023-03-15")),
        ("de", "Was sagte Ada am 14. Sept. 2023?", ("2023-09-14", "2023-09-15")),
        ("de", "Was sagte Ada am 12. März?", ("2024-03-12", "2024-03-13")),
        ("de", "Was sagte Ada im Mai?", ("2023-05-01", "2023-06-01")),
        ("de", "Was sagte Ada letzte Woche?", ("2024-03-03", "2024-03-10")),
        ("de", "Wer kam gestern?", ("2024-03-12", "2024-03-13")),
        ("de", "Wer kam vor drei Tagen?", ("2024-03-10", "2024-03-11")),
        ("de", "Wer kam vor 2 Jahren?", ("2022-01-01", "2023-01-01")),
        ("de", "Wo wohnte sie im Jahr 2022?", ("2022-01-01", "2023-01-01")),
        ("de", "Wo wohnte sie vor März 2023?", ("1970-01-01", "2023-03-01")),
        ("de", "Wo wohnt sie seit Februar?", ("2024-02-01", "2024-03-13")),
        ("de", "Wo wohnte sie nach dem 3. Mai 2023?", ("2023-05-04", "2024-03-13")),
        ("fr", "Qu'a dit Ada le 14 mars 2023 ?", ("2023-03-14", "2023-03-15")),
        ("fr", "Qu'a dit Ada le 1er avril ?", ("2023-04-01", "2023-04-02")),
        ("fr", "Que s'est-il passé en mai ?", ("2023-05-01", "2023-06-01")),
        ("fr", "Que s'est-il passé en août 2023 ?", ("2023-08-01", "2023-09-01")),
        ("fr", "Que s'est-il passé en août 2023 ?", ("2023-08-01", "2023-09-01")),
        ("fr", "Qui est venu hier ?", ("2024-03-12", "2024-03-13")),
        ("fr", "Qui est venu la semaine dernière ?", ("2024-03-03", "2024-03-10")),
        ("fr", "Qui est venu il y a deux mois ?", ("2024-01-01", "2024-02-01")),
        ("fr", "Où habite-t-elle depuis 2022 ?", ("2022-01-01", "2024-03-13")),
        ("fr", "Où habitait-elle avant le 3 mai 2023 ?", ("1970-01-01", "2023-05-03")),
        ("es", "¿Qué pasó en marzo de 2023?", ("2023-03-01", "2023-04-01")),
        ("es", "¿Qué dijo Ada el 3 de mayo de 2023?", ("2023-05-03", "2023-05-04")),
        ("es", "¿Qué dijo Ada el 3 de mayo?", ("2023-05-03", "2023-05-04")),
        ("es", "¿Quién vino ayer?", ("2024-03-12", "2024-03-13")),
        ("es", "¿Quién vino la semana pasada?", ("2024-03-03", "2024-03-10")),
        ("es", "¿Quién vino hace 2 días?", ("2024-03-11", "2024-03-12")),
        ("es", "¿Dónde vivía antes de marzo de 2023?", ("1970-01-01", "2023-03-01")),
        ("it", "Chi è venuto il 5 maggio 2023?", ("2023-05-05", "2023-05-06")),
        ("nl", "Wie kwam in mei 2023?", ("2023-05-01", "2023-06-01")),
        ("pt", "Quem veio em março de 2023?", ("2023-03-01", "2023-04-01")),
        ("pl", "Kto przyszedł 5 maja 2023?", ("2023-05-05", "2023-05-06")),
        ("ru", "Кто пришёл 5 марта 2023?", ("2023-03-05", "2023-03-06")),
        ("sv", "Vem kom förra veckan?", ("2024-03-03", "2024-03-10")),
        ("zh", "2023年3月14日发生了什么", ("2023-03-14", "2023-03-15")),
        ("zh", "2023年3月发生了什么", ("2023-03-01", "2023-04-01")),
    ],
)
def test_a_date_is_read_in_the_languages_of_a_store(
    language: str, text: str, interval: tuple[str, str]
) -> None:
    assert named(text, languages=(language,), own=language) == [interval]
    assert named(text, languages=HELD, own=language) == [interval]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das Haus mit der Nummer 12"),
        ("de", "Wer hat drei Kinder?"),
        ("de", "Was mag Ada am Morgen?"),
        ("de", "Wo wohnt sie im Sommer?"),
        ("de", "Wer war hier?"),
        ("de", "Am 31. Februar 2023"),
        ("de", "Herr März kam mit 7 Leuten"),
        ("de", "vor 12 Metern"),
        ("es", "el mar y la montaña"),
        ("es", "¿Quién tiene 3 hijos?"),
        ("es", "2 set"),
        ("fr", "Où est la maison de 12 pièces ?"),
        ("fr", "La planète Mars a deux lunes"),
        ("fr", "Il y a 3 m de corde"),
    ],
)
def test_what_names_no_date_in_a_language_gives_none(language: str, text: str) -> None:
    assert named(text, languages=HELD, own=language) == []


@pytest.mark.parametrize("language", ["de", "es", "fr"])
def test_prose_without_dates_names_none(language: str) -> None:
    """The pages name no date; what the words of a language look like makes none."""
    prose = (Path(__file__).parent / "prose" / f"{language}.txt").read_text(encoding="utf-8")
    sentences = re.split(r"(?<=[.!?])\s+|\n+", prose)
    assert len(sentences) > 20
    assert [(each, named(each, languages=HELD, own=language)) for each in sentences] == [
        (each, []) for each in sentences
    ]


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("before April 2023", ("1970-01-01", "2023-04-01")),
        ("in April", ("2023-04-01", "2023-05-01")),
        ("April 7, 2023", ("2023-04-07", "2023-04-08")),
        ("since November", ("2023-11-01", "2024-03-13")),
    ],
)
def test_english_cues_are_read_as_before_in_a_store_of_many_languages(
    text: str, interval: tuple[str, str]
) -> None:
    assert named(text, languages=HELD) == [interval]


def test_a_word_that_another_language_says_otherwise_counts_only_in_its_own() -> None:
    assert named("Wer war hier?", languages=("de", "fr"), own="de") == []
    assert named("hier", languages=("de", "fr")) == []
    assert named("hier", languages=("fr",)) == [("2024-03-12", "2024-03-13")]
    assert named("gestern", languages=("de", "fr")) == [("2024-03-12", "2024-03-13")]


def test_dates_are_read_in_no_language_that_the_store_does_not_hold() -> None:
    assert named("le 14 mars 2023", languages=("de",)) == []
    assert named("im März 2023") == []


def test_a_recall_selects_by_a_date_in_the_language_of_the_store(memory: Memory) -> None:
    said = "Ada traf Charles in der Werkstatt, und sie sprachen über die Maschine."
    for day in ("2023-03-14", "2023-09-14"):
        memory.remember(f"{said} Es war {day[5:7]}.", time=day, id=day)
    found = memory.recall("Was sagte Ada in der Werkstatt im September 2023?", now=NOW)
    assert found.passages[0].id == "2023-09-14"
    assert [path.passage for path in found.paths if path.kind == "date"] == ["2023-09-14"]


def test_what_has_been_so_since_a_day_is_answered_as_of_now(memory: Memory) -> None:
    memory.remember("Gus is the harbour master.", time="2023-05-05", id="then", source="old")
    memory.remember("Hal is the harbour master.", time="2024-03-01", id="now", source="new")
    for since in ("May 2023", "5 May 2023", "2023-05-05"):
        assert memory.recall(f"Who is the harbour master since {since}?", now=NOW).passages[0].id == "now"


def test_a_language_is_a_name_and_no_path(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('run')\n")
    for language in (str(tmp_path / "evil"), "../../../__init__", "tlh", ""):
        assert named("im März 2023", languages=(language,), own=language) == []


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl", "pt"])
def test_the_library_has_the_words_that_are_read(language: str) -> None:
    words = foreign_dates._words(language)
    assert words is not None
    assert sorted({words.months[name] for name in words.whole}) == list(range(1, 13))
    assert {unit for *_, unit in words.relative} == set(foreign_dates.UNITS)


@given(
    text=st.text(alphabet="0123456789 .,aceimnorsvzä", max_size=40),
    now=st.integers(0, to_millis("2261-12-31")),
)
def test_no_text_fails_in_any_language(text: str, now: int) -> None:
    for found in named_intervals(text, now, languages=HELD, own="de"):
        assert found.start < found.end


@pytest.mark.parametrize("language", sorted(known_languages()))
def test_the_words_of_every_language_are_understood(language: str) -> None:
    assert named("Ada. Ada", languages=(language,), own=language) == []
