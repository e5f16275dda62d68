"""What a store holds, as plain values, and how that differs from an oracle: all reading is here."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from oracle_model import Event, Oracle, Pair, strength

from memini_kuzu.dynamics import propagate
from memini_kuzu.extraction import canonical
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.store import view
from memini_kuzu.text.analysis import analyse
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oracle_model import Ends, Place

    from memini_kuzu.memory import Memory


__all__ = [
    "NAMES",
    "START",
    "mismatches",
    "read_state",
    "rows",
]

NAMES = ("Ada", "Bob", "Cleo", "Dora", "Emil", "Harbour")


START = to_millis("2025-01-01")


THEN = START + 30 * DAY
"""A moment in the past: one of the dates of histories."""


RELATIVE = 1e-9
"""Relative difference that rounding may make in a variable of an association."""


CANCELLED = 1e-13
"""The same in proportion to what was subtracted from it."""


@dataclass(slots=True)
class State:
    """What a store holds, as plain values; entities by their ids, times in milliseconds since 1970."""

    passages: dict[Place, dict[str, Any]]
    mentions: dict[Place, Counter[int]]
    documents: dict[int, dict[str, Any]]
    edges: dict[Ends, dict[str, Any]]
    entities: dict[int, dict[str, Any]]
    aliases: dict[str, tuple[str, int]]
    counters: dict[str, int]
    loads: dict[str, tuple[str, int]]
    kept: list[tuple[str, list[tuple[int, int, int, float, str]]]]
    """Name of each load that kept its events, with them."""
    kinds: set[str]
    past: tuple[dict[Ends, dict[str, Any]], set[Ends]]
    """The associations of `THEN`, and those of which that is not known."""
    sums: tuple[int, int]
    vectors: set[int] | None
    terms: dict[str, tuple[int, dict[int, int]]]
    """Document frequency of each term, and how often passages hold it."""


def rows(memory: Memory, query: str) -> list[dict[str, Any]]:
    """The rows of a query, dates as milliseconds."""
    found: list[dict[str, Any]] = memory.cypher(query).to_pylist()
    for row in found:
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = _millis(value)
            elif isinstance(value, list) and value and isinstance(value[0], datetime):
                row[name] = [_millis(each) for each in value]
    return found


def _millis(value: datetime) -> int:
    return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def read_state(memory: Memory) -> State:
    """All that a store says."""
    tables = {row["name"] for row in rows(memory, "CALL show_tables() RETURN name AS name")}
    mentions: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    for row in rows(
        memory,
        "MATCH (p:Passage)-[m:MENTIONS]->(e:Entity) "
        "RETURN p.source AS source, p.position AS position, e.id AS entity, m.count AS count",
    ):
        mentions[row["source"], row["position"]][row["entity"]] += row["count"]
    meta = {
        row["key"]: row["value"]
        for row in rows(memory, "MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value")
    }
    return State(
        passages={
            (row["source"], row["position"]): row
            for row in rows(
                memory,
                "MATCH (p:Passage) RETURN p.id AS id, p.record AS record, p.source AS source, "
                "p.position AS position, p.title AS title, p.time AS time, p.document AS document, "
                "p.heading AS heading, p.text AS text, p.terms AS terms, p.words AS words, "
                "p.language AS language",
            )
        },
        mentions=mentions,
        documents={
            row["id"]: row
            for row in rows(
                memory,
                "MATCH (d:Document) RETURN d.id AS id, d.source AS source, d.record AS record, "
                "d.title AS title, d.time AS time, d.digest AS digest, d.versions AS versions, "
                "d.positions AS positions, "
                "list_transform(d.source_at, i -> d.event_entities[i]) AS event_source, "
                "list_transform(d.target_at, i -> d.event_entities[i]) AS event_target, "
                "list_transform(d.amount_at, i -> memini_amount(d.event_amounts[i])) AS event_amount, "
                "list_transform(d.time_at, i -> d.event_times[i]) AS event_time",
            )
        },
        edges={
            (row["source"], row["target"]): row
            for row in rows(
                memory,
                "MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) RETURN a.id AS source, b.id AS target, "
                "e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events, "
                "e.first_seen AS first, e.last_seen AS last",
            )
        },
        entities={
            row["id"]: row
            for row in rows(
                memory,
                "MATCH (e:Entity) RETURN e.id AS id, e.key AS key, e.first_seen AS first, "
                "e.last_seen AS last, e.mentions AS mentions, e.headings AS headings",
            )
        },
        aliases={
            row["key"]: (row["name"], row["entity"])
            for row in rows(memory, "MATCH (a:Alias) RETURN a.key AS key, a.name AS name, a.entity AS entity")
        },
        counters={
            row["name"]: row["passages"]
            for row in rows(memory, "MATCH (s:Source) RETURN s.name AS name, s.passages AS passages")
        },
        loads={
            row["id"]: (Path(row["source"]).name, row["events"])
            for row in rows(
                memory, "MATCH (l:Load) RETURN l.id AS id, l.source AS source, l.events AS events"
            )
        },
        kept=_read_kept(memory),
        kinds={row["name"] for row in rows(memory, "MATCH (k:Kind) RETURN k.name AS name")},
        past=_read_past(memory),
        sums=(int(meta.get("passages", 0)), int(meta.get("words", 0))),
        vectors={row["id"] for row in rows(memory, "MATCH (e:Embedding) RETURN e.id AS id")}
        if "Embedding" in tables
        else None,
        terms=_read_terms(memory),
    )


def _read_kept(memory: Memory) -> list[tuple[str, list[tuple[int, int, int, float, str]]]]:
    loads = {
        row["id"]: Path(row["source"]).name
        for row in rows(memory, "MATCH (l:Load) RETURN l.id AS id, l.source AS source")
    }
    kinds = {
        row["id"]: row["name"] for row in rows(memory, "MATCH (k:Kind) RETURN k.id AS id, k.name AS name")
    }
    found: defaultdict[str, list[tuple[int, int, int, float, str]]] = defaultdict(list)
    for row in rows(
        memory,
        "MATCH (l:EventLog) RETURN l.load AS load, "
        "list_transform(l.source_at, i -> l.event_entities[i]) AS source, "
        "list_transform(l.target_at, i -> l.event_entities[i]) AS target, "
        "list_transform(l.time_at, i -> l.event_times[i]) AS time, "
        "list_transform(l.amount_at, i -> memini_amount(l.event_amounts[i])) AS amount, "
        "l.event_kind AS kind, l.first_source AS first, l.last_source AS last",
    ):
        if not all(row["first"] <= source <= row["last"] for source in row["source"]):
            raise ValueError(f"a part of load {row['load']} has sources beyond those that it names")
        named = [kinds[kind] if kind else "" for kind in row["kind"] or [0] * len(row["source"])]
        columns = (row["source"], row["target"], row["time"], row["amount"], named)
        found[row["load"]] += zip(*columns, strict=True)
    return [(loads.get(load, "of no load"), sorted(events)) for load, events in found.items()]


def _read_past(memory: Memory) -> tuple[dict[Ends, dict[str, Any]], set[Ends]]:
    known, unknown = view.all_associations(memory._store, from_millis(THEN))  # noqa: SLF001 - no query gives it
    ends = [(row["source"], row["id"]) for row in unknown.to_pylist()]
    return {(row["source"], row["id"]): row for row in known.to_pylist()}, set(ends)


def _read_terms(memory: Memory) -> dict[str, tuple[int, dict[int, int]]]:
    held: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for row in rows(
        memory, "MATCH (t:Term)-[o:OCCURS]->(p:Passage) RETURN t.term AS term, p.id AS id, o.tf AS tf"
    ):
        held[row["term"]][row["id"]] = row["tf"]
    return {
        row["term"]: (row["df"], held[row["term"]])
        for row in rows(memory, "MATCH (t:Term) RETURN t.term AS term, t.df AS df")
    }


def mismatches(state: State, oracle: Oracle) -> list[str]:
    """Where a store differs from the oracle. Where the rules leave a choice, the oracle takes the store's."""
    found = [
        *_passages(state, oracle),
        *_words(state),
        *_terms(state, state.terms),
        *_documents(state, oracle),
        *_kept(state, oracle),
        *_edges(state, oracle),
        *_past(state, oracle),
        *_entities(state, oracle),
    ]
    vectors = {passage_id(*place) for place, passage in oracle.passages.items() if passage.vector}
    names = Counter(oracle.loads.values())
    return [
        *found,
        *_differ("source counters", state.counters, oracle.counters),
        *_differ("loads", Counter(state.loads.values()), names),
        *_differ("kinds", state.kinds, oracle.kinds()),
        *_differ("vectors", state.vectors, vectors if oracle.vectors else None),
        *_differ(
            "aliases",
            state.aliases,
            {key: (alias.name, alias.entity) for key, alias in oracle.aliases.items()},
        ),
    ]


def _differ(what: str, there: object, expected: object) -> Iterator[str]:
    if there != expected:
        yield f"{what}: {there!r}, expected {expected!r}"


def _keys(what: str, there: Iterable[object], expected: Iterable[object]) -> Iterator[str]:
    there, expected = set(there), set(expected)
    if there != expected:
        missing, many = (sorted(each, key=repr) for each in (expected - there, there - expected))
        yield f"{what}: missing {missing}, too many {many}"


def _passages(state: State, oracle: Oracle) -> Iterator[str]:
    yield from _keys("passages", state.passages, oracle.passages)
    for place, passage in oracle.passages.items():
        row = state.passages.get(place)
        if row is None:
            continue
        expected = {
            "id": passage_id(*place),
            "record": passage.record,
            "source": place[0],
            "position": place[1],
            "title": passage.title,
            "time": passage.time,
            "document": passage.document,
            "heading": passage.heading,
            "text": passage.text,
            "terms": analyse(f"{passage.title}\n{passage.text}", passage.language),
            "words": len(analyse(f"{passage.title}\n{passage.text}", passage.language).split()),
            "language": passage.language,
        }
        yield from _differ(f"passage {place}", row, expected)
        yield from _differ(
            f"mentions of passage {place}", state.mentions.get(place, Counter()), passage.mentions
        )


def _words(state: State) -> Iterator[str]:
    """The sums over all passages."""
    expected = len(state.passages), sum(row["words"] for row in state.passages.values())
    yield from _differ("sums of passages and words", state.sums, expected)


def _terms(state: State, terms: dict[str, tuple[int, dict[int, int]]]) -> Iterator[str]:
    """The table of terms against the analysed words of the passages."""
    expected: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for row in state.passages.values():
        for term, number in Counter(row["terms"].split()).items():
            expected[term][row["id"]] = number
    # a term of no passage may stay
    there = {term: held for term, held in terms.items() if held != (0, {})}
    yield from _keys("terms", there, expected)
    for term in there.keys() & expected.keys():
        yield from _differ(f"term {term!r}", there[term], (len(expected[term]), expected[term]))


def _documents(state: State, oracle: Oracle) -> Iterator[str]:
    yield from _keys("documents", state.documents, oracle.documents)
    for identity, document in oracle.documents.items():
        row = state.documents.get(identity)
        if row is None:
            continue
        for name in ("source", "record", "title", "time", "digest", "positions"):
            yield from _differ(f"{name} of document {document.record!r}", row[name], getattr(document, name))
        yield from _differ(
            f"versions of {document.record!r}", sorted(row["versions"]), sorted(document.versions)
        )
        names = ("event_source", "event_target", "event_time", "event_amount")
        there = sorted(zip(*(row[name] for name in names), strict=True))
        expected = sorted((*event.ends, event.time, event.fast) for event in document.events)
        same = len(there) == len(expected) and all(
            one[:3] == other[:3] and math.isclose(one[3], other[3], rel_tol=RELATIVE)
            for one, other in zip(there, expected, strict=True)
        )
        if not same:
            yield (
                f"ledger of {document.record!r}: {_named(there, oracle)}, expected {_named(expected, oracle)}"
            )


def _kept(state: State, oracle: Oracle) -> Iterator[str]:
    """The events of loads; a load is told by its name and what it holds, since a table has a random id."""
    expected = sorted(
        (oracle.loads[identity][0], sorted((*e.ends, e.time, e.fast, e.kind) for e in events))
        for identity, events in oracle.kept.items()
    )
    there = sorted(state.kept)
    same = len(there) == len(expected) and all(
        name == other and len(one) == len(two) and all(map(_alike, one, two))
        for (name, one), (other, two) in zip(there, expected, strict=True)
    )
    if not same:
        yield f"kept events: {there}, expected {expected}"


def _alike(one: tuple[int, int, int, float, str], other: tuple[int, int, int, float, str]) -> bool:
    return (*one[:3], one[4]) == (*other[:3], other[4]) and math.isclose(one[3], other[3], rel_tol=RELATIVE)


def _named(events: Iterable[tuple[int, int, int, float]], oracle: Oracle) -> str:
    return (
        "; ".join(
            f"{_name(source, oracle)} → {_name(target, oracle)} {amount:.6g} on {_date(time)}"
            for source, target, time, amount in events
        )
        or "no event"
    )


def _name(entity: int, oracle: Oracle) -> str:
    """An entity's key, whether it is there or not."""
    keys = {stable_id(canonical(name)): canonical(name) for name in NAMES}
    return oracle.entities[entity].key if entity in oracle.entities else keys.get(entity, str(entity))


def _date(time: int | None) -> str:
    return "any date" if time is None else f"{from_millis(time):%Y-%m-%d}"


def _edges(state: State, oracle: Oracle) -> Iterator[str]:
    for ends in {**oracle.pairs, **state.edges, **oracle.choices}:
        if ends in oracle.blurred:
            continue
        options = oracle.choices.pop(ends, [oracle.pairs.get(ends)])
        wrong = [_unlike(state.edges.get(ends), option, oracle) for option in options]
        if all(wrong):
            what = f"{_name(ends[0], oracle)} → {_name(ends[1], oracle)}"
            yield f"association {what}: {' or '.join(wrong)}"
            continue
        chosen = options[wrong.index("")]
        if chosen is None:
            oracle.pairs.pop(ends, None)
        else:
            chosen.first, chosen.last = state.edges[ends]["first"], state.edges[ends]["last"]
            oracle.pairs[ends] = chosen


def _past(state: State, oracle: Oracle) -> Iterator[str]:
    """What the associations were at a moment in the past, as far as their events tell."""
    ledger: defaultdict[Ends, list[Event]] = defaultdict(list)
    for event in oracle.ledger():
        ledger[event.ends].append(event)
    there, unknown = state.past
    expected_unknown = set()
    for ends in {*ledger, *oracle.pairs, *there}:
        if ends in oracle.blurred:
            continue
        pair, row = oracle.pairs.get(ends), state.edges.get(ends)
        events, ghosts = ledger[ends], []
        if pair is not None and row is not None and len(events) < row["events"]:
            if row["first"] > THEN:
                events = []
            elif max(row["last"], row["as_of"]) > THEN:
                expected_unknown.add(ends)
                continue
            else:
                events, ghosts = pair.live, pair.ghosts
        events = [event for event in events if event.time <= THEN]
        found = there.get(ends)
        if found is None or not events:
            if found is not None or events:
                yield f"the past of {_name(ends[0], oracle)} → {_name(ends[1], oracle)}: {found}, of {events}"
            continue
        fast, slow = strength(events, THEN, oracle.parameters)
        lost = strength([event for event in ghosts if event.time <= THEN], THEN, oracle.parameters)
        if not (
            found["events"] == sum(event.events for event in events)
            and abs(found["strength"] - fast) <= RELATIVE * fast + CANCELLED * lost[0]
            and abs(found["consolidated"] - slow) <= RELATIVE * slow + CANCELLED * lost[1]
        ):
            yield f"the past of {_name(ends[0], oracle)} → {_name(ends[1], oracle)}: {found}, expected {fast}"
    yield from _differ("what is unknown of the past", unknown - oracle.blurred, expected_unknown)


def _unlike(row: dict[str, Any] | None, pair: Pair | None, oracle: Oracle) -> str:
    """How an association differs from what it may be; nothing where it does not."""
    if row is None or pair is None:
        return "" if row is None and pair is None else "is missing" if row is None else f"is there: {row}"
    at = max(oracle.now, row["as_of"], pair.latest)
    fast, slow = propagate(
        np.array([row["fast"]]), np.array([row["slow"]]), (at - row["as_of"]) / DAY, oracle.parameters
    )
    expected = pair.strength(at, oracle.parameters)
    lost = strength([event for event in pair.ghosts if event.time <= at], at, oracle.parameters)
    for name, value, right, subtracted in zip(
        ("fast", "slow"), (float(fast[0]), float(slow[0])), expected, lost, strict=True
    ):
        if not abs(value - right) <= RELATIVE * right + CANCELLED * subtracted:
            return f"{name} is {value!r} on {_date(at)}, expected {right!r}"
    events = sum(event.events for event in pair.live)
    if row["events"] != events:
        return f"has {row['events']} events, expected {events}"
    if pair.first not in {None, row["first"]} or pair.last not in {None, row["last"]}:
        return (
            f"is dated {_date(row['first'])} to {_date(row['last'])}, "
            f"expected {_date(pair.first)} to {_date(pair.last)}"
        )
    return ""


def _entities(state: State, oracle: Oracle) -> Iterator[str]:
    evident = oracle.evident()
    for identity in oracle.entities.keys() - state.entities.keys():
        if identity in evident:
            yield f"entity {_name(identity, oracle)} is missing"
        else:  # nothing speaks for it: it may go, and its aliases with it
            oracle.drop(identity)
    for identity in state.entities.keys() - oracle.entities.keys():
        yield f"entity {_name(identity, oracle)} is there, and nothing speaks for it"
    mentions = Counter(entity for passage in oracle.passages.values() for entity in passage.mentions)
    headings = Counter(passage.heading for passage in oracle.passages.values())
    for identity in oracle.entities.keys() & state.entities.keys():
        row, entity = state.entities[identity], oracle.entities[identity]
        expected = {
            "id": identity,
            "key": entity.key,
            "first": entity.first,
            "last": entity.last,
            "mentions": mentions[identity],
            "headings": headings[identity],
        }
        yield from _differ(f"entity {_name(identity, oracle)}", row, expected)
