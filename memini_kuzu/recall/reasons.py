"""Why a passage was recalled: the ways on which the words of the cue came to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memini_kuzu.recall.activation import NEAR, REACH, REVERSE
from memini_kuzu.recall.result import Path, Sayings
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.recall.recollection import Recollection
    from memini_kuzu.recall.spread import Links
    from memini_kuzu.store.lookup import Lookup, Name

    Floats = NDArray[np.float64]

__all__ = ["PATHS", "Reason", "reasons", "resolve"]

PATHS = 4
"""Reasons that a recall gives for each passage."""


class Reason(NamedTuple):
    """A path whose passages are still rows and whose entities are ids.

    Parameters
    ----------
    row : int
        Row of the passage that it leads to.
    kind : str
        As in `Path`.
    words : tuple of str
        Words, or a name of the cue.
    passages : tuple of int
        Rows of the passages on the way.
    entities : tuple of int
        Ids of the entities on the way.
    score : float
        What it would contribute by itself.
    strength : float or None
        Of the association.
    last_seen : int or None
        Milliseconds since 1970.
    places : tuple of two int, or None
        Where the passage and its rival are among those whose standing was compared.
    """

    row: int
    kind: str
    words: tuple[str, ...]
    passages: tuple[int, ...]
    entities: tuple[int, ...]
    score: float
    strength: float | None = None
    last_seen: int | None = None
    places: tuple[int, int] | None = None


def resolve(
    lookup: Lookup, found: Recollection, told: Sequence[Reason], names: Mapping[int, Name]
) -> tuple[Path, ...]:
    """Reasons in the words of the store.

    Parameters
    ----------
    lookup : Lookup
        That the passages were found by.
    found : Recollection
        Where the rows count.
    told : sequence of Reason
        The reasons.
    names : mapping of int to Name
        Of the entities, by id.

    Returns
    -------
    tuple of Path
        As users see them.
    """
    rows = {row for reason in told for row in _rows(found, reason)}
    ids = {row: int(found.passages.id[row]) for row in rows}
    records = lookup.records(list(ids.values()))
    record = {row: records[identity][0] for row, identity in ids.items()}
    return tuple(
        Path(
            record[reason.row],
            reason.kind,
            (
                *reason.words,
                *(record[row] for row in reason.passages),
                *(names[entity].name for entity in reason.entities),
            ),
            reason.score,
            reason.strength,
            None if reason.last_seen is None else from_millis(reason.last_seen),
            *(() if reason.places is None else (_sayings(found, place, record) for place in reason.places)),
        )
        for reason in told
    )


def _rows(found: Recollection, reason: Reason) -> Iterator[int]:
    """The rows of the passages that a reason speaks of."""
    yield reason.row
    yield from reason.passages
    for place in reason.places or ():
        yield int(found.standings.row[place])


def reasons(found: Recollection, row: int, most: int) -> list[Reason]:
    """What speaks most for a passage.

    Parameters
    ----------
    found : Recollection
        A recall.
    row : int
        Row of the passage.
    most : int
        How many reasons at most.

    Returns
    -------
    list of Reason
        The ways on which words of the cue came to it, those that brought most first.
    """
    ways = (
        *_own(found, row),
        *_neighbours(found, row),
        *_mentions(found, row, most),
        *_associations(found, row, most),
        *_standing(found, row),
    )
    # what a passage loses is as good a reason for its place as what it gains
    return sorted(ways, key=lambda reason: -abs(reason.score))[:most]


def _own(found: Recollection, row: int) -> Iterator[Reason]:
    covered = found.x[row] * found.mass
    if found.resemblance is not None:
        covered, meaning = covered[:-1], float(covered[-1])
        if meaning > 0:
            yield Reason(row, "similarity", (found.resemblance.embedder,), (), (), meaning)
    words = tuple(found.cue.said[number] for number in np.argsort(-covered) if covered[number] > 0)
    if words:
        yield Reason(row, "words", words, (), (), float(covered.sum()))
    for facet in found.cue.facets:
        share = float(facet.share(found.passages)[row])
        if share > 0:
            yield Reason(row, facet.kind, (facet.name,), (), (), facet.mass * share)


def _standing(found: Recollection, row: int) -> Iterator[Reason]:
    """Against the rival that it loses most to, or else that loses most to it."""
    standings = found.standings
    place = standings.place(row)
    rival = None if place is None else standings.rival(place)
    if place is None or rival is None:
        return
    loss = float(standings.effect[place, rival])
    score = loss if loss < 0 else -float(standings.effect[rival, place])
    said = standings.same[place]
    yield Reason(
        row,
        "standing",
        (),
        (int(standings.row[rival]),),
        (),
        score,
        float(standings.strength[place]),
        int(standings.time[said].max()),
        (place, rival),
    )


def _sayings(found: Recollection, place: int, record: Mapping[int, str]) -> Sayings:
    standings = found.standings
    times = standings.time[standings.same[place]]
    return Sayings(
        record[int(standings.row[place])],
        len(times),
        from_millis(int(times.min())),
        from_millis(int(times.max())),
        float(standings.strength[place]),
    )


def _neighbours(found: Recollection, row: int) -> Iterator[Reason]:
    if not found.contiguous:
        return
    passages = found.passages
    offset = passages.place[row] - passages.place
    near = (passages.episode == passages.episode[row]) & (offset != 0) & (np.abs(offset) <= REACH)
    for other in np.flatnonzero(near & (passages.episode >= 0)).tolist():
        weight = NEAR ** abs(int(offset[other])) * (1.0 if offset[other] > 0 else REVERSE)
        gain = float(((1 - found.x[row]) * weight * found.x[other]) @ found.mass)
        if gain > 0:
            yield Reason(row, "neighbour", (), (other,), (), gain, None, int(passages.time[other]))


def _mentions(found: Recollection, row: int, most: int) -> Iterator[Reason]:
    """Over an entity that another passage mentions as well."""
    links = found.spread.mentions
    for number, gain in _gains(found, row, links, found.spread.y, most):
        seed = _seed_of(found, int(links.entity[number]), row)
        if seed is not None:
            entity = int(found.spread.nodes.id[links.entity[number]])
            yield Reason(row, "mention", (), (seed,), (entity,), gain, None, int(found.passages.time[seed]))


def _associations(found: Recollection, row: int, most: int) -> Iterator[Reason]:
    """Over an association from an entity of another passage, or of the cue."""
    links, associations = found.spread.associated, found.spread.associations
    for number, gain in _gains(found, row, links, found.spread.z, most):
        leading = np.flatnonzero(associations.target == links.entity[number])
        activated = found.spread.y[associations.source[leading], :-1] @ found.mass
        best = leading[np.argmax(activated * associations.strength[leading])]
        source = int(associations.source[best])
        seed = _seed_of(found, source, row)
        yield Reason(
            row,
            "association",
            (found.cue.text,) if seed is None else (),
            () if seed is None else (seed,),
            (int(found.spread.nodes.id[source]), int(found.spread.associates.id[links.entity[number]])),
            gain,
            float(associations.strength[best]),
            int(associations.last_seen[best]),
        )


def _gains(
    found: Recollection, row: int, links: Links, activation: Floats, most: int
) -> Iterator[tuple[int, float]]:
    """The links that bring a passage most, and what it would gain over each alone."""
    here = np.flatnonzero(links.passage == found.passages.id[row])
    arrived = np.maximum(activation[links.entity[here], :-1] - links.own[here], 0.0)
    share = links.share[here, None]
    gains = ((1 - found.x[row]) * -np.expm1(-share * arrived)) @ found.mass
    for place in np.argsort(-gains, kind="stable")[:most].tolist():
        if gains[place] > 0:
            yield int(here[place]), float(gains[place])


def _seed_of(found: Recollection, node: int, row: int) -> int | None:
    """Row of the seed that gave the entity most, other than the passage itself."""
    givers = found.spread.giver[found.spread.given == node]
    givers = givers[found.seeds.id[givers] != found.passages.id[row]]
    if not len(givers):
        return None
    best = givers[np.argmax(found.seeds.sent[givers] @ found.mass)]
    return int(found.passages.rows(found.seeds.id[best : best + 1])[0])
