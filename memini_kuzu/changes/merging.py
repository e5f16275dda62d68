"""Merging: what another store holds becomes part of this one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.exchange import EXPORTED
from memini_kuzu.changes.undo import inner_of
from memini_kuzu.dynamics.edges import redirect_edges, redirected
from memini_kuzu.dynamics.removal import without_events
from memini_kuzu.errors import InputError
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.store import Store
from memini_kuzu.store import vectors as embeddings
from memini_kuzu.store.aliases import merged_aliases
from memini_kuzu.store.associations import write_edges
from memini_kuzu.store.catalog import EMBEDDING, read_table
from memini_kuzu.store.entities import read_dropped
from memini_kuzu.store.known import (
    document_ids,
    existing_entities,
    read_aliases,
    read_moved,
    read_splits,
)
from memini_kuzu.store.labels import NO_VOTES, tally
from memini_kuzu.store.ledger import Ledger, ledger_from_arrow, ledger_to_arrow, parts_to_arrow
from memini_kuzu.store.loads import create_parts, known_loads, new_kinds
from memini_kuzu.store.stored import counters_stored
from memini_kuzu.store.writing import alter_entities, count_sources, rewrite_passages
from memini_kuzu.tables import Edges, column, edges_from_arrow, positions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memini_kuzu.embedding import Space
    from memini_kuzu.store.change import Change


__all__ = [
    "MergeReport",
    "merge",
]


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Parameters
    ----------
    documents, passages, associations, entities, loads : int
        What was added from the other store; entities counts the new ones.
    skipped : int
        Documents and loads that this store had already.
    unresolved : tuple of str
        Aliases of the other store that were left out: the name is another entity's here, or an alias of one.
    """

    documents: int
    passages: int
    associations: int
    entities: int
    loads: int
    skipped: int
    unresolved: tuple[str, ...] = ()


def merge(store: Store, other: Store, *, skip_known: bool = False) -> MergeReport:
    """Add all that another store holds; see `Memory.merge`.

    Vectors of another embedder than this store's are left out. Of documents and loads that both have, the
    other side's events are taken off before the edges are added.
    """
    if store.path == other.path:
        raise InputError(f"{other.path} is the store itself; name another one")
    if store.parameters != other.parameters:
        raise InputError(
            f"{other.path} has {other.parameters}, not {store.parameters}; bring one to the other's with "
            "`memini retune` first"
        )
    imported, edges, ledger, space = _read_all(other)
    with store.changing() as change:
        loaded = _known_loads(store, imported, skip_known=skip_known)
        skipped = _known_documents(store, imported["documents"])
        if len(skipped) and not skip_known:
            first = imported["documents"].filter(pc.is_in(imported["documents"]["id"], pa.array(skipped)))
            raise InputError(
                f"{len(skipped)} documents are in both stores, such as {first['record'][0].as_py()} of "
                f"source {first['source'][0].as_py()!r}: they would count twice; pass --skip-known"
            )
        parts = imported["events"].filter(pc.is_in(imported["events"]["load"], loaded))
        is_skipped = np.isin(ledger.document, np.concatenate([skipped, column(parts, "id")]))
        edges = without_events(
            edges,
            ledger.take(is_skipped).fold(store.parameters),
            ledger.take(~is_skipped).fold(store.parameters),
            store.parameters,
        )
        _leave_out(imported, skipped, loaded)
        moved = read_moved(store.read)
        edges = redirect_edges(edges, moved, store.parameters)
        _redirect(imported, ledger.take(~is_skipped), moved)
        was = column(imported["passages"], "id")
        _shift(store, imported)
        _revise_undos(store, imported, moved, was)
        new = alter_entities(change, store, _counted(imported))
        unresolved = _merge_aliases(store, change, imported)
        _take_splits(store, change, imported["splits"], moved)
        here = [row["key"] for row in read_dropped(store)]
        theirs = imported["dropped"]
        theirs = _set(theirs, "entity", pa.array(redirected(column(theirs, "entity"), moved)))
        change.create(
            "Dropped", theirs.filter(pc.invert(pc.is_in(theirs["key"], pa.array(here, pa.string()))))
        )
        count_sources(change, store, _counters(imported["sources"]))
        change.create("Document", imported["documents"])
        rewrite_passages(change, store, [], imported["passages"])
        change.create("MENTIONS", imported["mentions"])
        own_space = embeddings.read_space(store.read)
        if space is not None and own_space in {None, space}:
            if own_space is None:
                embeddings.make_room(change, store.stored_meta(), space)
            change.create(EMBEDDING, imported["vectors"])
        write_edges(store, change, edges)
        change.create("Load", imported["loads"])
        change.create("Kind", new_kinds(store.read, _used_kinds(imported)))
        create_parts(change, imported["events"])
    return MergeReport(
        imported["documents"].num_rows,
        imported["passages"].num_rows,
        len(edges),
        new,
        imported["loads"].num_rows,
        len(skipped) + len(loaded),
        unresolved,
    )


def _read_all(other: Store) -> tuple[dict[str, pa.Table], Edges, Ledger, Space | None]:
    """All tables of a store, in one state."""
    with other.snapshot():
        imported = {name: read_table(other.read, label) for name, label in EXPORTED.items()}
        space = embeddings.read_space(other.read)
        if space is not None:
            imported["vectors"] = embeddings.read_vectors(other.read, space)
        edges = edges_from_arrow(other.read_edges())
    ledger = ledger_from_arrow(imported["documents"]).join(ledger_from_arrow(imported["events"]))
    return imported, edges, ledger, space


def _known_loads(store: Store, imported: dict[str, pa.Table], *, skip_known: bool) -> pa.Array:
    """The loads that both stores have."""
    loads = imported["loads"]
    known = pa.array(sorted(known_loads(store.read, loads["id"].to_pylist())), pa.string())
    both = loads.filter(pc.is_in(loads["id"], known))
    unkept = both.filter(pc.invert(pc.is_in(both["id"], value_set=imported["events"]["load"])))
    if unkept.num_rows:
        raise InputError(
            f"both stores have loaded {', '.join(unkept['source'].to_pylist())}: these events would count "
            "twice, and they were not kept, to be subtracted; load the files that are missing instead"
        )
    if len(known) and not skip_known:
        raise InputError(
            f"both stores have loaded {', '.join(both['source'].to_pylist())}: these events would count "
            "twice; pass --skip-known"
        )
    return known


def _known_documents(store: Store, documents: pa.Table) -> NDArray[np.int64]:
    ids = column(documents, "id")
    return ids[np.isin(ids, document_ids(store.read))]


def _leave_out(imported: dict[str, pa.Table], skipped: NDArray[np.int64], loaded: pa.Array) -> None:
    """Leave documents and loads out of the imported tables."""
    for name, key in (("loads", "id"), ("events", "load")):
        rows = imported[name]
        imported[name] = rows.filter(pc.invert(pc.is_in(rows[key], loaded)))
    out = pa.array(skipped)
    documents, passages, mentions = imported["documents"], imported["passages"], imported["mentions"]
    imported["documents"] = documents.filter(pc.invert(pc.is_in(documents["id"], out)))
    imported["passages"] = passages.filter(pc.invert(pc.is_in(passages["document"], out)))
    kept = imported["passages"]["id"].combine_chunks()
    imported["mentions"] = mentions.filter(pc.is_in(mentions["passage"], kept))
    if "vectors" in imported:
        imported["vectors"] = imported["vectors"].filter(pc.is_in(imported["vectors"]["id"], kept))


def _set(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)


def _redirect(imported: dict[str, pa.Table], ledger: Ledger, moved: Mapping[int, int]) -> None:
    """Replace entity ids of the other store that are aliases in this one."""
    entities, aliases = imported["entities"], imported["aliases"]
    ids = redirected(column(entities, "id"), moved)
    # those that keep their ids first: of two rows of one entity, its own name is the one to take
    own_first = np.argsort(ids != column(entities, "id"), kind="stable")
    imported["entities"] = _set(entities, "id", pa.array(ids)).take(own_first)
    imported["aliases"] = _set(aliases, "entity", pa.array(redirected(column(aliases, "entity"), moved)))
    passages, mentions = imported["passages"], imported["mentions"]
    heading = passages["heading"].to_numpy(zero_copy_only=False)
    headed = ~np.isnan(heading.astype(np.float64))
    heads = np.zeros(len(heading), dtype=np.int64)
    heads[headed] = column(passages.filter(pa.array(headed)), "heading")
    imported["passages"] = _set(passages, "heading", pa.array(redirected(heads, moved), mask=~headed))
    # a passage may mention one of them under both names; the entity's own label is the one to take
    own = np.argsort(np.isin(column(mentions, "entity"), list(moved)), kind="stable")
    mentions = _set(mentions, "entity", pa.array(redirected(column(mentions, "entity"), moved))).take(own)
    summed = mentions.group_by(["passage", "entity"], use_threads=False).aggregate(
        [("count", "sum"), ("label", "first")]
    )
    imported["mentions"] = summed.rename_columns(["passage", "entity", "count", "label"])
    there = ledger.redirected(moved)
    if there is ledger:
        return
    parts = imported["events"]
    of_part = np.isin(there.document, column(parts, "id"))
    imported["events"] = parts_to_arrow(there.take(of_part), column(parts, "id"), parts["load"].to_pylist())
    lists = ledger_to_arrow(there.take(~of_part), column(imported["documents"], "id"))
    for name in lists.column_names[1:]:
        imported["documents"] = _set(imported["documents"], name, lists[name])


def _counted(imported: dict[str, pa.Table]) -> pa.Table:
    """The imported entities, each once, with their imported mentions, headings and votes."""
    entities = imported["entities"]
    if not entities.num_rows:
        return entities
    rows = entities.group_by("id", use_threads=False).aggregate(
        [
            ("key", "first"),
            ("name", "first"),
            ("first_seen", "min"),
            ("last_seen", "max"),
        ]
    )
    rows = rows.rename_columns(["id", "key", "name", "first_seen", "last_seen"])
    ids = column(rows, "id")
    headed = imported["passages"]["heading"].drop_null()
    for name, of in (("mentions", imported["mentions"]["entity"]), ("headings", headed)):
        counts = pc.value_counts(of.combine_chunks())
        place = positions(ids, counts.field("values").to_numpy())
        number = np.append(counts.field("counts").to_numpy(), 0)[place]
        rows = rows.append_column(name, pa.array(number, pa.int64()))
    votes = tally(imported["mentions"]["entity"], imported["mentions"]["label"])
    texts = votes["votes"].take(pc.index_in(rows["id"], votes["id"]))
    return rows.append_column("votes", pc.fill_null(texts, NO_VOTES))


def _counters(sources: pa.Table) -> dict[str, int]:
    return dict(zip(sources["name"].to_pylist(), sources["passages"].to_pylist(), strict=True))


def _shift(store: Store, imported: dict[str, pa.Table]) -> None:
    """Move the positions of imported passages behind those that their sources have in this store."""
    sources = _counters(imported["sources"])
    offsets = dict.fromkeys(sources, 0) | counters_stored(store, list(sources)) if sources else {}
    after = [count + offsets[name] for name, count in sources.items()]
    imported["sources"] = _set(imported["sources"], "passages", pa.array(after, pa.int64()))
    if not any(offsets.values()):
        return
    documents, passages = imported["documents"], imported["passages"]
    moved = [
        [position + offsets[source] for position in places]
        for source, places in zip(
            documents["source"].to_pylist(), documents["positions"].to_pylist(), strict=True
        )
    ]
    imported["documents"] = _set(documents, "positions", pa.array(moved, pa.list_(pa.int64())))
    of = passages["source"].to_pylist()
    spots = [
        position + offsets[source]
        for source, position in zip(of, passages["position"].to_pylist(), strict=True)
    ]
    ids = np.array([passage_id(source, spot) for source, spot in zip(of, spots, strict=True)], dtype=np.int64)
    was = passages["id"].to_numpy()
    passages = _set(passages, "position", pa.array(spots, pa.int64()))
    imported["passages"] = _set(passages, "id", pa.array(ids))
    for name, key in (("mentions", "passage"), ("vectors", "id")):
        if name in imported:
            place = positions(column(imported[name], key), was)
            imported[name] = _set(imported[name], key, pa.array(ids[place]))


def _revise_undos(
    store: Store, imported: dict[str, pa.Table], moved: Mapping[int, int], was: NDArray[np.int64]
) -> None:
    """The imported undo records of aliases, with this store's ids, and numbered after its own."""
    number = dict(zip(was.tolist(), column(imported["passages"], "id").tolist(), strict=True))
    mine = [json.loads(row["undo"])["number"] for row in merged_aliases(store.read)]
    revised: list[str | None] = []
    for text in imported["aliases"]["undo"].to_pylist():
        if text is None:
            revised.append(None)
            continue
        undo = json.loads(text)
        undo["number"] += max(mine, default=0)
        undo["target"]["id"] = moved.get(undo["target"]["id"], undo["target"]["id"])
        undo["mentions"] = [[number.get(passage, passage), *rest] for passage, *rest in undo["mentions"]]
        for name in undo.keys() & {"events", "inner", "forgotten", "edges", "common"}:
            for end in ("source", "target"):
                undo[name][end] = [moved.get(entity, entity) for entity in undo[name][end]]
        revised.append(json.dumps(undo))
    imported["aliases"] = _set(imported["aliases"], "undo", pa.array(revised, pa.string()))


def _used_kinds(imported: dict[str, pa.Table]) -> pa.Table:
    """The kinds of imported events, and of those that an imported alias can give back."""
    kinds = imported["kinds"]
    used = np.concatenate(
        [
            ledger_from_arrow(imported["events"]).kind,
            inner_of(imported["aliases"]["undo"].drop_null().to_pylist(), "kind"),
        ]
    )
    return kinds.filter(pc.is_in(kinds["id"], pa.array(np.unique(used))))


def _take_splits(store: Store, change: Change, splits: pa.Table, moved: Mapping[int, int]) -> None:
    """Tell entities apart as the other store does, in the sources where this one does not."""
    here = read_splits(store.read)
    splits = _set(splits, "entity", pa.array(redirected(column(splits, "entity"), moved)))
    is_new = [row["entity"] not in here.get(row["source"], {}) for row in splits.to_pylist()]
    change.create("Split", splits.filter(pa.array(is_new, pa.bool_())))


def _merge_aliases(store: Store, change: Change, imported: dict[str, pa.Table]) -> tuple[str, ...]:
    """Add the aliases whose key stands for nothing here; the names of those that name something else here."""
    here, aliases = read_aliases(store.read), imported["aliases"]
    ids = [stable_id(key) for key in aliases["key"].to_pylist()]
    named = set(existing_entities(store.read, ids))
    rows = aliases.to_pylist()
    taken = [row["key"] in here or identity in named for row, identity in zip(rows, ids, strict=True)]
    imported["aliases"] = aliases.filter(pa.array([not is_taken for is_taken in taken], pa.bool_()))
    change.create("Alias", imported["aliases"])
    return tuple(
        row["name"]
        for row, is_taken in zip(rows, taken, strict=True)
        if is_taken and here.get(row["key"]) != row["entity"]
    )
