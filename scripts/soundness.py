"""What must hold in any store at any time, and how two stores are compared, row by row.

Nothing here asks memini what is right: it is computed anew from the rows, as Cypher gives them.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics import respond
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.tables import column, edges_from_arrow
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.store import Store

    Row = tuple[Any, ...]
    State = dict[str, list[Row]]

__all__ = ["differences", "ledger", "state", "unsound", "violations"]

KEYS = 8
"""Rows of a table that are also looked up by their keys: each asks the index of keys."""

BOOKKEEPING = frozenset({"extractor", "reports"})
"""Keys in MeminiMeta that two stores with the same content may hold differently: they are written on their
own."""

COUNTING = "MeminiJournal"
"""The table that counts changes: refused ones, and those that are made again, are not counted alike."""

SMALL = 1e-12
"""What the difference of equals may leave of a strength."""


def violations(store: Store, tolerance: float = 1e-9) -> list[str]:
    """What in a store does not agree with the rest of it; nothing of it may have been forgotten.

    Parameters
    ----------
    store : Store
        Open.
    tolerance : float
        Largest relative error of an association's variables against the fold of the ledger.
    """
    return [*_ledger(store, tolerance), *unsound(store)]


def unsound(store: Store) -> list[str]:
    """As `violations`, also of a store that has forgotten or that was given events without documents.

    Parameters
    ----------
    store : Store
        Open.
    """
    tables = _tables(store)
    return [
        *_places(store),
        *_counts(store),
        *_words(store),
        *_adjacency(store, tables),
        *_keys(store, tables),
    ]


def _ledger(store: Store, tolerance: float) -> Iterator[str]:
    """The associations are the fold of the events of all documents and loads."""
    source, target, amount, when = ledger(store)
    edges = edges_from_arrow(store.read_edges())
    row = {
        pair: number
        for number, pair in enumerate(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    }
    if len(row) != len(edges):
        yield f"{len(edges) - len(row)} associations are there twice"
    pairs = list(zip(source.tolist(), target.tolist(), strict=True))
    if set(pairs) != row.keys():
        yield f"{len(set(pairs) - row.keys())} associations of the ledger are missing, {len(row)} are stored"
        return
    group = np.array([row[pair] for pair in pairs], dtype=np.int64)
    fast, slow = respond(amount, (edges.as_of[group] - when) / DAY, store.parameters)
    for name, part in (("fast", fast), ("slow", slow)):
        expected = np.bincount(group, weights=part, minlength=len(edges))
        wrong = np.abs(getattr(edges, name) - expected) > tolerance * np.abs(expected)
        if wrong.any():
            yield f"{wrong.sum()} of {len(edges)} associations differ from the ledger in {name}"
    if (np.bincount(group, minlength=len(edges)) != edges.events).any():
        yield "counts of events differ from the ledger"
    first, last = np.full(len(edges), np.iinfo(np.int64).max), np.zeros(len(edges), dtype=np.int64)
    np.minimum.at(first, group, when)
    np.maximum.at(last, group, when)
    if (first != edges.first_seen).any() or (last != edges.last_seen).any():
        yield "first_seen or last_seen differ from the ledger"


def ledger(store: Store) -> tuple[Any, ...]:
    """The events of all documents and loads as columns: source, target, amount and time in milliseconds."""
    tables = [
        store.read(
            f"MATCH (d:{name}) RETURN list_transform(d.source_at, i -> d.event_entities[i]) AS s, "
            "list_transform(d.target_at, i -> d.event_entities[i]) AS t, "
            "list_transform(d.amount_at, i -> memini_amount(d.event_amounts[i])) AS a, "
            "list_transform(d.time_at, i -> d.event_times[i]) AS w"
        )
        for name in ("Document", "EventLog")
    ]
    table = pa.concat_tables([each for each in tables if each.num_rows] or tables[:1])
    flat = {name: pc.list_flatten(table[name]) for name in table.column_names}
    events = pa.table(flat) if flat else pa.table({name: pa.array([], pa.int64()) for name in "staw"})
    source, target, amount, when = (column(events, name) for name in "staw")
    return source, target, amount, when


def _places(store: Store) -> Iterator[str]:
    """Every document has its passages, every passage its document and its place."""
    documents = {
        row["id"]: row
        for row in store.read(
            "MATCH (d:Document) "
            "RETURN d.id AS id, d.source AS source, d.record AS record, d.positions AS positions"
        ).to_pylist()
    }
    counters = {
        row["name"]: row["passages"]
        for row in store.read("MATCH (s:Source) RETURN s.name AS name, s.passages AS passages").to_pylist()
    }
    passages = store.read(
        "MATCH (p:Passage) "
        "RETURN p.id AS id, p.document AS document, p.source AS source, p.position AS position"
    ).to_pylist()
    wanted = {
        (row["id"], row["source"], position) for row in documents.values() for position in row["positions"]
    }
    there = {(row["document"], row["source"], row["position"]) for row in passages}
    if wanted != there or len(passages) != len(there):
        yield f"{len(wanted - there)} passages are missing, {len(there - wanted)} belong to no document"
    for row in passages:
        if row["id"] != passage_id(row["source"], row["position"]):
            yield f"passage {row['id']} is not the one of {row['source']!r}, {row['position']}"
        if row["position"] >= counters.get(row["source"], 0):
            yield f"source {row['source']!r} has not given out position {row['position']}"
    for identity, row in documents.items():
        if identity != stable_id(row["source"], row["record"]):
            yield f"document {identity} is not {row['record']!r} of {row['source']!r}"


def _counts(store: Store) -> Iterator[str]:
    """What is counted as it goes equals a recount."""
    recount = {
        row["id"]: (row["mentions"], row["headings"])
        for row in store.read(
            "MATCH (e:Entity) OPTIONAL MATCH (e)<-[m:MENTIONS]-(p:Passage) "
            "RETURN e.id AS id, count(m) AS mentions, "
            "coalesce(sum(CASE WHEN p.heading = e.id THEN 1 ELSE 0 END), 0) AS headings"
        ).to_pylist()
    }
    for row in store.read("MATCH (e:Entity) RETURN e.id AS id, e.mentions AS m, e.headings AS h").to_pylist():
        if recount[row["id"]] != (row["m"], row["h"]):
            yield f"entity {row['id']} counts {(row['m'], row['h'])}, there are {recount[row['id']]}"
    twice = store.read(
        "MATCH (p:Passage)-[m:MENTIONS]->(e:Entity) "
        "WITH p.id AS p, e.id AS e, count(*) AS n WHERE n > 1 RETURN p, e"
    ).num_rows
    if twice:
        yield f"{twice} mentions are there twice"
    headless = store.read(
        "MATCH (p:Passage) WHERE p.heading IS NOT NULL AND NOT EXISTS "
        "{ MATCH (p)-[:MENTIONS]->(e:Entity) WHERE e.id = p.heading } RETURN p.id"
    ).num_rows
    if headless:
        yield f"{headless} passages do not mention what heads them"
    table = store.read(
        "MATCH (p:Passage) RETURN p.terms AS terms, p.words AS words, p.language AS language"
    ).to_pylist()
    if any(len(row["terms"].split()) != row["words"] for row in table):
        yield "words is not the number of terms"
    meta = store.read("MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value").to_pylist()
    kept = {row["key"]: row["value"] for row in meta}
    sums = (int(kept.get("passages", 0)), int(kept.get("words", 0)))
    if sums != (len(table), sum(row["words"] for row in table)):
        counted = (len(table), sum(row["words"] for row in table))
        yield f"the sums of passages and words are {sums}, not {counted}"
    spoken = dict(Counter(row["language"] for row in table))
    if json.loads(kept.get("languages", "{}")) != spoken:
        yield f"the languages are {kept.get('languages')}, not {spoken}"


def _words(store: Store) -> Iterator[str]:
    """The table of occurrences holds each term with the passages that hold it, and no others."""
    wanted = Counter(
        (term, row["id"])
        for row in store.read("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms").to_pylist()
        for term in row["terms"].split()
    )
    rows = store.read(
        "MATCH (t:Term)-[o:OCCURS]->(p:Passage) RETURN t.term AS term, p.id AS id, o.tf AS tf"
    ).to_pylist()
    there = {(row["term"], row["id"]): row["tf"] for row in rows}
    if len(there) != len(rows):
        yield f"{len(rows) - len(there)} occurrences are there twice"
    if there != wanted:
        missing, foreign = wanted.keys() - there.keys(), there.keys() - wanted.keys()
        wrong = sum(wanted[pair] != tf for pair, tf in there.items()) - len(foreign)
        yield f"{len(missing)} occurrences are missing, {len(foreign)} are of no word, {wrong} count wrongly"
    holders = Counter(term for term, _ in wanted)
    counted = {
        row["term"]: row["df"]
        for row in store.read("MATCH (t:Term) RETURN t.term AS term, t.df AS df").to_pylist()
    }
    if holders.keys() - counted.keys():
        yield f"{len(holders.keys() - counted.keys())} terms are missing"
    wrong = sum(holders[term] != number for term, number in counted.items())
    if wrong:
        yield f"{wrong} of {len(counted)} terms count their passages wrongly"


def _adjacency(store: Store, tables: dict[str, str]) -> Iterator[str]:
    """A relationship is found from either of its ends, and what the engine counts is there."""
    for name, kind in tables.items():
        if kind == "NODE":
            rows = len(_read_nodes(store, name))
            counts = [_count(store, f"MATCH (n:`{name}`) RETURN count(*) AS n")]
        else:
            # Kùzu begins at the node that the pattern names first, and goes along its list
            forward, backward = (sorted(map(repr, _read_rels(store, name, back))) for back in (False, True))
            rows = len(forward)
            if forward != backward:
                lost, more = Counter(forward) - Counter(backward), Counter(backward) - Counter(forward)
                yield (
                    f"{lost.total()} of {rows} {name} are found from their source only, or otherwise, "
                    f"{more.total()} from their target only"
                )
            counts = [
                _count(store, f"MATCH ()-[e:`{name}`]->() RETURN count(*) AS n"),
                _count(store, f"MATCH ()<-[e:`{name}`]-() RETURN count(*) AS n"),
            ]
        if any(number != rows for number in counts):
            yield f"{name} has {rows} rows, and the engine counts {counts}"


def _keys(store: Store, tables: dict[str, str]) -> Iterator[str]:
    """A node is found by its key, once."""
    for name, kind in tables.items():
        if kind != "NODE":
            continue
        key = _key(store, name)
        values = store.read(f"MATCH (n:`{name}`) RETURN n.`{key}` AS key")["key"].to_pylist()
        if len(set(values)) != len(values):
            yield f"{len(values) - len(set(values))} keys of {name} are there twice"
        wrong = [
            value
            for value in sorted(values)[:: max(1, len(values) // KEYS)]
            if _count(store, f"MATCH (n:`{name}` {{`{key}`: $key}}) RETURN count(*) AS n", key=value) != 1
        ]
        if wrong:
            yield f"{len(wrong)} keys of {name} do not lead to their node, such as {wrong[0]!r}"


def _count(store: Store, query: str, **parameters: Any) -> int:
    return int(store.read(query, parameters)["n"][0].as_py())


# --- all that a store holds ---


def _tables(store: Store) -> dict[str, str]:
    """The tables and their kinds, NODE or REL; those of an index are hidden."""
    rows = store.read("CALL show_tables() RETURN name AS name, type AS type").to_pylist()
    return {row["name"]: row["type"] for row in sorted(rows, key=lambda row: str(row["name"]))}


def _columns(store: Store, table: str) -> list[str]:
    rows = store.read(f"CALL table_info('{table}') RETURN name AS name").to_pylist()
    return [row["name"] for row in rows]


def _key(store: Store, table: str) -> str:
    rows = store.read(f"CALL table_info('{table}') RETURN *").to_pylist()
    return next(str(row["name"]) for row in rows if row["primary key"])


def _read(store: Store, pattern: str, expressions: list[str]) -> list[Row]:
    returned = ", ".join(f"{expression} AS `{number}`" for number, expression in enumerate(expressions))
    table = store.read(f"MATCH {pattern} RETURN {returned}")
    return [tuple(row.values()) for row in table.to_pylist()]


def _read_nodes(store: Store, table: str) -> list[Row]:
    return _read(store, f"(n:`{table}`)", [f"n.`{name}`" for name in _columns(store, table)])


def _read_rels(store: Store, table: str, back: bool = False) -> list[Row]:  # noqa: FBT001, FBT002
    rows = []
    for ends in store.read(f"CALL show_connection('{table}') RETURN *").to_pylist():
        source = f"(a:`{ends['source table name']}`)"
        target = f"(b:`{ends['destination table name']}`)"
        expressions = [
            f"a.`{ends['source table primary key']}`",
            f"b.`{ends['destination table primary key']}`",
            *(f"e.`{name}`" for name in _columns(store, table)),
        ]
        pattern = f"{target}<-[e:`{table}`]-{source}" if back else f"{source}-[e:`{table}`]->{target}"
        rows += _read(store, pattern, expressions)
    return rows


def state(store: Store) -> State:
    """All rows of all tables, the user's own among them, in an order of their own.

    Parameters
    ----------
    store : Store
        Open.

    Returns
    -------
    dict of str to list of tuple
        A row of nodes has the table's columns; one of relationships the keys of both ends before them.
    """
    found = {}
    for name, kind in _tables(store).items():
        if name == COUNTING:
            continue
        rows = _read_nodes(store, name) if kind == "NODE" else _read_rels(store, name)
        if name == "MeminiMeta":
            rows = [row for row in rows if row[0] not in BOOKKEEPING]
        if name == "Alias":
            rows = [tuple(map(_parsed, row)) for row in rows]
        found[name] = sorted(rows, key=lambda row: repr(_rough(row)))
    return found


def _parsed(value: Any) -> Any:
    """What an alias keeps as JSON, its lists in an order of their own: it follows that of the rows."""
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    return {name: _ordered(part) for name, part in json.loads(value).items()}


def _ordered(part: Any) -> Any:
    if isinstance(part, dict) and all(isinstance(column, list) for column in part.values()):
        part = list(zip(*part.values(), strict=True))
    return sorted(part, key=lambda row: repr(_rough(row))) if isinstance(part, list) else part


def _rough(value: Any) -> Any:
    """A value to sort by: what rounding may have moved is in the same place."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return [_rough(item) for item in value] if isinstance(value, list | tuple) else value


def differences(found: State, expected: State, tolerance: float = 1e-9) -> list[str]:
    """Where one state is not the other.

    Parameters
    ----------
    found, expected : dict of str to list of tuple
        As `state` gives them.
    tolerance : float
        Largest relative difference of two numbers that are not whole.

    Returns
    -------
    list of str
        One line a table; empty where they are the same.
    """
    lines = [
        f"table {name} {'should not be there' if name in found else 'is missing'}"
        for name in sorted(found.keys() ^ expected.keys())
    ]
    for name in sorted(found.keys() & expected.keys()):
        mine, theirs = found[name], expected[name]
        if len(mine) != len(theirs):
            lines.append(f"{name} has {len(mine)} rows, not {len(theirs)}")
            continue
        wrong = [
            (one, other) for one, other in zip(mine, theirs, strict=True) if not _same(one, other, tolerance)
        ]
        if wrong:
            one, other = next(
                pair for pair in zip(*wrong[0], strict=True) if not _same(pair[0], pair[1], tolerance)
            )
            lines.append(
                f"{len(wrong)} of {len(mine)} rows of {name} differ, such as {_short(wrong[0][1][0])}: "
                f"{_short(one)}, not {_short(other)}"
            )
    return lines


def _short(value: Any, length: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance * max(abs(one), abs(other)) + SMALL
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            _same(mine, theirs, tolerance) for mine, theirs in zip(one, other, strict=True)
        )
    return bool(one == other)
