"""Putting entities right: dropping one from all answers, and giving one another name. Both can be undone.

A dropped entity is not deleted: what documents tell of it is kept, and counted on, but no answer shows
it. So a later document does not bring it back, forgetting stays exact, and undoing it is as if it had
never been dropped. An entity that is renamed goes over to the new name as one does to an alias's
(`changes.aliases`), and comes back the same way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from memini_kuzu.changes.aliases import merge_entities, remove_alias, resolve
from memini_kuzu.errors import InputError
from memini_kuzu.extraction import canonical, tidy
from memini_kuzu.identity import stable_id
from memini_kuzu.store import aliases as statements
from memini_kuzu.store.entities import read_dropped

if TYPE_CHECKING:
    from memini_kuzu.store import Store

__all__ = ["Edit", "drop_entity", "rename_entity", "undo_entity"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done to an entity.

    Parameters
    ----------
    entity : str
        Its name before.
    done : {"renamed", "dropped", "restored"}
        What was done.
    name : str
        Its name now; empty where it is dropped.
    """

    entity: str
    done: Literal["renamed", "dropped", "restored"]
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
    key, shown = canonical(new), tidy(new)
    if not key:
        raise InputError(f"name {new!r} holds no letter or digit; pass a name")
    with store.changing() as change:
        entity = resolve(store, name)
        if entity["id"] in store.dropped():
            raise InputError(f"{entity['name']!r} is dropped; `memini entity undo` takes it back first")
        if key == entity["key"]:
            change.update("Entity", pa.table({"id": [entity["id"]], "name": [shown]}))
            return Edit(entity["name"], "renamed", shown)
        if statements.read_alias(store, key) or statements.read_entity(store, stable_id(key)):
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


def undo_entity(store: Store, name: str) -> Edit:
    """Take back that an entity was dropped or renamed; see `Memory.entity_undo`."""
    key = canonical(name)
    with store.changing() as change:
        found = {one["key"]: one for one in read_dropped(store)}.get(key)
        if found is not None:
            change.delete("Dropped", pa.table({"key": [key]}))
            return Edit(found["name"], "restored", found["name"])
    alias = statements.read_alias(store, key) if key else None
    if alias is None or alias["undo"] is None or not json.loads(alias["undo"]).get("renamed"):
        raise InputError(f"{name!r} was neither dropped nor renamed; name the entity as it was called before")
    gone = remove_alias(store, name)
    return Edit(gone.entity, "restored", gone.name)
