"""The graph of a notebook: what it is given, and that a browser draws it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from memini_kuzu import InputError, Memory, RuleExtractor, UnknownEntityError

pytest.importorskip("anywidget", reason='the extra "notebook" is not installed')

from memini_kuzu.memory.widget import bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page, Route

pytest_plugins = ["fixtures_browser"]

NOW = "2026-03-10"

# what a notebook gives a widget
FRONTEND = """<!doctype html><title>notebook</title><div id="cell"></div><script type="module">
import widget from "/widget.js";
const heard = {};
window.sent = [];
window.model = {
  values: VALUES,
  get(name) { return this.values[name]; },
  set(name, value) { this.values[name] = value; heard["change:" + name]?.(); },
  on(name, run) { heard[name] = run; },
  off(name) { delete heard[name]; },
  send(message) { window.sent.push(message); },
};
window.leave = widget.render({ model: window.model, el: document.getElementById("cell") });
</script>"""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        opened.remember("Ada Holm met Bruno Lind.", time="2026-01-01")
        opened.remember("Bruno Lind met Carl Berg.", time="2026-03-01")
        yield opened


def test_the_widget_holds_what_the_memory_says(memory: Memory) -> None:
    widget = memory.graph("ada holm", now=NOW)
    assert widget.entity == "Ada Holm"
    [answer] = widget.answers
    strengths = {
        (answer["entities"][each["source"]]["name"], answer["entities"][each["target"]]["name"]): each[
            "strength"
        ]
        for each in answer["associations"]
    }
    [own] = memory.associations("Ada Holm", now=NOW)
    assert strengths["Ada Holm", "Bruno Lind"] == pytest.approx(own.strength, rel=1e-12)
    assert memory.graph(now=NOW).entity is None
    with pytest.raises(UnknownEntityError):
        memory.graph("Nobody Known")
    with pytest.raises(InputError, match="k = 0"):
        memory.graph("Ada Holm", k=0)


def test_an_entity_is_expanded_while_the_memory_is_open(memory: Memory) -> None:
    widget = memory.graph("Ada Holm", now=NOW)
    widget._told(widget, {"expand": "Bruno Lind"}, [])
    names = {each["name"] for answer in widget.answers for each in answer["entities"]}
    assert names == {"Ada Holm", "Bruno Lind", "Carl Berg"}
    widget._told(widget, {"expand": "Nobody Known"}, [])
    assert "no entity is named" in widget.error
    memory.close()
    widget._told(widget, {"expand": "Carl Berg"}, [])
    assert "closed" in widget.error
    assert len(widget.answers) == 2


def test_an_error_is_told_each_time_it_happens(memory: Memory) -> None:
    widget = memory.graph("Ada Holm", now=NOW)
    told: list[str] = []
    widget.observe(lambda change: told.append(change["new"]), "error")
    for _ in range(2):
        widget._told(widget, {"expand": "Nobody Known"}, [])
    said = [each for each in told if each]
    assert len(said) == 2
    assert "no entity is named" in said[1]


@pytest.mark.slow
def test_a_browser_draws_it_and_moves_it_through_time(memory: Memory, opened: Callable[..., Page]) -> None:
    widget = memory.graph("Bruno Lind", now=NOW)
    values = json.dumps({"entity": widget.entity, "answers": widget.answers, "error": ""})
    served: dict[str, tuple[str, str]] = {
        "/": ("text/html", FRONTEND.replace("VALUES", values)),
        "/widget.js": ("text/javascript", bundled()),
        "/favicon.ico": ("image/x-icon", ""),
    }

    def answered(route: Route) -> None:
        kind, body = served[route.request.url.removeprefix("http://notebook.test")]
        route.fulfill(body=body, content_type=kind)

    page = opened("http://notebook.test/", intercepted=("http://notebook.test/**", answered))
    said = page.get_by_role("status")
    said.filter(has_text="3 entities").wait_for()
    assert page.locator(".stage canvas").count() > 1
    assert "Ada Holm" in said.inner_text()
    assert "Carl Berg" in said.inner_text()
    page.get_by_role("slider").press("Home")
    said.filter(has_text="2026-01-01").wait_for()
    assert "Carl Berg" not in said.inner_text()
    page.get_by_role("button", name="Expand").click()
    assert page.evaluate("window.sent") == [{"expand": "Bruno Lind"}]
    page.evaluate("window.model.set('error', 'the memory is closed')")
    said.filter(has_text="the memory is closed").wait_for()
    page.evaluate("window.leave()")
