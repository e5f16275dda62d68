"""How long an event loop stands still while passages go in through an AsyncMemory."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench_common import Row

from memini_kuzu import AsyncMemory, Record
from memini_kuzu.extraction import RuleExtractor, default_extractor

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from memini_kuzu.extraction import Extractor

BEAT = 0.001
"""Seconds that the loop sleeps between two looks at the clock."""

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


def gap(passages: int) -> list[Row]:
    """The longest gap between two beats, by rules and by the model; floor: while a thread computes."""
    records = _records(passages)
    floor = asyncio.run(_longest(asyncio.to_thread(_compute, 2.0)))
    found = []
    for case, extractor in (("rules", RuleExtractor()), ("model", default_extractor())):
        seconds, longest = asyncio.run(_ingested(records, extractor))
        note = f"longest gap in {seconds:.1f} s; limit 50 ms; floor: while a thread computes in Python"
        found.append(Row("gap", case, passages, longest, floor, longest / floor, 0.0, 1, note=note))
    return found


async def _ingested(records: list[Record], extractor: Extractor) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with await AsyncMemory.open(Path(folder) / "a.memini", extractor=extractor) as memory:
            await memory.remember("Ada met Charles.")  # the model is loaded before
            begun = time.perf_counter()
            longest = await _longest(memory.add(records))
            return time.perf_counter() - begun, longest


async def _longest(work: Coroutine[Any, Any, Any]) -> float:
    """Seconds at most between two beats of the loop while something is done."""
    task, longest = asyncio.ensure_future(work), 0.0
    before = time.perf_counter()
    while not task.done():
        await asyncio.sleep(BEAT)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    await task
    return longest


def _compute(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def _records(passages: int) -> list[Record]:
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(SYLLABLES, 3)).title() for _ in range(passages // 4)]
    chosen = rng.choice(names, (passages, 3))
    return [Record(text=f"{a} told {b} of the harbour that {c} has drawn.") for a, b, c in chosen]
