"""Aliases: other names of an entity, seen by people and undone by people.

Nothing is united silently. `suggest` lists names that may mean the same; `add` makes one an alias. Where the
alias was an entity itself, its associations are added to the other's (superposition: the state of the sum is
the sum of the states), its mentions go over, and the documents' ledgers with them, so that forgetting and
retuning know nothing of aliases. `remove` takes exactly that back: it finds the moved events in the ledgers
again, so that what was forgotten meanwhile stays forgotten, and what was ingested meanwhile under either name
stays with the entity.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from memini_kuzu.changes.undo import (
    dated,
    dates_without,
    digest,
    edge_lists,
    edges_from_lists,
    from_lists,
    lists,
    plain,
)
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics.edges import concatenate, redirect_edges
from memini_kuzu.dynamics.pairs import common_pairs, without_pairs
from memini_kuzu.dynamics.removal import subtract_edges, unaccounted, without_events
from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.extraction import canonical, tidy
from memini_kuzu.identity import stable_id
from memini_kuzu.store import aliases as statements
from memini_kuzu.store.associations import write_edges
from memini_kuzu.store.known import existing_entities, read_documents
from memini_kuzu.store.labels import agreed, votes_as_text
from memini_kuzu.store.ledger import Ledger, ledger_to_arrow, parts_to_arrow, read_ledger
from memini_kuzu.store.loads import loads_of_parts
from memini_kuzu.store.writing import keys
from memini_kuzu.tables import Edges, column, edges_from_arrow, edges_to_arrow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Mentioned = dict[int, tuple[int, str]]
    """How often passages mention an entity, and as what."""

__all__ = [
    "Alias",
    "accounted",
    "add_alias",
    "list_aliases",
    "merge_entities",
    "part_entities",
    "remove_alias",
    "resolve",
]


DIGITS = 6
"""Decimals of an event's amount that tell it from another; a retuning that scales amounts keeps more."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of an entity.

    Parameters
    ----------
    name : str
        The other name.
    entity : str
        The name of the entity that it stands for.
    merged : bool
        Whether it was an entity itself, whose associations and mentions were moved.
    """

    name: str
    entity: str
    merged: bool


def _incident(store: Store, entity: int) -> Edges:
    out, into = (
        edges_from_arrow(table) if table.num_rows else Edges.empty()
        for table in statements.incident_edges(store, entity)
    )
    # an association of an entity with itself leads both out of it and into it
    return concatenate(out, into.take(into.source != into.target))


def accounted(edges: Edges, ledger: Edges, parameters: Parameters) -> Flags:
    """Which edges are what their events in the ledgers make them, and nothing else."""
    complete = np.zeros(len(edges), dtype=np.bool_)
    here, there = common_pairs(edges, ledger)
    complete[here] = edges.events[here] == ledger.events[there]
    # a loaded event may take the place of an ingested one that maintenance had dropped
    return complete & ~unaccounted(edges, ledger, parameters)


def list_aliases(store: Store) -> list[Alias]:
    """All aliases, by name."""
    return [
        Alias(row["name"], row["entity"], row["moved"]) for row in statements.read_aliases(store).to_pylist()
    ]


def add_alias(store: Store, alias: str, entity: str) -> Alias:
    """Let a name stand for an entity, and move what was known under it; see `Memory.alias_add`."""
    key = canonical(alias)
    if not key:
        raise InputError(f"alias {alias!r} holds no letter or digit; pass a name")
    with store.changing() as change:
        if (there := statements.read_alias(store, key)) is not None:
            raise InputError(f"{there['name']!r} is an alias already; `memini alias remove` it first")
        target = resolve(store, entity)
        source = statements.read_entity(store, stable_id(key))
        if target["id"] == stable_id(key):
            raise InputError(f"{alias!r} is the name of {target['name']!r} itself; pass another name")
        undo = None if source is None else json.dumps(merge_entities(store, change, source, target))
        row = {"key": [key], "name": [tidy(alias)], "entity": [target["id"]], "undo": [undo]}
        change.create("Alias", pa.table(row))
    return Alias(tidy(alias), target["name"], merged=undo is not None)


def resolve(store: Store, name: str) -> dict[str, Any]:
    """All columns of the entity of this name or alias."""
    key = canonical(name)
    alias = statements.read_alias(store, key) if key else None
    found = statements.read_entity(store, stable_id(key) if alias is None else alias["entity"])
    if found is None:
        raise UnknownEntityError(f"no entity is named {name!r}; `memini alias suggest` lists likely pairs")
    return found


def merge_entities(
    store: Store, change: Change, source: dict[str, Any], target: dict[str, Any]
) -> dict[str, Any]:
    """Move all that one entity holds onto another; what it takes to move it back."""
    old, new = source["id"], target["id"]
    events = read_ledger(store.read, entity=old)
    documents = np.unique(events.document)
    inner = events.of(old) & events.of(new)
    moved = events.renamed(old, new).take(~inner)
    edges, theirs = _incident(store, old), _incident(store, new)
    in_ledgers = accounted(edges, events.fold(store.parameters), store.parameters)
    mapped = redirect_edges(edges, {old: new}, store.parameters)
    common = theirs.take(common_pairs(theirs, mapped)[0])
    mentions = statements.mentions_of_entity(store, old)
    there = statements.mentions_of_entity(store, new)
    aliases = statements.aliases_to(store, old)
    earlier = statements.merged_aliases(store.read)
    undo = {
        "number": 1 + max((json.loads(one["undo"])["number"] for one in earlier), default=0),
        "parameters": store.parameters.to_json(),
        "entity": plain(source),
        "target": plain(target),
        "events": lists(events.take(events.of(old) & ~inner)),
        "inner": lists(events.take(inner)),
        "edges": edge_lists(edges.take(~in_ledgers)),
        "common": edge_lists(common),
        "mentions": [
            [row["passage"], row["count"], row["heading"] == old, digest(row), row["label"]]
            for row in mentions.to_pylist()
        ],
        "aliases": aliases,
    }
    _write_ledgers(store, change, moved, documents)
    change.delete("Entity", keys([old]))
    write_edges(store, change, mapped)
    headed = [row["passage"] for row in mentions.to_pylist() if row["heading"] == old]
    counts = _per_passage(there)
    after = dict(counts)
    for passage, (count, label) in _per_passage(mentions).items():
        known, own = after.get(passage, (0, label))
        after[passage] = known + count, own
    _write_mentions(change, new, counts, after)
    _head(change, headed, new)
    _redirect(change, aliases, new)
    _count(
        change,
        new,
        min(source["first_seen"], target["first_seen"]),
        max(source["last_seen"], target["last_seen"]),
        mentions=after,
        headings=len(headed) + _headings(there, new),
    )
    return undo


def _write_ledgers(store: Store, change: Change, ledger: Ledger, documents: Ints) -> None:
    """Put other events into documents, and parts of loads, that are there."""
    if not len(documents):
        return
    parts = loads_of_parts(store.read, documents.tolist())
    ids = column(parts, "id")
    of_part = np.isin(ledger.document, ids)
    change.update("EventLog", parts_to_arrow(ledger.take(of_part), ids, parts["load"].to_pylist()))
    rows = read_documents(store.read, documents.tolist())
    if not rows.num_rows:
        return
    # in the order of the rows
    lists = ledger_to_arrow(ledger.take(~of_part), column(rows, "id"))
    for name in lists.column_names[1:]:
        rows = rows.append_column(name, lists[name])
    change.update("Document", rows)


def _per_passage(mentions: pa.Table) -> Mentioned:
    if not mentions.num_rows:
        return {}
    passages, counts, labels = (mentions[name].to_pylist() for name in ("passage", "count", "label"))
    return dict(zip(passages, zip(counts, labels, strict=True), strict=True))


def _headings(mentions: pa.Table, entity: int) -> int:
    return sum(row["heading"] == entity for row in mentions.to_pylist())


def _write_mentions(change: Change, entity: int, before: Mentioned, after: Mentioned) -> None:
    """Let passages mention an entity so often as after; those that were there before are known."""

    def rows(mentioned: Mentioned) -> pa.Table:
        return pa.table(
            {
                "passage": pa.array(list(mentioned), pa.int64()),
                "entity": pa.array([entity] * len(mentioned), pa.int64()),
                "count": pa.array([count for count, _ in mentioned.values()], pa.int64()),
                "label": pa.array([label for _, label in mentioned.values()], pa.string()),
            }
        )

    change.delete("MENTIONS", rows({one: had for one, had in before.items() if one not in after}))
    change.update("MENTIONS", rows({one: has for one, has in after.items() if before.get(one, has) != has}))
    change.create("MENTIONS", rows({one: has for one, has in after.items() if one not in before}))


def _votes(mentioned: Mentioned) -> str:
    """What passages take an entity for, as it is stored."""
    return votes_as_text(Counter(label for _, label in mentioned.values()))


def _head(change: Change, passages: Sequence[int], entity: int) -> None:
    change.update("Passage", keys(passages).append_column("heading", keys([entity] * len(passages))["id"]))


def _redirect(change: Change, aliases: Sequence[str], entity: int) -> None:
    rows = {"key": pa.array(aliases, pa.string()), "entity": pa.array([entity] * len(aliases), pa.int64())}
    change.update("Alias", pa.table(rows))


def _count(
    change: Change, entity: int, first: datetime, last: datetime, *, mentions: Mentioned, headings: int
) -> None:
    votes = _votes(mentions)
    row = {
        "id": [entity],
        "label": [agreed(votes)],
        "first_seen": pa.array([first], pa.timestamp("us")),
        "last_seen": pa.array([last], pa.timestamp("us")),
        "mentions": [len(mentions)],
        "headings": [headings],
        "votes": [votes],
    }
    change.update("Entity", pa.table(row))


def remove_alias(store: Store, alias: str) -> Alias:
    """Let a name stand for itself again, and give back what was moved; see `Memory.alias_remove`."""
    key = canonical(alias)
    with store.changing() as change:
        there = statements.read_alias(store, key) if key else None
        if there is None:
            raise InputError(f"{alias!r} is no alias; `memini alias list` shows those there are")
        target = statements.read_entity(store, there["entity"])
        undo = None if there["undo"] is None else json.loads(there["undo"])
        if undo is not None:
            _refuse_out_of_order(store, undo, key)
        change.delete("Alias", pa.table({"key": [key]}))
        if undo is not None and target is not None:
            part_entities(store, change, undo, target)
    return Alias(there["name"], target["name"] if target else "", merged=undo is not None)


def _refuse_out_of_order(store: Store, undo: dict[str, Any], key: str) -> None:
    """A later alias whose entity took part in this one has moved some of it on: that goes first."""
    part = {undo["target"]["id"], *undo["events"]["source"], *undo["events"]["target"]}
    part.update(undo["edges"]["source"], undo["edges"]["target"])
    for other in statements.merged_aliases(store.read):
        later = json.loads(other["undo"])
        if later["number"] > undo["number"] and other["key"] != key and later["entity"]["id"] in part:
            raise InputError(
                f"alias {other['name']!r} was added later and moved some of this one's associations on; "
                f"remove {other['name']!r} first"
            )


def part_entities(store: Store, change: Change, undo: dict[str, Any], target: dict[str, Any]) -> None:
    """Move back what an entity brought to another, as far as it is still there."""
    old, new = undo["entity"]["id"], target["id"]
    inner = _rescaled(from_lists(undo["inner"]), undo, store.parameters)
    events = read_ledger(store.read, entity=new, documents=np.unique(inner.document).tolist())
    documents = np.union1d(
        np.unique(events.document), _still_documents(store, np.unique(inner.document))
    ).astype(np.int64)
    recorded = _rescaled(from_lists(undo["events"]), undo, store.parameters)
    rows = _find(events, recorded.renamed(old, new))
    found = rows >= 0
    back = recorded.take(found)
    there = np.isin(inner.document, documents)
    forgotten = from_lists(undo.get("forgotten", lists(Ledger.empty())))
    forgotten = _rescaled(forgotten, undo, store.parameters).join(inner.take(~there))
    inner = inner.take(there)
    stay = np.ones(len(events), dtype=np.bool_)
    stay[rows[found]] = False
    left = events.take(stay)
    restored = _contribution(store, undo, back.join(inner), recorded.take(~found).join(forgotten))
    taken = redirect_edges(restored, {old: new}, store.parameters)
    # an association that was computed anew from the ledgers meanwhile holds all moved events, those too that
    # maintenance had dropped when the alias was added
    complete = accounted(stored := _incident(store, new), events.fold(store.parameters), store.parameters)
    moved = events.take(rows[found]).fold(store.parameters)
    anew = stored.take(complete)
    taken = concatenate(without_pairs(taken, anew), moved.take(common_pairs(moved, anew)[0]))
    bare = _subtract(store, change, taken, left, undo, new) and not set(statements.aliases_to(store, new)) - {
        *undo["aliases"],
        undo["entity"]["key"],
    }
    _write_ledgers(store, change, left.join(back, inner), documents)
    there = statements.mentions_of_entity(store, new)
    mentions = _still_there(there, undo)
    counts = _per_passage(there)
    moved_back = {one: (count, label) for one, (count, _, label) in mentions.items()}
    after = {
        one: (left_there, label)
        for one, (count, label) in counts.items()
        if (left_there := count - moved_back.get(one, (0, ""))[0]) > 0
    }
    headed = [passage for passage, (_, is_headed, _) in mentions.items() if is_headed]
    _write_mentions(change, new, counts, after)
    if len(restored) or mentions:
        votes = _votes(moved_back)
        entity = dated(undo["entity"]) | {
            "label": agreed(votes),
            "mentions": len(moved_back),
            "headings": len(headed),
            "votes": votes,
        }
        change.create("Entity", pa.table({name: [value] for name, value in entity.items()}))
        _write_mentions(change, old, {}, moved_back)
        _head(change, headed, old)
        change.create("ASSOCIATES", edges_to_arrow(restored))
        theirs = statements.aliases_to(store, new)
        _redirect(change, [key for key in undo["aliases"] if key in theirs], old)
    if undo.get("renamed") and bare and not after:
        change.delete("Entity", keys([new]))  # the name was given, and nothing was told under it since
        return
    first, last = dates_without(undo, target)
    _count(
        change,
        new,
        first,
        last,
        mentions=after,
        headings=_headings(there, new) - len(headed),
    )


def _still_documents(store: Store, documents: Ints) -> Ints:
    """Those of these documents, and parts of loads, that exist."""
    if not len(documents):
        return documents
    rows = read_documents(store.read, documents.tolist())
    parts = loads_of_parts(store.read, documents.tolist())
    there = [column(table, "id") for table in (rows, parts) if table.num_rows]
    return np.concatenate(there) if there else documents[:0]


def _rescaled(events: Ledger, undo: dict[str, Any], parameters: Parameters) -> Ledger:
    """Recorded events in the unit of the store's present impulse: a retuning scales the ledgers."""
    return events.scaled(parameters.impulse / Parameters.from_json(undo["parameters"]).impulse)


def _find(events: Ledger, wanted: Ledger) -> Ints:
    """Row of each wanted event among all, no row twice; -1 for those that were forgotten."""
    all_of_them = wanted.join(events)
    # two names of one entity may have had an event each in one document: their amounts tell them apart
    amount = all_of_them.amount.round(DIGITS)
    marks = (
        amount,
        all_of_them.kind,
        all_of_them.time,
        all_of_them.target,
        all_of_them.source,
        all_of_them.document,
    )
    order = np.lexsort(marks)
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = np.logical_or.reduce([mark[order[1:]] != mark[order[:-1]] for mark in marks])
    group = np.cumsum(new) - 1
    is_wanted = order < len(wanted)
    asked = np.bincount(group[is_wanted], minlength=int(new.sum()))
    found = np.full(len(wanted), -1, dtype=np.int64)
    # lexsort is stable: in a group the wanted ones come first; the n-th of them gets the n-th of the others
    place = np.flatnonzero(is_wanted) + asked[group[is_wanted]]
    there = place < len(order)
    there[there] = group[place[there]] == group[is_wanted][there]
    found[order[is_wanted][there]] = order[place[there]] - len(wanted)
    return found


def _contribution(store: Store, undo: dict[str, Any], events: Ledger, forgotten: Ledger) -> Edges:
    """The associations that the entity had, less what was forgotten since."""
    parameters = store.parameters
    stored = edges_from_lists(undo["edges"])
    if len(stored) and undo["parameters"] != parameters.to_json():
        raise InputError(
            "some of the alias's associations came from an event stream, and the store has been retuned "
            "since; retune it back before removing the alias"
        )
    from_ledger = events.fold(parameters)
    stored = without_events(stored, forgotten.fold(parameters), from_ledger, parameters)
    edges = concatenate(without_pairs(from_ledger, stored), stored)
    own = undo["entity"]["id"]
    other = np.where(edges.source == own, edges.target, edges.source)
    there = existing_entities(store.read, np.unique(other).tolist())
    return edges.take(np.isin(other, [own, *there]))


def _subtract(  # noqa: PLR0917 - what `part_entities` found
    store: Store, change: Change, taken: Edges, left: Ledger, undo: dict[str, Any], target: int
) -> bool:
    """Take a contribution off the associations that it was added to; whether none is left."""
    stored = _incident(store, target)
    known = left.fold(store.parameters)
    changed, deleted = subtract_edges(stored, taken, known, store.parameters)
    # where the ledgers do not hold all remaining events, the recorded edge supplies the dates; what was
    # ingested since is in the ledgers, or has moved the dates beyond those of both
    before = edges_from_lists(undo["common"])
    before = before.take(common_pairs(before, taken)[0])
    here, there = common_pairs(changed, before)
    foreign = ~accounted(changed, known, store.parameters)[here]
    here, there = here[foreign], there[foreign]
    of, theirs = common_pairs(before.take(there), taken)
    here, before, moved = here[of], before.take(there[of]), taken.take(theirs)
    first, last = before.first_seen.copy(), before.last_seen.copy()
    rows, of = common_pairs(before, known)
    first[rows] = np.minimum(first[rows], known.first_seen[of])
    last[rows] = np.maximum(last[rows], known.last_seen[of])
    added_first = np.minimum(before.first_seen, moved.first_seen)
    added_last = np.maximum(before.last_seen, moved.last_seen)
    earlier, later = changed.first_seen[here] < added_first, changed.last_seen[here] > added_last
    # what is left lies within the dates that are there: some may have been forgotten since
    first, last = np.maximum(first, changed.first_seen[here]), np.minimum(last, changed.last_seen[here])
    changed.first_seen[here] = np.where(earlier, changed.first_seen[here], first)
    changed.last_seen[here] = np.where(later, changed.last_seen[here], last)
    change.update("ASSOCIATES", edges_to_arrow(changed))
    change.delete("ASSOCIATES", edges_to_arrow(deleted))
    return len(deleted) == len(stored)


def _still_there(there: pa.Table, undo: dict[str, Any]) -> dict[int, tuple[int, bool, str]]:
    """How often passages of the same text as then mentioned the alias, whether as head, and as what."""
    now = {row["passage"]: digest(row) for row in there.to_pylist()}
    return {
        # an alias that an older memini made kept no labels
        passage: (count, headed, *(label or [undo["entity"]["label"]]))
        for passage, count, headed, digest, *label in undo["mentions"]
        if now.get(passage) == digest
    }
