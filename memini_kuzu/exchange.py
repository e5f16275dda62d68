"""Stores as tables, and tables as stores: export, import, merge, and edges that were folded elsewhere.

An export is a folder of Parquet files, one a table, exact to the bit. Two stores merge by superposition: both
sides of an association are brought to one time and added, which is the memory that had seen what both saw. So
what both have seen must not be counted twice: documents and loads are told apart by their identities.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from memini_kuzu.associations import associate, common_pairs, superpose
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import InputError, StoreError
from memini_kuzu.events import Names, digest, endpoints
from memini_kuzu.identity import passage_id
from memini_kuzu.ingestion import write_edges
from memini_kuzu.store import Store, exchanging, schema
from memini_kuzu.store import vectors as embeddings
from memini_kuzu.store.known import read_counters
from memini_kuzu.store.loading import add_entities, known_loads, record_loads
from memini_kuzu.store.writing import create_passages, replace_edges, upsert_entities, upsert_sources
from memini_kuzu.tables import EDGE_SCHEMA, Edges, column, edges_from_arrow, positions
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu.store.engine import Transaction

__all__ = ["EXPORTED", "EdgesReport", "MergeReport", "export_store", "import_store", "load_edges", "merge"]

EXPORTED = {
    "meta": "MeminiMeta",
    "entities": "Entity",
    "aliases": "Alias",
    "sources": "Source",
    "documents": "Document",
    "passages": "Passage",
    "mentions": "MENTIONS",
    "loads": "Load",
}
"""The files of an export beside ``edges.parquet``, and the tables that they hold. A store with vectors also
has ``vectors.parquet``."""

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


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Parameters
    ----------
    documents, passages, associations, entities, loads : int
        What the other store brought; entities counts those that are new.
    skipped : int
        Documents that were there already.
    """

    documents: int
    passages: int
    associations: int
    entities: int
    loads: int
    skipped: int


def export_store(store: Store, folder: Path) -> dict[str, int]:
    """Write a store as a folder of Parquet files.

    Parameters
    ----------
    store : Store
        Open.
    folder : Path
        Made where it is missing; it must hold nothing.

    Returns
    -------
    dict of str to int
        Rows of each file.

    Raises
    ------
    InputError
        If the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not an empty folder; name a new one")
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name, label in EXPORTED.items():
        table = exchanging.read_table(store.read, label)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        rows[name] = table.num_rows
    space = embeddings.read_space(store.read)
    if space is not None:
        vectors = embeddings.read_vectors(store.read, space)
        pq.write_table(vectors, folder / "vectors.parquet", compression="zstd")
        rows["vectors"] = vectors.num_rows
    edges = store.read_edges().cast(EDGE_SCHEMA)
    edges = edges.sort_by([("source", "ascending"), ("target", "ascending")])
    pq.write_table(edges, folder / "edges.parquet", compression="zstd")
    return rows | {"edges": edges.num_rows}


def import_store(path: Path, folder: Path) -> dict[str, int]:
    """Make a store of an export: the same, to the bit.

    Parameters
    ----------
    path : Path
        The new store; it must not exist. It appears when it is whole.
    folder : Path
        What `export_store` wrote.

    Returns
    -------
    dict of str to int
        Rows of each file.

    Raises
    ------
    InputError
        If a file is missing or no table of that kind.
    StoreError
        If there is a store at `path` already.
    """
    if path.exists():
        raise StoreError(f"{path} exists; import makes a new store: name another path, or merge two stores")
    tables = {name: _imported(folder, name, _schema_of(label)) for name, label in EXPORTED.items()}
    edges = _imported(folder, "edges", EDGE_SCHEMA)
    meta = dict(zip(tables["meta"]["key"].to_pylist(), tables["meta"]["value"].to_pylist(), strict=True))
    if "parameters" not in meta:
        raise InputError(f"{folder / 'meta.parquet'} names no parameters; export the store again")
    if int(meta.get("schema_version", 0)) > schema.latest_version():
        raise InputError(f"{folder} was written by a newer memini; upgrade with: pip install -U memini-kuzu")
    space = embeddings.space_in(meta)
    if space is not None:
        tables["vectors"] = _imported(folder, "vectors", embeddings.row_schema(space))
    work = schema.beside(path)
    with Store(work, create=True, parameters=Parameters.from_json(meta["parameters"])) as store:
        with store.transaction() as transaction:
            for name in ("entities", "aliases", "sources", "documents", "loads"):
                exchanging.create_rows(transaction, EXPORTED[name], tables[name])
            create_passages(transaction, tables["passages"], tables["mentions"])
            if space is not None:
                embeddings.claim_space(transaction, space)
                embeddings.create_rows(transaction, tables["vectors"])
            exchanging.write_meta(transaction, {key: meta[key] for key in meta.keys() - OWN})
        with store.transaction() as transaction:
            replace_edges(transaction, edges)
    schema.move(work, path)
    return {name: table.num_rows for name, table in tables.items()} | {"edges": edges.num_rows}


def _schema_of(label: str) -> pa.Schema:
    return exchanging.MENTIONS if label == "MENTIONS" else exchanging.SCHEMAS[label]


def _imported(folder: Path, name: str, wanted: pa.Schema) -> pa.Table:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise InputError(f"{path} is missing; name a folder that `memini export` wrote")
    try:
        return pq.read_table(path).select(wanted.names).cast(wanted)
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(f"{path} is no table of {name}: {error}") from error


def load_edges(store: Store, path: Path, entities: Path | None = None) -> EdgesReport:
    """Add associations that were folded elsewhere, as by scripts/spark_fold.py.

    Parameters
    ----------
    store : Store
        Open for writing; it must have the parameters with which they were folded.
    path : Path
        A Parquet file or a folder of them, with the columns of `tables.EDGE_SCHEMA`; each pair any number of
        times.
    entities : Path, optional
        The same with the columns id and name of the endpoints. One without a name is called by its number.

    Returns
    -------
    EdgesReport
        What happened.

    Raises
    ------
    InputError
        If a file cannot be read, or lacks a column.
    """
    identity = _digest_of(path)
    edges = superpose(edges_from_arrow(_parquet(path)), store.parameters)
    names = Names({})
    if entities is not None:
        named = _parquet(entities)
        if not {"id", "name"} <= set(named.column_names):
            raise InputError(f"{entities} has {', '.join(named.column_names)}; it must have id and name")
        names.learn(named["id"].to_pylist(), named["name"].to_pylist())
    with store.transaction() as transaction:
        if known_loads(transaction.run, [identity]):
            return EdgesReport(known=True)
        new = add_entities(transaction, endpoints(names, edges))
        write_edges(store, transaction, edges)
        events = int(edges.events.sum())
        record_loads(transaction, pa.table({"id": [identity], "source": [str(path)], "events": [events]}))
    return EdgesReport(len(edges), new)


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, FileNotFoundError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}") from error


def _digest_of(path: Path) -> str:
    """What a file, or a folder of Parquet files, is known by."""
    if path.is_dir():
        files = sorted(digest(file) for file in path.rglob("*.parquet"))
        return hashlib.blake2b("".join(files).encode(), digest_size=16).hexdigest()
    return digest(path)


def merge(store: Store, other: Store, *, skip_known: bool = False) -> MergeReport:
    """Add all that another store holds: one memory that has seen what both have seen.

    Parameters
    ----------
    store : Store
        Open for writing.
    other : Store
        With the same parameters; it is only read. Vectors of another embedder than this store's are left out.
    skip_known : bool
        Leave out documents that both have, and take their events from the other side before adding. Otherwise
        they are refused.

    Returns
    -------
    MergeReport
        What happened.

    Raises
    ------
    InputError
        If the parameters differ, both have loaded the same events, or both have the same document and
        `skip_known` is false; nothing is changed.
    """
    if store.path == other.path:
        raise InputError(f"{other.path} is the store itself; name another one")
    if store.parameters != other.parameters:
        raise InputError(
            f"{other.path} has {other.parameters}, not {store.parameters}; bring one to the other's with "
            "`memini retune` first"
        )
    brought = {name: exchanging.read_table(other.read, label) for name, label in EXPORTED.items()}
    space = embeddings.read_space(other.read)
    if space is not None:
        brought["vectors"] = embeddings.read_vectors(other.read, space)
    edges = edges_from_arrow(other.read_edges())
    with store.transaction() as transaction:
        _refuse_known_loads(transaction, brought["loads"])
        skipped = _known_documents(transaction, brought["documents"])
        if len(skipped) and not skip_known:
            first = brought["documents"].filter(pc.is_in(brought["documents"]["id"], pa.array(skipped)))
            raise InputError(
                f"{len(skipped)} documents are in both stores, such as {first['record'][0].as_py()} of "
                f"source {first['source'][0].as_py()!r}: they would count twice; pass --skip-known"
            )
        if len(skipped):
            edges = _leave_out(brought, edges, skipped, store.parameters)
        _shift(transaction, brought)
        new = _merge_entities(transaction, brought["entities"])
        _merge_aliases(transaction, brought["aliases"])
        upsert_sources(transaction, brought["sources"])
        exchanging.create_rows(transaction, "Document", brought["documents"])
        create_passages(transaction, brought["passages"], brought["mentions"])
        if space is not None and embeddings.read_space(transaction.run) in {None, space}:
            embeddings.claim_space(transaction, space)
            embeddings.create_rows(transaction, brought["vectors"])
        _merge_sums(transaction, brought["passages"])
        write_edges(store, transaction, edges)
        record_loads(transaction, brought["loads"])
    return MergeReport(
        brought["documents"].num_rows,
        brought["passages"].num_rows,
        len(edges),
        new,
        brought["loads"].num_rows,
        len(skipped),
    )


def _refuse_known_loads(transaction: Transaction, loads: pa.Table) -> None:
    known = known_loads(transaction.run, loads["id"].to_pylist())
    if known:
        both = loads.filter(pc.is_in(loads["id"], pa.array(sorted(known))))
        raise InputError(
            f"both stores have loaded {', '.join(both['source'].to_pylist())}: these events would count "
            "twice, and loads keep no ledger to subtract; load the files that are missing instead"
        )


def _known_documents(transaction: Transaction, documents: pa.Table) -> pa.Array:
    here = exchanging.read_table(transaction.run, "Document")["id"]
    return documents["id"].filter(pc.is_in(documents["id"], here)).combine_chunks()


def _leave_out(
    brought: dict[str, pa.Table], edges: Edges, skipped: pa.Array, parameters: Parameters
) -> Edges:
    """Take documents out of what is brought, and what their events have become out of the edges."""
    documents, passages, mentions = brought["documents"], brought["passages"], brought["mentions"]
    gone = documents.filter(pc.is_in(documents["id"], skipped))
    out = pc.is_in(passages["document"], skipped)
    lost = mentions.filter(pc.is_in(mentions["passage"], passages.filter(out)["id"].combine_chunks()))
    heads = passages.filter(out).filter(pc.is_valid(passages.filter(out)["heading"]))
    brought["documents"] = documents.filter(pc.invert(pc.is_in(documents["id"], skipped)))
    brought["passages"] = passages.filter(pc.invert(out))
    brought["mentions"] = mentions.filter(
        pc.invert(pc.is_in(mentions["passage"], passages.filter(out)["id"].combine_chunks()))
    )
    if "vectors" in brought:
        kept = pc.is_in(brought["vectors"]["id"], brought["passages"]["id"].combine_chunks())
        brought["vectors"] = brought["vectors"].filter(kept)
    brought["entities"] = _lowered(
        _lowered(brought["entities"], "mentions", lost["entity"]), "headings", heads["heading"]
    )
    flat = {
        name: pa.chunked_array([pc.list_flatten(gone[name].combine_chunks())])
        for name in ("event_source", "event_target", "event_amount", "event_time")
    }
    ledger = pa.table(flat)
    minus = associate(
        column(ledger, "event_source").astype(np.int64),
        column(ledger, "event_target").astype(np.int64),
        column(ledger, "event_amount").astype(np.float64),
        column(ledger, "event_time").astype(np.int64),
        parameters,
    )
    return _subtracted(edges, minus, parameters)


def _lowered(entities: pa.Table, name: str, of: pa.ChunkedArray) -> pa.Table:
    counts = pc.value_counts(of.combine_chunks())
    place = positions(entities["id"].to_numpy(), counts.field("values").to_numpy())
    less = np.append(counts.field("counts").to_numpy(), 0)[place]
    number = entities.schema.get_field_index(name)
    return entities.set_column(number, name, pa.array(entities[name].to_numpy() - less))


def _subtracted(edges: Edges, minus: Edges, parameters: Parameters) -> Edges:
    """Edges without some of their events; one without events left is gone."""
    at, of = common_pairs(edges, minus)
    left, right = edges.take(at), minus.take(of)
    when = np.maximum(left.as_of, right.as_of)
    fast, slow = propagate(left.fast, left.slow, (when - left.as_of) / DAY, parameters)
    less_fast, less_slow = propagate(right.fast, right.slow, (when - right.as_of) / DAY, parameters)
    # rounding may leave a difference of equals below 0
    edges.fast[at], edges.slow[at] = np.maximum(fast - less_fast, 0), np.maximum(slow - less_slow, 0)
    edges.as_of[at], edges.events[at] = when, left.events - right.events
    return edges.take(edges.events > 0)


def _shift(transaction: Transaction, brought: dict[str, pa.Table]) -> None:
    """Give the passages positions after those that their sources have here already."""
    names = brought["sources"]["name"].to_pylist()
    here = read_counters(transaction.run, names) if names else {}
    offsets = {name: here.get(name, 0) for name in names}
    sources = brought["sources"]
    brought["sources"] = sources.set_column(
        1,
        "passages",
        pa.array(
            [
                count + offsets[name]
                for name, count in zip(names, sources["passages"].to_pylist(), strict=True)
            ],
            pa.int64(),
        ),
    )
    if not any(offsets.values()):
        return
    documents, passages, mentions = brought["documents"], brought["passages"], brought["mentions"]
    moved = [
        [position + offsets[source] for position in places]
        for source, places in zip(
            documents["source"].to_pylist(), documents["positions"].to_pylist(), strict=True
        )
    ]
    place = documents.schema.get_field_index("positions")
    brought["documents"] = documents.set_column(place, "positions", pa.array(moved, pa.list_(pa.int64())))
    of = passages["source"].to_pylist()
    spots = [
        position + offsets[source]
        for source, position in zip(of, passages["position"].to_pylist(), strict=True)
    ]
    ids = np.array([passage_id(source, spot) for source, spot in zip(of, spots, strict=True)], dtype=np.int64)
    was = passages["id"].to_numpy()
    passages = passages.set_column(
        passages.schema.get_field_index("position"), "position", pa.array(spots, pa.int64())
    )
    brought["passages"] = passages.set_column(0, "id", pa.array(ids))
    brought["mentions"] = mentions.set_column(
        0, "passage", pa.array(ids[positions(mentions["passage"].to_numpy(), was)])
    )
    if "vectors" in brought:
        vectors = brought["vectors"]
        brought["vectors"] = vectors.set_column(
            0, "id", pa.array(ids[positions(vectors["id"].to_numpy(), was)])
        )


def _merge_entities(transaction: Transaction, entities: pa.Table) -> int:
    """Add the entities: new ones as they are, to known ones their mentions and dates."""
    here = exchanging.read_table(transaction.run, "Entity")["id"]
    known = pc.is_in(entities["id"], here)
    exchanging.create_rows(transaction, "Entity", entities.filter(pc.invert(known)))
    upsert_entities(transaction, entities.filter(known))
    return int(pc.sum(pc.invert(known)).as_py() or 0)


def _merge_aliases(transaction: Transaction, aliases: pa.Table) -> None:
    """Add the aliases whose key stands for nothing here."""
    here = exchanging.read_table(transaction.run, "Alias")["key"]
    exchanging.create_rows(transaction, "Alias", aliases.filter(pc.invert(pc.is_in(aliases["key"], here))))


def _merge_sums(transaction: Transaction, passages: pa.Table) -> None:
    table = exchanging.read_table(transaction.run, "MeminiMeta")
    meta = dict(zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True))
    exchanging.write_meta(
        transaction,
        {
            "passages": str(int(meta.get("passages", 0)) + passages.num_rows),
            "words": str(int(meta.get("words", 0)) + int(pc.sum(passages["words"]).as_py() or 0)),
        },
    )
