"""The engine compresses what it stores: after any changes and checkpoints it gives back what was written."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from memini_kuzu.config import Parameters
from memini_kuzu.store import schema
from memini_kuzu.store.catalog import EMBEDDING, read_table, table
from memini_kuzu.store.change import Change, write
from memini_kuzu.store.engine import Draft

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION = 5

START = 1_700_000_000_000_000
"""Microseconds since 1970."""

NODES = ("Entity", "Document", EMBEDDING)

READ_VECTORS = "MATCH (e:Embedding) RETURN e.id AS id, e.time AS time, e.vector AS vector ORDER BY id"

Rows = dict[Any, dict[str, Any]]


def doubles(chance: np.random.Generator, count: int) -> Any:
    """Mostly short numbers, which compress; some with long fractions, small and large."""
    kind, long = chance.random(count), chance.random(count) * 10.0 ** chance.integers(-12, 4, count)
    return np.where(kind < 0.5, 1.0, np.where(kind < 0.8, np.round(long, 3), long))


def value(chance: np.random.Generator, kind: pa.DataType) -> Any:
    """A value of a column of the store; lists of numbers are the bits of doubles, as of amounts."""
    if kind == pa.list_(pa.int64()):
        return doubles(chance, chance.integers(60)).view(np.int64).tolist()
    if pa.types.is_fixed_size_list(kind):
        return doubles(chance, DIMENSION).astype(np.float32).tolist()
    if pa.types.is_list(kind):
        return [value(chance, kind.value_type) or "" for _ in range(chance.integers(9))]
    return single(chance, kind)


def single(chance: np.random.Generator, kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return float(doubles(chance, 1)[0])
    if pa.types.is_timestamp(kind):
        grain = int(chance.choice([1, 10**6]))
        return pa.scalar(START + int(chance.integers(10**14)) // grain * grain, kind).as_py()
    if pa.types.is_integer(kind):
        most = int(chance.choice([2, 2**40, 2**62]))
        return None if chance.random() < 0.1 else int(chance.integers(-most, most))
    return chance.choice(np.array([None, "", "same", "x" * int(chance.integers(300))], object))


def filled(chance: np.random.Generator, columns: pa.Schema, keys: list[Any]) -> Rows:
    """Rows with these keys and random values."""
    size = len(keys[0]) if keys and isinstance(keys[0], tuple) else 1
    rows = {}
    for key in keys:
        named = dict(zip(columns.names, key if size > 1 else [key], strict=False))
        kinds = itertools.islice(zip(columns.names, columns.types, strict=True), size, None)
        rows[key] = named | {name: value(chance, kind) for name, kind in kinds}
    return rows


def some(chance: np.random.Generator, rows: Rows, most: int) -> list[Any]:
    keys = list(rows)
    return [keys[place] for place in chance.permutation(len(keys))[: chance.integers(most)]]


@pytest.mark.parametrize("seed", range(2))
def test_what_was_written_is_read_through_checkpoints(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    columns = {name: table(name, DIMENSION).columns for name in (*NODES, "ASSOCIATES")}
    held: dict[str, Rows] = {name: {} for name in columns}
    with Draft(tmp_path / "a.kz") as draft:
        schema.fill(draft, Parameters(), Change(vectors=DIMENSION))
    for number in range(12):
        change = Change()
        for name, rows in held.items():
            gone = [] if name == "Entity" else some(chance, rows, 9)
            new = list(range(number * 1000, number * 1000 + int(chance.choice([1, 3, 40, 400]))))
            if name == "ASSOCIATES":
                # many of them from one source
                ends = list(held["Entity"])
                pairs = chance.choice(ends, (int(chance.choice([1, 20, 500])), 2))
                pairs[chance.random(len(pairs)) < 0.3, 0] = ends[0]
                new = sorted(set(map(tuple, pairs.tolist())) - rows.keys())
            changed = [key for key in some(chance, rows, 50) if key not in gone]
            change.delete(name, pa.Table.from_pylist([rows.pop(key) for key in gone], columns[name]))
            for keys, add in ((new, change.create), (changed, change.update)):
                fresh = filled(chance, columns[name], keys)
                rows.update(fresh)
                add(name, pa.Table.from_pylist(list(fresh.values()), columns[name]))
        if number % 4 == 3:
            held["ASSOCIATES"] = filled(chance, columns["ASSOCIATES"], list(held["ASSOCIATES"]))
            change = Change(change.vectors, [part for part in change.parts if part.table != "ASSOCIATES"])
            change.replace("ASSOCIATES", pa.Table.from_pylist(list(held["ASSOCIATES"].values())))
        with Draft(tmp_path / "a.kz") as draft:
            write(draft.transaction, change)
        with Draft(tmp_path / "a.kz") as draft:
            for name, rows in held.items():
                read = draft.run(READ_VECTORS) if name == EMBEDDING else read_table(draft.run, name)
                assert read.to_pylist() == [rows[key] for key in sorted(rows)], (name, number)
