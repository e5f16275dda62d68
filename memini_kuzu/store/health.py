"""The queries of `doctor`: rows that contradict each other, each as a count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from memini_kuzu.store import reading
from memini_kuzu.store.schema import all_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from memini_kuzu.store.store import Store

__all__ = [
    "CONTRADICTIONS",
    "COUNT_VECTORS",
    "REFERENCES",
    "VECTOR_REFERENCES",
    "count",
    "dangling",
    "expected_tables",
    "fulltext_counts",
    "indexes",
    "lone_entities",
    "sample_association",
    "sample_terms",
    "storage_version",
    "sums",
    "tables",
    "term_counts",
]

MAGIC = b"KUZU"

CONTRADICTIONS = {
    "entities whose count of mentions is wrong": """
        MATCH (e:Entity) OPTIONAL MATCH (e)<-[m:MENTIONS]-(:Passage)
        WITH e, count(m) AS mentions WHERE mentions <> e.mentions RETURN count(*) AS n
    """,
    "documents whose ledger lists differ in length": """
        MATCH (d:Document)
        WHERE size(d.event_source) <> size(d.event_target) OR size(d.event_source) <> size(d.event_amount)
            OR size(d.event_source) <> size(d.event_time)
        RETURN count(*) AS n
    """,
    "associations with an impossible state": """
        MATCH (:Entity)-[e:ASSOCIATES]->(:Entity)
        WHERE NOT (e.fast >= 0 AND e.slow >= 0 AND e.events >= 1 AND e.first_seen <= e.last_seen)
        RETURN count(*) AS n
    """,
}
"""What must be empty, and the query that counts it."""

REFERENCES = {
    "passages of no document": (
        "MATCH (p:Passage) RETURN p.document AS key",
        "MATCH (d:Document) RETURN d.id AS key",
    ),
    "aliases of no entity": (
        "MATCH (a:Alias) RETURN a.entity AS key",
        "MATCH (e:Entity) RETURN e.id AS key",
    ),
    "documents of no source": (
        "MATCH (d:Document) RETURN d.source AS key",
        "MATCH (s:Source) RETURN s.name AS key",
    ),
}
"""What refers to nothing: the query of the references, and of what they may refer to."""


VECTOR_REFERENCES = ("MATCH (e:Embedding) RETURN e.id AS key", "MATCH (p:Passage) RETURN p.id AS key")
"""As in `REFERENCES`, of a store that has vectors."""

COUNT_VECTORS = "MATCH (e:Embedding) RETURN count(*) AS n"


def storage_version(head: bytes) -> int | None:
    """The version of the file format, from the first bytes of a file; None where it is no Kùzu file.

    Examples
    --------
    >>> storage_version(b"KUZU" + bytes([39, 0, 0, 0, 0, 0, 0, 0]))
    39
    """
    if not head.startswith(MAGIC):
        return None
    return int.from_bytes(head[len(MAGIC) : len(MAGIC) + 8], "little")


def expected_tables() -> set[str]:
    """The tables that the schema makes.

    Examples
    --------
    >>> "ASSOCIATES" in expected_tables()
    True
    """
    heads = (statement.split("(")[0].split() for statement in all_statements())
    return {words[3] for words in heads if words[:1] == ["CREATE"] and words[2:3] == ["TABLE"]}


def tables(store: Store) -> set[str]:
    """The tables that there are."""
    return set(store.read("CALL show_tables() RETURN name AS name")["name"].to_pylist())


def indexes(store: Store) -> set[str]:
    """The indexes that there are."""
    return set(store.read("CALL show_indexes() RETURN index_name AS name")["name"].to_pylist())


def sample_terms(store: Store, passages: int) -> list[str]:
    """The analysed texts of some passages, from the beginning and from the end of the table."""
    found: list[str] = []
    for direction in ("", " DESC"):
        table = store.read(
            f"MATCH (p:Passage) WHERE p.words > 0 RETURN p.terms AS terms, p.id AS id ORDER BY id{direction} "
            "LIMIT $top",
            {"top": passages},
        )
        found += table["terms"].to_pylist()
    return found


def term_counts(store: Store, words: Sequence[str]) -> dict[str, int]:
    """In how many passages each analysed term occurs, by reading them all."""
    counts = {}
    for word in words:
        table = store.read(
            "MATCH (p:Passage) WHERE concat(' ', p.terms, ' ') CONTAINS $word RETURN count(*) AS n",
            {"word": f" {word} "},
        )
        counts[word] = int(table["n"][0].as_py())
    return counts


def fulltext_counts(store: Store, words: Sequence[str]) -> dict[str, int]:
    """In how many passages each analysed term occurs, as recall's own full-text query answers."""
    passages = store.count("passages")
    return {word: reading.fulltext(store, word, max(passages, 1)).num_rows for word in words}


def sums(store: Store) -> tuple[int, int]:
    """How many passages there are, and their words, by reading them all."""
    row = store.read("MATCH (p:Passage) RETURN count(*) AS passages, sum(p.words) AS words").to_pylist()[0]
    return int(row["passages"]), int(row["words"] or 0)


def sample_association(store: Store) -> pa.Table:
    """One association, with its strength thirty days after its as_of by the macros."""
    return store.read(
        """
        MATCH (:Entity)-[e:ASSOCIATES]->(:Entity)
        WITH e, e.as_of + INTERVAL('30 days') AS now LIMIT 1
        RETURN e.fast AS fast, e.slow AS slow, memini_fast(e, now) AS later_fast,
            memini_slow(e, now) AS later_slow
        """
    )


def lone_entities(store: Store) -> int:
    """How many entities no passage mentions and no association joins: all that they had was forgotten."""
    table = store.read(
        """
        MATCH (e:Entity)
        WHERE e.mentions = 0 AND NOT EXISTS { MATCH (e)-[:ASSOCIATES]-(:Entity) }
        RETURN count(*) AS n
        """
    )
    return int(table["n"][0].as_py())


def dangling(store: Store, references: str, targets: str) -> int:
    """How many references lead nowhere; both columns are read whole."""
    keys = store.read(references)["key"]
    return len(keys) - int(pc.sum(pc.is_in(keys, value_set=store.read(targets)["key"])).as_py() or 0)


def count(store: Store, query: str) -> int:
    """The answer of one of `CONTRADICTIONS`."""
    return int(store.read(query)["n"][0].as_py())
