"""Aliases: other names of an entity, seen by people and undone by people.

Nothing is united silently. `suggest` lists names that may mean the same; `add` makes one an alias. Where the
alias was an entity itself, its associations are added to the other's (superposition: the state of the sum is
the sum of the states), its mentions go over, and the documents' ledgers with them, so that forgetting and
retuning know nothing of aliases. `remove` takes exactly that back: it finds the moved events in the ledgers
again, so that what was forgotten meanwhile stays forgotten, and what was told meanwhile under either name
stays with the entity.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.associations import associate, concatenate
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.extraction import canonical, tidy
from memini_kuzu.identity import stable_id
from memini_kuzu.ingestion import write_edges
from memini_kuzu.store import aliasing
from memini_kuzu.store.writing import delete_edges, update_edges
from memini_kuzu.tables import EDGE_SCHEMA, Edges, column, edges_from_arrow, edges_to_arrow, timestamps
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.engine import Transaction

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Alias", "add_alias", "list_aliases", "remove_alias"]


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


@dataclass(frozen=True, slots=True)
class _Events:
    """Events of ledgers; `document` is an id, and an event without one here stands in no ledger."""

    document: Ints
    source: Ints
    target: Ints
    amount: NDArray[np.float64]
    time: Ints

    def take(self, kept: Flags | Ints) -> _Events:
        return _Events(
            self.document[kept], self.source[kept], self.target[kept], self.amount[kept], self.time[kept]
        )

    def renamed(self, old: int, new: int) -> _Events:
        return _Events(
            self.document,
            np.where(self.source == old, new, self.source),
            np.where(self.target == old, new, self.target),
            self.amount,
            self.time,
        )

    def of(self, entity: int) -> Flags:
        there: Flags = (self.source == entity) | (self.target == entity)
        return there

    def between(self, one: int, other: int) -> Flags:
        return self.of(one) & self.of(other)

    def fold(self, parameters: Parameters) -> Edges:
        return associate(self.source, self.target, self.amount, self.time, parameters)

    def table(self, documents: Ints) -> pa.Table:
        """The ledgers of these documents, those that are left with no event as well."""
        # the order in which ingestion writes them
        order = np.lexsort((self.target, self.source, self.time, self.document))
        bounds = np.append(np.searchsorted(self.document[order], np.sort(documents)), len(order))
        lists = {
            "event_source": pa.array(self.source[order]),
            "event_target": pa.array(self.target[order]),
            "event_amount": pa.array(self.amount[order]),
            "event_time": timestamps(self.time[order]),
        }
        return pa.table(
            {"id": np.sort(documents)}
            | {
                name: pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), values)
                for name, values in lists.items()
            }
        )


def _read_events(
    transaction: Transaction, entity: int, documents: Ints | None = None
) -> tuple[_Events, Ints]:
    """All events of the documents whose ledgers hold the entity, and of these; and which documents."""
    more = [] if documents is None else documents.tolist()
    table = aliasing.ledgers_with(transaction, entity, more)
    if not table.num_rows:
        none = np.zeros(0, dtype=np.int64)
        return _Events(none, none, none, np.zeros(0), none), none
    rows = pa.table({name: pc.list_flatten(table[name]) for name in table.column_names[1:]})
    sizes = pc.list_value_length(table["event_source"]).to_numpy()
    names = ("event_source", "event_target", "event_amount", "event_time")
    columns: list[Any] = [column(rows, name) for name in names]
    return _Events(np.repeat(table["id"].to_numpy(), sizes), *columns), table["id"].to_numpy()


def _incident(transaction: Transaction, entity: int) -> Edges:
    out, into = (
        edges_from_arrow(table) if table.num_rows else Edges.empty()
        for table in aliasing.incident_edges(transaction, entity)
    )
    return concatenate(out, into)


def _renamed(edges: Edges, old: int, new: int) -> Edges:
    renamed = edges.take(np.arange(len(edges)))
    renamed.source[renamed.source == old] = new
    renamed.target[renamed.target == old] = new
    return renamed


def _places(edges: Edges, pairs: Edges) -> Ints:
    """Row in `pairs` of each edge; -1 where the pair is not there."""

    def ends(some: Edges) -> list[tuple[int, int]]:
        return list(zip(some.source.tolist(), some.target.tolist(), strict=True))

    row = {pair: place for place, pair in enumerate(ends(pairs))}
    return np.array([row.get(pair, -1) for pair in ends(edges)], dtype=np.int64)


def _accounted(edges: Edges, ledger: Edges) -> Flags:
    """Which edges have all of their events in the ledgers."""
    places = _places(edges, ledger)
    counted = np.append(ledger.events, 0)[places]
    complete: Flags = counted == edges.events
    return complete


def list_aliases(store: Store) -> list[Alias]:
    """All aliases, by name.

    Parameters
    ----------
    store : Store
        Where.

    Returns
    -------
    list of Alias
        What each stands for.
    """
    return [
        Alias(row["name"], row["entity"], row["moved"]) for row in aliasing.read_aliases(store).to_pylist()
    ]


def add_alias(store: Store, alias: str, entity: str) -> Alias:
    """Make a name stand for an entity, and move what was known under it.

    Parameters
    ----------
    store : Store
        Open for writing.
    alias : str
        The other name; an entity of that name is united with the other.
    entity : str
        The entity's name, or one of its aliases.

    Returns
    -------
    Alias
        As it stands now.

    Raises
    ------
    InputError
        If the alias is empty, stands for something already, or names the entity itself.
    UnknownEntityError
        If there is no such entity.
    """
    key = canonical(alias)
    if not key:
        raise InputError(f"alias {alias!r} holds no letter or digit; pass a name")
    with store.transaction() as transaction:
        if (there := aliasing.read_alias(transaction, key)) is not None:
            raise InputError(f"{there['name']!r} is an alias already; `memini alias remove` it first")
        target = _resolve(transaction, entity)
        source = aliasing.read_entity(transaction, stable_id(key))
        if target["key"] == key:
            raise InputError(f"{alias!r} is the name of {target['name']!r} itself; pass another name")
        undo = None if source is None else json.dumps(_merge(store, transaction, source, target))
        aliasing.create_alias(transaction, key, tidy(alias), target["id"], undo)
    return Alias(tidy(alias), target["name"], merged=undo is not None)


def _resolve(transaction: Transaction, name: str) -> dict[str, Any]:
    key = canonical(name)
    alias = aliasing.read_alias(transaction, key) if key else None
    found = aliasing.read_entity(transaction, stable_id(key) if alias is None else alias["entity"])
    if found is None:
        raise UnknownEntityError(f"no entity is named {name!r}; `memini alias suggest` lists likely pairs")
    return found


def _merge(
    store: Store, transaction: Transaction, source: dict[str, Any], target: dict[str, Any]
) -> dict[str, Any]:
    """Move all that one entity holds onto another; what it takes to move it back."""
    old, new = source["id"], target["id"]
    events, documents = _read_events(transaction, old)
    inner = events.between(old, new)
    concerned = events.of(old) & ~inner
    moved = events.renamed(old, new)
    edges, theirs = _incident(transaction, old), _incident(transaction, new)
    accounted = _accounted(edges, events.fold(store.parameters))
    outer = (edges.source != new) & (edges.target != new)
    mapped = _renamed(edges.take(outer), old, new)
    common = theirs.take(_places(theirs, mapped) >= 0)
    mentions = aliasing.mentions_of_entity(transaction, old)
    keys = aliasing.aliases_to(transaction, old)
    earlier = aliasing.merged_aliases(transaction)
    undo = {
        "number": 1 + max((json.loads(one["undo"])["number"] for one in earlier), default=0),
        "parameters": store.parameters.to_json(),
        "entity": _plain(source),
        "target": _plain(target),
        "events": _lists(events.take(concerned)),
        "inner": _lists(events.take(inner)),
        "edges": _edge_lists(edges.take(~accounted)),
        "common": _edge_lists(common),
        "mentions": [
            [row["passage"], row["count"], row["heading"] == old, _digest(row)]
            for row in mentions.to_pylist()
        ],
        "aliases": keys,
    }
    aliasing.write_ledgers(transaction, moved.take(~inner).table(documents))
    write_edges(store, transaction, mapped)
    _add_mentions(transaction, mentions, old, new)
    aliasing.redirect(transaction, keys, new)
    aliasing.delete_entity(transaction, old)
    aliasing.write_counts(
        transaction,
        new,
        min(source["first_seen"], target["first_seen"]),
        max(source["last_seen"], target["last_seen"]),
    )
    return undo


def _add_mentions(transaction: Transaction, mentions: pa.Table, old: int, new: int) -> None:
    there = aliasing.mentions_of_entity(transaction, new)
    counts = dict(zip(there["passage"].to_pylist(), there["count"].to_pylist(), strict=True))
    rows = mentions.to_pylist()
    aliasing.write_mentions(
        transaction,
        new,
        _counts({row["passage"]: row["count"] + counts.get(row["passage"], 0) for row in rows}),
        _headed([row["passage"] for row in rows if row["heading"] == old]),
    )


def remove_alias(store: Store, alias: str) -> Alias:
    """Let a name stand for itself again, and give back what was moved.

    Parameters
    ----------
    store : Store
        Open for writing.
    alias : str
        The name.

    Returns
    -------
    Alias
        As it stood.

    Raises
    ------
    InputError
        If there is no such alias, or a later one builds on it.
    """
    key = canonical(alias)
    with store.transaction() as transaction:
        there = aliasing.read_alias(transaction, key) if key else None
        if there is None:
            raise InputError(f"{alias!r} is no alias; `memini alias list` shows those there are")
        target = aliasing.read_entity(transaction, there["entity"])
        undo = None if there["undo"] is None else json.loads(there["undo"])
        if undo is not None:
            _refuse_out_of_order(transaction, undo, key)
        aliasing.delete_alias(transaction, key)
        if undo is not None and target is not None:
            _split(store, transaction, undo, target)
    return Alias(there["name"], target["name"] if target else "", merged=undo is not None)


def _refuse_out_of_order(transaction: Transaction, undo: dict[str, Any], key: str) -> None:
    """A later alias whose entity took part in this one has moved some of it on: that goes first."""
    part = {undo["target"]["id"], *undo["events"]["source"], *undo["events"]["target"]}
    part.update(undo["edges"]["source"], undo["edges"]["target"])
    for other in aliasing.merged_aliases(transaction):
        later = json.loads(other["undo"])
        if later["number"] > undo["number"] and other["key"] != key and later["entity"]["id"] in part:
            raise InputError(
                f"alias {other['name']!r} was added later and moved some of this one's associations on; "
                f"remove {other['name']!r} first"
            )


def _split(store: Store, transaction: Transaction, undo: dict[str, Any], target: dict[str, Any]) -> None:
    """Move back what an entity brought to another, as far as it is still there."""
    old, new = undo["entity"]["id"], target["id"]
    inner = _rescaled(_from_lists(undo["inner"]), undo, store.parameters)
    events, documents = _read_events(transaction, new, inner.document)
    recorded = _rescaled(_from_lists(undo["events"]), undo, store.parameters)
    rows = _find(events, recorded.renamed(old, new))
    found = rows >= 0
    back = recorded.take(found)
    inner = inner.take(np.isin(inner.document, documents))
    stay = np.ones(len(events.document), dtype=np.bool_)
    stay[rows[found]] = False
    left = events.take(stay)
    restored = _contribution(transaction, undo, _join(back, inner), store.parameters)
    outer = (restored.source != new) & (restored.target != new)
    _subtract(transaction, _renamed(restored.take(outer), old, new), left, undo, store.parameters)
    aliasing.write_ledgers(transaction, _join(left, back, inner).table(documents))
    mentions = _still_there(transaction, undo, new)
    if len(restored) or mentions:
        aliasing.create_entity(transaction, _dated(undo["entity"]))
        _give_back_mentions(transaction, mentions, old, new)
        write_edges(store, transaction, restored)
        aliasing.write_counts(transaction, old, *_dates(undo["entity"]))
    theirs = aliasing.aliases_to(transaction, new)
    aliasing.redirect(transaction, [key for key in undo["aliases"] if key in theirs], old)
    aliasing.write_counts(transaction, new, *_dates_without(undo, target))


def _rescaled(events: _Events, undo: dict[str, Any], parameters: Parameters) -> _Events:
    """Recorded events in the unit of the store's present impulse: a retuning scales the ledgers."""
    scale = parameters.impulse / Parameters.from_json(undo["parameters"]).impulse
    return _Events(events.document, events.source, events.target, events.amount * scale, events.time)


def _find(events: _Events, wanted: _Events) -> Ints:
    """Row of each wanted event among all; -1 for those that were forgotten."""

    def keys(some: _Events) -> list[tuple[int, int, int, int, float]]:
        # two names of one entity may have had an event each in one document: their amounts tell them apart
        columns = (some.document, some.source, some.target, some.time, some.amount.round(DIGITS))
        return list(zip(*(values.tolist() for values in columns), strict=True))

    rows: defaultdict[tuple[int, int, int, int, float], list[int]] = defaultdict(list)
    for row, key in enumerate(keys(events)):
        rows[key].append(row)
    return np.array([rows[key].pop() if rows[key] else -1 for key in keys(wanted)], dtype=np.int64)


def _contribution(
    transaction: Transaction, undo: dict[str, Any], events: _Events, parameters: Parameters
) -> Edges:
    """The associations that the entity had, less what was forgotten since."""
    stored = _edges_from_lists(undo["edges"])
    if len(stored) and undo["parameters"] != parameters.to_json():
        raise InputError(
            "some of the alias's associations came from an event stream, and the store has been retuned "
            "since; retune it back before removing the alias"
        )
    folded = events.fold(parameters)
    folded = folded.take(_places(folded, stored) < 0)
    edges = concatenate(folded, stored)
    own = undo["entity"]["id"]
    other = np.where(edges.source == own, edges.target, edges.source)
    return edges.take(np.isin(other, aliasing.existing(transaction, np.unique(other).tolist())))


def _subtract(
    transaction: Transaction, taken: Edges, left: _Events, undo: dict[str, Any], parameters: Parameters
) -> None:
    """Take a contribution off the associations that it was added to."""
    target: int = undo["target"]["id"]
    stored = _incident(transaction, target)
    row = _places(taken, stored)
    taken, stored = taken.take(row >= 0), stored.take(row[row >= 0])
    events = stored.events - taken.events
    # brought to one time and subtracted: the state of the sum less that of the part
    as_of = np.maximum(stored.as_of, taken.as_of)
    fast, slow = propagate(stored.fast, stored.slow, (as_of - stored.as_of) / DAY, parameters)
    part_fast, part_slow = propagate(taken.fast, taken.slow, (as_of - taken.as_of) / DAY, parameters)
    first, last = stored.first_seen.copy(), stored.last_seen.copy()
    before = _edges_from_lists(undo["common"])
    known = _places(stored, before)
    here = known >= 0
    first[here], last[here] = before.first_seen[known[here]], before.last_seen[known[here]]
    rest = Edges(stored.source, stored.target, fast - part_fast, slow - part_slow, as_of, events, first, last)
    # where the ledgers hold all that is left, it is summed anew: subtraction would cancel
    ledger = left.fold(parameters)
    place = _places(rest, ledger)
    whole = np.append(ledger.events, -1)[place] == events
    for name in ("fast", "slow", "as_of", "first_seen", "last_seen"):
        getattr(rest, name)[whole] = getattr(ledger, name)[place[whole]]
    update_edges(transaction, edges_to_arrow(rest.take(events > 0)))
    delete_edges(transaction, edges_to_arrow(rest.take(events <= 0)))


def _still_there(transaction: Transaction, undo: dict[str, Any], new: int) -> dict[int, tuple[int, bool]]:
    """How often passages of the same text as then mentioned the alias, and whether it headed them."""
    now = {row["passage"]: _digest(row) for row in aliasing.mentions_of_entity(transaction, new).to_pylist()}
    return {
        passage: (count, headed)
        for passage, count, headed, digest in undo["mentions"]
        if now.get(passage) == digest
    }


def _give_back_mentions(
    transaction: Transaction, mentions: dict[int, tuple[int, bool]], old: int, new: int
) -> None:
    there = aliasing.mentions_of_entity(transaction, new)
    counts = dict(zip(there["passage"].to_pylist(), there["count"].to_pylist(), strict=True))
    aliasing.write_mentions(
        transaction,
        new,
        _counts({passage: counts[passage] - count for passage, (count, _) in mentions.items()}),
        _headed([]),
    )
    aliasing.write_mentions(
        transaction,
        old,
        _counts({passage: count for passage, (count, _) in mentions.items()}),
        _headed([passage for passage, (_, headed) in mentions.items() if headed]),
    )


def _join(*parts: _Events) -> _Events:
    columns: list[Any] = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("document", "source", "target", "amount", "time")
    ]
    return _Events(*columns)


def _counts(counts: dict[int, int]) -> pa.Table:
    return pa.table(
        {"passage": pa.array(list(counts), pa.int64()), "count": pa.array(list(counts.values()), pa.int64())}
    )


def _headed(passages: list[int]) -> pa.Table:
    return pa.table({"passage": pa.array(passages, pa.int64())})


def _digest(passage: dict[str, Any]) -> str:
    """What tells whether a passage is still the one that it was."""
    return hashlib.blake2b(f"{passage['title']}\0{passage['text']}".encode(), digest_size=8).hexdigest()


def _plain(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity as JSON has it."""
    return entity | {name: entity[name].isoformat() for name in ("first_seen", "last_seen")}


def _dates(entity: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(entity["first_seen"]), datetime.fromisoformat(entity["last_seen"])


def _dated(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity's own columns, as parameters of a query."""
    first, last = _dates(entity)
    return {name: entity[name] for name in ("id", "key", "name", "label")} | {
        "first_seen": first,
        "last_seen": last,
    }


def _dates_without(undo: dict[str, Any], target: dict[str, Any]) -> tuple[datetime, datetime]:
    """The entity's dates without the alias's, as far as nothing later has moved them."""
    first, last = _dates(undo["target"])
    alias_first, alias_last = _dates(undo["entity"])
    return (
        first if target["first_seen"] == min(first, alias_first) else target["first_seen"],
        last if target["last_seen"] == max(last, alias_last) else target["last_seen"],
    )


def _lists(events: _Events) -> dict[str, list[Any]]:
    return {name: values.tolist() for name, values in asdict(events).items()}


def _from_lists(lists: dict[str, list[Any]]) -> _Events:
    columns: list[Any] = [
        np.array(lists[name], dtype=np.float64 if name == "amount" else np.int64)
        for name in ("document", "source", "target", "amount", "time")
    ]
    return _Events(*columns)


def _edge_lists(edges: Edges) -> dict[str, list[Any]]:
    return {name: getattr(edges, name).tolist() for name in EDGE_SCHEMA.names}


def _edges_from_lists(lists: dict[str, list[Any]]) -> Edges:
    real = {"fast", "slow"}
    columns: list[Any] = [
        np.array(lists[name], dtype=np.float64 if name in real else np.int64) for name in EDGE_SCHEMA.names
    ]
    return Edges(*columns)
