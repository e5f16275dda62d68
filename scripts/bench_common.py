"""What the benchmarks share: a row of results, alternating measurement, and generated memories of any size.

A floor is the least that the same result can cost, measured in the same run: ours and its floor take turns,
so that a machine that slows down slows both.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from memini_kuzu.store import Store
from memini_kuzu.store.labels import NO_VOTES
from memini_kuzu.tables import Edges, edges_to_arrow, timestamps
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FAN_OUT = 10
"""Associations of an entity in a generated memory."""

NOW = to_millis("2026-01-04")


@dataclass(frozen=True, slots=True)
class Row:
    """One result.

    Parameters
    ----------
    bench, case : str
        What was measured.
    edges : int
        In a memory of how many associations; of `words`, of how many passages.
    median_s : float or None
        Seconds of ours; None where the result is no time.
    floor_s : float or None
        Seconds of what it is compared with.
    ratio : float
        Ours to the floor.
    spread_s : float or None
        From the fastest to the slowest of ours.
    runs : int
        How often each was run.
    goal : str
        What the ratio should be.
    note : str
        What the floor is, and what else was seen.
    """

    bench: str
    case: str
    edges: int
    median_s: float | None
    floor_s: float | None
    ratio: float
    spread_s: float | None = None
    runs: int = 1
    goal: str = ""
    note: str = ""


def report(rows: Sequence[Row], file: Path | None) -> None:
    """Print the rows as a table and write them as JSON."""
    table = Table("case", "edges", "median s", "spread s", "floor s", "ratio", "goal", box=SIMPLE)
    for row in rows:
        seconds = [
            "" if value is None else f"{value:.4f}" for value in (row.median_s, row.spread_s, row.floor_s)
        ]
        table.add_row(f"{row.bench} {row.case}", f"{row.edges:,}", *seconds, f"{row.ratio:.2f}", row.goal)
    console = Console()
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"{row.case}: {row.note}", highlight=False)
    if file is not None:
        file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call takes, rubbish of earlier ones collected first."""
    gc.collect()
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def alternate(runs: int, *functions: Callable[[], object]) -> list[list[float]]:
    """Seconds of each function in each of so many rounds, taking turns."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(runs):
        for place, function in zip(seconds, functions, strict=True):
            place.append(timed(function))
    return seconds


def as_installed(compiled: Path) -> dict[str, str]:
    """The environment of a process that finds its modules compiled in a folder, or puts them there.

    What pip installs is compiled; a checkout need not be.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def process_seconds(*arguments: str, compiled: Path) -> tuple[float, float]:
    """CPU seconds, the system's included, and seconds elapsed of a Python process `as_installed`."""
    environment = as_installed(compiled)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment, check=True)
    elapsed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, elapsed


def compare(
    bench: str,
    case: str,
    edges: int,
    ours: list[float],
    floor: list[float],
    *,
    goal: str = "",
    note: str = "",
) -> Row:
    """The row of two series of measurements."""
    median, least = statistics.median(ours), statistics.median(floor)
    return Row(
        bench, case, edges, median, least, median / least, max(ours) - min(ours), len(ours), goal, note
    )


def entity_ids(count: int) -> NDArray[np.int64]:
    """So many ids, spread over 64 bits as the ids of names are (the splitmix64 sequence)."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))).view(np.int64)


def generated_edges(count: int, seed: int = 0) -> Edges:
    """So many associations, `FAN_OUT` from each entity to entities at random, last seen within a year."""
    rng = np.random.default_rng(seed)
    entities = max(count // FAN_OUT, 2 * FAN_OUT + 2)
    ids = entity_ids(entities)
    row = np.arange(count) // FAN_OUT
    stride = entities // (FAN_OUT + 1)
    # one target in each of ten strides ahead: no pair twice and none to itself
    ahead = 1 + (np.arange(count) % FAN_OUT) * stride + rng.integers(0, stride, count)
    times = NOW - rng.integers(0, 365 * DAY, count)
    return Edges(
        ids[row],
        ids[(row + ahead) % entities],
        1 + rng.random(count),
        rng.random(count) * 0.05,
        times,
        rng.integers(1, 9, count),
        times - rng.integers(0, 365 * DAY, count),
        times.copy(),
    )


def generated_store(path: Path, count: int) -> Store:
    """A store with so many generated associations; to be closed."""
    store = Store(path, create=True)
    edges = generated_edges(count)
    create_entities(store, np.unique(np.concatenate([edges.source, edges.target])))
    with store.changing() as change:
        change.replace("ASSOCIATES", edges_to_arrow(edges))
    return store


def create_entities(store: Store, ids: NDArray[np.int64]) -> None:
    """Entities of these ids, named by their numbers."""
    seen = timestamps(np.full(len(ids), NOW))
    entities = pa.table(
        {
            "id": ids,
            "key": [f"entity {number}" for number in range(len(ids))],
            "name": [f"entity {number}" for number in range(len(ids))],
            "label": ["CONCEPT"] * len(ids),
            "first_seen": seen,
            "last_seen": seen,
            "mentions": np.zeros(len(ids), dtype=np.int64),
            "headings": np.zeros(len(ids), dtype=np.int64),
            "votes": [NO_VOTES] * len(ids),
        }
    )
    with store.changing() as change:
        change.create("Entity", entities)


def zipf_events(count: int, entities: int, exponent: float, seed: int = 0) -> pa.Table:
    """So many events of a year between entities whose frequency falls with a power of their rank."""
    rng = np.random.default_rng(seed)
    share = np.cumsum(np.arange(1, entities + 1, dtype=np.float64) ** -exponent)
    ids = entity_ids(entities)
    source, target = (ids[np.searchsorted(share, rng.random(count) * share[-1])] for _ in range(2))
    return pa.table(
        {"source": source, "target": target, "time": timestamps(NOW - rng.integers(0, 365 * DAY, count))}
    )
