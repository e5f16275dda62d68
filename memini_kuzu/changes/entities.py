"""Putting entities right: dropping one from all answers, and giving one another name. Both can be undone.

A dropped entity is not deleted: what documents tell of it is kept, and counted on, but no answer shows
it. So a later document does not bring it back, forgetting stays exact, and undoing it is as if it had
never been dropped. An entity that is renamed goes over to the new name as one does to an alias's
(`changes.aliases`), and comes back the same way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.aliases import accounted, merge_entities, part_entities, remove_alias, resolve
from memini_kuzu.changes.undo import digest, edge_lists, lists, plain
from memini_kuzu.errors import InputError
from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.store import aliases as statements
from memini_kuzu.store.entities import mentions_in_sources, read_dropped, splits_into
from memini_kuzu.store.known import read_documents
from memini_kuzu.store.ledger import Ledger, read_ledger
from memini_kuzu.tables import Edges, column, edges_from_arrow
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from memini_kuzu.store import Store

__all__ = ["Edit", "drop_entity", "rename_entity", "split_entity", "undo_entity"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done to an entity.

    Parameters
    ----------
    entity : str
        Its name before.
    done : {"renamed", "dropped", "split", "restored"}
        What was done.
    name : str
        Its name now; empty where it is dropped.
    """

    entity: str
    done: Literal["renamed", "dropped", "split", "restored"]
    name: str


def drop_entity(store: Store, name: str) -> Edit:
    """Leave an entity out of all answers; see `Memory.entity_drop`."""
    with store.changing() as change:
        entity = resolve(store, name)
        if entity["id"] in store.dropped():
            raise InputError(f"{entity['name']!r} is dropped already; `memini entity undo` takes it back")
        row = {"key": [entity["key"]], "name": [entity["name"]], "entity": [entity["id"]]}
        change.create("Dropped", pa.table(row))
    return Edit(entity["name"], "dropped", "")


def rename_entity(store: Store, name: str, new: str) -> Edit:
    """Give an entity another name; see `Memory.entity_rename`."""
    key, shown = _called(new)
    with store.changing() as change:
        entity = resolve(store, name)
        if entity["id"] in store.dropped():
            raise InputError(f"{entity['name']!r} is dropped; `memini entity undo` takes it back first")
        if key == entity["key"]:
            change.update("Entity", pa.table({"id": [entity["id"]], "name": [shown]}))
            return Edit(entity["name"], "renamed", shown)
        there = statements.read_alias(store, key)
        if there is not None and there["entity"] == entity["id"]:
            back = "entity undo" if _is_renamed(there) else "alias remove"
            raise InputError(f"{new!r} stands for {entity['name']!r} already; `memini {back} {new!r}` first")
        if there is not None or statements.read_entity(store, stable_id(key)):
            raise InputError(
                f"{new!r} is the name of an entity already; unite the two with `memini alias add "
                f"{entity['name']!r} {new!r}`"
            )
        if statements.read_alias(store, entity["key"]):
            raise InputError(f"{entity['name']!r} stands for another entity; `memini alias remove` it first")
        target = entity | {"id": stable_id(key), "key": key, "name": shown, "mentions": 0, "headings": 0}
        change.create("Entity", pa.table({of: [value] for of, value in target.items()}))
        undo = merge_entities(store, change, entity, target) | {"renamed": True}
        row = {
            "key": [entity["key"]],
            "name": [entity["name"]],
            "entity": [target["id"]],
            "undo": [json.dumps(undo)],
        }
        change.create("Alias", pa.table(row))
    return Edit(entity["name"], "renamed", shown)


def _called(name: str) -> tuple[str, str]:
    """The key of a new name, and how it is shown."""
    key, shown = canonical(name), " ".join(name.split())
    if not key:
        raise InputError(f"name {name!r} holds no letter or digit; pass a name")
    try:
        shown.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"name {name!r} holds half of a character; decode it with its own encoding"
        ) from None
    return key, shown


def split_entity(store: Store, name: str, new: str, sources: Sequence[str]) -> Edit:
    """Tell two entities of one name apart, by the sources that mean the other; see `Memory.entity_split`."""
    key, shown = _called(new)
    if not sources:
        raise InputError(f"sources = {sources!r}; pass at least one source that means the other entity")
    with store.changing() as change:
        entity = resolve(store, name)
        if statements.read_alias(store, key) or statements.read_entity(store, stable_id(key)):
            raise InputError(f"{new!r} is the name of an entity already; pass another, as {name} (diary)")
        mentions = mentions_in_sources(store, entity["id"])
        goes = pc.is_in(mentions["source"], pa.array(sources, pa.string()))
        if missing := sorted(set(sources) - set(mentions["source"].to_pylist())):
            raise InputError(f"{missing[0]!r} is no source that mentions {entity['name']!r}; check its name")
        if pc.all(goes).as_py():
            raise InputError(f"these are all sources that mention {entity['name']!r}; rename it instead")
        undo = _as_if_united(store, entity, {"key": key, "name": shown}, mentions, goes)
        part_entities(store, change, undo, entity)
        rows = {
            "id": [f"{entity['id']} {source}" for source in sources],
            "source": list(sources),
            "entity": [entity["id"]] * len(sources),
            "key": [key] * len(sources),
            "name": [shown] * len(sources),
        }
        change.create("Split", pa.table(rows))
    return Edit(entity["name"], "split", shown)


def _as_if_united(
    store: Store, entity: dict[str, Any], called: dict[str, str], mentions: pa.Table, goes: pa.ChunkedArray
) -> dict[str, Any]:
    """What an alias would have written down, had the two been united by one (`aliases.merge_entities`)."""
    own, other = entity["id"], stable_id(called["key"])
    events = read_ledger(store.read, entity=own)
    events = events.take(events.of(own))
    documents = read_documents(store.read)
    of_sources = pc.is_in(documents["source"], pc.unique(mentions["source"].filter(goes)))
    moves = np.isin(events.document, column(documents.filter(of_sources), "id"))
    edges = edges_from_arrow(pa.concat_tables(statements.incident_edges(store, own)))
    loose = edges.take(~accounted(edges, events.fold(store.parameters), store.parameters))

    def seen(rows: pa.Table, some: Ledger, others: Edges) -> dict[str, datetime]:
        times = np.concatenate([column(rows, "time"), some.time, others.first_seen, others.last_seen])
        return {"first_seen": _moment(times.min()), "last_seen": _moment(times.max())}

    there = mentions.filter(goes)
    parted = entity | called | {"id": other} | seen(there, events.take(moves), Edges.empty())
    left = entity | seen(mentions.filter(pc.invert(goes)), events.take(~moves), loose)
    return {
        "number": 0,
        "parameters": store.parameters.to_json(),
        "entity": plain(parted),
        "target": plain(left),
        "events": lists(events.take(moves).renamed(own, other)),
        "inner": lists(Ledger.empty()),
        "edges": edge_lists(Edges.empty()),
        "common": edge_lists(Edges.empty()),
        "mentions": [
            [row["passage"], row["count"], row["heading"] == own, digest(row), row["label"]]
            for row in there.to_pylist()
        ],
        "aliases": [],
    }


def _moment(milliseconds: np.int64) -> datetime:
    return from_millis(int(milliseconds)).replace(tzinfo=None)


def _unite(store: Store, key: str, splits: list[dict[str, Any]]) -> Edit:
    """Take a split back: all that the one has goes back to the other."""
    with store.changing() as change:
        change.delete("Split", pa.table({"id": [row["id"] for row in splits]}))
        parted = statements.read_entity(store, stable_id(key))
        whole = statements.read_entity(store, splits[0]["entity"])
        if parted is not None and whole is None:
            raise InputError(
                f"what {parted['name']!r} was split from has another name, which is to be taken back first, "
                "or has been forgotten: then rename it instead"
            )
        if parted is not None and whole is not None:
            merge_entities(store, change, parted, whole)
    return Edit(key if parted is None else parted["name"], "restored", "" if whole is None else whole["name"])


def undo_entity(store: Store, name: str) -> Edit:
    """Take back that an entity was dropped, renamed or split off; see `Memory.entity_undo`."""
    key = canonical(name)
    with store.changing() as change:
        found = {one["key"]: one for one in read_dropped(store)}.get(key)
        if found is not None:
            change.delete("Dropped", pa.table({"key": [key]}))
            return Edit(found["name"], "restored", found["name"])
    alias = statements.read_alias(store, key) if key else None
    splits = splits_into(store, key) if key else []
    if alias is not None and _is_renamed(alias):
        # one that was split off was renamed after that
        if alias["entity"] in store.dropped():
            raise InputError(
                f"what {name!r} is called now is dropped; `memini entity undo` takes that back first"
            )
        gone = remove_alias(store, name)
        return Edit(gone.entity, "restored", gone.name)
    if alias is not None and splits:
        raise InputError(f"{name!r} stands for another entity; `memini alias remove` it first")
    if splits:
        return _unite(store, key, splits)
    raise InputError(f"{name!r} was neither dropped, renamed nor split off; name what was done")


def _is_renamed(alias: dict[str, Any]) -> bool:
    """Whether an alias is a name that its entity had before."""
    return alias["undo"] is not None and bool(json.loads(alias["undo"]).get("renamed"))
