"""One entity as it was at a moment, and when things were told at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.insight.neighbourhood import incident_at
from memini_kuzu.notebook import Shown
from memini_kuzu.store import portraits, reading
from memini_kuzu.tables import column, distinct
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from memini_kuzu.store import Store

__all__ = ["Seen", "Timeline", "portrait", "timeline"]


class Seen(NamedTuple):
    """What is known of an entity at a moment.

    Parameters
    ----------
    label : str
        As the store shows it.
    aliases : list of str
        Other names that stand for it.
    leads_to, led_from : pyarrow.Table
        source and target (names), strength, consolidated, events, first_seen, last_seen.
    passages : pyarrow.Table
        record, source, title, time, text, document; the latest first.
    sources : dict of str to int
        How many passages of each source mention it.
    unknown : int
        Associations of which it cannot be known how strong they were.
    """

    label: str
    aliases: list[str]
    leads_to: pa.Table
    led_from: pa.Table
    passages: pa.Table
    sources: dict[str, int]
    unknown: int


@dataclass(frozen=True, slots=True)
class Timeline(Shown):
    """When things were told, in intervals of equal length.

    Parameters
    ----------
    first, last : datetime or None
        The dates of the earliest and the latest; None in an empty store.
    counts : list of int
        How many passages and loaded events each interval has.
    """

    first: datetime | None
    last: datetime | None
    counts: list[int]


def portrait(store: Store, entity: int, *, now: int, k: int) -> Seen:
    """An entity at a moment; see `Memory.entity`."""
    incident, unknown = incident_at(store, entity, now)
    out = column(incident, "source") == entity
    sides = [incident.filter(pa.array(mask))[:k] for mask in (out, ~out)]
    ids = distinct(*(column(side, end) for side in sides for end in ("source", "target"))).tolist()
    names = reading.names_of(store, ids) if ids else {}
    until = from_millis(now)
    shown = reading.entities_by_id(store, [entity]).to_pylist()
    return Seen(
        shown[0]["label"] if shown else "",
        portraits.alias_names(store, entity),
        _named(sides[0], names),
        _named(sides[1], names),
        portraits.latest_mentions(store, entity, until, k),
        portraits.sources_mentioning(store, entity, until),
        unknown,
    )


def _named(table: pa.Table, names: dict[int, str]) -> pa.Table:
    for place, end in enumerate(("source", "target")):
        known = pa.array([names[each] for each in table[end].to_pylist()], pa.string())
        table = table.set_column(place, end, known)
    return table


def timeline(store: Store, bins: int) -> Timeline:
    """When things were told; see `Memory.timeline`."""
    dates = portraits.told_dates(store)
    if not len(dates):
        return Timeline(None, None, [])
    first, last = int(dates.min()), int(dates.max())
    counts, _ = np.histogram(dates, bins=bins, range=(first, last + 1))
    return Timeline(from_millis(first), from_millis(last), counts.tolist())
