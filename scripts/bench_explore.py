"""What the page asks the server for when it is opened and used, on a generated memory with a ledger."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from bench_common import NOW, Row, zipf_events

from memini_kuzu.memory import Memory
from memini_kuzu.service import application
from memini_kuzu.service.http import listen, server
from memini_kuzu.service.static import page_routes
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Asked = tuple[str, dict[str, object] | None]

__all__ = ["explore", "serving"]

READY = 1.0
"""Seconds in which all must be answered that a view asks for."""


def explore(edges: int, runs: int) -> list[Row]:
    """The views of the page, each as the requests that it makes one after the other.

    Parameters
    ----------
    edges : int
        About how many associations there are.
    runs : int
        How often each view is asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "explored.memini"
        with Memory.open(path) as memory:
            # events repeat, so that there are more of them than associations
            memory.load_events(zipf_events(edges + edges // 5, max(edges // 20, 100), 0.8))
        with Memory.open(path, read_only=True) as memory, serving(memory) as url, httpx2.Client() as client:
            held = memory.stats().associations
            return [_row(name, held, ask, runs) for name, ask in _views(memory, client, url).items()]


@contextmanager
def serving(memory: Memory) -> Iterator[str]:
    """The address of a server in a thread of this process."""
    bound = listen("127.0.0.1", 0)
    running = server(application(memory, host="127.0.0.1"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(timeout=30)
        bound.close()


def _views(memory: Memory, client: httpx2.Client, url: str) -> dict[str, Callable[[], None]]:
    """What each view asks for."""
    [strongest] = memory.top(1)
    entity, then = strongest.source, from_millis(NOW - 100 * DAY).isoformat()

    def asks(*wanted: Asked) -> Callable[[], None]:
        def ask() -> None:
            for path, given in wanted:
                whole = f"{url}{path}"
                answer = client.get(whole) if given is None else client.post(whole, json=given, timeout=600)
                answer.raise_for_status()

        return ask

    page = [(route.path, None) for route in page_routes()]
    life = ("/v1/timeline", None)
    # in the past the page also asks for what comes later
    top: Asked = ("/v1/neighbourhood", {"k": 400})
    near: Asked = ("/v1/neighbourhood", {"entity": entity, "k": 100})
    return {
        "page and life": asks(*page, life),
        "time": asks(top),
        "time, in the past": asks(("/v1/neighbourhood", {"k": 400, "now": then}), top),
        "graph": asks(near),
        "graph, in the past": asks(("/v1/neighbourhood", {"entity": entity, "k": 100, "now": then}), near),
        "graph of 5,000": asks(("/v1/neighbourhood", {"k": 5_000})),
        "entity": asks(("/v1/entity", {"entity": entity}), ("/v1/trajectory", {"entity": entity})),
        "names while typing": asks(("/v1/entities", {"like": entity[:2], "k": 12})),
        "changes": asks(
            ("/v1/changes", {"now": then, "k": 15}), ("/v1/consolidate", {"now": then, "dry_run": True})
        ),
        "health": asks(*((f"/v1/{name}", None) for name in ("doctor", "stats", "reports", "sources"))),
    }


def _row(name: str, edges: int, ask: Callable[[], None], runs: int) -> Row:
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds)
    return Row(
        "explore",
        name,
        edges,
        median,
        READY,
        median / READY,
        max(seconds) - min(seconds),
        runs,
        "≤ 1",
        f"against {READY:g} s; the first took {seconds[0]:.3f} s",
    )
