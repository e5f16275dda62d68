"""An agent's loop: it remembers a sentence and recalls at once, turn after turn, in a memory of some size.

In process, within a scope, over HTTP and over standard input and output, each with a copy of one store.
Mentions are found by rules, in a fraction of a millisecond a sentence: the times are those of the store.
"""

from __future__ import annotations

import itertools
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import anyio
import bm25s
import numpy as np
from bench_common import NOW, Row
from bench_words import SYLLABLES
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.service import serve_http, serve_stdio
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from memini_kuzu.protocol import AssociativeMemory

TALK = 50
"""Sentences of one source."""

OWN = 20
"""Sources beside that of the turns that a question of a scope is asked of: a thousand sentences."""

NAMES, WORDS = 4_000, 20_000
"""People and places that are told of, and words that are used."""

EXPONENT = 1.1
"""Of the law of Zipf by which both are drawn."""

TOLD = 10
"""Words of a sentence beside its names."""

MINUTE = 60_000


def _names() -> list[str]:
    rng = np.random.default_rng(1)
    drawn = rng.choice(SYLLABLES, (NAMES, 5))
    return [f"{a}{b} {c}{d}{e}".title() for a, b, c, d, e in drawn.tolist()]


def _words() -> list[str]:
    rng = np.random.default_rng(2)
    return ["".join(syllables) for syllables in rng.choice(SYLLABLES, (WORDS, 3)).tolist()]


def _drawn(rng: np.random.Generator, share: NDArray[np.float64], shape: tuple[int, int]) -> list[list[int]]:
    rows: list[list[int]] = np.searchsorted(share, rng.random(shape) * share[-1]).tolist()
    return rows


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """So many sentences of names and words, and a question to each."""
    names, words = _names(), _words()
    rng = np.random.default_rng(seed)
    of_names, of_words = (np.cumsum(np.arange(1, n + 1) ** -EXPONENT) for n in (NAMES, WORDS))
    found = []
    for who, what in zip(
        _drawn(rng, of_names, (count, 3)), _drawn(rng, of_words, (count, TOLD)), strict=True
    ):
        a, b, place = (names[number] for number in who)
        told = [words[number] for number in what]
        text = f"{a} told {b} about the {told[0]} {told[1]} in {place}: {' '.join(told[2:])}."
        found.append((text, f"What did {a} tell about the {told[0]} and {told[2]}?"))
    return found


def fill(path: Path, told: list[tuple[str, str]]) -> None:
    """A store of these sentences, told a minute apart."""
    with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
        memory.add(
            Record(text=text, source=f"talk {number // TALK}", time=NOW - 365 * DAY + number * MINUTE)
            for number, (text, _) in enumerate(told)
        )


def loop(passages: int, turns: int) -> list[Row]:
    """So many turns in a memory of so many passages."""
    told = sentences(passages + turns)
    before, turns_told = told[:passages], told[passages:]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        first = folder / "first.memini"
        fill(first, before)
        ours = {}
        for way, series in WAYS.items():
            path = folder / f"{way}.memini"
            with Memory.open(first) as memory:
                memory.backup(path)
            ours[way] = series(path, turns_told)
        inserted, searched = _floor(folder / "floor.db", before, turns_told)
        best = _bm25(before, turns_told)
    remembered, recalled = ours["in process"]
    rows = [
        _row("remember", passages, remembered, inserted, "floor: SQLite FTS5, an insert and a commit"),
        _row("recall after it", passages, recalled, searched, "floor: SQLite FTS5 asked for the same words"),
        _row(
            "recall against bm25s",
            passages,
            recalled,
            best,
            "floor: bm25s, of what was told before",
        ),
    ]
    note = "floor: in process"
    for way in list(WAYS)[1:]:
        rows += [
            _row(f"{case}, {way}", passages, mine, least, note)
            for case, mine, least in zip(("remember", "recall"), ours[way], ours["in process"], strict=True)
        ]
    return rows


Series: TypeAlias = "tuple[list[float], list[float]]"
"""Seconds of each remember, and of each recall."""


def _opened(path: Path) -> Memory:
    times = itertools.count(NOW, MINUTE)
    return Memory.open(path, extractor=RuleExtractor(), clock=lambda: next(times))


def _in_process(path: Path, told: list[tuple[str, str]]) -> Series:
    with _opened(path) as memory:
        return _series(partial(_turn, memory), told)


def _in_a_scope(path: Path, told: list[tuple[str, str]]) -> Series:
    with _opened(path) as memory:
        return _series(partial(_turn, memory, sources=["now", *(f"talk {n}" for n in range(OWN))]), told)


def _over_http(path: Path, told: list[tuple[str, str]]) -> Series:
    command = [sys.executable, __file__, str(path), "http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101  it is a pipe
            with Memory.connect(server.stdout.readline().strip()) as memory:
                return _series(partial(_turn, memory), told)
        finally:
            server.kill()


def _over_stdio(path: Path, told: list[tuple[str, str]]) -> Series:
    async def talk() -> Series:
        seconds: Series = [], []
        server = StdioServerParameters(command=sys.executable, args=[__file__, str(path), "stdio"])
        async with Client(stdio_client(server)) as client:
            for text, question in told:
                began = time.perf_counter()
                await client.call_tool("remember", {"text": text, "source": "now"})
                done = time.perf_counter()
                found = await client.call_tool("recall", {"cue": question})
                seconds[0].append(done - began)
                seconds[1].append(time.perf_counter() - done)
                if found.is_error:
                    raise RuntimeError(f"{question!r} is not answered: {found.content}")
        return seconds

    return anyio.run(talk)


WAYS = {
    "in process": _in_process,
    "in a scope": _in_a_scope,
    "over HTTP": _over_http,
    "over stdio": _over_stdio,
}


def _serve(path: Path, way: str) -> None:
    with _opened(path) as memory:
        if way == "http":
            serve_http(memory, port=0, ready=lambda url: print(url, flush=True))
        else:
            serve_stdio(memory)


def _series(turn: Callable[[str, str], tuple[float, float]], told: list[tuple[str, str]]) -> Series:
    first, second = zip(*(turn(text, question) for text, question in told), strict=True)
    return list(first), list(second)


def _turn(
    memory: AssociativeMemory, text: str, question: str, sources: list[str] | None = None
) -> tuple[float, float]:
    began = time.perf_counter()
    report = memory.remember(text, source="now")
    told = time.perf_counter()
    found = memory.recall(question, sources=sources)
    ended = time.perf_counter()
    if report.added != 1 or not found.passages:
        raise RuntimeError(f"{text!r} was not taken in, or {question!r} recalls nothing")
    return told - began, ended - told


def _floor(path: Path, before: list[tuple[str, str]], told: list[tuple[str, str]]) -> Series:
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIRTUAL TABLE told USING fts5(text)")
        database.executemany("INSERT INTO told VALUES (?)", ((text,) for text, _ in before))
        database.commit()

        def turn(text: str, question: str) -> tuple[float, float]:
            began = time.perf_counter()
            database.execute("INSERT INTO told VALUES (?)", (text,))
            database.commit()
            inserted = time.perf_counter()
            words = " OR ".join(question.strip("?").split())
            query = "SELECT text FROM told WHERE told MATCH ? ORDER BY rank LIMIT 10"
            database.execute(query, (words,)).fetchall()
            return inserted - began, time.perf_counter() - inserted

        return _series(turn, told)


def _bm25(before: list[tuple[str, str]], told: list[tuple[str, str]]) -> list[float]:
    index = bm25s.BM25()
    index.index(bm25s.tokenize([text for text, _ in before], show_progress=False), show_progress=False)
    seconds = []
    for _, question in told:
        began = time.perf_counter()
        tokens = bm25s.tokenize(question, show_progress=False)
        index.retrieve(tokens, k=10, show_progress=False)
        seconds.append(time.perf_counter() - began)
    return seconds


def _row(case: str, passages: int, ours: list[float], floor: list[float], note: str) -> Row:
    median, least = statistics.median(ours), statistics.median(floor)
    late = np.quantile(ours, 0.95)
    note = f"{note}; p95 {late * 1e3:.1f} ms, floor {np.quantile(floor, 0.95) * 1e3:.1f} ms"
    return Row(
        "loop", case, passages, median, least, median / least, max(ours) - min(ours), len(ours), note=note
    )


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
