"""What a notebook shows: tables with all stored text escaped, and nothing fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_memory import NOW

from memini_kuzu.changes.events import EventsReport
from memini_kuzu.memory import Memory
from memini_kuzu.notebook import MOST, Table, facts, table
from memini_kuzu.records import Record
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from memini_kuzu.extraction import Mention

pytest_plugins = ["fixtures_memory"]

EVIL = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(1)>"


class Evil:
    """Finds one entity whose name is markup, beside another: no extractor of ours would, another may."""

    identity = "evil/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        from memini_kuzu.extraction import Mention

        del processes
        for _ in texts:
            yield [Mention("evil", EVIL, EVIL, 0, 0), Mention("ada", IMAGE, "NAME", 0, 5)]


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[Any] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def safe(value: Any) -> str:
    """The text that is shown, of a value that shows nothing but a table."""
    html = value._repr_html_()
    found = Tags(html)
    assert found.names <= {"table", "tr", "td", "th", "br"}
    assert not found.attributes
    assert not found.open
    return found.text


@pytest.fixture
def evil(path: Path) -> Iterator[Memory]:
    with Memory.open(path, extractor=Evil(), clock=lambda: NOW) as memory:
        memory.add(
            [
                Record(f"evil {EVIL} & {IMAGE}\nnext line", NOW - DAY, IMAGE, EVIL, EVIL, file=EVIL),
                Record(f"evil again {IMAGE}", NOW - DAY, EVIL, IMAGE, "2"),
            ]
        )
        yield memory


def test_stored_text_is_data_in_all_that_is_shown(evil: Memory) -> None:
    report = evil.add(
        [Record("evil too", NOW, EVIL, id=EVIL, file=EVIL), Record("", origin=EVIL)], skip_bad=True
    )
    shown = {
        "recall": safe(evil.recall("evil")),
        "associations": safe(evil.associations("evil")),
        "association": safe(evil.associations("evil")[0]),
        "top": safe(evil.top()),
        "forecast": safe(evil.forecast("evil")),
        "news": safe(evil.changes(since=from_millis(NOW - 10 * DAY))),
        "report": safe(report),
        "events": safe(EventsReport(loaded=[EVIL], known=[IMAGE])),
    }
    for name, text in shown.items():
        assert EVIL in text or IMAGE in text, name
    assert "next line" in shown["recall"]


def test_a_memory_shows_what_it_holds_and_that_it_is_closed(path: Path) -> None:
    with Memory.open(path) as memory:
        assert "passages0" in safe(memory)
        assert safe(memory) == safe(memory.stats())
    assert "was closed" in safe(memory)


def test_a_list_that_shows_as_a_table_is_a_list(memory: Memory) -> None:
    memory.remember("Ada met Charles.", time="2025-01-01")
    found = memory.associations("Ada")
    assert isinstance(found, list)
    assert found == list(found)
    assert re.match(r"<table><tr><th>source</th>.*<td>Charles</td>", Table(found)._repr_html_())
    assert Table()._repr_html_() == "none"


def test_what_is_long_is_cut_and_says_so() -> None:
    rows = [[number] for number in range(MOST + 1234)]
    html = table(["n"], rows)
    assert html.count("<tr>") == MOST + 2
    assert "and 1,234 more" in html
    assert "and 2 more" in facts({"files": {str(number): 1 for number in range(MOST + 3)}})
    assert "and 7 more" in facts({"names": ["a"] * (MOST + 7)})


def test_values_of_every_kind_are_shown() -> None:
    html = facts({"a": None, "b": 0.123456, "c": 1234, "d": True, "e": [], "f": {}, "g": [1, "<"]})
    assert html == (
        "<table><tr><th>a</th><td></td></tr><tr><th>b</th><td>0.1235</td></tr><tr><th>c</th><td>1,234</td></tr>"
        "<tr><th>d</th><td>True</td></tr><tr><th>e</th><td>none</td></tr><tr><th>f</th><td>none</td></tr>"
        "<tr><th>g</th><td>1<br>&lt;</td></tr></table>"
    )
