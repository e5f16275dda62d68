"""Whole tables out of a store and into another: what export, import and merge read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from memini_kuzu.store.writing import CREATE_MENTIONS, SET_META

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from memini_kuzu.store.engine import Transaction

__all__ = ["SCHEMAS", "create_mentions", "create_rows", "read_table", "write_meta"]

INTEGER, TEXT, TIME = pa.int64(), pa.string(), pa.timestamp("us")
INTEGERS, NUMBERS, TIMES = pa.list_(INTEGER), pa.list_(pa.float64()), pa.list_(TIME)

SCHEMAS = {
    "MeminiMeta": pa.schema({"key": TEXT, "value": TEXT}),
    "Entity": pa.schema(
        {
            "id": INTEGER,
            "key": TEXT,
            "name": TEXT,
            "label": TEXT,
            "first_seen": TIME,
            "last_seen": TIME,
            "mentions": INTEGER,
            "headings": INTEGER,
        }
    ),
    "Alias": pa.schema({"key": TEXT, "name": TEXT, "entity": INTEGER, "undo": TEXT}),
    "Source": pa.schema({"name": TEXT, "passages": INTEGER}),
    "Document": pa.schema(
        {
            "id": INTEGER,
            "source": TEXT,
            "record": TEXT,
            "title": TEXT,
            "time": TIME,
            "digest": TEXT,
            "versions": pa.list_(TEXT),
            "positions": INTEGERS,
            "event_source": INTEGERS,
            "event_target": INTEGERS,
            "event_amount": NUMBERS,
            "event_time": TIMES,
        }
    ),
    "Passage": pa.schema(
        {
            "id": INTEGER,
            "record": TEXT,
            "source": TEXT,
            "position": INTEGER,
            "title": TEXT,
            "time": TIME,
            "document": INTEGER,
            "heading": INTEGER,
            "text": TEXT,
            "terms": TEXT,
            "words": INTEGER,
        }
    ),
    "Load": pa.schema({"id": TEXT, "source": TEXT, "events": INTEGER}),
}
"""The node tables of schema/*.cypher that hold a store's content, and their columns; the first is the key."""

MENTIONS = pa.schema({"passage": INTEGER, "entity": INTEGER, "count": INTEGER})

READ_MENTIONS = """
MATCH (p:Passage)-[m:MENTIONS]->(e:Entity) RETURN p.id AS passage, e.id AS entity, m.count AS count
"""


def read_table(read: Callable[..., pa.Table], label: str) -> pa.Table:
    """All rows of a node table of `SCHEMAS`, or of ``MENTIONS``, in the order of their keys."""
    if label == "MENTIONS":
        query, schema, order = READ_MENTIONS, MENTIONS, ["passage", "entity"]
    else:
        schema = SCHEMAS[label]
        returned = ", ".join(f"n.{name} AS {name}" for name in schema.names)
        query, order = f"MATCH (n:{label}) RETURN {returned}", [schema.names[0]]
    table = read(query)
    table = table.cast(schema) if table.num_columns else schema.empty_table()
    return table.sort_by([(name, "ascending") for name in order])


def create_rows(transaction: Transaction, label: str, rows: pa.Table) -> None:
    """Create nodes of a table of `SCHEMAS` other than Passage, whose index wants `create_passages`."""
    if rows.num_rows:
        values = ", ".join(f"{name}: {name}" for name in SCHEMAS[label].names)
        transaction.run(f"LOAD FROM batch CREATE (:{label} {{{values}}})", batch=rows)


def create_mentions(transaction: Transaction, mentions: pa.Table) -> None:
    """Let passages mention entities: passage, entity, count."""
    if mentions.num_rows:
        transaction.run(CREATE_MENTIONS, batch=mentions)


def write_meta(transaction: Transaction, values: Mapping[str, str]) -> None:
    """Set what a store knows of itself."""
    for key, value in values.items():
        transaction.run(SET_META, {"key": key, "value": value})
