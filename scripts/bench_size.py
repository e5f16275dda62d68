"""Bytes on disk: of an association, and of a store of notes for each byte of their text."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from bench_common import NOW, Row
from bench_load import write_events
from bench_loop import MINUTE, sentences

from memini_kuzu.changes.consolidation import consolidate
from memini_kuzu.changes.events import load_events
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import EventColumns, Record
from memini_kuzu.store import Store
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 4096

SHARES = {
    **dict.fromkeys(("as_of", "first_seen", "last_seen"), "dates"),
    **dict.fromkeys(("fast", "slow"), "fast and slow"),
    **dict.fromkeys(("_ID", "NBR_ID"), "ids"),
    "events": "events",
}
"""The engine's columns of an association by what they hold; others are of its lists and of nulls."""

NOTE = 16
"""Sentences of a note: 2 kB."""


def size(edges: int, kilobytes: int) -> list[Row]:
    """Of about so many associations, and of notes of so much text, a tenth and a hundredth of it."""
    return [*_edges(edges), *(_notes(part) for part in (kilobytes // 100, kilobytes // 10, kilobytes))]


def _edges(edges: int) -> Iterator[Row]:
    """Bytes of a store per edge, next to the same columns as Parquet."""
    # as many events as make about so many pairs
    events = edges * 5_000_000 // 1_400_000
    with tempfile.TemporaryDirectory() as folder:
        path, stored = Path(folder) / "events.parquet", Path(folder) / "size.memini"
        write_events(path, events)
        with Store(stored, create=True) as store:
            empty = stored.stat().st_size
            load_events(store, [path], columns=EventColumns(), now=NOW, keep_events=False)
            yield _edge_row("bytes an edge", store, empty)
            consolidate(store, now=NOW + DAY, threshold=0.0)
        with Memory.open(stored) as memory:
            memory.compact()
        with Store(stored) as store:
            yield _edge_row("after a maintenance pass", store, empty)


def _edge_row(case: str, store: Store, empty: int) -> Row:
    table = store.read_edges()
    parquet = store.path.with_suffix(".parquet")
    pq.write_table(table, parquet)
    ours = (store.path.stat().st_size - empty) / table.num_rows
    floor = parquet.stat().st_size / table.num_rows
    shares = ", ".join(f"{name} {size / table.num_rows:.0f}" for name, size in _shares(store).items())
    note = f"{ours:.0f} bytes an edge with entities and indexes, {floor:.0f} as Parquet; of them {shares}"
    return Row("size", case, table.num_rows, None, None, ours / floor, note=note)


def _shares(store: Store) -> dict[str, int]:
    """Bytes of the pages that hold associations, in both directions, by what is in them."""
    found = dict.fromkeys(("dates", "fast and slow", "ids", "events"), 0)
    columns = store.read("CALL storage_info('ASSOCIATES') RETURN column_name AS name, num_pages AS pages")
    for name, pages in zip(columns["name"].to_pylist(), columns["pages"].to_pylist(), strict=True):
        share = SHARES.get(name.removeprefix("fwd_").removeprefix("bwd_"), "lists and nulls")
        found[share] = found.get(share, 0) + pages * PAGE
    return found


def _notes(kilobytes: int) -> Row:
    """Notes in a store, as it is when they are told, and compacted."""
    written = list(_some(max(kilobytes, 1) * 1_000))
    text = sum(len(note.encode()) for note in written)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes.memini"
        with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
            memory.add(
                Record(text=note, source="notes", time=NOW - 365 * DAY + number * MINUTE)
                for number, note in enumerate(written)
            )
            report = memory.compact()
            edges = memory.stats().associations
            rows = _in_tables(memory)
    note = (
        f"{report.after / 1e6:.1f} MB for {text / 1e6:.2f} MB of text once compacted, of them rows "
        f"{rows / 1e6:.1f}, the rest mostly indexes of keys; {report.before / 1e6:.1f} MB before"
    )
    case = f"notes of {kilobytes:,} kB"
    return Row("size", case, edges, None, None, report.after / text, goal="10", note=note)


def _in_tables(memory: Memory) -> int:
    """Bytes of the pages that hold rows."""
    names = memory.cypher("CALL show_tables() RETURN name")["name"].to_pylist()
    return PAGE * sum(
        sum(memory.cypher(f"CALL storage_info('{name}') RETURN num_pages AS pages")["pages"].to_pylist())
        for name in names
    )


def _some(size: int) -> Iterator[str]:
    """Notes of so many bytes together."""
    told = (text for text, _ in sentences(size // 100))
    while size > 0:
        note = " ".join(itertools.islice(told, NOTE))
        size -= len(note)
        yield note
