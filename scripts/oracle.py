"""Play random histories of all writing operations on a store and on an oracle, and compare after every step.

The oracle (`oracle_model.Oracle`) is a memory in plain dicts and lists. Few people, few sources and few dates
make the operations of a history meet each other. A history that ends in a mismatch is cut down to the steps
that it takes, and printed so that it can be played again:

    python scripts/oracle.py --histories 100 --seed 1
    python scripts/oracle.py --seed 1 --only 17
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import shutil
import sys
import tempfile
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from oracle_model import Edge, Oracle, Pair, Refused, strength

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import MeminiError
from memini_kuzu.extraction import Mention, canonical
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.tables import EDGE_SCHEMA, timestamps
from memini_kuzu.text.analysis import analyse
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from oracle_model import Ends, Place, Row

START = to_millis("2025-01-01")

RELATIVE = 1e-9
"""Relative difference that rounding may make in a variable of an association."""

CANCELLED = 1e-13
"""The same in proportion to what was subtracted from it."""

# --- what a store holds: all reading is here ---


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
                "d.positions AS positions, d.event_source AS event_source, d.event_target AS event_target, "
                "d.event_amount AS event_amount, d.event_time AS event_time",
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
        sums=(int(meta.get("passages", 0)), int(meta.get("words", 0))),
        vectors={row["id"] for row in rows(memory, "MATCH (e:Embedding) RETURN e.id AS id")}
        if "Embedding" in tables
        else None,
        terms=_read_terms(memory),
    )


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


# --- comparing ---


def mismatches(state: State, oracle: Oracle) -> list[str]:
    """Where a store differs from the oracle. Where the rules leave a choice, the oracle takes the store's."""
    found = [
        *_passages(state, oracle),
        *_words(state),
        *_terms(state, state.terms),
        *_documents(state, oracle),
        *_edges(state, oracle),
        *_entities(state, oracle),
    ]
    vectors = {passage_id(*place) for place, passage in oracle.passages.items() if passage.vector}
    names = Counter(oracle.loads.values())
    return [
        *found,
        *_differ("source counters", state.counters, oracle.counters),
        *_differ("loads", Counter(state.loads.values()), names),
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


# --- stand-ins, and what histories are made of ---

NAMES = ("Ada", "Bob", "Cleo", "Dora", "Emil", "Harbour")
SOURCES = ("diary", "letters", "")
DATES = tuple(START + day * DAY for day in (0, 1, 30, 31, 200))
PARAMETERS = (
    Parameters(),
    Parameters(tau_fast=2.0, tau_slow=900.0, coupling=0.2, capacity=7.0, impulse=3.0),
)
THRESHOLDS = (0.0, 1e-3, 0.02, 0.3)
FILLER = "water under the old bridge " * 80
"""Makes a document longer than a passage; without a capital, it mentions nobody."""


class Words:
    """Every capitalised word is a mention, and every full stop ends a sentence."""

    identity = "words/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text."""
        del processes
        for text in texts:
            found, start = [], 0
            for word in text.split():
                start = text.index(word, start)
                name = word.strip(".:")
                if name.istitle():
                    found.append(Mention(canonical(name), name, "NAME", text[:start].count("."), start))
                start += len(word)
            yield found


class Letters:
    """An embedder: how often a text holds each of some letters."""

    name, dimension = "letters/1", 4

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        return np.array([[text.count(letter) for letter in "abeo"] for text in texts], dtype=np.float32)


# --- operations: what each does to a store, and to the oracle ---


class Step:
    """One operation with all that it takes; printed, it can be made again."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        raise NotImplementedError

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle; Refused where the store must refuse."""
        raise NotImplementedError


@dataclass(frozen=True)
class Add(Step):
    """Take in records."""

    records: tuple[Record, ...]

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.add(self.records)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.add(self.records)


@dataclass(frozen=True)
class Remember(Step):
    """Take in one text."""

    record: Record

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        record = self.record
        time = None if record.time is None else from_millis(record.time)
        run.memory.remember(record.text, time=time, source=record.source, title=record.title, id=record.id)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.add([self.record])


@dataclass(frozen=True)
class LoadEvents(Step):
    """Load event rows: a table in memory where there is no suffix, otherwise a file."""

    rows: tuple[Row, ...]
    both: bool
    suffix: str

    def _table(self) -> pa.Table:
        source, target, amount, time = (list(values) for values in zip(*self.rows, strict=True))
        dates = [from_millis(each).isoformat() for each in time]
        return pa.table({"source": source, "target": target, "amount": amount, "time": dates})

    @property
    def _label(self) -> str:
        return f"{zlib.crc32(repr(self.rows).encode())}{self.suffix}" if self.suffix else "a table"

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        table = self._table()
        path = run.folder / self._label
        if self.suffix == ".csv":
            pa.csv.write_csv(table, path)
        elif self.suffix:
            pq.write_table(table, path)
        run.memory.load_events(path if self.suffix else table, both=self.both)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        identity = self._label if self.suffix else f"table {next(run.tables)} of {run.path.name}"
        run.oracle.load_events(identity, self._label, self.rows, both=self.both)


@dataclass(frozen=True)
class LoadEdges(Step):
    """Load a Parquet file of folded edges; names of entities come beside it or not."""

    rows: tuple[Edge, ...]
    names: tuple[tuple[int, str], ...]

    @property
    def _label(self) -> str:
        return f"edges-{zlib.crc32(repr(self.rows).encode())}.parquet"

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        columns: dict[str, Any] = {
            name: [getattr(row, name) for row in self.rows]
            for name in ("source", "target", "fast", "slow", "events")
        }
        columns |= {
            f"{name}_seen": timestamps([getattr(row, name) for row in self.rows])
            for name in ("first", "last")
        }
        columns["as_of"] = timestamps([row.as_of for row in self.rows])
        path, beside = run.folder / self._label, run.folder / f"names-{self._label}"
        pq.write_table(pa.table(columns).select(EDGE_SCHEMA.names), path)
        ids, names = [number for number, _ in self.names], [name for _, name in self.names]
        pq.write_table(
            pa.table({"id": pa.array(ids, pa.int64()), "name": pa.array(names, pa.string())}), beside
        )
        run.memory.load_edges(path, entities=beside if self.names else None)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.load_edges(self._label, self._label, self.rows, dict(self.names))


@dataclass(frozen=True)
class AliasAdd(Step):
    """Let a name stand for an entity."""

    name: str
    entity: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.alias_add(self.name, self.entity)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.alias_add(self.name, self.entity)


@dataclass(frozen=True)
class AliasRemove(Step):
    """Take an alias back."""

    name: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.alias_remove(self.name)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.alias_remove(self.name)


@dataclass(frozen=True)
class ForgetDocuments(Step):
    """Forget a source, or dates, or both."""

    source: str | None
    since: int | None
    until: int | None

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        since, until = (None if each is None else from_millis(each) for each in (self.since, self.until))
        run.memory.forget(source=self.source, since=since, until=until)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_documents(self.source, self.since, self.until)


@dataclass(frozen=True)
class ForgetEntity(Step):
    """Forget an entity."""

    name: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.forget(entity=self.name)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_entity(self.name)


@dataclass(frozen=True)
class ForgetPair(Step):
    """Forget an association."""

    one: str
    other: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.forget(association=(self.one, self.other))

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_pair(self.one, self.other)


@dataclass(frozen=True)
class Consolidate(Step):
    """A maintenance pass as of the present, or of an earlier time, which changes nothing."""

    threshold: float
    ago: int = 0

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.consolidate(now=from_millis(run.now - self.ago * DAY), threshold=self.threshold)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.consolidate(self.threshold)


@dataclass(frozen=True)
class Wait(Step):
    """Let days go by."""

    days: int

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.now += self.days * DAY

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.now += self.days * DAY


@dataclass(frozen=True)
class Retune(Step):
    """Give the store other parameters."""

    parameters: Parameters

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.retune(self.parameters)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.retune(self.parameters)


@dataclass(frozen=True)
class Merge(Step):
    """Merge a store with a history of its own."""

    steps: tuple[Step, ...]
    skip_known: bool = False

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        path = run.child.memory.path
        run.child.memory.close()
        run.memory.merge(path, skip_known=self.skip_known)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.merge(run.child.oracle, skip_known=self.skip_known)


@dataclass(frozen=True)
class ExportImport(Step):
    """Go on with an import of an export."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        name = f"copy {next(run.tables)}"
        run.memory.export(run.folder / name)
        run.memory.close()
        run.path = run.folder / f"{name}.memini"
        Memory.import_(run.path, run.folder / name).close()
        run.open()

    def on_oracle(self, run: Run) -> None:
        """Nothing changes."""
        del run


@dataclass(frozen=True)
class Reopen(Step):
    """Close the store and open it again, with an embedder or without."""

    embedder: bool

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.close()
        run.embedder = self.embedder
        run.open()

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.embedder = self.embedder


@dataclass(frozen=True)
class Embed(Step):
    """Give every passage a vector."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.embed()

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.embed()


@dataclass(frozen=True)
class Bad(Step):
    """Something that must be refused."""

    kind: str

    KINDS: ClassVar = (
        "add",
        "columns",
        "edges",
        "entity",
        "export",
        "future",
        "merge",
        "nothing",
        "source",
        "threshold",
    )

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        memory = run.memory
        time = from_millis(run.now - DAY)
        table = {"source": ["Ada"], "target": ["Bob"], "time": [time.isoformat()]}
        calls: dict[str, Callable[[], object]] = {
            "add": lambda: memory.add([Record("Ada met Bob."), Record(" ")]),
            "columns": lambda: memory.load_events(pa.table({"source": ["Ada"], "time": [time]})),
            "edges": lambda: memory.load_edges(run.folder / "none.parquet"),
            "entity": lambda: memory.forget(entity="Nobody"),
            "export": lambda: memory.export(run.folder),
            "future": lambda: memory.load_events(pa.table(table), pa.table(table | {"time": ["2200-01-01"]})),
            "merge": lambda: memory.merge(run.path),
            "nothing": memory.forget,
            "source": lambda: memory.forget(source="nowhere"),
            "threshold": lambda: memory.consolidate(threshold=-1.0),
        }
        calls[self.kind]()

    def on_oracle(self, run: Run) -> None:
        """Refuse it."""
        del run
        raise Refused(self.kind)


# --- playing a history ---


class Run:
    """A store and the oracle that goes with it.

    Parameters
    ----------
    folder : Path
        Where files are.
    name : str
        The store's.
    parameters : Parameters
        Its dynamics.
    now : int
        The present, milliseconds since 1970.
    """

    def __init__(self, folder: Path, name: str, parameters: Parameters, now: int) -> None:
        self.folder, self.path, self.now, self.embedder = folder, folder / name, now, False
        self.tables = iter(range(1_000_000))
        self.oracle = Oracle(parameters, now, Words())
        self.child: Run
        # a copy costs a tenth of a new store
        empty = folder.parent / f"empty-{PARAMETERS.index(parameters)}.memini"
        if not empty.exists():
            Memory.open(empty, parameters=parameters, extractor=Words()).close()
        shutil.copyfile(empty, self.path)
        self.memory: Memory
        self.open()

    def open(self) -> None:
        """Open the store."""
        embedder = Letters() if self.embedder else None
        self.memory = Memory.open(
            self.path, create=False, extractor=Words(), clock=lambda: self.now, embedder=embedder
        )

    def step(self, step: Step) -> list[str]:
        """Do one operation on both sides; how they differ after it."""
        if isinstance(step, Merge):
            self.child = Run(self.folder, f"{next(self.tables)}.other", self.oracle.parameters, self.now)
            for each in step.steps:
                if found := self.child.step(each):
                    return [f"in the other store, after {each}: {line}" for line in found]
        if found := self._both(step):
            return found
        try:
            state, findings = read_state(self.memory), self.memory.doctor().findings
        except Exception as error:  # noqa: BLE001 - a store that cannot be read is a finding
            return [f"cannot be read: {type(error).__name__}: {error}"]
        return [
            *mismatches(state, self.oracle),
            *(f"doctor: {each.check}: {each.detail}" for each in findings if each.status == "problem"),
        ]

    def _both(self, step: Step) -> list[str]:
        """Do it; what one side refused and the other did not."""
        before = copy.deepcopy(self.oracle) if isinstance(step, AliasRemove | Retune) else None
        refused = ""
        try:
            step.on_oracle(self)
        except Refused as error:
            refused = str(error)
        may_refuse = before is not None and self.oracle.may_refuse
        try:
            step.on_store(self)
        except MeminiError as error:
            if not (refused or may_refuse):
                return [f"refused, and should not be: {error}"]
            self.oracle = before or self.oracle
        except Exception as error:  # noqa: BLE001 - whatever a store throws is a finding
            return [f"{type(error).__name__}: {error}"]
        else:
            if refused:
                return [f"not refused, and should be: {refused}"]
        return []

    @property
    def over(self) -> bool:
        """Whether only bounds are promised from here on."""
        return bool(self.oracle.blurred)


@dataclass(slots=True)
class Outcome:
    """How a history went.

    Parameters
    ----------
    steps : list of Step
        What was played; the last step is the one after which the sides differed.
    wrong : list of str
        How they differed.
    """

    steps: list[Step] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def play(folder: Path, history: Iterable[Step] | History) -> Outcome:
    """Play a history until it is over or the sides differ.

    Parameters
    ----------
    folder : Path
        For the stores of many histories.
    history : iterable of Step, or History
        The steps, or what draws them as it goes.
    """
    outcome = Outcome()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        run = Run(Path(place), "a.memini", PARAMETERS[0], START + 210 * DAY)
        steps = history.steps(run) if isinstance(history, History) else iter(history)
        for step in steps:
            outcome.steps.append(step)
            outcome.wrong = run.step(step)
            if outcome.wrong or run.over:
                break
        run.memory.close()
    return outcome


def shortened(folder: Path, outcome: Outcome) -> Outcome:
    """The same mismatch, or another one, with all left out that it does not take."""
    place = 0
    while place < len(outcome.steps):
        for instead in _less(outcome.steps[place]):
            shorter = play(folder, [*outcome.steps[:place], *instead, *outcome.steps[place + 1 :]])
            if shorter.wrong:
                outcome = shorter
                break
        else:
            place += 1
    return outcome


def _less(step: Step) -> Iterator[list[Step]]:
    """Nothing in a step's place, or the step without one of its items."""
    yield []
    for name in ("records", "rows", "steps"):
        items = getattr(step, name, ())
        for place in range(len(items) if len(items) > 1 else 0):
            changed: dict[str, Any] = {name: items[:place] + items[place + 1 :]}
            yield [replace(step, **changed)]  # type: ignore[type-var]


def readable(line: str) -> str:
    """A line with names in the place of their ids."""
    for name in NAMES:
        line = line.replace(str(stable_id(canonical(name))), canonical(name))
    return line


# --- drawing a history ---


KINDS = {
    "tell": 8.0,
    "events": 3.0,
    "edges": 1.0,
    "alias_add": 3.0,
    "alias_remove": 2.0,
    "forget": 2.0,
    "forget_entity": 0.7,
    "forget_pair": 0.7,
    "consolidate": 2.0,
    "wait": 1.5,
    "merge": 1.0,
    "retune": 1.0,
    "export": 0.5,
    "reopen": 1.0,
    "embed": 0.7,
    "bad": 1.0,
}
"""What steps there are, and how often each is drawn."""

FLAVOURS: tuple[tuple[str, ...], ...] = (
    (),
    ("alias_add", "alias_remove"),
    ("alias_add", "alias_remove", "consolidate", "wait"),
    ("alias_add", "alias_remove", "forget", "forget_entity", "forget_pair"),
    ("alias_add", "merge"),
    ("merge", "forget", "consolidate", "wait"),
    ("events", "edges", "forget", "forget_pair", "alias_remove"),
    ("retune", "consolidate", "wait", "alias_remove", "forget"),
)
"""What is drawn three times as often in a history, so that it meets itself."""

IN_ANOTHER = KINDS.keys() - {"wait", "merge", "retune", "export", "reopen", "embed", "bad"}
"""What happens to a store before it is merged."""


class History:
    """Draws steps.

    Parameters
    ----------
    seed : str
        The same seed gives the same steps.
    """

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a history, not a secret
        self.names = NAMES[: self.chance.choice((3, 4, len(NAMES)))]
        flavour = self.chance.choice(FLAVOURS)
        self.kinds = {kind: often * (3 if kind in flavour else 1) for kind, often in KINDS.items()}

    def steps(self, run: Run) -> Iterator[Step]:
        """Six to fourteen steps, each drawn when the ones before it are done."""
        for _ in range(self.chance.randint(6, 14)):
            yield self._step(run.oracle, self.kinds)

    def _step(self, oracle: Oracle, kinds: dict[str, float]) -> Step:
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        step: Step = getattr(self, f"_{kind}")(oracle)
        return step

    def _name(self) -> str:
        return self.chance.choice(self.names)

    def _is(self, probability: float) -> bool:
        return self.chance.random() < probability

    def _time(self, oracle: Oracle) -> int:
        """One of a few dates, or the present."""
        return self.chance.choice((*DATES, oracle.now))

    def _record(self, oracle: Oracle) -> Record:
        chance = self.chance
        said = [
            f"{' met '.join(chance.sample(self.names, chance.randint(1, 3)))}."
            for _ in range(chance.randint(1, 3))
        ]
        if self._is(0.1):
            said.insert(1, f"{FILLER}.")
        return Record(
            chance.choice(("", "", "", f"{self._name()}: ")) + " ".join(said),
            chance.choice((None, self._time(oracle), self._time(oracle), self._time(oracle))),
            chance.choice(SOURCES),
            chance.choice(("", "", "", self._name(), f"{self._name()} (a tale)")),
            chance.choice(("", "1", "2", "2")),
        )

    def _tell(self, oracle: Oracle) -> Step:
        if self._is(0.5):
            return Remember(self._record(oracle))
        records = [self._record(oracle) for _ in range(self.chance.randint(1, 3))]
        return Add((*records, *self.chance.sample(records, self.chance.randint(0, 1))))

    def _ends(self, oracle: Oracle) -> list[str]:
        """Two names, seldom of one entity."""
        for _ in range(1 if self._is(0.05) else 9):
            ends = self.chance.sample(self.names, 2)
            one, other = (oracle.stands_for(stable_id(canonical(name))) for name in ends)
            if one != other:
                break
        return ends

    def _events(self, oracle: Oracle) -> Step:
        chance = self.chance
        suffix = chance.choice(("", ".csv", ".parquet"))
        as_ids = suffix != ".csv" and self._is(0.3)
        rows = []
        for _ in range(chance.randint(1, 3)):
            ends = self._ends(oracle)
            one, other = (stable_id(canonical(name)) if as_ids else name for name in ends)
            rows.append((one, other, chance.choice((1.0, 0.5, 2.0)), self._time(oracle)))
        return LoadEvents(tuple(rows), self._is(0.5), suffix)

    def _edges(self, oracle: Oracle) -> Step:
        chance = self.chance
        rows, names = [], []
        for _ in range(chance.randint(1, 2)):
            ends = self._ends(oracle)
            first, last = sorted((chance.choice(DATES), chance.choice(DATES)))
            names += [(stable_id(canonical(name)), name) for name in ends]
            events = 1 if first == last else chance.randint(2, 4)
            one, other = names[-2:]
            rows.append(Edge(one[0], other[0], 0.5, 0.25, max(last, oracle.now - DAY), events, first, last))
        return LoadEdges(tuple(rows), tuple(dict.fromkeys(names)))

    def _alias_add(self, _: Oracle) -> Step:
        if self._is(0.03):
            return AliasAdd("", "Ada")
        return AliasAdd(*self.chance.sample((*self.names, "Countess"), 2))

    def _alias_remove(self, oracle: Oracle) -> Step:
        names = [alias.name for alias in oracle.aliases.values()]
        return AliasRemove(self.chance.choice(names)) if names else self._alias_add(oracle)

    def _forget(self, oracle: Oracle) -> Step:
        chance = self.chance
        source = chance.choice((None, *SOURCES))
        since, until = (chance.choice((None, self._time(oracle))) for _ in range(2))
        return ForgetDocuments(source, since, until)

    def _forget_entity(self, _: Oracle) -> Step:
        return ForgetEntity(self._name())

    def _forget_pair(self, _: Oracle) -> Step:
        return ForgetPair(*self.chance.sample(self.names, 2))

    def _consolidate(self, _: Oracle) -> Step:
        threshold = self.chance.choice(THRESHOLDS)
        return Consolidate(threshold, 0 if threshold else self.chance.choice((0, 400)))

    def _wait(self, _: Oracle) -> Step:
        return Wait(self.chance.choice((1, 30, 400, 900)))

    def _retune(self, _: Oracle) -> Step:
        return Retune(self.chance.choice(PARAMETERS))

    def _merge(self, oracle: Oracle) -> Step:
        kinds = {kind: often for kind, often in self.kinds.items() if kind in IN_ANOTHER}
        steps = tuple(self._step(oracle, kinds) for _ in range(self.chance.randint(1, 4)))
        return Merge(steps, skip_known=self._is(0.7))

    def _export(self, _: Oracle) -> Step:
        return ExportImport()

    def _reopen(self, _: Oracle) -> Step:
        return Reopen(embedder=self._is(0.4))

    def _embed(self, _: Oracle) -> Step:
        return Embed()

    def _bad(self, _: Oracle) -> Step:
        return Bad(self.chance.choice(Bad.KINDS))


def run_histories(
    seed: int, numbers: Iterable[int], *, shorten: bool = True
) -> Iterator[tuple[int, Outcome]]:
    """Play histories.

    Parameters
    ----------
    seed : int
        Of all of them.
    numbers : iterable of int
        Which.
    shorten : bool
        Leave steps out that a mismatch does not take.

    Yields
    ------
    number, outcome : int, Outcome
        How many steps were played, and what differed.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in numbers:
            outcome = play(folder, History(f"{seed}/{number}"))
            if outcome.wrong and shorten:
                outcome = shortened(folder, outcome)
            yield number, outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every mismatch with its history; 1 if there is any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the histories (default: 1)")
    parser.add_argument("--only", type=int, help="play the history of this number alone")
    parser.add_argument("--whole", action="store_true", help="do not leave steps out of a mismatch")
    options = parser.parse_args(arguments)
    numbers = range(options.histories) if options.only is None else [options.only]
    steps = wrong = 0
    for number, outcome in run_histories(options.seed, numbers, shorten=not options.whole):
        steps += len(outcome.steps)
        wrong += bool(outcome.wrong)
        if outcome.wrong:
            print(f"history {number} of seed {options.seed}:")
            print(*(f"    {step!r},".replace(FILLER, "[…]") for step in outcome.steps), sep="\n")
            print(*(f"  {readable(line)}" for line in outcome.wrong), sep="\n", flush=True)
    print(f"{len(numbers)} histories, {steps} steps, {wrong} mismatches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
