"""The queries of `doctor`: counts of rows that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.store import labels
from memini_kuzu.store.catalog import read_table, tables
from memini_kuzu.store.terms import occurrences

if TYPE_CHECKING:
    from memini_kuzu.store.store import Store

__all__ = [
    "CONTRADICTIONS",
    "COUNT_VECTORS",
    "REFERENCES",
    "VECTOR_REFERENCES",
    "count",
    "dangling",
    "digests",
    "lone_entities",
    "one_sided",
    "present_tables",
    "sample_association",
    "sums",
    "texts",
    "wrong_labels",
    "wrong_terms",
]

NAMELESS = """
MATCH (n:{})
WHERE size(list_filter(n.source_at, i -> i < 1 OR i > size(n.event_entities))) > 0
    OR size(list_filter(n.target_at, i -> i < 1 OR i > size(n.event_entities))) > 0
    OR size(list_filter(n.time_at, i -> i < 1 OR i > size(n.event_times))) > 0
    OR size(list_filter(n.amount_at, i -> i < 1 OR i > size(n.event_amounts))) > 0
RETURN count(*) AS n
"""

CONTRADICTIONS = {
    "entities whose count of mentions is wrong": """
        MATCH (e:Entity) OPTIONAL MATCH (e)<-[m:MENTIONS]-(:Passage)
        WITH e, count(m) AS mentions WHERE mentions <> e.mentions RETURN count(*) AS n
    """,
    "documents whose ledger lists differ in length": """
        MATCH (d:Document)
        WHERE size(d.source_at) <> size(d.target_at) OR size(d.source_at) <> size(d.time_at)
            OR size(d.source_at) <> size(d.amount_at)
        RETURN count(*) AS n
    """,
    "parts of loads whose lists of events differ in length": """
        MATCH (l:EventLog)
        WHERE size(l.source_at) <> size(l.target_at) OR size(l.source_at) <> size(l.time_at)
            OR size(l.source_at) <> size(l.amount_at)
            OR (size(l.event_kind) > 0 AND size(l.event_kind) <> size(l.source_at))
        RETURN count(*) AS n
    """,
    "documents whose events name what is not in their lists": NAMELESS.format("Document"),
    "parts of loads whose events name what is not in their lists": NAMELESS.format("EventLog"),
    "associations with an impossible state": """
        MATCH (:Entity)-[e:ASSOCIATES]->(:Entity)
        WHERE NOT (e.fast >= 0 AND e.slow >= 0 AND e.events >= 1 AND e.first_seen <= e.last_seen)
        RETURN count(*) AS n
    """,
}
"""Contradictions, and the query that counts each."""

REFERENCES = {
    "passages of no document": (
        "MATCH (p:Passage) RETURN p.document AS key",
        "MATCH (d:Document) RETURN d.id AS key",
    ),
    "aliases of no entity": (
        "MATCH (a:Alias) RETURN a.entity AS key",
        "MATCH (e:Entity) RETURN e.id AS key",
    ),
    "kept events of no load": (
        "MATCH (l:EventLog) RETURN l.load AS key",
        "MATCH (l:Load) RETURN l.id AS key",
    ),
    "documents of no source": (
        "MATCH (d:Document) RETURN d.source AS key",
        "MATCH (s:Source) RETURN s.name AS key",
    ),
}
"""Dangling references: the query of the references, and of their possible targets."""


VECTOR_REFERENCES = ("MATCH (e:Embedding) RETURN e.id AS key", "MATCH (p:Passage) RETURN p.id AS key")
"""As in `REFERENCES`, for a store that has vectors."""

COUNT_VECTORS = "MATCH (e:Embedding) RETURN count(*) AS n"


def present_tables(store: Store) -> set[str]:
    """Names of the tables in the file."""
    return set(store.read("CALL show_tables() RETURN name AS name")["name"].to_pylist())


def wrong_terms(store: Store) -> int:
    """How many rows of Term and OCCURS differ from the passages' own terms; reads all passages."""
    passages = store.read("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms")
    expected = occurrences(passages) if passages.num_rows else tables()["OCCURS"].columns.empty_table()
    stored = read_table(store.read, "OCCURS")
    differing = _differing(expected.sort_by([("term", "ascending"), ("passage", "ascending")]), stored)
    counted = expected.group_by("term").aggregate([([], "count_all")]).rename_columns(["term", "df"])
    terms = read_table(store.read, "Term")
    return differing + _differing(counted.sort_by("term"), terms)


def _differing(expected: pa.Table, stored: pa.Table) -> int:
    """How many rows two tables with the same columns do not share."""
    expected = expected.cast(stored.schema).combine_chunks()
    if expected.equals(stored.combine_chunks()):
        return 0
    keys = stored.column_names
    shared = expected.join(stored, keys, join_type="inner")
    return int(max(expected.num_rows, stored.num_rows) - shared.num_rows)


def wrong_labels(store: Store) -> int:
    """How many entities have other votes, or another label, than their mentions give; reads all mentions."""
    entities = store.read("MATCH (e:Entity) RETURN e.id AS id, e.label AS label, e.votes AS votes")
    if not entities.num_rows:
        return 0
    mentions = store.read("MATCH (:Passage)-[m:MENTIONS]->(e:Entity) RETURN e.id AS id, m.label AS label")
    if not mentions.num_rows:
        mentions = entities.slice(0, 0)
    votes = labels.tally(mentions["id"], mentions["label"])
    texts = pc.fill_null(votes["votes"].take(pc.index_in(entities["id"], votes["id"])), labels.NO_VOTES)
    expected = labels.label_rows(entities.set_column(2, "votes", texts))
    same = pc.and_(*(pc.equal(entities[name], expected[name]) for name in ("label", "votes")))
    return int(entities.num_rows - (pc.sum(same).as_py() or 0))


def one_sided(store: Store) -> int:
    """How many relationships are found from one end node and not from the other."""
    wrong = 0
    for name, (source, target) in {
        table.name: table.ends for table in tables().values() if table.ends is not None
    }.items():
        (a,), (b,) = tables()[source].keys, tables()[target].keys
        forward = store.read(f"MATCH (a:{source})-[:{name}]->(b:{target}) RETURN a.{a} AS a, b.{b} AS b")
        backward = store.read(f"MATCH (b:{target})<-[:{name}]-(a:{source}) RETURN a.{a} AS a, b.{b} AS b")
        if forward.num_rows or backward.num_rows:
            order = [("a", "ascending"), ("b", "ascending")]
            wrong += _differing(forward.sort_by(order), backward.sort_by(order))
    return wrong


def texts(store: Store) -> pa.Table:
    """All texts: document, record, title, text, terms and language."""
    return store.read(
        "MATCH (p:Passage) RETURN p.document AS document, p.record AS record, p.title AS title, "
        "p.text AS text, p.terms AS terms, p.language AS language"
    )


def digests(store: Store) -> list[tuple[int, str]]:
    """The digest of every document."""
    table = store.read("MATCH (d:Document) RETURN d.id AS id, d.digest AS digest")
    return list(zip(table["id"].to_pylist(), table["digest"].to_pylist(), strict=True))


def sums(store: Store) -> tuple[int, int]:
    """The number of passages and of their words, counted over all passages."""
    row = store.read("MATCH (p:Passage) RETURN count(*) AS passages, sum(p.words) AS words").to_pylist()[0]
    return int(row["passages"]), int(row["words"] or 0)


def languages(store: Store) -> dict[str, int]:
    """The number of passages in each language, counted over all passages."""
    table = store.read("MATCH (p:Passage) RETURN p.language AS language, count(*) AS n")
    return (
        dict(zip(table["language"].to_pylist(), table["n"].to_pylist(), strict=True))
        if table.num_rows
        else {}
    )


def sample_association(store: Store) -> pa.Table:
    """One association, with its variables thirty days after its as_of, computed by the macros."""
    return store.read(
        """
        MATCH (:Entity)-[e:ASSOCIATES]->(:Entity)
        WITH e, e.as_of + INTERVAL('30 days') AS now LIMIT 1
        RETURN e.fast AS fast, e.slow AS slow, memini_fast(e, now) AS later_fast,
            memini_slow(e, now) AS later_slow
        """
    )


def lone_entities(store: Store) -> int:
    """How many entities have neither a mention nor an association left."""
    table = store.read(
        """
        MATCH (e:Entity)
        WHERE e.mentions = 0 AND NOT EXISTS { MATCH (e)-[:ASSOCIATES]-(:Entity) }
        RETURN count(*) AS n
        """
    )
    return int(table["n"][0].as_py())


def dangling(store: Store, references: str, targets: str) -> int:
    """How many references have no target; reads both columns in full."""
    keys = store.read(references)["key"]
    return len(keys) - int(pc.sum(pc.is_in(keys, value_set=store.read(targets)["key"])).as_py() or 0)


def count(store: Store, query: str) -> int:
    """The answer of one of `CONTRADICTIONS`."""
    return int(store.read(query)["n"][0].as_py())
