"""An agent's loop: it remembers a sentence and recalls at once, turn after turn, in a memory of some size."""

from __future__ import annotations

import itertools
import sqlite3
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import bm25s
import numpy as np
from bench_common import NOW, Row
from bench_words import SYLLABLES

from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TALK = 50
"""Sentences of one source."""

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


def loop(passages: int, turns: int) -> list[Row]:
    """So many turns in a memory of so many passages."""
    told = sentences(passages + turns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loop.memini"
        times = itertools.count(NOW, MINUTE)
        with Memory.open(path, extractor=RuleExtractor(), clock=partial(next, times)) as memory:
            memory.add(
                Record(text=text, source=f"talk {number // TALK}", time=NOW - 365 * DAY + number * MINUTE)
                for number, (text, _) in enumerate(told[:passages])
            )
        with Memory.open(path, extractor=RuleExtractor(), clock=partial(next, times)) as memory:
            turn = partial(_turn, memory)
            remembered, recalled = _series(turn, told[passages:])
        searched, floor = _floor(Path(folder) / "floor.db", told[:passages], told[passages:])
        best = _bm25(told[:passages], told[passages:])
    asked = [
        (remembered, "remember", searched, "floor: SQLite FTS5, a sentence inserted and committed"),
        (recalled, "recall after it", floor, "floor: SQLite FTS5 asked for the same words"),
        (recalled, "recall against bm25s", best, "floor: bm25s over the passages told before, never updated"),
    ]
    return [_row(case, passages, ours, least, note) for ours, case, least, note in asked]


def _series(
    turn: Callable[[str, str], tuple[float, float]], told: list[tuple[str, str]]
) -> tuple[list[float], list[float]]:
    first, second = zip(*(turn(text, question) for text, question in told), strict=True)
    return list(first), list(second)


def _turn(memory: Memory, text: str, question: str) -> tuple[float, float]:
    began = time.perf_counter()
    report = memory.remember(text, source="now")
    told = time.perf_counter()
    found = memory.recall(question)
    ended = time.perf_counter()
    if report.added != 1 or text not in {passage.text for passage in found.passages}:
        raise RuntimeError(f"{question!r} does not recall {text!r}")
    return told - began, ended - told


def _floor(
    path: Path, before: list[tuple[str, str]], told: list[tuple[str, str]]
) -> tuple[list[float], list[float]]:
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
