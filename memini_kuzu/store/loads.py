"""Loads, and the parts in which the store keeps their events (EventLog)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.identity import stable_id
from memini_kuzu.store.engine import pool
from memini_kuzu.store.numbered import returned
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.change import Change

    Ints = NDArray[np.int64]

__all__ = [
    "PART",
    "create_parts",
    "kind_id",
    "kind_names",
    "known_loads",
    "loads_of_parts",
    "most_kept",
    "new_kinds",
    "part_id",
    "parts_from",
    "parts_with",
    "read_kept",
    "read_loads",
    "read_parts",
    "unkept_loads",
]

PART = 8_192
"""Events of a part: one is read in 4 ms by its id, and a million events are 123 of them."""

COPIED = 200_000
"""Events from which COPY is worth the checkpoint before it: LOAD FROM takes a second a million, then more."""

COPIED_BYTES = 80
"""Of the page cache that an event takes until its change is committed: 60 to 80 were measured."""

LOOKED_UP = 64
"""Up to so many parts are looked up one by one; for more, reading the whole table is cheaper."""

LISTS = returned("l")

EVENTS = f"RETURN l.id AS id, {LISTS}, l.event_kind AS event_kind"

ONE = f"MATCH (l:EventLog {{id: $id}}) {EVENTS}"

KNOWN = "MATCH (l:Load) WHERE l.id IN $ids RETURN l.id AS id"


def part_id(load: str, number: int) -> int:
    """The id of a part of a load, by its number from 0.

    Examples
    --------
    >>> part_id("a", 0) == part_id("a", 1)
    False
    """
    return stable_id("events", load, str(number))


def kind_id(name: str) -> int:
    """The id of a kind of events.

    Examples
    --------
    >>> kind_id("sells") == kind_id("buys")
    False
    """
    return stable_id("kind", name)


def known_loads(read: Callable[..., pa.Table], ids: Sequence[str]) -> set[str]:
    """Those of these ids that have been loaded already."""
    table = read(KNOWN, {"ids": list(ids)}) if ids else pa.table({"id": []})
    return set(table["id"].to_pylist()) if table.num_rows else set()


def read_loads(read: Callable[..., pa.Table]) -> pa.Table:
    """All loads: id, source and events."""
    table = read("MATCH (l:Load) RETURN l.id AS id, l.source AS source, l.events AS events")
    return table if table.num_rows else NO_LOADS


NO_LOADS = pa.table(
    {"id": pa.array([], pa.string()), "source": pa.array([], pa.string()), "events": pa.array([], pa.int64())}
)


def read_kept(read: Callable[..., pa.Table]) -> pa.Table:
    """All parts: id, load."""
    table = read("MATCH (l:EventLog) RETURN l.id AS id, l.load AS load")
    return table if table.num_rows else NO_PARTS


NO_PARTS = pa.table({"id": pa.array([], pa.int64()), "load": pa.array([], pa.string())})


def unkept_loads(read: Callable[..., pa.Table]) -> set[str]:
    """The loads whose events the store does not hold."""
    return {*read_loads(read)["id"].to_pylist()} - {*read_kept(read)["load"].to_pylist()}


def loads_of_parts(read: Callable[..., pa.Table], ids: Sequence[int]) -> pa.Table:
    """Those of these parts that exist: id, load."""
    if not len(ids):
        return NO_PARTS
    table = read(
        "MATCH (l:EventLog) WHERE l.id IN $ids RETURN l.id AS id, l.load AS load", {"ids": list(ids)}
    )
    return table if table.num_rows else NO_PARTS


def parts_with(read: Callable[..., pa.Table], entity: int) -> list[int]:
    """The parts with an event that has this entity as source or target."""
    table = read(
        "MATCH (l:EventLog) WHERE list_contains(l.event_entities, $entity) RETURN l.id AS id",
        {"entity": entity},
    )
    return list(table["id"].to_pylist()) if table.num_rows else []


def parts_from(read: Callable[..., pa.Table], sources: Ints) -> list[int]:
    """The parts that may have an event from one of these entities, which are in ascending order."""
    table = read("MATCH (l:EventLog) RETURN l.id AS id, l.first_source AS first, l.last_source AS last")
    if not table.num_rows:
        return []
    first, last = (column(table, name).astype(np.int64) for name in ("first", "last"))
    within = np.searchsorted(sources, first, "left") < np.searchsorted(sources, last, "right")
    return sorted(column(table, "id")[within].tolist())


def read_parts(read: Callable[..., pa.Table], ids: Sequence[int] | None = None) -> pa.Table:
    """The events of these parts, or of all, as they are stored: id, and the lists of events.

    Parameters
    ----------
    read : callable
        Executes a query.
    ids : sequence of int, optional
        At least one; unknown ids are left out.
    """
    if ids is None:
        return read(f"MATCH (l:EventLog) {EVENTS}")
    if len(ids) <= LOOKED_UP:
        # only numbered parameter names enter the text; the ids themselves are parameters
        query = " UNION ALL ".join(ONE.replace("$id", f"$id{number}") for number in range(len(ids)))
        return read(query, {f"id{number}": each for number, each in enumerate(ids)})
    return read(f"MATCH (l:EventLog) WHERE l.id IN $ids {EVENTS}", {"ids": list(ids)})


def create_parts(change: Change, parts: pa.Table) -> None:
    """Write new parts.

    Parameters
    ----------
    change : Change
        They are added to it, which must not touch other parts.
    parts : pyarrow.Table
        Every column of EventLog.
    """
    many = (
        parts.num_rows * PART > COPIED and pc.sum(pc.list_value_length(parts["source_at"])).as_py() > COPIED
    )
    (change.append if many else change.create)("EventLog", parts)


def most_kept() -> int:
    """How many events can be written in one change.

    Examples
    --------
    >>> most_kept() > 1_000_000
    True
    """
    return pool() // COPIED_BYTES


def kind_names(read: Callable[..., pa.Table]) -> dict[int, str]:
    """The names of all kinds of events, by their ids."""
    table = read("MATCH (k:Kind) RETURN k.id AS id, k.name AS name")
    if not table.num_rows:
        return {}
    return dict(zip(table["id"].to_pylist(), table["name"].to_pylist(), strict=True))


def new_kinds(read: Callable[..., pa.Table], kinds: pa.Table) -> pa.Table:
    """Those of these kinds (id, name) that the store does not have."""
    known = kind_names(read)
    return kinds.filter(pa.array([each not in known for each in kinds["id"].to_pylist()], pa.bool_()))
