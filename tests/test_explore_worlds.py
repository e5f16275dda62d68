"""The page over years of a changing world, and over thousands of associations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from test_explore import eventually, serving, settle

from memini_kuzu import Memory, Record, RuleExtractor
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytest_plugins = ["fixtures_browser"]

pytestmark = pytest.mark.slow

YEAR = 365 * DAY

FIRST = to_millis("2012-01-15")

AT = "2020-01-01T00:00:00.000Z"

# who leads what, from which year on
HOLDERS = {
    "Heron Works": {0: "Ada Moreau", 4: "Bruno Lindt", 6: "Clara Voss"},
    "Port of Ribe": {0: "Dorte Krag", 5: "Emil Sand"},
    "Tern Bank": {0: "Frida Holm"},
}


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Memory, str]]:
    """Firms whose chief executive is told twice a year, over eight years."""
    with Memory.open(tmp_path_factory.mktemp("firms") / "a.memini", extractor=RuleExtractor()) as memory:
        for firm, holders in HOLDERS.items():
            for half in range(16):
                [*_, who] = [name for year, name in holders.items() if year <= half / 2]
                time = FIRST + half * YEAR // 2
                memory.add(
                    [Record(f"The chief executive of {firm} is {who}.", time=time, id=f"{firm} {half}")]
                )
        with serving(memory) as url:
            yield memory, url


def test_the_slider_shows_a_chief_executive_replaced(
    firms: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = firms
    page = opened(f"{url}/#/graph?name=Heron+Works&at={AT}")
    settle(page)
    slider = page.get_by_role("slider")
    own = page.locator(".about li", has_text="→")
    steps = int(slider.get_attribute("max") or 0)
    seen = []
    for share in (0.2, 0.45, 0.6, 0.85, 0.97):
        # as somebody who drags it
        slider.evaluate(
            """(slider, value) => { slider.value = value; slider.dispatchEvent(new Event("input")); }""",
            round(share * steps),
        )
        at = page.locator(".moment").inner_text().removeprefix("as of ")
        # at once, before the server is asked again
        [expected, *_] = memory.associations("Heron Works", now=at)
        assert own.first.locator("a").inner_text() == expected.target
        settle(page)
        assert own.first.locator("a").inner_text() == expected.target
        seen.append(expected.target)
    assert list(dict.fromkeys(seen)) == list(HOLDERS["Heron Works"].values())


def test_playing_goes_through_all_that_was_told(
    firms: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = firms
    page = opened(f"{url}/#/time?at=2012-06-01T00:00:00Z")
    settle(page)
    told = page.locator("main tbody")
    assert "Ada Moreau" in told.inner_text()
    assert "Clara Voss" not in told.inner_text()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Play").click()
    eventually(page, lambda: "Bruno Lindt" in told.inner_text())
    eventually(page, lambda: "Clara Voss" in told.inner_text())
    assert asked == []
    page.get_by_role("button", name="Stop").click()


def test_a_question_is_answered_as_the_world_was_at_each_date(
    firms: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = firms
    page = opened(f"{url}/#/ask?cue=Who+is+the+chief+executive+of+Heron+Works%3F&at={AT}")
    settle(page)
    first = page.locator(".passages .text").first
    for date, who in (
        ("2014-06-01", "Ada Moreau"),
        ("2017-08-01", "Bruno Lindt"),
        ("2019-11-01", "Clara Voss"),
    ):
        page.get_by_label("As of the end of this day").fill(date)
        settle(page)
        eventually(page, lambda who=who: who in first.inner_text())


STREAM = 5_200

KINDS = ("meets", "writes to", "pays")


def stream() -> pa.Table:
    """Events of two years and three kinds, of so many associations."""
    rng = np.random.default_rng(7)
    # among 400 actors, the first of them the busiest
    code = rng.permutation(400 * 399)[:STREAM]
    source, target = code // 399, code % 399
    target += target >= source
    rows = np.concatenate([np.arange(STREAM), rng.integers(0, STREAM, 3 * STREAM)])
    names = np.array([f"actor {number}" for number in range(400)])
    time = FIRST + rng.integers(0, 2 * YEAR, len(rows))
    return pa.table(
        {
            "source": names[source[rows]],
            "target": names[target[rows]],
            "time": pa.array(time, pa.timestamp("ms")),
            "kind": np.array(KINDS)[rng.integers(0, len(KINDS), len(rows))],
        }
    )


LAST = FIRST + 2 * YEAR + DAY
LATEST = f"{from_millis(LAST):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Memory, str]]:
    with Memory.open(tmp_path_factory.mktemp("actors") / "a.memini", extractor=RuleExtractor()) as memory:
        memory.load_events(stream())
        # of one that pays, and of one that nothing else is known of, an event is not kept
        told = zip(*stream().to_pydict().values(), strict=True)
        payer = next(name for name, target, _, kind in told if (target, kind) == ("actor 0", "pays"))
        rows = {"source": [payer, "nobody"], "target": ["actor 0"] * 2, "time": [from_millis(LAST - DAY)] * 2}
        memory.load_events(pa.table(rows), keep_events=False)
        with serving(memory) as url:
            yield memory, url


WATCH = """
window.drawn = [];
for (const name of ["drawArrays", "drawArraysInstanced"]) {
  const draw = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (mode, ...rest) {
    const kind = mode === this.LINES ? "lines" : "arrows";
    if (this.canvas.classList.contains("sigma-edges")) window.drawn.push(kind);
    return draw.call(this, mode, ...rest);
  };
}
"""


def test_five_thousand_associations_move_as_lines_and_rest_as_arrows(
    actors: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = actors
    page = opened("about:blank")
    page.add_init_script(WATCH)
    page.goto(f"{url}/#/graph?all=1&k=5000&at={LATEST}")
    settle(page)
    said = page.locator(".frame [role=status]")
    eventually(page, lambda: "5,000 associations; " in said.inner_text())
    # while their places are sought, and when they are found
    eventually(page, lambda: page.evaluate("window.drawn.includes('lines')"))
    eventually(page, lambda: page.evaluate("window.drawn.at(-1)") == "arrows")


def test_a_kind_of_event_has_a_strength_of_its_own(
    actors: tuple[Memory, str], opened: Callable[..., Page], tmp_path: Path
) -> None:
    _, url = actors
    page = opened(f"{url}/#/graph?name=actor+0&at={LATEST}")
    settle(page)
    page.get_by_label("Kind of event").select_option("pays")
    table = stream()
    alone = table.filter(pa.array([each == "pays" for each in table["kind"].to_pylist()]))
    with Memory.open(tmp_path / "b.memini", extractor=RuleExtractor()) as memory:
        memory.load_events(alone)
        expected = {each.target: each.strength for each in memory.associations("actor 0", now=LATEST, k=100)}
    assert len(expected) > 3
    page.get_by_text("strength by events “pays” alone").wait_for()
    shown = {}
    for each in page.locator(".about li", has_text="→").all():
        name, _, rest = each.inner_text().removeprefix("→ ").partition(" ")
        number, _, rest = rest.partition(" ")
        shown[f"{name} {number}"] = float(rest.split(",")[0])
    assert shown
    for name, strength in shown.items():
        assert strength == pytest.approx(expected[name], rel=0.01, abs=6e-5)
    page.get_by_text(
        "1 with events that are not kept: strength by all of them; 1 of unknown kinds"
    ).wait_for()


def test_a_name_does_not_stay_where_nothing_is_pointed_at(
    actors: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = actors
    # nothing has to be scrolled to
    page = opened(f"{url}/#/graph?name=actor+0&at={LATEST}", viewport={"width": 1200, "height": 1500})
    settle(page)
    pointing = page.locator(".stage.pointing")
    box = page.locator(".stage").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def pointed(dx: float = 0.0, dy: float = 0.0) -> bool:
        page.mouse.move(middle[0] + dx + 3, middle[1] + dy)
        page.mouse.move(middle[0] + dx, middle[1] + dy)
        page.wait_for_timeout(100)
        return pointing.count() == 1

    def found() -> bool:
        # while places are sought, the camera goes to where it was
        page.locator(".names button", has_text="actor 0").first.click()
        page.wait_for_timeout(600)
        return pointed()

    eventually(page, found)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 40, steps=5)
    page.mouse.up()
    assert page.locator(".about button", has_text="Pin").get_attribute("aria-pressed") == "true"
    # it stays where it was dropped, and can be found there again
    eventually(page, lambda: pointed(60, 40))
    page.mouse.move(middle[0], box["y"] - 60)
    eventually(page, lambda: pointing.count() == 0)
    page.mouse.move(middle[0] + 63, middle[1] + 40)
    eventually(page, lambda: pointed(60, 40))
