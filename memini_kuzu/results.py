"""What a memory answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memini_kuzu.notebook import Shown, Table
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from memini_kuzu.config import Parameters
    from memini_kuzu.dynamics import TimeConstants


__all__ = [
    "Association",
    "Document",
    "Mentioning",
    "Order",
    "Portrait",
    "Stats",
    "Version",
    "associations_from_arrow",
]

Order = Literal["strength", "telling"]
"""What associations are ordered by."""


@dataclass(frozen=True, slots=True)
class Association(Shown):
    """An association of an entity, as strong as it is at one moment.

    Parameters
    ----------
    source, target : str
        Names of the entities; it leads from the one to the other.
    strength : float
        w_f, the fast variable; 1 is one statement just made.
    consolidated : float
        w_s, the slow variable.
    lift : float or None
        How much more often than chance the two meet: the association's events to the number of passages
        that would mention both if neither told anything of the other, which is the product of their numbers
        of passages, divided by the number of all. None where one of them is in no passage.
    events : int
        How many events it has had.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    source: str
    target: str
    strength: float
    consolidated: float
    lift: float | None
    events: int
    first_seen: datetime
    last_seen: datetime


def associations_from_arrow(table: pa.Table, source: str | None = None) -> list[Association]:
    """Associations of a table, in its order; a notebook shows them as one.

    Parameters
    ----------
    table : pyarrow.Table
        target, strength, consolidated, events, first_seen, last_seen; lift where it is known; and source,
        unless all have one.
    source : str, optional
        Where all of them lead from.
    """
    if not table.num_rows:
        return Table()
    first, last = (column(table, name) for name in ("first_seen", "last_seen"))
    return Table(
        Association(
            source=row["source"] if source is None else source,
            target=row["target"],
            strength=row["strength"],
            consolidated=row["consolidated"],
            lift=row.get("lift"),
            events=row["events"],
            first_seen=from_millis(int(first[number])),
            last_seen=from_millis(int(last[number])),
        )
        for number, row in enumerate(table.to_pylist())
    )


@dataclass(frozen=True, slots=True)
class Stats(Shown):
    """What a store holds.

    Parameters
    ----------
    path : str
        The file.
    bytes : int
        Its size.
    entities, associations, passages, documents, sources, mentions, aliases : int
        How many of each.
    first_seen, last_seen : datetime or None
        The dates of the earliest and the latest evidence.
    extractor : str or None
        What found the mentions.
    parameters : Parameters
        The dynamics.
    time_constants : TimeConstants
        What they amount to in practice, in days.
    """

    path: str
    bytes: int
    entities: int
    associations: int
    passages: int
    documents: int
    sources: int
    mentions: int
    aliases: int
    first_seen: datetime | None
    last_seen: datetime | None
    extractor: str | None
    parameters: Parameters
    time_constants: TimeConstants


@dataclass(frozen=True, slots=True)
class Document(Shown):
    """A document in its newest version.

    Parameters
    ----------
    id : str
        What it is known by in the whole memory.
    source, record : str
        What it belongs to, and its own id in that.
    title : str
        Its title, or the empty string.
    time : datetime
        The date of the version (UTC).
    text : str
        Its passages, verbatim. A text of several has a blank line between two of them.
    metadata : dict of str to str
        What else is known of it.
    versions : int
        How many versions there have been.
    """

    id: str
    source: str
    record: str
    title: str
    time: datetime
    text: str
    metadata: dict[str, str]
    versions: int


@dataclass(frozen=True, slots=True)
class Version(Shown):
    """A version of a document.

    Parameters
    ----------
    time : datetime
        Its date (UTC).
    digest : str
        What its title and text are known by.
    current : bool
        Whether it is the one whose text the memory holds; those of others are not kept.
    """

    time: datetime
    digest: str
    current: bool


@dataclass(frozen=True, slots=True)
class Mentioning(Shown):
    """A passage that mentions an entity.

    Parameters
    ----------
    id, source, title : str
        As the store shows it.
    time : datetime
        When it was said (UTC).
    text : str
        Verbatim.
    document : str
        Id of its document.
    """

    id: str
    source: str
    title: str
    time: datetime
    text: str
    document: str


@dataclass(frozen=True, slots=True)
class Portrait(Shown):
    """An entity at a moment.

    Parameters
    ----------
    name, label : str
        As the store shows it.
    aliases : list of str
        Other names that stand for it.
    leads_to, led_from : list of Association
        Its strongest associations in both directions, the strongest first.
    passages : list of Mentioning
        The latest that mention it, the latest first.
    sources : dict of str to int
        How many passages of each source mention it, the most first.
    unknown : int
        Associations of which it cannot be known how strong they were.
    """

    name: str
    label: str
    aliases: list[str]
    leads_to: list[Association]
    led_from: list[Association]
    passages: list[Mentioning]
    sources: dict[str, int]
    unknown: int
