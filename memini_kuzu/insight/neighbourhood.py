"""The associations around an entity, or the strongest of a whole store, with the events that made them.

A picture of them can then be moved through time without asking again: at any moment an association is the
sum of the responses to its events (`dynamics.respond`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics.pairs import same_pairs
from memini_kuzu.notebook import Shown
from memini_kuzu.store import reading
from memini_kuzu.store import view as seeing
from memini_kuzu.store.aliases import incident_edges
from memini_kuzu.store.ledger import Ledger, read_events_from
from memini_kuzu.store.loads import kind_names
from memini_kuzu.store.stored import edges_between
from memini_kuzu.store.survey import associations_at, at_present
from memini_kuzu.tables import column, distinct, edges_from_arrow
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.view import View

    Ints = NDArray[np.int64]

__all__ = ["NearAssociation", "NearEntity", "Neighbourhood", "incident_at", "neighbourhood"]

EVENTS = 100_000
"""Events that a neighbourhood comes with at most; those of the strongest associations first."""


STRONGEST = [("strength", "descending"), ("source", "ascending"), ("target", "ascending")]
"""The order of what is shown."""


@dataclass(frozen=True, slots=True)
class NearEntity(Shown):
    """An entity of a neighbourhood.

    Parameters
    ----------
    name, label : str
        As the store shows it.
    mentions : int
        How many passages mention it.
    """

    name: str
    label: str
    mentions: int


@dataclass(frozen=True, slots=True)
class NearAssociation(Shown):
    """An association of a neighbourhood.

    Parameters
    ----------
    source, target : int
        Positions among the entities; it leads from the one to the other.
    strength, consolidated : float
        w_f and w_s at the moment that was asked for.
    events : int
        How many events it had until then.
    first_seen, last_seen : datetime
        When the first and the last of these was (UTC).
    kinds : tuple of str
        The kinds of its events, where they have one.
    time : int64 (n_events,) or None
        When its events were, later ones too, in milliseconds since 1970, ascending; None where not all are
        kept, or where they are too many.
    amount : float64 (n_events,) or None
        What each added to the fast variable.
    kind : int64 (n_events,) or None
        Positions of their kinds in `kinds`; -1 for an event without one.
    """

    source: int
    target: int
    strength: float
    consolidated: float
    events: int
    first_seen: datetime
    last_seen: datetime
    kinds: tuple[str, ...]
    time: Ints | None
    amount: NDArray[np.float64] | None
    kind: Ints | None


@dataclass(frozen=True, slots=True)
class Neighbourhood(Shown):
    """Entities, and the associations between them.

    Parameters
    ----------
    now : datetime
        The moment that was asked for.
    entities : list of NearEntity
        The one in the middle first, where there is one.
    associations : list of NearAssociation
        The strongest first.
    left_out : int
        How many more there are, of the entity in the middle, or of the store.
    unknown : int
        Of how many more it cannot be known how strong they were.
    """

    now: datetime
    entities: list[NearEntity]
    associations: list[NearAssociation]
    left_out: int
    unknown: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; dates stay datetimes."""
        return {
            "now": self.now,
            "entities": list(map(_plain, self.entities)),
            "associations": list(map(_plain, self.associations)),
            "left_out": self.left_out,
            "unknown": self.unknown,
        }


def _plain(each: NearEntity | NearAssociation) -> dict[str, Any]:
    """As a dict, with arrays as lists. `dataclasses.asdict` would copy all of them first."""
    values = {name: getattr(each, name) for name in each.__slots__}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()
    }


class _Found(NamedTuple):
    """Associations as columns, with how many more there are, and how many are not known."""

    table: pa.Table
    left_out: int
    unknown: int


def neighbourhood(
    store: Store, entity: int | None, *, now: int, k: int, asked: Filter | None
) -> Neighbourhood:
    """The strongest associations of an entity, or of all, with their events; see `Memory.neighbourhood`."""
    view = store.view(now, asked) if asked is not None else None
    found = _strongest(store, now, k, view) if entity is None else _around(store, entity, now, k, view)
    table = found.table
    source, target = (column(table, name).astype(np.int64) for name in ("source", "target"))
    ids = distinct(source, target).tolist()
    if entity is not None:
        ids = [entity, *(each for each in ids if each != entity)]
    known = reading.entities_by_id(store, ids).to_pylist() if ids else []
    row_of = {row["id"]: row for row in known}
    place = {each: number for number, each in enumerate(ids)}
    events = _events(store, source, target, view)
    whole, begins = _whole(events, column(table, "events"), now)
    kinds, kind = _kinds(events, kind_names(store.read) if events.kind.any() else {}, len(source))
    first, last = column(table, "first_seen").tolist(), column(table, "last_seen").tolist()
    associations = []
    sent = 0
    for number, row in enumerate(table.to_pylist()):
        own = slice(begins[number], begins[number + 1])
        count = own.stop - own.start
        told = bool(whole[number]) and sent + count <= EVENTS
        sent += count if told else 0
        associations.append(
            NearAssociation(
                source=place[row["source"]],
                target=place[row["target"]],
                strength=row["strength"],
                consolidated=row["consolidated"],
                events=row["events"],
                first_seen=from_millis(int(first[number])),
                last_seen=from_millis(int(last[number])),
                kinds=kinds[number],
                time=events.time[own] if told else None,
                amount=events.amount[own] if told else None,
                kind=kind[own] if told else None,
            )
        )
    return Neighbourhood(
        now=from_millis(now),
        entities=[
            NearEntity(row_of[each]["name"], row_of[each]["label"], row_of[each]["mentions"]) for each in ids
        ],
        associations=associations,
        left_out=found.left_out,
        unknown=found.unknown,
    )


def incident_at(store: Store, entity: int, now: int) -> tuple[pa.Table, int]:
    """The associations that lead from an entity, and to it, at a moment; and how many are not known.

    Parameters
    ----------
    store : Store
        Where.
    entity : int
        Its id.
    now : int
        The moment, in milliseconds since 1970.

    Returns
    -------
    known : pyarrow.Table
        Columns as of `survey.associations_at`, the strongest first.
    unknown : int
        How many more there are, how strong cannot be known.
    """
    if store.looks_back(now):
        return _incident(*_all(store, now, None), entity)
    return _incident(_stored(store, incident_edges(store, entity), now), seeing.UNKNOWN, entity)


def _incident(known: pa.Table, unknown: pa.Table, entity: int) -> tuple[pa.Table, int]:
    """Those of an entity, the strongest first."""
    known = known.filter(pa.array(_of(known, "source", "target", entity)))
    return known.sort_by(STRONGEST), int(_of(unknown, "source", "id", entity).sum())


def _stored(store: Store, tables: Sequence[pa.Table], now: int) -> pa.Table:
    """Stored associations at a moment, but for those of dropped entities."""
    edges = [at_present(store, edges_from_arrow(table), now) for table in tables if table.num_rows]
    return _shown(store, pa.concat_tables(edges or [EMPTY]))


def _shown(store: Store, known: pa.Table) -> pa.Table:
    dropped = store.dropped()
    ends = [np.isin(column(known, name).astype(np.int64), dropped) for name in ("source", "target")]
    return known.filter(pa.array(~np.any(ends, axis=0)))


EMPTY = pa.schema(
    [
        ("source", pa.int64()),
        ("target", pa.int64()),
        ("strength", pa.float64()),
        ("consolidated", pa.float64()),
        ("events", pa.int64()),
        ("first_seen", pa.timestamp("us")),
        ("last_seen", pa.timestamp("us")),
    ]
).empty_table()


def _of(table: pa.Table, source: str, target: str, entity: int) -> NDArray[np.bool_]:
    """Which rows have an entity as one of their ends."""
    if not table.num_rows:
        return np.zeros(0, dtype=np.bool_)
    of: NDArray[np.bool_] = (column(table, source) == entity) | (column(table, target) == entity)
    return of


def _all(store: Store, now: int, view: View | None) -> tuple[pa.Table, pa.Table]:
    """All associations at a moment, as of `survey.associations_at`; or those of what is selected."""
    if view is None or view.selection is None:
        known, unknown = associations_at(store, now)
        return (known if known.num_rows else EMPTY), unknown
    known, unknown = seeing.outgoing(store, view.selection.ends.tolist(), view)
    known = known.rename_columns({"id": "target", "began": "first_seen", "latest": "last_seen"})
    return _shown(store, known), unknown


def _strongest(store: Store, now: int, k: int, view: View | None) -> _Found:
    """The strongest of all."""
    known, unknown = _all(store, now, view)
    return _Found(known.sort_by(STRONGEST)[:k], max(known.num_rows - k, 0), unknown.num_rows)


def _around(store: Store, entity: int, now: int, k: int, view: View | None) -> _Found:
    """The strongest of an entity, and with what room is left the strongest between its neighbours."""
    present = view is None and not store.looks_back(now)
    # in the past all are folded again, and at present only those are read that are shown
    known, unknown = (
        (_stored(store, incident_edges(store, entity), now), seeing.UNKNOWN)
        if present
        else _all(store, now, view)
    )
    incident, hidden = _incident(known, unknown, entity)
    chosen = incident[:k].select(EMPTY.schema.names)
    ids = distinct(column(chosen, "source"), column(chosen, "target")) if chosen.num_rows else NOBODY
    room = k - chosen.num_rows
    if room and len(ids):
        between = _stored(store, [edges_between(store, ids)], now) if present else known
        ends = [column(between, name).astype(np.int64) for name in ("source", "target")]
        inside = np.all([np.isin(end, ids) & (end != entity) for end in ends], axis=0)
        between = between.filter(pa.array(inside)).sort_by(STRONGEST)[:room]
        chosen = pa.concat_tables([chosen, between.select(EMPTY.schema.names)])
    return _Found(chosen, max(incident.num_rows - k, 0), hidden)


NOBODY = np.zeros(0, dtype=np.int64)


def _events(store: Store, source: Ints, target: Ints, view: View | None) -> Ledger:
    """The events of these pairs, pair by pair in the order of time; `document` has the pair's position."""
    wanted = np.unique(source)
    if not len(wanted):
        return Ledger.empty()
    if view is None or view.selection is None:
        told = read_events_from(store.read, wanted)
    else:
        told = view.selection.events_from(store.read, wanted)
    row, pair = same_pairs(told.source, told.target, source, target)
    told = told.take(row)
    order = np.lexsort((told.time, pair))
    told, pair = told.take(order), pair[order]
    return Ledger(pair, told.source, told.target, told.amount, told.time, told.kind)


def _kinds(events: Ledger, name_of: dict[int, str], pairs: int) -> tuple[list[tuple[str, ...]], Ints]:
    """The kinds of each pair's events, sorted by name, and where each event's stands among them; -1: none."""
    ids = np.array(sorted(name_of), dtype=np.int64)
    names = sorted(name_of.values())
    # 0 for none, and else the place of the name among all names
    place_of = {name: number for number, name in enumerate(names, 1)}
    rank = np.array([place_of[name_of[each]] for each in ids.tolist()] or [0], dtype=np.int64)
    found = np.minimum(np.searchsorted(ids, events.kind), len(rank) - 1)
    own = np.where(np.isin(events.kind, ids), rank[found], 0)
    each, place = np.unique(events.document * (len(names) + 1) + own, return_inverse=True)
    pair, of = np.divmod(each, len(names) + 1)
    # within a pair the one of no kind comes first
    begin = np.searchsorted(pair, pair)
    position = np.where(of == 0, -1, np.arange(len(each)) - begin - (of[begin] == 0))
    kinds: list[list[str]] = [[] for _ in range(pairs)]
    for number, kind in zip(pair.tolist(), of.tolist(), strict=True):
        if kind:
            kinds[number].append(names[kind - 1])
    return list(map(tuple, kinds)), position[place]


def _whole(events: Ledger, counted: Ints, now: int) -> tuple[NDArray[np.bool_], list[int]]:
    """Which pairs have all their events there, and where those of each begin."""
    n = len(counted)
    past = np.bincount(events.document[events.time <= now], minlength=n) if len(events) else np.zeros(n)
    begins = np.searchsorted(events.document, np.arange(n + 1)).tolist()
    return past >= counted, begins
