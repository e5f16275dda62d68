"""Kill ingest and consolidate at random moments, and see that nothing is lost.

A child process ingests batches of documents (new ones, changed ones, late versions) and runs maintenance
passes, and says after each that it is done. It is killed (SIGKILL) at a random moment, while it works or
while it opens the store again. Then the store is opened, every batch that was acknowledged must be there
wholly and no other batch in part, and all that the store holds must agree: documents, passages, mentions,
counts, full text, and the associations with the fold of the ledger of all events. The next child goes on with
the same store.

    python scripts/crash.py --kills 50
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics import respond
from memini_kuzu.extraction import RuleExtractor
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.tables import column, edges_from_arrow
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCUMENTS = 12
"""New documents a batch."""

FEW = 500
"""Hits up to which Kùzu's full-text query is asked itself."""

CONSOLIDATE = 4
"""Every so many batches a maintenance pass."""

START = to_millis("2025-01-01")

PEOPLE = [
    f"{first} {last}" for first in ("Ada", "Grace", "Alan", "Mary", "Emmy") for last in ("Stone", "Rivers")
]
THINGS = ["harbour", "violin", "garden", "lantern", "compass", "orchard", "telescope", "bakery", "library"]
VERBS = ["visited", "painted", "described", "repaired", "bought", "photographed"]


def new_documents(seed: int, batch: int) -> list[Record]:
    """The new records of a batch: always the same for the same seed and number."""
    chance = random.Random(f"{seed}/{batch}")  # noqa: S311  a corpus, not a secret
    return [
        Record(
            # the first is cut into several passages
            _text(chance, 61 if number == 0 else 1),
            START + batch * DAY + number * DAY // 24,
            f"source {chance.randrange(3)}",
            id=f"{batch}-{number}",
        )
        for number in range(DOCUMENTS)
    ]


def documents(seed: int, batch: int) -> list[Record]:
    """The records of a batch: new ones, two that change, and a late old version of a third."""
    records = new_documents(seed, batch)
    if batch:
        chance = random.Random(f"{seed}/{batch}/changes")  # noqa: S311  a corpus, not a secret
        for number, day in ((0, batch), (1, batch), (2, -1)):
            old = new_documents(seed, batch - 1 - chance.randrange(min(batch, 3)))[number]
            time = START + day * DAY + DAY // 2
            records.append(Record(_text(chance, 2), time, old.source, id=old.id))
    return records


def _text(chance: random.Random, sentences: int) -> str:
    return " ".join(
        f"{chance.choice(PEOPLE)} {chance.choice(VERBS)} the {chance.choice(THINGS)} "
        f"with {chance.choice(PEOPLE)} near the {chance.choice(THINGS)} {chance.randrange(40)}."
        for _ in range(sentences)
    )


# --- what must hold in any store at any time ---


def violations(store: Store, tolerance: float = 1e-9) -> list[str]:
    """What in a store does not agree with the rest of it; nothing of it may have been forgotten.

    Parameters
    ----------
    store : Store
        Open.
    tolerance : float
        Largest relative error of an association's variables against the fold of the ledger.
    """
    return [*_ledger(store, tolerance), *_places(store), *_counts(store), *_fulltext(store)]


def _ledger(store: Store, tolerance: float) -> Iterator[str]:
    """The associations are the fold of the events of all documents."""
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
    """The events of all documents as columns: source, target, amount and time in milliseconds."""
    table = store.read(
        "MATCH (d:Document) RETURN d.event_source AS s, d.event_target AS t, d.event_amount AS a, "
        "d.event_time AS w"
    )
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
    table = store.read("MATCH (p:Passage) RETURN p.terms AS terms, p.words AS words").to_pylist()
    if any(len(row["terms"].split()) != row["words"] for row in table):
        yield "words is not the number of terms"
    meta = store.read("MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value").to_pylist()
    kept = {row["key"]: row["value"] for row in meta}
    sums = (int(kept.get("passages", 0)), int(kept.get("words", 0)))
    if sums != (len(table), sum(row["words"] for row in table)):
        counted = (len(table), sum(row["words"] for row in table))
        yield f"the sums of passages and words are {sums}, not {counted}"


def _fulltext(store: Store, terms: int = 40) -> Iterator[str]:
    """The index holds each term with the passages that hold it, and no others."""
    holders: dict[str, Counter[int]] = defaultdict(Counter)
    for row in store.read("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms").to_pylist():
        for term in row["terms"].split():
            holders[term][row["id"]] += 1
    names = {kind: store.index_table(kind) for kind in ("terms", "docs", "appears_in")}
    for term in sorted(holders)[:: max(1, len(holders) // terms)]:
        # the index's own tables: QUERY_FTS_INDEX leaves passages out where there are very many
        indexed = store.read(
            f"MATCH (t:`{names['terms']}`)-[a:`{names['appears_in']}`]->(d:`{names['docs']}`) "
            "WHERE t.term = $term WITH d.docID AS place, a.tf AS tf "
            "MATCH (p:Passage) WHERE offset(id(p)) = place RETURN p.id AS id, CAST(tf, 'INT64') AS tf",
            {"term": term},
            hidden=True,
        ).to_pylist()
        if len(indexed) != len(holders[term]) or {row["id"]: row["tf"] for row in indexed} != holders[term]:
            yield f"the index holds {len(indexed)} passages for {term!r}, {len(holders[term])} hold it"
        if len(holders[term]) <= FEW:
            found = store.read(
                "CALL QUERY_FTS_INDEX('Passage', 'passage_terms', $term) RETURN node.id AS id", {"term": term}
            )
            if Counter(found["id"].to_pylist()) != Counter(dict.fromkeys(holders[term], 1)):
                yield f"the index answers {found.num_rows} passages for {term!r}, not {len(holders[term])}"


# --- the child, which is killed ---


def work(path: Path, seed: int, batch: int) -> None:
    """Ingest and consolidate from a batch on until killed, and acknowledge each step."""
    print("ready", flush=True)
    with Memory.open(path, extractor=RuleExtractor(), clock=lambda: START + 10_000 * DAY) as memory:
        for number in itertools.count(batch):
            swap = number % 2 == 0
            Store.prefers_swap = lambda *_, swap=swap, **__: swap  # type: ignore[method-assign]
            memory.add(documents(seed, number))
            print(f"batch {number}", flush=True)
            if number % CONSOLIDATE == 0:
                # forgets nothing, so that the ledger goes on telling all
                memory.consolidate(now=f"{2026 + number // 100}-01-01", threshold=0.0)
                print(f"pass {number}", flush=True)


# --- the parent, which kills and looks ---


def _expected(seed: int, batches: int) -> dict[tuple[str, str], Record]:
    """The newest version of every document of so many batches."""
    newest: dict[tuple[str, str], Record] = {}
    for record in itertools.chain.from_iterable(documents(seed, batch) for batch in range(batches)):
        key = (record.source, record.id)
        if key not in newest or (record.time or 0) >= (newest[key].time or 0):
            newest[key] = record
    return newest


def _whole(store: Store, seed: int, acknowledged: int) -> tuple[int, list[str]]:
    """How many batches are in the store, and what is missing of them or too much."""
    texts: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for row in store.read(
        "MATCH (p:Passage) "
        "RETURN p.source AS source, p.record AS record, p.position AS position, p.text AS text"
    ).to_pylist():
        texts[row["source"], row["record"]].append((row["position"], row["text"]))
    there = {key: " ".join(text for _, text in sorted(parts)) for key, parts in texts.items()}
    for batches in (acknowledged, acknowledged + 1):
        # the batch in work may have been committed and not acknowledged
        if there == {key: record.text for key, record in _expected(seed, batches).items()}:
            return batches, []
    expected = _expected(seed, acknowledged)
    lost = sum(there.get(key) != record.text for key, record in expected.items())
    return acknowledged, [
        f"{lost} of {len(expected)} acknowledged documents are lost or {len(there)} are there"
    ]


def _run_and_kill(path: Path, seed: int, batch: int, delay: float) -> Iterator[str]:
    """The lines of a child that is killed so long after it began to work."""
    command = [sys.executable, __file__, "--child", str(path), "--seed", str(seed), "--batch", str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None  # noqa: S101  PIPE was asked for
        timer = threading.Timer(delay, child.kill)
        for line in child.stdout:
            if line == "ready\n":
                timer.start()
            yield line.strip()
        timer.cancel()
    if child.returncode != -signal.SIGKILL:
        yield f"failed {child.returncode}"


def crash(path: Path, kills: int, seed: int, *, longest: float = 4.0) -> Iterator[dict[str, Any]]:
    """Kill a child so many times; what was found after each.

    Parameters
    ----------
    path : Path
        The store; it is made first.
    kills : int
        How many times.
    seed : int
        Of the documents and the moments.
    longest : float
        Seconds of work before a kill, at most.
    """
    chance = random.Random(seed)  # noqa: S311  moments, not secrets
    Store(path, create=True).close()
    batches = 0
    for kill in range(1, kills + 1):
        delay = chance.uniform(0.0, longest)
        lines = list(_run_and_kill(path, seed, batches, delay))
        acknowledged = batches + sum(line.startswith("batch") for line in lines)
        began = time.perf_counter()
        with Store(path) as store:
            seconds = time.perf_counter() - began
            batches, wrong = _whole(store, seed, acknowledged)
            wrong += violations(store)
        wrong += [line for line in lines if line.startswith("failed")]
        yield {
            "kill": kill,
            "after_s": delay,
            "acknowledged": acknowledged,
            "there": batches,
            "reopen_s": seconds,
            "violations": wrong,
        }


def main(arguments: Iterable[str] | None = None) -> int:
    """Print a line for each kill; 1 if anything was lost or torn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="how many times (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the documents and the moments (default: 1)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(None if arguments is None else list(arguments))
    if options.child is not None:
        work(options.child, options.seed, options.batch)
    bad = 0
    print(f"{'kill':>4} {'after s':>8} {'acknowledged':>12} {'there':>6} {'reopen s':>9}  violations")
    with tempfile.TemporaryDirectory() as folder:
        for row in crash(Path(folder) / "crash.memini", options.kills, options.seed):
            bad += len(row["violations"])
            print(
                f"{row['kill']:>4} {row['after_s']:>8.3f} {row['acknowledged']:>12} {row['there']:>6} "
                f"{row['reopen_s']:>9.3f}  {'; '.join(row['violations']) or 'none'}",
                flush=True,
            )
    print(f"{options.kills} kills, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
