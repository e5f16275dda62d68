"""A browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# a graphics card is not needed to draw with WebGL, nor a stand-in for one to put the page together
WEBGL = ["--enable-unsafe-swiftshader"]

WAIT = 20_000
"""Milliseconds."""

TOLERATED = ("the server responded with a status of 4", "GPU stall due to ReadPixels", "WebGL")
"""The server's refusals are shown, and the browser writes them down too; so does it what WebGL takes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*WEBGL, "--no-sandbox"], timeout=60_000
        )
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end no other host was asked, and nothing was complained of."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    complaints: list[str] = []

    def open_page(address: str, *, intercepted: tuple[str, Any] | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        if intercepted is not None:
            page.route(*intercepted)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    hosts = {url.split("/")[2] for url in asked if not url.startswith("data:")}
    assert len(hosts) <= 1
    assert not [said for said in complaints if not any(each in said for each in TOLERATED)]
