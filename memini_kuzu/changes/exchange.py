"""Stores as tables, and tables as stores: export, import, merge, and edges that were folded elsewhere.

An export is a folder of Parquet files, one a table, exact to the bit. Two stores merge by superposition: both
sides of an association are brought to one time and added, which is the memory that had seen what both saw. So
what both have seen must not be counted twice: documents and loads are told apart by their identities.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from memini_kuzu.changes.events import Names, digest, endpoints
from memini_kuzu.changes.selecting import select_edges
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics.edges import redirect_edges, superpose
from memini_kuzu.errors import InputError, StoreError
from memini_kuzu.store import Store, labels, languages, metadata, schema
from memini_kuzu.store import vectors as embeddings
from memini_kuzu.store.associations import write_edges
from memini_kuzu.store.catalog import EMBEDDING, read_table
from memini_kuzu.store.catalog import table as table_of
from memini_kuzu.store.change import Change
from memini_kuzu.store.engine import Draft, sync_folder
from memini_kuzu.store.known import (
    read_moved,
)
from memini_kuzu.store.loads import read_loads
from memini_kuzu.store.numbered import gathered, spread
from memini_kuzu.store.terms import count_terms
from memini_kuzu.store.writing import alter_entities
from memini_kuzu.tables import EDGE_SCHEMA, EDGE_TIMES, Edges, distinct, edges_from_arrow
from memini_kuzu.times import LATEST

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "EXPORTED",
    "EdgesReport",
    "export_store",
    "import_store",
    "load_edges",
]

EXPORTED = {
    "meta": "MeminiMeta",
    "entities": "Entity",
    "aliases": "Alias",
    "sources": "Source",
    "documents": "Document",
    "passages": "Passage",
    "mentions": "MENTIONS",
    "loads": "Load",
    "kinds": "Kind",
    "events": "EventLog",
    "dropped": "Dropped",
    "splits": "Split",
}
"""The files of an export beside ``edges.parquet``, and the tables that they hold. A store with vectors also
has ``vectors.parquet``."""

KEPT_EVENTS = 4
"""The first schema version whose exports hold the events of loads."""

LEDGERS = ("documents", "events")
"""The files with events, of which each is one element of a list there."""

EDITS = ("dropped", "splits")
"""The files that exports before schema version 5 lack."""

PART = " where "
"""Stands in the source of a load between the path and the expression that chose a part of it."""

OWN = frozenset({"schema_version", "parameters"})
"""Keys in MeminiMeta that a new store sets by itself."""


@dataclass(frozen=True, slots=True)
class EdgesReport:
    """What a load of edges did.

    Parameters
    ----------
    associations, entities : int
        Associations that were made or strengthened, and entities that are new.
    known : bool
        Whether the very same files had been loaded before, so that nothing was changed.
    """

    associations: int = 0
    entities: int = 0
    known: bool = False


def export_store(store: Store, folder: Path) -> dict[str, int]:
    """Write a store as a folder of Parquet files, all or none; see `Memory.export`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not an empty folder; name a new one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _export(store, folder)
    except BaseException as error:
        # also where it is interrupted
        for file in folder.glob("*.parquet"):
            file.unlink()
        if not isinstance(error, OSError):
            raise
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error


def _export(store: Store, folder: Path) -> dict[str, int]:
    rows = {}
    with store.snapshot():
        for name, label in EXPORTED.items():
            table = read_table(store.read, label)
            if name in LEDGERS:
                table = spread(table)
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
            rows[name] = table.num_rows
        space = embeddings.read_space(store.read)
        if space is not None:
            vectors = embeddings.read_vectors(store.read, space)
            pq.write_table(vectors, folder / "vectors.parquet", compression="zstd")
            rows["vectors"] = vectors.num_rows
        edges = read_table(store.read, "ASSOCIATES")
    pq.write_table(edges, folder / "edges.parquet", compression="zstd")
    for path in folder.glob("*.parquet"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for place in (folder, folder.parent):
        sync_folder(place)
    return rows | {"edges": edges.num_rows}


def import_store(path: Path, folder: Path) -> dict[str, int]:
    """Make a store of an export, the same to the bit, in one step; see `Memory.import_`."""
    schema.refuse_existing(path)  # before all is read; `building` asks again
    known = _imported(folder, "meta", table_of("MeminiMeta").columns)
    meta = dict(zip(known["key"].to_pylist(), known["value"].to_pylist(), strict=True))
    version = int(meta.get("schema_version", 0))
    unlabelled, unspoken = version < labels.VERSION, version < languages.VERSION
    missing = {"entities": {"votes"}, "mentions": {"label"}} if unlabelled else {}
    missing |= {"passages": {"language"}} if unspoken else {}
    undescribed = version < metadata.VERSION
    missing |= {"documents": {"metadata"}} if undescribed else {}
    absent = {"kinds", "events"} if version < KEPT_EVENTS else set()
    absent |= set(EDITS) if unlabelled else set()
    tables = {
        name: table_of(label).columns.empty_table()
        if name in absent
        else _imported(folder, name, table_of(label).columns, missing.get(name, ()))
        for name, label in EXPORTED.items()
    }
    edges = _imported(folder, "edges", EDGE_SCHEMA)
    if unlabelled:
        tables["entities"], tables["mentions"] = labels.of_older(tables["entities"], tables["mentions"])
    if undescribed:
        none = pa.array([""] * tables["documents"].num_rows, pa.string())
        tables["documents"] = tables["documents"].append_column("metadata", none)
    if version < languages.ANALYSIS:
        tables["passages"] = languages.analysed_again(tables["passages"])
        meta |= languages.counted(tables["passages"])
    if "parameters" not in meta:
        raise InputError(f"{folder / 'meta.parquet'} names no parameters; export the store again")
    if version > schema.latest_version():
        raise InputError(f"{folder} was written by a newer memini; upgrade with: pip install -U memini-kuzu")
    space = embeddings.space_in(meta)
    if space is not None:
        tables["vectors"] = _imported(folder, "vectors", table_of(EMBEDDING, space.dimension).columns)
    change = Change()
    for name in ("entities", "aliases", "sources", "documents", "passages", "loads", "kinds", *EDITS):
        change.create(EXPORTED[name], tables[name])
    change.append(EXPORTED["events"], tables["events"])
    change.create("MENTIONS", tables["mentions"])
    if space is not None:
        change.vectors = space.dimension
        change.create(EMBEDDING, tables["vectors"])
    change.set_meta({key: meta[key] for key in meta.keys() - OWN}, ())
    count_terms(change, lambda _: {}, tables["passages"].slice(0, 0), tables["passages"])
    change.create("ASSOCIATES", edges)
    with schema.building(path) as work, Draft(work) as draft:
        schema.fill(draft, Parameters.from_json(meta["parameters"]), change)
    return {name: table.num_rows for name, table in tables.items()} | {"edges": edges.num_rows}


def _imported(folder: Path, name: str, wanted: pa.Schema, without: Collection[str] = ()) -> pa.Table:
    path = folder / f"{name}.parquet"
    if name in LEDGERS:
        wanted = spread(wanted.empty_table()).schema
    wanted = pa.schema([field for field in wanted if field.name not in without])
    if not path.is_file():
        raise InputError(f"{path} is missing; name a folder that `memini export` wrote")
    try:
        table = pq.read_table(path).select(wanted.names).cast(wanted)
        return gathered(table) if name in LEDGERS else table
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(f"{path} is no table of {name}: {error}") from error


def load_edges(
    store: Store, path: Path, entities: Path | None = None, where: str | None = None
) -> EdgesReport:
    """Add associations that were folded elsewhere, with the store's parameters; see `Memory.load_edges`.

    The columns are those of `tables.EDGE_SCHEMA`; a pair may stand there any number of times. An entity
    without a name is called by its number.
    """
    identity = _digest_of(path)
    if where is None:
        table = _parquet(path).read()
    else:
        table = select_edges(_files(path), where, () if entities is None else _files(entities))
    edges = edges_from_arrow(table)
    _refuse_bad(edges, path)
    edges = superpose(edges, store.parameters)
    names = Names() if entities is None else _named(entities, distinct(edges.source, edges.target))
    with store.changing() as change:
        if report := _known_part(store, identity, where):
            return report
        events = int(edges.events.sum())
        edges = redirect_edges(edges, read_moved(store.read), store.parameters)
        new = alter_entities(change, store, endpoints(names, edges))
        write_edges(store, change, edges)
        label = str(path) if where is None else f"{path}{PART}{where}"
        change.create("Load", pa.table({"id": [identity], "source": [label], "events": [events]}))
    return EdgesReport(len(edges), new)


def _refuse_bad(edges: Edges, path: Path) -> None:
    """Refuse what no fold of events gives, and no strength could be computed of."""
    for name in EDGE_SCHEMA.names[2:]:
        values = getattr(edges, name)
        bad = ~(np.isfinite(values) & (values >= 0))
        if name in EDGE_TIMES:
            bad |= values >= LATEST.timestamp() * 1000
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(
                f"{path} has {name} = {values[row]} from {edges.source[row]} to {edges.target[row]}; fast, "
                "slow and events are finite and not below 0, times lie in 1970 to 2261: correct the edges"
            )


def _named(path: Path, ids: NDArray[np.int64]) -> Names:
    """The names of these entities."""
    columns = _parquet(path).schema.names
    if not {"id", "name"} <= set(columns):
        raise InputError(f"{path} has {', '.join(columns)}; it must have id and name")
    rows = _parquet(path, pc.field("id").isin(pa.array(ids))).read(["id", "name"])
    names = Names()
    names.learn(rows["id"].to_pylist(), rows["name"].to_pylist())
    return names


def _known_part(store: Store, identity: str, where: str | None) -> EdgesReport | None:
    """The report where this part was loaded before; an error where another part of the file was."""
    loads = read_loads(store.read)
    loads = loads.filter(pc.equal(loads["id"], identity))
    if not loads.num_rows:
        return None
    label = loads["source"][0].as_py()
    if label.partition(PART)[2] != (where or ""):
        raise InputError(
            f"{label} is loaded already, and associations that both parts hold would count twice; load the "
            "other part into a new store"
        )
    return EdgesReport(known=True)


def _files(path: Path) -> list[Path]:
    """A Parquet file, or those of a folder.

    Raises
    ------
    InputError
        If there is none.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise InputError(f"{path} is no Parquet file, nor a folder of them")
    return files


def _parquet(path: Path, where: pc.Expression | None = None) -> pq.ParquetDataset:
    try:
        return pq.ParquetDataset(_files(path), filters=where)
    except (pa.ArrowInvalid, FileNotFoundError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from error


def _digest_of(path: Path) -> str:
    """What a file, or a folder of Parquet files, is known by."""
    if path.is_dir():
        files = sorted(digest(file) for file in _files(path))
        return hashlib.blake2b("".join(files).encode(), digest_size=16).hexdigest()
    return digest(path)
