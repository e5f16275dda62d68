"""What an alias writes down so that it can be taken back, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.store.ledger import Ledger
from memini_kuzu.tables import EDGE_SCHEMA, Edges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "dated",
    "dates",
    "dates_without",
    "digest",
    "edge_lists",
    "edges_from_lists",
    "from_lists",
    "inner_of",
    "lists",
    "plain",
]


def digest(passage: dict[str, Any]) -> str:
    """What tells whether a passage is still the one that it was."""
    return hashlib.blake2b(f"{passage['title']}\0{passage['text']}".encode(), digest_size=8).hexdigest()


def plain(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity as JSON has it."""
    return entity | {name: entity[name].isoformat() for name in ("first_seen", "last_seen")}


def dates(entity: dict[str, Any]) -> tuple[datetime, datetime]:
    """An entity's first and last date, from JSON."""
    return datetime.fromisoformat(entity["first_seen"]), datetime.fromisoformat(entity["last_seen"])


def dated(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity's own columns, as parameters of a query."""
    first, last = dates(entity)
    return {name: entity[name] for name in ("id", "key", "name")} | {
        "first_seen": first,
        "last_seen": last,
    }


def dates_without(undo: dict[str, Any], target: dict[str, Any]) -> tuple[datetime, datetime]:
    """The entity's dates without the alias's, as far as nothing later has moved them."""
    first, last = dates(undo["target"])
    alias_first, alias_last = dates(undo["entity"])
    return (
        first if target["first_seen"] == min(first, alias_first) else target["first_seen"],
        last if target["last_seen"] == max(last, alias_last) else target["last_seen"],
    )


def lists(events: Ledger) -> dict[str, list[Any]]:
    """Events as JSON has them."""
    return {name: values.tolist() for name, values in asdict(events).items()}


def from_lists(lists: dict[str, list[Any]]) -> Ledger:
    """Events, from JSON. An older memini wrote down no kinds: it knew none."""
    lists = {"kind": [0] * len(lists["document"])} | lists
    columns: list[Any] = [
        np.array(lists[name], dtype=np.float64 if name == "amount" else np.int64)
        for name in ("document", "source", "target", "amount", "time", "kind")
    ]
    return Ledger(*columns)


def inner_of(undos: Iterable[str], column: str) -> NDArray[np.int64]:
    """A column of the events that aliases can give back although they are in no ledger.

    Parameters
    ----------
    undos : iterable of str
        What aliases wrote down.
    column : str
        Of the ledger.
    """
    values = [getattr(from_lists(json.loads(undo)["inner"]), column) for undo in undos]
    return np.concatenate([np.zeros(0, dtype=np.int64), *values])


def edge_lists(edges: Edges) -> dict[str, list[Any]]:
    """Edges as JSON has them."""
    return {name: getattr(edges, name).tolist() for name in EDGE_SCHEMA.names}


def edges_from_lists(lists: dict[str, list[Any]]) -> Edges:
    """Edges, from JSON."""
    real = {"fast", "slow"}
    columns: list[Any] = [
        np.array(lists[name], dtype=np.float64 if name in real else np.int64) for name in EDGE_SCHEMA.names
    ]
    return Edges(*columns)
