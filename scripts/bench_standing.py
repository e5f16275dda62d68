"""Standing among rivals: what comparing fifty passages adds to a recall, and the same recall without it."""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from bench_common import Row, alternate

from memini_kuzu import Memory, Record, recall
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.store import Store
from memini_kuzu.times import to_millis

MATTERS = 40
"""What is asked about at most; each has rivals of many dates."""

SAYINGS = 100
"""Passages on each matter: twice as many as are compared."""

WORDS = 12
"""Words of a passage beside those of its matter."""

NOW = "2026-01-04"

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]

LIMIT = 3.0
"""Milliseconds that it may add."""


def standing(matters: int, runs: int) -> list[Row]:
    """A recall whose fifty best passages are rivals, with and without comparing them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matters.memini"
        with Memory.open(path, extractor=RuleExtractor()) as memory:
            memory.add(_records(matters))
        with Store(path) as store:
            now = to_millis(NOW)
            with_it, without = [], []
            for matter in range(matters):
                ask = partial(recall.recall, store, f"who leads {_name(matter)} works now?", now=now)
                ask()
                one, other = alternate(runs, ask, partial(ask, without=frozenset({"standing"})))
                with_it.append(statistics.median(one))
                without.append(statistics.median(other))
    added = 1000 * (np.array(with_it) - np.array(without))
    note = (
        f"adds {np.median(added):.1f} ms (from {added.min():.1f} to {added.max():.1f}; limit {LIMIT:g}); "
        "floor: the same recall without it"
    )
    ours, floor = statistics.median(with_it), statistics.median(without)
    return [
        Row(
            "standing",
            "fifty rivals compared",
            matters * SAYINGS,
            ours,
            floor,
            ours / floor,
            max(with_it) - min(with_it),
            runs * matters,
            note=note,
        )
    ]


def _name(number: int) -> str:
    return (SYLLABLES[number] + SYLLABLES[-1 - number]).title() + "tor"


def _records(matters: int) -> list[Record]:
    rng = np.random.default_rng(0)
    vocabulary = ["".join(rng.choice(SYLLABLES, 3)) for _ in range(5_000)]
    day = np.sort(rng.integers(0, 3_650, (matters, SAYINGS)), axis=1)
    records = []
    for matter in range(matters):
        for number in range(SAYINGS):
            leader = f"{_name(number // 10)}a {_name(matter // 2)}o"
            rest = " ".join(rng.choice(vocabulary, WORDS))
            date = np.datetime64("2016-01-01") + day[matter, number]
            records.append(
                Record(
                    f"{leader} leads {_name(matter)} works, {rest}.",
                    id=f"{matter}-{number}",
                    source="news",
                    time=to_millis(str(date)),
                )
            )
    return records
