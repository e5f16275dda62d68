"""What a batch has to know of the store before it is written: aliases, documents, positions, ledgers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

__all__ = ["read_aliases", "read_counters", "read_documents", "read_ledgers"]

ALIASES = "MATCH (a:Alias) RETURN a.key AS key, a.entity AS entity"

DOCUMENTS = """
MATCH (d:Document) WHERE d.id IN $ids
RETURN d.id AS id, d.digest AS digest, d.title AS title, d.time AS time, d.versions AS versions,
    d.positions AS positions
"""

COUNTERS = "MATCH (s:Source) WHERE s.name IN $names RETURN s.name AS name, s.passages AS passages"

LEDGERS = """
MATCH (d:Document) WHERE d.id IN $ids
RETURN d.id AS id, d.event_source AS event_source, d.event_target AS event_target,
    d.event_amount AS event_amount, d.event_time AS event_time
"""


def read_aliases(run: Callable[..., pa.Table]) -> dict[str, int]:
    """Canonical keys that resolve to an entity other than their own hash."""
    return _pairs(run(ALIASES), "key", "entity")


def read_documents(run: Callable[..., pa.Table], ids: Sequence[int]) -> pa.Table:
    """The documents of these ids that there are: id, digest, title, time, versions, positions.

    Parameters
    ----------
    run : callable
        Executes a query: `Store.read`, or `Transaction.run` to see what the open transaction sees.
    ids : sequence of int
        At least one.
    """
    return run(DOCUMENTS, {"ids": list(ids)})


def read_counters(run: Callable[..., pa.Table], names: Sequence[str]) -> dict[str, int]:
    """How many positions each of these sources has given out; 0 for a new one."""
    return dict.fromkeys(names, 0) | _pairs(run(COUNTERS, {"names": list(names)}), "name", "passages")


def read_ledgers(run: Callable[..., pa.Table], ids: Sequence[int]) -> pa.Table:
    """The events of these documents so far: id, and parallel lists."""
    return run(LEDGERS, {"ids": list(ids)})


def _pairs(table: pa.Table, key: str, value: str) -> dict[str, int]:
    if not table.num_rows:
        return {}
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))
