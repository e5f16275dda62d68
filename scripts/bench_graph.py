"""How fluid a large graph of the page is: frames a second in a real browser, and the script's part of one.

Chromium is told to use no graphics card, so that the processor draws; the script's part is the same with one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_common import Row, zipf_events
from bench_explore import serving
from playwright.sync_api import sync_playwright

from memini_kuzu.memory import Memory

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

__all__ = ["graph"]

FRAME = 1 / 30
"""Seconds of a frame, for the eye to take it as movement."""

SCRIPT = 0.008
"""Seconds of it for the script, so that half of a sixtieth of a second is left to draw."""

IDLE = 0.002
"""Seconds that scripts take in one where nothing moves; less than of three frames that move."""

LAID_OUT = 300
"""Seconds that the places may take to be found."""

MOVE = """async ([kind, seconds]) => {
  const stage = document.querySelector(".stage");
  const box = stage.getBoundingClientRect();
  const slider = document.querySelector("input.slider");
  const screen = stage.querySelector(".sigma-mouse");
  // a corner has no entity, and the middle has the one that was chosen
  const middle = [box.x + box.width / 2, box.y + box.height / 2];
  const from = kind === "drag an entity" ? middle : [box.x + 8, box.y + 8];
  const place = (s) => ({
    bubbles: true, cancelable: true, view: window, buttons: 1,
    clientX: from[0] + 100 * (1 - Math.cos(3 * s)), clientY: from[1] + 80 * Math.sin(3 * s) ** 2,
  });
  const mouse = (name, s) => screen.dispatchEvent(new MouseEvent(name, place(s)));
  const held = [() => mouse("mousedown", 0), (s) => mouse("mousemove", s), (s) => mouse("mouseup", s)];
  const [begin, act, end] = {
    pan: held,
    "drag an entity": held,
    zoom: [() => {}, (s) => {
      screen.dispatchEvent(new WheelEvent("wheel", { ...place(s), deltaY: Math.cos(2 * s) }));
    }, () => {}],
    "move the time": [() => {}, (s) => {
      slider.value = slider.max * (0.5 + 0.45 * Math.sin(s));
      slider.dispatchEvent(new Event("input"));
    }, () => {}],
    "find the places": [() => {}, () => {}, () => {}],
  }[kind];
  const times = [];
  begin();
  await new Promise((done) => requestAnimationFrame(function frame(now) {
    times.push(now);
    const s = (now - times[0]) / 1000;
    act(s);
    if (s < seconds) requestAnimationFrame(frame);
    else { end(s); done(); }
  }));
  return [times.length - 1, (times.at(-1) - times[0]) / 1000];
}"""


def graph(edges: int, seconds: float) -> list[Row]:
    """The graph of so many associations while it is moved in each way, for so long.

    Parameters
    ----------
    edges : int
        How many associations it shows: 50, 100, 500, 2,000 or 5,000.
    seconds : float
        How long each movement is measured.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is not installed; apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.memini"
        with Memory.open(path) as memory:
            memory.load_events(zipf_events(20 * edges, max(edges, 1_000), 0.8))
        with (
            Memory.open(path, read_only=True) as memory,
            serving(memory) as url,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"],
            )
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.goto(f"{url}/#/graph?all=1&k={edges}")
            page.wait_for_selector(".names button")
            measured = page.context.new_cdp_session(page)
            # the processor's time, which other programs do not make longer
            measured.send("Performance.enable", {"timeDomain": "threadTicks"})
            rows = _rows(page, measured, "find the places", edges, seconds)
            _rest(page, measured)
            for kind in ("pan", "zoom", "drag an entity", "move the time"):
                if kind == "drag an entity":
                    # the camera goes there
                    page.locator(".names button").first.click()
                    _rest(page, measured)
                rows += _rows(page, measured, kind, edges, seconds)
                _rest(page, measured)
            browser.close()
            return rows


def _spent(measured: CDPSession) -> float:
    """Seconds of the processor that scripts have taken."""
    found: list[dict[str, Any]] = measured.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in found if each["name"] == "ScriptDuration"))


def _rest(page: Page, measured: CDPSession) -> None:
    """Wait until nothing moves and nothing is asked for."""
    page.wait_for_load_state("networkidle")
    deadline = time.monotonic() + LAID_OUT
    while time.monotonic() < deadline:
        before = _spent(measured)
        time.sleep(1)
        if _spent(measured) - before < IDLE:
            return
    sys.exit(f"the graph does not come to rest within {LAID_OUT} s")


def _rows(page: Page, measured: CDPSession, kind: str, edges: int, seconds: float) -> list[Row]:
    before = _spent(measured)
    frames, taken = page.evaluate(MOVE, [kind, seconds])
    script = (_spent(measured) - before) / frames
    each = taken / frames
    busy = f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
    return [
        Row(
            "graph",
            kind,
            edges,
            each,
            FRAME,
            each / FRAME,
            None,
            frames,
            "≤ 1",
            f"{1 / each:.0f} frames a second; {busy}",
        ),
        Row(
            "graph",
            f"{kind}, script",
            edges,
            script,
            SCRIPT,
            script / SCRIPT,
            None,
            frames,
            "≤ 1",
            "script's part of a frame",
        ),
    ]
