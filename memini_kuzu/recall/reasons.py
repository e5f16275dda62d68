"""Why a passage was recalled: the ways on which the words of the cue came to it."""

from __future__ import annotations

import math
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
    Ints = NDArray[np.int64]

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
    record, source = ({row: records[identity][of] for row, identity in ids.items()} for of in (0, 1))
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
            None if reason.places is None else _sayings(found, reason.places[0], record),
            None if reason.places is None else _sayings(found, reason.places[1], record),
            source[reason.row],
            int(found.passages.position[reason.row]),
        )
        for reason in told
    )


def _rows(found: Recollection, reason: Reason) -> Iterator[int]:
    """The rows of the passages that a reason speaks of."""
    yield reason.row
    yield from reason.passages
    for place in reason.places or ():
        yield int(found.standings.row[place])


def reasons(found: Recollection, rows: Ints, most: int) -> list[Reason]:
    """What speaks most for passages.

    Parameters
    ----------
    found : Recollection
        A recall.
    rows : int64 (n,)
        Rows of the passages.
    most : int
        How many reasons for each at most.

    Returns
    -------
    list of Reason
        Passage by passage, the ways on which words of the cue came to it, those that brought most first.
    """
    ways = _Ways(found, rows, most)
    told: list[Reason] = []
    for row in rows.tolist():
        some = (
            *ways.own(row),
            *ways.neighbours(row),
            *ways.mentions(row),
            *ways.associations(row),
            *_standing(found, row),
        )
        # what a passage loses is as good a reason for its place as what it gains
        told += sorted(some, key=lambda reason: -abs(reason.score))[:most]
    return told


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


class _Ways:
    """The ways to some passages, computed for all of them together.

    Parameters
    ----------
    found : Recollection
        A recall.
    rows : int64 (n,)
        Rows of the passages.
    most : int
        How many ways of each kind to a passage.
    """

    def __init__(self, found: Recollection, rows: Ints, most: int) -> None:
        self._found = found
        spread = found.spread
        self._shares = [facet.share(found.passages) for facet in found.cue.facets]
        self._worth = spread.y[:, :-1] @ found.mass
        self._near = self._neighbours(rows, most)
        self._mentions = _gains(found, rows, spread.mentions, spread.y, most)
        self._associations = _gains(found, rows, spread.associated, spread.z, most)
        self._givers = self._given()
        self._best = self._leading()

    def own(self, row: int) -> Iterator[Reason]:
        """What the passage itself says."""
        found = self._found
        covered = found.x[row] * found.mass
        if found.resemblance is not None:
            covered, meaning = covered[:-1], float(covered[-1])
            if meaning > 0:
                yield Reason(row, "similarity", (found.resemblance.embedder,), (), (), meaning)
        words = tuple(found.cue.said[number] for number in np.argsort(-covered) if covered[number] > 0)
        if words:
            yield Reason(row, "words", words, (), (), float(covered.sum()))
        for facet, shares in zip(found.cue.facets, self._shares, strict=True):
            if shares[row] > 0:
                yield Reason(row, facet.kind, (facet.name,), (), (), facet.mass * float(shares[row]))

    def _neighbours(self, rows: Ints, most: int) -> dict[int, list[tuple[int, float]]]:
        """What neighbours lend to each row: rows of these and how much, those first that lend most."""
        found, passages = self._found, self._found.passages
        if not found.contiguous:
            return {}
        offset = passages.place[rows][:, None] - passages.place
        near = (passages.episode[rows][:, None] == passages.episode) & (passages.episode >= 0)
        near &= (offset != 0) & (np.abs(offset) <= REACH)
        place, other = np.nonzero(near)
        offset = offset[place, other]
        weight = NEAR ** np.abs(offset) * np.where(offset > 0, 1.0, REVERSE)
        gain = ((1 - found.x[rows[place]]) * weight[:, None] * found.x[other]) @ found.mass
        return _greatest(rows[place], other, gain, most)

    def neighbours(self, row: int) -> Iterator[Reason]:
        """Over what stands beside it in its source."""
        time = self._found.passages.time
        for other, gain in self._near.get(row, ()):
            yield Reason(row, "neighbour", (), (other,), (), gain, None, int(time[other]))

    def mentions(self, row: int) -> Iterator[Reason]:
        """Over an entity that another passage mentions as well."""
        found = self._found
        for node, gain in self._mentions.get(row, ()):
            seed = self._seed_of(node, row)
            if seed is not None:
                entity = int(found.spread.nodes.id[node])
                yield Reason(
                    row, "mention", (), (seed,), (entity,), gain, None, int(found.passages.time[seed])
                )

    def associations(self, row: int) -> Iterator[Reason]:
        """Over an association from an entity of another passage, or of the cue."""
        spread, associations = self._found.spread, self._found.spread.associations
        for node, gain in self._associations.get(row, ()):
            best = self._best[node]
            source = int(associations.source[best])
            seed = self._seed_of(source, row)
            yield Reason(
                row,
                "association",
                (self._found.cue.text,) if seed is None else (),
                () if seed is None else (seed,),
                (int(spread.nodes.id[source]), int(spread.associates.id[node])),
                gain,
                float(associations.strength[best]),
                int(associations.latest[best]),
            )

    def _leading(self) -> dict[int, int]:
        """The association by which most came to each associate that something is gained over."""
        associations = self._found.spread.associations
        gained = np.zeros(len(self._found.spread.associates.id), dtype=np.bool_)
        gained[[node for best in self._associations.values() for node, _ in best]] = True
        leading = np.flatnonzero(gained[associations.target])
        target = associations.target[leading]
        brought = self._worth[associations.source[leading]] * associations.strength[leading]
        best = _greatest(target, leading, brought, 1, least=-math.inf)
        return {node: place for node, [(place, _)] in best.items()}

    def _given(self) -> dict[int, list[int]]:
        """Rows of the seeds that gave to each entity, those first that gave most."""
        found = self._found
        seed, sent = found.passages.rows(found.seeds.id), found.seeds.sent @ found.mass
        giver = found.spread.giver
        given = _greatest(found.spread.given, seed[giver], sent[giver], len(giver), least=-math.inf)
        return {node: [row for row, _ in seeds] for node, seeds in given.items()}

    def _seed_of(self, node: int, row: int) -> int | None:
        """Row of the seed that gave the entity most, other than the passage itself."""
        return next((seed for seed in self._givers.get(node, ()) if seed != row), None)


def _greatest(
    owner: Ints, value: Ints, gain: Floats, most: int, *, least: float = 0.0
) -> dict[int, list[tuple[int, float]]]:
    """Of each owner so many values whose gain is above the least, with it: the greatest first."""
    order = np.lexsort((-gain, owner))
    order = order[gain[order] > least]
    found: dict[int, list[tuple[int, float]]] = {}
    for each, one, gained in zip(
        owner[order].tolist(), value[order].tolist(), gain[order].tolist(), strict=True
    ):
        values = found.setdefault(each, [])
        if len(values) < most:
            values.append((one, gained))
    return found


def _gains(
    found: Recollection, rows: Ints, links: Links, activation: Floats, most: int
) -> dict[int, list[tuple[int, float]]]:
    """What passages would gain over each of the links to them alone, those first over which they gain most.

    Parameters
    ----------
    found : Recollection
        A recall.
    rows : int64 (n,)
        Rows of the passages.
    links : Links
        The ways back to passages.
    activation : float64 (n_entities, n_words + 1)
        Of the entities that they lead from.
    most : int
        How many for each passage.

    Returns
    -------
    dict of int to list of tuple
        By the row of the passage: rows of the entities, and the gains.
    """
    link = np.flatnonzero(np.isin(links.passage, found.passages.id[rows]))
    entity = links.entity[link]
    row = found.passages.rows(links.passage[link])
    arrived = np.maximum(activation[entity, :-1] - links.own[link], 0.0)
    gain = ((1 - found.x[row]) * -np.expm1(-links.share[link, None] * arrived)) @ found.mass
    return _greatest(row, entity, gain, most)
