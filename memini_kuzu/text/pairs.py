"""Mentions to events: which entities a document associates, how much, and in which direction.

Two entities co-occur where one sentence mentions both (distance 0), or else where two neighbouring
sentences do (distance 1). With n co-occurrences at the closest distance, of which n_AB mention A first, a
document gives

    amount(A, B) = (1 + ln n) · weight(distance) · (n_AB + BACKWARD · n_BA) / n

and amount(B, A) with n_AB and n_BA exchanged. The logarithm is there because a document that repeats itself
is not independent confirmation: ten documents that say a thing once add ten times what one says, one document
that says it ten times adds 3.3 times that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["BACKWARD", "MAX_PER_SENTENCE", "NEIGHBOURING", "SAME_SENTENCE", "Events", "cooccurrence_events"]

SAME_SENTENCE = 1.0
"""Weight of a shared sentence: the unit, so that b of the dynamics is what one plain statement adds."""

NEIGHBOURING = 0.5
"""Weight of neighbouring sentences. They share a topic and often a subject ("She ..."), but the text does not
itself say that the two belong together: two such hints count as one statement. A choice, not a fit."""

BACKWARD = 0.5
"""Gain against the order of mention. The order carries direction (the subject before the object, the known
before the new), yet a cue may name either end: the way back is weaker, not absent. A choice, not a fit."""

MAX_PER_SENTENCE = 40
"""Distinct entities of one sentence that take part, the first mentioned ones: m of them make m² pairs. Among
4,146 sentences of Wikipedia none had over 30 and 15 had 20 or more; beyond, it is a table or a list, whose
members say little about each other. Later ones count as absent."""


class Events(NamedTuple):
    """One event per document and directed pair, sorted by document, source and target.

    Parameters
    ----------
    document, source, target : int64 (n_events,)
        Where the event is from, and the ids of the entities that it associates.
    amount : float64 (n_events,)
        In units of one statement, > 0; times b of the dynamics it is the event's impulse.
    """

    document: Ints
    source: Ints
    target: Ints
    amount: Floats


class _Nodes(NamedTuple):
    """The distinct entities of each document, numbered from 0 within it.

    A directed pair of them has the code base + source · size + target: one integer that is unique over all
    documents and sorts as (document, source, target) does. Codes stay below the square of the number of
    mentions, so that 64 bits hold twice those of 2 billion.

    Parameters
    ----------
    document : int64 (n_documents,)
        The documents, ascending.
    start, size, base : int64 (n_documents,)
        Each one's first row in `entity`, its number of entities, and its first code.
    entity : int64 (n_nodes,)
        Entity ids, ascending within each document.
    """

    document: Ints
    start: Ints
    size: Ints
    base: Ints
    entity: Ints


class _Pairs(NamedTuple):
    """Pairs of one distance.

    Parameters
    ----------
    code : int64 (n_pairs,)
        Distinct codes, ascending, each pair from its lower to its higher entity.
    total, ahead : int64 (n_pairs,)
        n, and how many of the n mention the lower entity first.
    """

    code: Ints
    total: Ints
    ahead: Ints


def cooccurrence_events(document: Ints, sentence: Ints, order: Ints, entity: Ints) -> Events:
    """The events that mentions make, by the equation at the top of this module.

    Parameters
    ----------
    document : int64 (n_mentions,)
        Which document.
    sentence : int64 (n_mentions,)
        Sentence number within the document; neighbours differ by 1.
    order : int64 (n_mentions,)
        Order of mention within the document; where two are equal, the lower entity counts as first.
    entity : int64 (n_mentions,)
        Entity id.

    Returns
    -------
    Events
        One per document and directed pair. The rows' order does not matter.

    Raises
    ------
    ValueError
        If the columns differ in length.

    Examples
    --------
    Entities 7 and 8 share a sentence, 9 is in the next one:

    >>> events = cooccurrence_events(*(np.array(c) for c in ([0, 0, 0], [0, 0, 1], [0, 1, 2], [7, 8, 9])))
    >>> for source, target, amount in zip(events.source, events.target, events.amount, strict=True):
    ...     print(source, target, amount)
    7 8 1.0
    7 9 0.5
    8 7 0.5
    8 9 0.5
    9 7 0.25
    9 8 0.25
    """
    columns = [np.asarray(column, dtype=np.int64) for column in (document, sentence, order, entity)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        shapes = ", ".join(str(column.shape) for column in columns)
        raise ValueError(f"columns of shapes {shapes}; pass four of one length")
    document, sentence, entity = _first_mentions(*columns)
    nodes, place, local = _number(document, entity)
    group = _sentence_starts(document, sentence)

    earlier, later = _pairs_within(group)
    same = _count(nodes, place[earlier], local[earlier], local[later])
    earlier, later = _pairs_between(group, document, sentence)
    distinct = local[earlier] != local[later]
    earlier, later = earlier[distinct], later[distinct]
    near = _count(nodes, place[earlier], local[earlier], local[later])
    apart = ~np.isin(near.code, same.code, assume_unique=True)
    near = _Pairs(*(column[apart] for column in near))
    return _events(nodes, [(same, SAME_SENTENCE), (near, NEIGHBOURING)])


def _first_mentions(document: Ints, sentence: Ints, order: Ints, entity: Ints) -> tuple[Ints, Ints, Ints]:
    """The first mention of each entity in each sentence, by document, sentence and order, cut to the cap."""
    by_entity = np.lexsort((order, entity, sentence, document))
    first = _changes(document[by_entity], sentence[by_entity], entity[by_entity])
    kept = by_entity[first]
    kept = kept[np.lexsort((entity[kept], order[kept], sentence[kept], document[kept]))]
    starts = np.flatnonzero(_changes(document[kept], sentence[kept]))
    rank = np.arange(len(kept)) - np.repeat(starts, np.diff(starts, append=len(kept)))
    kept = kept[rank < MAX_PER_SENTENCE]
    return document[kept], sentence[kept], entity[kept]


def _changes(*columns: Ints) -> Flags:
    """Whether each row differs from the one before it; the first row does."""
    changed = np.zeros(len(columns[0]), dtype=np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _number(document: Ints, entity: Ints) -> tuple[_Nodes, Ints, Ints]:
    """Number documents, and entities within them; each row's numbers of both."""
    by_entity = np.lexsort((entity, document))
    document, entity = document[by_entity], entity[by_entity]
    first = _changes(document, entity)
    starts = np.flatnonzero(_changes(document[first]))
    size = np.diff(starts, append=np.count_nonzero(first))
    base = np.cumsum(size * size) - size * size
    nodes = _Nodes(document[first][starts], starts, size, base, entity[first])
    place, local = np.empty_like(document), np.empty_like(document)
    place[by_entity] = np.cumsum(_changes(document)) - 1
    local[by_entity] = np.cumsum(first) - 1
    return nodes, place, local - nodes.start[place]


def _sentence_starts(document: Ints, sentence: Ints) -> Ints:
    """The first row of each sentence, and the number of rows at the end."""
    return np.append(np.flatnonzero(_changes(document, sentence)), len(document))


def _pairs_within(group: Ints) -> tuple[Ints, Ints]:
    """Every row with every later one of its sentence."""
    ends = np.repeat(group[1:], np.diff(group))
    rows = np.arange(len(ends))
    return _spread(rows, rows + 1, ends)


def _pairs_between(group: Ints, document: Ints, sentence: Ints) -> tuple[Ints, Ints]:
    """Every row with every one of the next sentence of its document."""
    here, following = group[:-2], group[1:-1]
    adjoins = (document[here] == document[following]) & (sentence[here] + 1 == sentence[following])
    sizes = np.diff(group)[:-1]
    rows = np.arange(sizes.sum())
    begin, end = np.repeat(group[1:-1], sizes), np.repeat(group[2:], sizes)
    return _spread(rows, begin, np.where(np.repeat(adjoins, sizes), end, begin))


def _spread(rows: Ints, begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Each row with each of its partners begin ... end - 1."""
    counts = end - begin
    first = np.cumsum(counts) - counts
    partners = np.arange(counts.sum()) + np.repeat(begin - first, counts)
    return np.repeat(rows, counts), partners


def _count(nodes: _Nodes, place: Ints, earlier: Ints, later: Ints) -> _Pairs:
    """Count pairs, given each one's document and the entities' numbers within it."""
    low: Ints = np.minimum(earlier, later)
    high: Ints = np.maximum(earlier, later)
    # Twice the code, plus who was first: one sort then counts both.
    tagged = 2 * (nodes.base[place] + low * nodes.size[place] + high) + (earlier < later)
    distinct, counts = np.unique(tagged, return_counts=True)
    code, first = distinct >> 1, distinct & 1
    starts = np.flatnonzero(_changes(code))
    if not len(starts):
        return _Pairs(code, counts, counts)
    return _Pairs(code[starts], np.add.reduceat(counts, starts), np.add.reduceat(counts * first, starts))


def _events(nodes: _Nodes, distances: list[tuple[_Pairs, float]]) -> Events:
    """Both directions of each pair, with their amounts."""
    code = np.concatenate([pairs.code for pairs, _ in distances])
    place = np.searchsorted(nodes.base, code, side="right") - 1
    low, high = np.divmod(code - nodes.base[place], nodes.size[place])
    forward, backward = [], []
    for pairs, weight in distances:
        amount = (1.0 + np.log(pairs.total)) * weight / pairs.total
        behind = pairs.total - pairs.ahead
        forward.append(amount * (pairs.ahead + BACKWARD * behind))
        backward.append(amount * (behind + BACKWARD * pairs.ahead))
    by_code = np.argsort(np.concatenate([code, nodes.base[place] + high * nodes.size[place] + low]))
    place = np.concatenate([place, place])[by_code]
    source, target = np.concatenate([low, high])[by_code], np.concatenate([high, low])[by_code]
    return Events(
        document=nodes.document[place],
        source=nodes.entity[nodes.start[place] + source],
        target=nodes.entity[nodes.start[place] + target],
        amount=np.concatenate([*forward, *backward])[by_code],
    )
