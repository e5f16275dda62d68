"""The page in a real browser: what people do there, what it must never do, and who can use it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pyarrow as pa
import pytest
import vendor_assets
from fixtures_browser import WAIT
from test_server import TOKEN, command, environment

from memini_kuzu import Memory, RuleExtractor
from memini_kuzu.times import to_millis

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import httpx2

from memini_kuzu.service import application
from memini_kuzu.service.http import listen, server
from memini_kuzu.service.static import POLICY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytest_plugins = ["fixtures_browser"]

SCRIPT = "<script>window.hacked = true</script>"
IMAGE = "<img src=x onerror='window.hacked = true'>"

TOLD = [
    ("2025-03-01", "The baker of Ribe is Ada Holm.", "town/1"),
    ("2025-03-20", "Ada Holm bakes rye bread in Ribe.", "town/2"),
    ("2025-04-10", "The baker of Ribe is Ada Holm.", "town/3"),
    ("2025-09-01", "Carl Berg met Ada Holm in Oslo.", "letters"),
    ("2026-03-01", "The baker of Ribe is Bruno Lind.", "town/4"),
    ("2026-03-05", "The baker of Ribe is Bruno Lind.", "town/5"),
    ("2026-03-06", f"Ada Holm wrote {SCRIPT} and {IMAGE} to Carl Berg.", f"<b>{SCRIPT}"),
]

AT = "2026-03-10T00:00:00.000Z"

VIEWS = {
    "ask": f"#/ask?cue=Who+is+the+baker+of+Ribe%3F&at={AT}",
    "time": f"#/time?at={AT}",
    "graph": f"#/graph?name=Ada+Holm&at={AT}",
    "entity": f"#/entity?name=Ada+Holm&at={AT}",
    "changes": f"#/changes?at={AT}",
    "health": f"#/health?at={AT}",
    "start": f"#/entity?at={AT}",
}

# they drive a browser, which takes its time
pytestmark = pytest.mark.slow


def filled(path: Path) -> Memory:
    memory = Memory.open(path, extractor=RuleExtractor())
    for date, text, source in TOLD:
        memory.remember(text, time=date, source=source, title=IMAGE if "wrote" in text else "")
    memory.alias_add(f"Countess {IMAGE}", "Ada Holm")
    rows = {"source": ["Ada Holm"], "target": [f"{SCRIPT} of Ribe"], "time": ["2026-03-08"], "kind": [IMAGE]}
    memory.load_events(pa.table(rows))
    folder = path.with_name("papers")
    folder.mkdir()
    (folder / "one.md").write_text("Emil Sand wrote to Dorte Krag.")
    (folder / f"{IMAGE.replace('/', '')}.xyz").write_bytes(bytes(range(256)))
    memory.ingest(folder, time="2026-03-07")
    return memory


@contextmanager
def serving(memory: Memory, token: str | None = None) -> Iterator[str]:
    """A server in a thread of this process; its address."""
    bound = listen("127.0.0.1", 0)
    running = server(application(memory, host="127.0.0.1", token=token))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield "http://{}:{}".format(*bound.getsockname())
    finally:
        running.should_exit = True
        thread.join(timeout=30)
        bound.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Memory, str]]:
    """A memory that is only looked at, and its address."""
    with filled(tmp_path_factory.mktemp("explore") / "town.memini") as memory, serving(memory) as url:
        yield memory, url


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for it; Playwright's own way evaluates text in the page, which the page's policy refuses."""
    deadline = time.monotonic() + WAIT / 1000
    while not holds():
        assert time.monotonic() < deadline, "it does not happen"
        page.wait_for_timeout(50)


def settle(page: Page) -> None:
    """Wait until everything that was asked for is shown."""
    page.wait_for_selector("body[data-ready]")
    page.wait_for_load_state("networkidle")
    eventually(page, lambda: page.locator("[aria-busy=true]").count() == 0)


def headed(page: Page, name: str) -> None:
    """Wait until the page shows this entity: its heading is the name and the label."""
    heading = page.locator("main h2")
    eventually(page, lambda: [each.rpartition(" ")[0] for each in heading.all_inner_texts()] == [name])
    settle(page)


def strengths(page: Page) -> dict[tuple[str, str], str]:
    """What the table of rankings shows."""
    rows = page.locator("main tbody tr").all_inner_texts()
    cells = [row.split("\t") for row in rows]
    return {(cell[0].strip(), cell[1].strip()): cell[2].strip() for cell in cells}


def test_a_question_is_answered_and_its_reasons_can_be_walked(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = shared
    page = opened(f"{url}/#/ask?at={AT}")
    settle(page)
    page.get_by_label("Cue").fill("Who is the baker of Ribe?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector(".passages li")
    expected = memory.recall("Who is the baker of Ribe?", now=AT, k=5)
    assert page.locator(".passages .text").all_inner_texts() == [each.text for each in expected]
    marks = page.locator(".passages li").first.locator("mark").all_inner_texts()
    assert any("baker" in each for each in marks)
    standing = page.locator(".paths li", has_text="standing").first
    assert "said" in standing.inner_text()
    page.locator(".paths a.entity").first.click()
    page.wait_for_selector("main[data-view=entity] h2")
    named = page.locator("main h2").inner_text()
    assert any(named.startswith(each.name) for each in expected.entities)
    # from there on to what it leads to, and back
    page.locator("td a.entity").first.click()
    eventually(page, lambda: page.locator("main h2").all_inner_texts() not in ([], [named]))
    page.go_back()
    eventually(page, lambda: page.locator("main h2").all_inner_texts() == [named])


def test_the_context_block_is_copied(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    memory, url = shared
    page = opened(f"{url}/{VIEWS['ask']}", permissions=["clipboard-read", "clipboard-write"])
    settle(page)
    page.get_by_role("button", name="Copy as context block").click()
    page.get_by_text("Copied.").wait_for()
    found = memory.recall("Who is the baker of Ribe?", now=AT, k=5)
    assert page.evaluate("navigator.clipboard.readText()") == found.context().text


def test_an_answer_is_as_of_the_moment_shown(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    _, url = shared
    page = opened(f"{url}/#/ask?cue=Who+is+the+baker+of+Ribe%3F&at=2025-12-01")
    settle(page)
    assert "Bruno" not in page.locator(".passages").inner_text()
    page.get_by_label("As of the end of this day").fill("2026-03-06")
    page.locator(".passages", has_text="Bruno").wait_for()
    page.get_by_role("button", name="Rivals over time").click()
    page.wait_for_selector(".chart svg")
    legend = page.locator("figure .legend").inner_text()
    assert "Ada Holm" in legend
    assert "Bruno Lind" in legend


def test_time_moves_the_rankings_exactly(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    memory, url = shared
    page = opened(f"{url}/#/time?at=2025-05-01T00:00:00.000Z")
    settle(page)
    # before the server is asked again the page has moved by itself, from what it knows
    page.evaluate(
        "import('/page/state.js').then((s) => s.setMoment(Date.parse('2025-09-03T12:00:00Z'), false))"
    )
    page.get_by_text("Strongest associations as of 2025-09-03 12:00").wait_for()
    shown = strengths(page)
    for each in memory.top(40, now="2025-09-03T12:00"):
        if (each.source, each.target) in shown:
            assert float(shown[each.source, each.target]) == pytest.approx(each.strength, abs=6e-3)
    page.get_by_role("slider").press("Home")
    page.get_by_text("Strongest associations as of 2025-03-01").wait_for()
    settle(page)
    assert not any("Bruno" in name for pair in strengths(page) for name in pair)
    page.get_by_role("button", name="Now").click()
    page.get_by_text("as of now").wait_for()


def test_the_page_computes_what_the_memory_computes(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = shared
    page = opened(f"{url}/{VIEWS['health']}")
    settle(page)
    body = {"entity": "Ada Holm", "now": AT}
    found = httpx2.post(f"{url}/v1/neighbourhood", json=body).json()
    names = [each["name"] for each in found["entities"]]
    for when in ("2025-03-01T00:00:00.001Z", "2025-10-11T05:00:00Z", AT, "2027-01-01T00:00:00Z"):
        told = page.evaluate(
            """async ([found, when]) => {
                const { course } = await import("/page/dynamics.js");
                const asked = found.associations.map(() => Date.parse(found.now));
                const unknown = found.associations.map((each) => ({ ...each, time: null }));
                return [[found.associations, when], [unknown, Math.max(when, asked[0])]].map(([each, at]) => {
                    const { fast, slow } = course(each, found.spectrum, asked)(at);
                    return [...fast].map((value, place) => [value, slow[place]]);
                });
            }""",
            [found, to_millis(when)],
        )
        for moment, states in zip((when, max(when, AT)), told, strict=True):
            for each, (fast, slow) in zip(found["associations"], states, strict=True):
                stored = {
                    one.target: one for one in memory.associations(names[each["source"]], now=moment, k=100)
                }
                one = stored.get(names[each["target"]])
                expected = (one.strength, one.consolidated) if one else (0.0, 0.0)
                assert (fast, slow) == pytest.approx(expected, rel=1e-11)


def test_playing_moves_the_moment(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    _, url = shared
    page = opened(f"{url}/#/time?at=2025-03-01")
    settle(page)
    slider = page.get_by_role("slider")
    before = int(slider.input_value())
    page.get_by_role("button", name="Play").click()
    eventually(page, lambda: int(slider.input_value()) > before + 20)
    page.get_by_role("button", name="Stop").click()


def test_where_playing_is_stopped_the_answer_is_as_of_that_moment(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = shared
    page = opened(f"{url}/#/ask?cue=Carl+Berg&at=2025-08-25")
    settle(page)
    assert page.locator(".passages li", has_text="Carl Berg").count() == 0
    page.get_by_role("button", name="Play").click()
    eventually(page, lambda: page.locator(".moment").inner_text() >= "as of 2025-09-02")
    page.get_by_role("button", name="Stop").click()
    page.locator(".passages li", has_text="Carl Berg").first.wait_for()
    # and who passes the address on, or loads it again, sees the same
    at = parse_qs(page.url.partition("?")[2])["at"][0]
    assert page.locator(".moment").inner_text() == f"as of {at[:16].replace('T', ' ')}"
    assert page.locator(".passages .text").all_inner_texts() == [
        each.text for each in memory.recall("Carl Berg", now=at, k=5)
    ]


def test_a_graph_is_expanded_filtered_searched_and_pinned(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = shared
    page = opened(f"{url}/#/graph?name=Bruno+Lind&at={AT}")
    settle(page)
    assert page.locator(".stage canvas").count() > 1
    names = page.locator(".names button")
    near = {each.name for each in memory.neighbourhood("Bruno Lind", now=AT).entities}
    assert set(names.all_inner_texts()) == near
    assert "Carl Berg" not in near
    page.locator(".names button", has_text="Ribe").first.click()
    assert page.locator(".about h3").inner_text().startswith("Ribe")
    page.locator(".about").get_by_role("button", name="Expand").click()
    page.locator(".names button", has_text="Ada Holm").wait_for()
    page.locator(".names button", has_text="Ada Holm").click()
    page.locator(".about").get_by_role("button", name="Expand").click()
    page.locator(".names button", has_text="Carl Berg").wait_for()
    pin = page.locator(".about").get_by_role("button", name="Pin")
    pin.click()
    assert pin.get_attribute("aria-pressed") == "true"
    page.get_by_label("Find").fill("carl")
    eventually(page, lambda: names.count() == 1)
    page.get_by_label("Find").fill("")
    page.locator(".names button", has_text="Carl Berg").click()
    page.locator(".about").get_by_role("button", name="Hide").click()
    page.locator(".names button", has_text="Carl Berg").wait_for(state="detached")
    # earlier, what was told later is not there
    own = page.locator(".about li")
    page.locator(".names button", has_text="Bruno Lind").click()
    eventually(page, lambda: own.count() > 0)
    page.get_by_label("As of the end of this day").fill("2025-04-20")
    eventually(page, lambda: own.count() == 0)
    page.locator(".names button", has_text="Ada Holm").wait_for()
    assert page.locator(".labels label").count() > 0


NO_WEBGL = """
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.includes("webgl") ? null : given.call(this, kind, ...rest);
};
"""


def test_the_graph_of_an_alias_is_that_of_its_entity(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = shared
    own = opened(f"{url}/{VIEWS['graph']}")
    settle(own)
    by_alias = opened(f"{url}/#/graph?name=ada+HOLM&at={AT}")
    settle(by_alias)
    for part in (".about", ".names", "p[role=status]"):
        assert by_alias.locator(part).inner_text() == own.locator(part).inner_text()
    assert by_alias.locator(".about h3").inner_text().startswith("Ada Holm")
    assert by_alias.locator(".names [aria-pressed=true]").inner_text() == "Ada Holm"


def test_without_webgl_the_list_has_what_would_be_drawn(shared: tuple[Memory, str], browser: Browser) -> None:
    memory, url = shared
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.add_init_script(NO_WEBGL)
    page.goto(f"{url}/{VIEWS['graph']}")
    settle(page)
    assert "cannot draw with WebGL" in page.locator(".stage").inner_text()
    names = page.locator(".names button")
    near = {each.name for each in memory.neighbourhood("Ada Holm", now=AT).entities}
    assert set(names.all_inner_texts()) == near
    names.filter(has_text="Carl Berg").first.click()
    for what in ("Pin", "Hide"):
        page.locator(".about").get_by_role("button", name=what).click()
    page.get_by_role("button", name="Fit").click()
    names.filter(has_text="Carl Berg").first.wait_for(state="detached")
    context.close()


PAINT = """() => {
  const gl = document.querySelector(".sigma-edges").getContext("webgl2");
  gl.clearColor(1, 0, 0, 1);
  gl.clear(gl.COLOR_BUFFER_BIT);
  return document.querySelector(".stage").getBoundingClientRect().toJSON();
}"""


def test_what_is_drawn_is_whole_where_the_bar_of_time_lies_over_a_part_of_it(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    _, url = shared
    page = opened(f"{url}/{VIEWS['graph']}")
    settle(page)
    page.evaluate("scrollTo(0, 260)")
    page.wait_for_timeout(1_500)  # the layout rests
    box = page.evaluate(PAINT)
    assert box["top"] < page.locator("#time").bounding_box()["height"]  # type: ignore[index]
    page.wait_for_timeout(200)
    shot = image.open(io.BytesIO(page.screenshot())).convert("RGB")
    red, green, _ = shot.getpixel((round(box["left"]) + 20, round(box["bottom"]) - 8))
    assert (red > 200, green > 100) == (True, False)


def test_names_are_offered_while_one_types(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    _, url = shared
    page = opened(f"{url}/{VIEWS['start']}")
    settle(page)
    page.get_by_label("Entity").press_sequentially("holm")
    page.wait_for_selector("datalist option[value='Ada Holm']", state="attached")
    page.get_by_label("Entity").fill("Ada Holm")
    page.get_by_label("Entity").press("Enter")
    page.get_by_role("heading", name="Ada Holm").wait_for()


def test_names_are_marked_where_they_stand(tmp_path: Path, opened: Callable[..., Page]) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory, serving(memory) as url:
        # the small letters of İ are two
        memory.remember("İzmir and İSTANBUL: there Ada Holm (of Ribe) met Carl Berg.", time="2026-03-01")
        page = opened(f"{url}/#/entity?name=Carl+Berg&at={AT}")
        settle(page)
        assert page.locator(".passages mark").all_inner_texts() == ["Carl Berg"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Memory, str]]:
    with filled(tmp_path / "own.memini") as memory, serving(memory) as url:
        yield memory, url


def test_an_entity_is_renamed_merged_split_and_dropped_and_all_is_taken_back(
    own: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = own
    before = {each.name for each in memory.entities(100)}
    page = opened(f"{url}/{VIEWS['entity']}")
    settle(page)
    page.get_by_label("New name").fill("Ada H.")
    page.get_by_role("button", name="Rename").click()
    headed(page, "Ada H.")
    assert memory.entity("Ada H.").name == "Ada H."
    page.get_by_role("button", name="Undo").click()
    headed(page, "Ada Holm")

    page.get_by_role("textbox", name="Entity", exact=True).last.fill("Carl Berg")
    page.get_by_role("button", name="Merge").click()
    headed(page, "Carl Berg")
    assert memory.entity("Ada Holm").name == "Carl Berg"
    page.get_by_role("button", name="Undo").click()
    headed(page, "Ada Holm")

    page.get_by_label("Name of the other one").fill("Ada Holm of Oslo")
    page.get_by_role("checkbox", name="letters").check()
    page.get_by_role("button", name="Split").click()
    headed(page, "Ada Holm of Oslo")
    page.get_by_role("button", name="Undo").click()
    headed(page, "Ada Holm")

    page.get_by_role("button", name="Drop").click()
    page.get_by_text("Ada Holm is dropped.").wait_for()
    assert "Ada Holm" not in {each.name for each in memory.entities(100)}
    page.goto(f"{url}/{VIEWS['entity']}")
    page.get_by_role("button", name="Take that back").click()
    headed(page, "Ada Holm")
    assert {each.name for each in memory.entities(100)} == before


def test_a_double_click_changes_once_and_can_be_taken_back(
    own: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, url = own
    page = opened(f"{url}/{VIEWS['entity']}")
    settle(page)
    dropping = page.locator("form.edit", has_text="No entity at all")
    dropping.evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
    page.get_by_text("Ada Holm is dropped.").wait_for()
    settle(page)
    page.get_by_role("button", name="Undo").click()
    headed(page, "Ada Holm")
    assert memory.entity("Ada Holm").name == "Ada Holm"


def test_what_cannot_be_done_is_said(own: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    _, url = own
    page = opened(f"{url}/{VIEWS['entity']}")
    settle(page)
    page.get_by_label("New name").fill("Carl Berg")
    page.get_by_role("button", name="Rename").click()
    page.locator("#notice", has_text="Carl Berg").wait_for()
    page.goto(f"{url}/#/entity?name=Nobody+Known")
    page.locator(".error", has_text="no entity is named 'Nobody Known'").wait_for()


def test_a_store_that_is_open_read_only_offers_no_change(tmp_path: Path, opened: Callable[..., Page]) -> None:
    filled(tmp_path / "a.memini").close()
    with (
        Memory.open(tmp_path / "a.memini", read_only=True, extractor=RuleExtractor()) as memory,
        serving(memory) as url,
    ):
        page = opened(f"{url}/{VIEWS['entity']}")
        settle(page)
        assert "(read-only)" in page.locator("header").inner_text()
        page.get_by_text("open read-only: nothing can be changed").wait_for()
        assert page.get_by_role("button", name="Rename").count() == 0
        page.goto(f"{url}/{VIEWS['changes']}")
        page.get_by_text("the next maintenance would forget").wait_for()
        refused = httpx2.post(f"{url}/v1/entity_drop", json={"entity": "Ada Holm"})
        assert refused.status_code == 409


def test_changes_and_health_are_told(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    memory, url = shared
    page = opened(f"{url}/{VIEWS['changes']}")
    settle(page)
    counts = memory.changes(since="2026-02-08", now=AT).counts
    assert page.get_by_role("heading", name=f"New: {counts['new']}").count() == 1
    page.get_by_text("the next maintenance would forget").wait_for()
    page.goto(f"{url}/{VIEWS['health']}")
    page.get_by_text("The store is sound.").wait_for()
    page.get_by_role("cell", name="letters").first.wait_for()
    [report] = memory.reports()
    row = page.get_by_role("region", name="The last ingestions of files").locator("tbody tr")
    assert row.count() == 1
    assert row.locator("td").nth(1).inner_text() == "papers"
    [left_out] = report.left_out
    assert row.locator("li").inner_text() == f"1 {left_out.why}: {left_out.such_as[0]}"


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_stored_never_becomes_markup(
    shared: tuple[Memory, str], opened: Callable[..., Page], view: str
) -> None:
    _, url = shared
    page = opened(f"{url}/{VIEWS[view]}")
    settle(page)
    if view == "health":
        assert IMAGE in page.locator("main").inner_text()
    if view in {"ask", "entity"}:
        assert IMAGE in page.locator("main").inner_text()
        assert SCRIPT in page.locator("main").inner_text()
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img, main b, nav script, header script").count() == 0


def test_the_headers_let_nothing_else_in(shared: tuple[Memory, str]) -> None:
    _, url = shared
    for path in ("/", "/page/main.js", "/page/style.css", "/page/vendor/sigma.min.js"):
        answer = httpx2.get(f"{url}{path}")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        again = httpx2.get(f"{url}{path}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert httpx2.get(f"{url}/page/../http.py").status_code == 404
    assert httpx2.get(f"{url}/", headers={"Host": "evil.example"}).status_code == 421


def test_the_page_asks_for_a_token_where_one_is_needed(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, _ = shared
    with serving(memory, token=TOKEN) as url:
        page = opened(f"{url}/")
        page.get_by_label("Bearer token").fill("a wrong one of enough characters")
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("did not accept that token").wait_for()
        page.get_by_label("Bearer token").fill(TOKEN)
        page.get_by_role("button", name="Go on").click()
        settle(page)
        page.get_by_label("Cue").wait_for()
        # that of `memini explore` comes with the address, and does not stay in it
        other = opened(f"{url}/#token={TOKEN}")
        settle(other)
        assert TOKEN not in other.url


def test_a_token_that_lapses_is_asked_for_in_the_midst_of_it(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    memory, _ = shared
    with serving(memory, token=TOKEN) as url:
        page = opened(f"{url}/#token={TOKEN}")
        settle(page)
        page.evaluate("sessionStorage.setItem('memini-token', 'one that has lapsed')")
        page.get_by_label("Cue").fill("Who is the baker of Ribe?")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("did not accept that token").wait_for()
        # also by who goes on elsewhere
        page.get_by_role("link", name="Time").click()
        page.get_by_text("did not accept that token").wait_for()
        page.go_back()
        page.get_by_label("Bearer token").fill(TOKEN)
        page.get_by_role("button", name="Go on").click()
        page.wait_for_selector(".passages li")
        assert page.get_by_label("Cue").input_value() == "Who is the baker of Ribe?"


def test_an_answer_that_is_not_the_servers_is_said(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = shared
    page = opened(f"{url}/#/ask?at={AT}")
    settle(page)
    page.get_by_label("Cue").fill("Who is the baker of Ribe?")
    answers: list[dict[str, Any]] = [
        {"status": 413, "content_type": "text/html", "body": "<h1>Too large</h1>"},
        {"status": 408, "content_type": "text/plain", "body": "Timed out"},
        {"status": 429, "content_type": "application/json", "body": '{"detail": "too many"}'},
        {"status": 200, "content_type": "application/json", "body": '{"passages": ['},
    ]
    page.route("**/v1/recall", lambda route: route.fulfill(**answers[0]))
    while answers:
        page.get_by_role("button", name="Ask", exact=True).click()
        page.locator(".error", has_text=f"gave status {answers[0]['status']} ").wait_for()
        settle(page)
        del answers[0]
    page.unroute("**/v1/recall")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector(".passages li")


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_phone(
    shared: tuple[Memory, str], opened: Callable[..., Page], view: str
) -> None:
    _, url = shared
    page = opened(f"{url}/{VIEWS[view]}", viewport={"width": 390, "height": 844})
    settle(page)
    assert overflow(page) <= 0


def test_long_names_are_no_wider_than_a_phone(tmp_path: Path, opened: Callable[..., Page]) -> None:
    name, source = "Q" + "y" * 200, "archive/" + "z" * 200
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory, serving(memory) as url:
        for told in ("letters", source):
            memory.remember("Ada Holm met Carl Berg.", time="2026-03-01", source=told)
        memory.load_events(pa.table({"source": ["Ada Holm"], "target": [name], "time": ["2026-03-02"]}))
        memory.alias_add(f"{name} II", name)
        for view in (
            f"entity?name={name}",
            "entity?name=Ada+Holm",
            "graph?name=Ada+Holm",
            "time?",
            "ask?cue=Ada",
        ):
            page = opened(f"{url}/#/{view}&at={AT}", viewport={"width": 390, "height": 844})
            settle(page)
            assert overflow(page) <= 0, view
            page.context.close()
        page = opened(f"{url}/#/entity?name={name}", viewport={"width": 390, "height": 844})
        settle(page)
        page.get_by_role("button", name="Drop").click()
        page.get_by_text("is dropped.").wait_for()
        notice = page.locator("#notice")
        assert notice.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_dark_mode_is_dark(shared: tuple[Memory, str], opened: Callable[..., Page]) -> None:
    _, url = shared
    grounds = []
    for scheme in ("light", "dark"):
        page = opened(f"{url}/{VIEWS['graph']}", color_scheme=scheme)
        settle(page)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")))
    assert grounds[0] > 600
    assert grounds[1] < 150


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program that finds what some people cannot use."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "pack", "--json", "axe-core@4.14.1"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm does not give axe-core: {done.stderr[-200:]}")
    with tarfile.open(folder / json.loads(done.stdout)[0]["filename"]) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(
    shared: tuple[Memory, str], opened: Callable[..., Page], axe: str, view: str, scheme: str
) -> None:
    _, url = shared
    page = opened(f"{url}/{VIEWS[view]}", color_scheme=scheme)
    settle(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    serious = [
        (
            each["id"],
            [node["html"] for node in each["nodes"]],
            [node["failureSummary"] for node in each["nodes"]],
        )
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
    assert not serious


def test_the_page_is_used_with_the_keyboard_alone(
    shared: tuple[Memory, str], opened: Callable[..., Page]
) -> None:
    _, url = shared
    page = opened(f"{url}/#/health?at={AT}")
    settle(page)

    def at(selector: str) -> bool:
        return bool(page.evaluate("selector => document.activeElement.matches(selector)", selector))

    def until(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if at(selector):
                return
        pytest.fail(f"{selector} is not reached")

    page.keyboard.press("Tab")
    assert at(".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "view"
    page.evaluate("document.activeElement.blur()")
    until("nav a[href='#/ask']")
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-view=ask] #cue")
    settle(page)
    if not at("#cue"):
        until("#cue")
    page.keyboard.type("Who is the baker of Ribe?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".passages li")
    settle(page)
    until(".paths a.entity")
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-view=entity] h2")
    settle(page)
    until("main a[href^='#/graph']")
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-view=graph]")
    settle(page)
    # what is drawn anew does not take the focus away
    until(".about button")
    page.keyboard.press("Enter")
    settle(page)
    assert at(".about button")
    until(".names button")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert at(".names button[aria-pressed=true]")


def test_the_assets_are_those_of_the_packages() -> None:
    assert vendor_assets.differing() == []


@pytest.mark.parametrize("chosen", ["", "it+may&hold=signs%20of#an/address"])
def test_explore_serves_the_page_behind_a_token_of_its_own(tmp_path: Path, chosen: str) -> None:
    filled(tmp_path / "a.memini").close()
    process = subprocess.Popen(
        command("explore", "--db", tmp_path / "a.memini", "--no-browser", "--read-only"),
        stderr=subprocess.PIPE, text=True, env=environment(MEMINI_TOKEN=chosen),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        waiting = threading.Timer(60, process.kill)
        waiting.start()
        line = next(line for line in process.stderr if " at http" in line)
        waiting.cancel()
        url, part = line.split(" at ")[1].split(";")[0].split("/#")
        # as the page reads it
        [token] = parse_qs(part)["token"]
        assert chosen in {"", token}
        assert httpx2.get(f"{url}/").status_code == 200
        assert httpx2.get(f"{url}/v1/stats").status_code == 401
        told = httpx2.get(f"{url}/v1/timeline", headers={"Authorization": f"Bearer {token}"}).json()
        assert (told["read_only"], told["name"]) == (True, "a.memini")
    finally:
        process.terminate()
        process.communicate(timeout=20)
