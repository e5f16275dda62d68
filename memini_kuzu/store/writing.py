"""What belongs together in a change: entities with their counts, passages with their words and the sums.

Each function reads what is there, computes what is to be there, and adds that to a `Change`. None writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.identity import stable_id
from memini_kuzu.store.languages import count_languages
from memini_kuzu.store.terms import count_terms
from memini_kuzu.tables import column, positions, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from memini_kuzu.store.change import Change
    from memini_kuzu.store.store import Store

    Ints = NDArray[np.int64]

__all__ = [
    "NOBODY",
    "WEAK_LABELS",
    "alter_entities",
    "count_mentions",
    "count_sources",
    "keys",
    "known_loads",
    "rewrite_passages",
]

WEAK_LABELS = ("CONCEPT", "TITLE")
"""Labels that a named entity's label replaces."""

FEW = 5_000
"""Up to so many entities are looked for by their ids; beyond, all are read, which costs less."""

READ_ENTITIES = """
MATCH (e:Entity){where}
RETURN e.id AS id, e.key AS key, e.name AS name, e.label AS label, e.first_seen AS first_seen,
    e.last_seen AS last_seen, e.mentions AS mentions, e.headings AS headings
"""

COUNT_MENTIONS = """
LOAD FROM batch
MATCH (p:Passage {id: id})-[:MENTIONS]->(e:Entity)
RETURN e.id AS id, count(*) AS mentions, count(CASE WHEN p.heading = e.id THEN 1 END) AS headings
"""

READ_WORDS = """
LOAD FROM batch MATCH (p:Passage {id: id})
RETURN p.id AS id, p.terms AS terms, p.words AS words, p.language AS language
"""

WORDS = pa.schema({"id": pa.int64(), "terms": pa.string(), "words": pa.int64(), "language": pa.string()})

NOBODY = pa.table({name: pa.array([], pa.int64()) for name in ("id", "mentions", "headings")})
"""No entity loses a mention."""

KNOWN_LOADS = "MATCH (l:Load) WHERE l.id IN $ids RETURN l.id AS id"


def keys(ids: Sequence[int] | Ints) -> pa.Table:
    """Ids as a table of one column.

    Examples
    --------
    >>> keys([3])["id"].to_pylist()
    [3]
    """
    return pa.table({"id": pa.array(ids, pa.int64())})


def count_mentions(read: Callable[..., pa.Table], passages: Sequence[int]) -> pa.Table:
    """How often passages mention entities: id, mentions, and headings, how many of the passages it heads.

    Parameters
    ----------
    read : callable
        Executes a query.
    passages : sequence of int
        Ids.
    """
    if not len(passages):
        return NOBODY
    table = read(COUNT_MENTIONS, batch=keys(passages))
    return table.cast(NOBODY.schema) if table.num_rows else NOBODY


def alter_entities(
    change: Change,
    read: Callable[..., pa.Table],
    told: pa.Table,
    lost: pa.Table = NOBODY,
    *,
    relabel: bool = True,
) -> int:
    """Create entities, or add to what is known of them.

    Parameters
    ----------
    change : Change
        Takes the rows.
    read : callable
        Executes a query.
    told : pyarrow.Table
        Every column of Entity, each once. One that is known keeps its name, if it has any; its dates are
        widened, its mentions and headings added, and a weak label is replaced.
    lost : pyarrow.Table
        Mentions and headings that are taken back: id, mentions, headings.
    relabel : bool
        Whether labels may be replaced.

    Returns
    -------
    int
        How many are new.
    """
    ids = np.union1d(column(told, "id"), column(lost, "id")).astype(np.int64)
    if not len(ids):
        return 0
    if len(ids) <= FEW:
        known = read(READ_ENTITIES.format(where=" WHERE e.id IN $ids"), {"ids": ids.tolist()})
    else:
        known = read(READ_ENTITIES.format(where=""))
    if not known.num_rows:
        known = pa.table({"id": pa.array([], pa.int64())})
    there = positions(column(told, "id"), column(known, "id")) >= 0
    change.create("Entity", told.filter(pa.array(~there)))
    if known.num_rows:
        known = known.filter(pc.is_in(known["id"], pa.array(ids)))
        change.update("Entity", _altered(known, told, lost, relabel=relabel))
    return int(told.num_rows - there.sum())


def _altered(known: pa.Table, told: pa.Table, lost: pa.Table, *, relabel: bool) -> pa.Table:
    """The rows of entities that are not as they were."""
    ids = column(known, "id")
    at, off = positions(ids, column(told, "id")), positions(ids, column(lost, "id"))
    here = at >= 0

    def of(table: pa.Table, name: str, rows: Ints, default: Any) -> NDArray[Any]:
        return np.append(column(table, name), default)[rows].astype(np.int64)

    first, last = column(known, "first_seen"), column(known, "last_seen")
    new_first = np.minimum(first, of(told, "first_seen", at, np.iinfo(np.int64).max))
    new_last = np.maximum(last, of(told, "last_seen", at, 0))
    counts = {
        name: column(known, name) + of(told, name, at, 0) - of(lost, name, off, 0)
        for name in ("mentions", "headings")
    }
    words = {name: np.array(known[name].to_pylist(), dtype=object) for name in ("key", "name", "label")}
    # one that came as a number has its number for a name, until somebody names it
    nameless = here & (words["key"] == np.array([str(identity) for identity in ids.tolist()], dtype=object))
    keys_told = told["key"].to_pylist()
    for row in np.flatnonzero(nameless).tolist():
        # not by an alias
        nameless[row] = stable_id(keys_told[at[row]]) == ids[row]
    renewed = {name: values.copy() for name, values in words.items()}
    for name, rows in (
        ("key", nameless),
        ("name", nameless),
        ("label", here & np.isin(words["label"], WEAK_LABELS)),
    ):
        if rows.any() and (relabel or name != "label"):
            renewed[name][rows] = np.array(told[name].to_pylist(), dtype=object)[at[rows]]
    changed = (new_first != first) | (new_last != last)
    for name, values in renewed.items():
        changed |= values != words[name]
    for name, values in counts.items():
        changed |= values != column(known, name)
    rows = pa.table(
        {
            "id": ids,
            **{name: pa.array(values.tolist(), pa.string()) for name, values in renewed.items()},
            "first_seen": timestamps(new_first),
            "last_seen": timestamps(new_last),
            **counts,
        }
    )
    return rows.filter(pa.array(changed))


def rewrite_passages(change: Change, store: Store, gone: Sequence[int], new: pa.Table) -> None:
    """Delete passages with all that leads to them, and create others; words and sums follow.

    Parameters
    ----------
    change : Change
        Takes the rows.
    store : Store
        Where.
    gone : sequence of int
        Ids of those that go; those that are not there are left alone.
    new : pyarrow.Table
        Every column of Passage. One whose id is among `gone` takes its place.
    """
    old = WORDS.empty_table()
    if len(gone):
        found = store.read(READ_WORDS, batch=keys(gone))
        old = found.cast(WORDS) if found.num_rows else old
    if not old.num_rows and not new.num_rows:
        return
    change.delete("Passage", old.select(["id"]))
    change.create("Passage", new)
    count_terms(change, store.read, old, new)
    meta = store.stored_meta()
    sums = {
        "passages": int(meta.get("passages", 0)) + new.num_rows - old.num_rows,
        "words": int(meta.get("words", 0)) + _sum(new) - _sum(old),
    }
    counted = {name: str(value) for name, value in sums.items()} | count_languages(meta, old, new)
    change.set_meta(counted, meta)


def _sum(passages: pa.Table) -> int:
    return int(pc.sum(passages["words"]).as_py() or 0)


def count_sources(change: Change, store: Store, counters: Mapping[str, int]) -> None:
    """Set how many positions each of these sources has given out."""
    names = list(counters)
    rows = pa.table(
        {"name": pa.array(names, pa.string()), "passages": pa.array(list(counters.values()), pa.int64())}
    )
    there = store.read("MATCH (s:Source) WHERE s.name IN $names RETURN s.name AS name", {"names": names})
    known = pc.is_in(rows["name"], pa.array(there["name"].to_pylist() if there.num_rows else [], pa.string()))
    change.update("Source", rows.filter(known))
    change.create("Source", rows.filter(pc.invert(known)))


def known_loads(read: Callable[..., pa.Table], ids: Sequence[str]) -> set[str]:
    """Which of these have been loaded."""
    table = read(KNOWN_LOADS, {"ids": list(ids)}) if ids else pa.table({"id": []})
    return set(table["id"].to_pylist()) if table.num_rows else set()
