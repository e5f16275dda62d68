"""Along associations: which associates most activation reaches, without looking at all of them.

An entity with many associations gives little to each. So those of the entities with few are looked at
first; what the others can bring to anyone at most is known beforehand. Once enough associates have got more
than that, what the others bring is only looked up for these few. The result is the same as if all had been
looked at.

References
----------
H. Turtle and J. Flood, "Query evaluation: strategies and optimizations", Information Processing & Management
31 (1995): MaxScore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memini_kuzu.recall import activation
from memini_kuzu.recall.nodes import Nodes
from memini_kuzu.store.outgoing import Leading
from memini_kuzu.tables import SURELY, kth_greatest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store.outgoing import Outgoing

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["BEAM", "Wanted", "follow"]

BEAM = 64
"""Entities that are followed a step, those first that bring most to each passage."""

FIRST = 4_096
"""So many associations are looked at before it is asked whether more have to be."""


class Wanted(NamedTuple):
    """Which associates are to be found.

    Parameters
    ----------
    mass : float64 (n_words,)
        What each word is worth. The `BEAM` associates that bring most to a passage are wanted; those that an
        entity leads to which the cue names come before the others.
    weights : float64 (n_words + 1,)
        How much each word counts in the activation of an entity, what it has without associations included.
    active : int
        So many are wanted for their activation.
    """

    mass: Floats
    weights: Floats
    active: int


def follow(
    outgoing: Outgoing, beam: Ints, nodes: Nodes, y: Floats, wanted: Wanted, *, alike: bool = False
) -> tuple[Nodes, Floats, Leading]:
    """One step along the associations that lead from the beam.

    Parameters
    ----------
    outgoing : Outgoing
        They.
    beam : int64 (n_sources,)
        Rows of the entities that they lead from.
    nodes : Nodes
        All entities that are active.
    y : float64 (n_nodes, n_words + 1)
        Their activation.
    wanted : Wanted
        Which associates are to be found: these are, and as many others as come along.
    alike : bool
        Whether all associations are taken for equally strong.

    Returns
    -------
    associates : Nodes
        Entities that associations lead to, among them all that are wanted.
    z : float64 (n_associates, n_words + 1)
        What comes to them.
    associations : Leading
        All that lead to them from the beam; source and target are rows of `nodes` and `associates`.
    """
    if alike:
        found = outgoing.leading(np.arange(len(beam)))
        found = found._replace(strength=np.ones(len(found.source)))
        total = np.bincount(found.source, minlength=len(beam)).astype(np.float64)
    else:
        total = outgoing.total
        search = _Search(outgoing, y[beam], nodes.id, y @ wanted.weights, wanted)
        search.run()
        some = np.union1d(search.sure, search.own)
        looked_at = search.leading.where(_among(search.leading.target, some, outgoing.numbers))
        found = Leading.joined([looked_at, outgoing.onto(search.closed, some)])
    targets = np.unique(found.target)
    ids, mentions, headings = outgoing.entities(targets)
    by_id = np.argsort(ids)
    associates = Nodes(ids[by_id], mentions[by_id], headings[by_id])
    row = np.empty(len(targets), dtype=np.int64)
    row[by_id] = np.arange(len(targets))
    source, target = beam[found.source], row[np.searchsorted(targets, found.target)]
    # by source: a sum's last digit depends on the order
    order = np.argsort(source, kind="stable")
    source, target, strength = source[order], target[order], found.strength[order]
    whole = np.zeros(len(y))
    whole[beam] = total
    z = activation.step(y, source, target, strength, whole, len(targets))
    return associates, z, Leading(source, target, strength, found.latest[order])


def _among(values: Ints, some: Ints, n: int) -> Flags:
    """Which of these numbers below n are among some."""
    there = np.zeros(n, dtype=np.bool_)
    there[some] = True
    return there[values]


class _Search:
    """The search for the associates that are wanted.

    Parameters
    ----------
    outgoing : Outgoing
        The associations that lead from the sources.
    sent : float64 (n_sources, n_words + 1)
        The activation of these.
    ids : int64 (n_nodes,)
        All entities that are active.
    known : float64 (n_nodes,)
        How active they are without associations.
    wanted : Wanted
        What is wanted.

    Attributes
    ----------
    leading : Leading
        All associations that were looked at.
    closed : int64 (n,)
        The sources of which they were not.
    sure : int64 (n,)
        Numbers of the associates among which all are that are wanted, but for `own`.
    own : int64 (n,)
        Numbers of those entities that are active themselves.
    """

    def __init__(self, outgoing: Outgoing, sent: Floats, ids: Ints, known: Floats, wanted: Wanted) -> None:
        self._outgoing, self._wanted = outgoing, wanted
        total = outgoing.total
        each = np.divide(activation.ASSOCIATION, total, out=np.zeros_like(total), where=total > 0)
        # what an association of strength 1 brings
        self._worth, self._shown = each * (sent[:, :-1] @ wanted.mass), each * (sent @ wanted.weights)
        self._named = sent[:, -1] > 0
        self._active = kth_greatest(known, wanted.active)
        # what it takes to be among those that are followed
        self._least = 0.0
        own = outgoing.targets(ids)
        self.own = own[own >= 0]
        self.sure = self.closed = self.own[:0]

    def run(self) -> None:
        """Look at more and more associations, until all that are wanted must be among them."""
        size = self._outgoing.size
        # those of the names in the cue first: what they lead to comes before all else; then those that are
        # read, and those that may bring most for as little as can be
        each = -self._worth * self._outgoing.shared / np.maximum(size, 1)
        order = np.lexsort((each, size > 0, ~self._named))
        ends = np.cumsum(size[order])
        opened, least = 0, max(1, int(self._named.sum()))
        number = max(least, int(np.searchsorted(ends, ends[least - 1 : least].sum() + FIRST, side="right")))
        parts: list[Leading] = []
        while True:
            parts.append(self._outgoing.leading(order[opened:number]))
            opened, self.closed = number, order[number:]
            self.leading = Leading.joined(parts)
            reached = self._reached()
            kept = self._kept(reached, self.closed)
            if kept is not None:
                self.sure = self._narrowed(reached.where(kept))
                return
            number = max(opened + 1, int(np.searchsorted(ends, 2 * ends[opened - 1], side="right")))

    def _reached(self) -> _Reached:
        """All associates that were seen, and what those associations bring to them that were looked at."""
        outgoing = self._outgoing
        heads = outgoing.heads.where(_among(outgoing.heads.source, self.closed, len(outgoing.size)))
        leading = Leading.joined([self.leading, heads])
        targets, row = _distinct(leading.target, outgoing.numbers)
        others = np.maximum(outgoing.mentions(targets) - 1, 1)
        named = np.zeros(len(targets), dtype=np.bool_)
        named[row[self._named[leading.source] & (leading.strength > 0)]] = True
        return _Reached(targets, others, named, *self._brought(leading, row, others))

    def _brought(self, leading: Leading, row: Ints, others: Ints) -> tuple[Floats, Floats]:
        source, strength = leading.source, leading.strength
        brought, shown = (
            np.bincount(row, weights=each[source] * strength, minlength=len(others)).astype(np.float64)
            for each in (self._worth, self._shown)
        )
        return brought / others, shown

    def _kept(self, reached: _Reached, closed: Ints) -> Flags | None:
        """Which may be wanted, where the closed sources may bring more; None where others may be, unseen."""
        outgoing = self._outgoing
        # what these sources can bring to any one, but for the heads, and to one that so many others mention
        more = float(self._worth[closed] @ outgoing.shared[closed])
        more_of = np.minimum(more, float(self._worth[closed] @ outgoing.most[closed]) / reached.others)
        more_shown = float(self._shown[closed] @ outgoing.most[closed])

        least_shown = max(self._active, kth_greatest(reached.shown, self._wanted.active)) * SURELY
        if len(closed) and more_shown >= least_shown:
            return None
        # where fewer are led to by a name of the cue, these and the best of the others
        free = BEAM - int(reached.named.sum())
        rivals = reached.named if free <= 0 else ~reached.named
        self._least = least = kth_greatest(reached.brought[rivals], BEAM if free <= 0 else free) * SURELY
        if len(closed) and free > 0 and more >= least:
            return None
        kept: Flags = rivals & (reached.brought + more_of >= least)
        kept |= reached.shown + more_shown >= least_shown
        return kept if free <= 0 else kept | reached.named

    def _narrowed(self, reached: _Reached) -> Ints:
        """Fewer of these: what the closed sources bring is looked up, those first that may bring most."""
        outgoing, rest = self._outgoing, self.closed
        rest = rest[np.argsort(-self._worth[rest] * outgoing.shared[rest], kind="stable")]
        while len(rest) * len(reached.targets) > FIRST:
            # so many that the others together bring less than half of what it takes
            left = np.cumsum((self._worth[rest] * outgoing.shared[rest])[::-1])[::-1]
            some, rest = np.split(rest, [max(1, int(np.count_nonzero(left > self._least / 2)))])
            row = np.full(outgoing.numbers, -1)
            row[reached.targets] = np.arange(len(reached.targets))
            led = outgoing.onto(some, reached.targets)
            heads = outgoing.heads.where(_among(outgoing.heads.source, some, len(outgoing.size)))
            # what the heads bring was there already
            brought, shown = reached.brought, reached.shown
            for part in (led, heads._replace(strength=-heads.strength)):
                there = row[part.target] >= 0
                more, more_shown = self._brought(part.where(there), row[part.target[there]], reached.others)
                brought, shown = brought + more, shown + more_shown
            reached = reached._replace(brought=brought, shown=shown)
            kept = self._kept(reached, rest)
            # the more is known, the less may be unseen: None would come of a rounding
            if kept is not None:
                reached = reached.where(kept)
        return reached.targets


class _Reached(NamedTuple):
    """Associates, and what is known to come to them.

    Parameters
    ----------
    targets : int64 (n,)
        Their numbers.
    others : int64 (n,)
        How many other passages mention each; 1 where none does.
    named : bool (n,)
        Whether an association leads to it from an entity that the cue names.
    brought, shown : float64 (n,)
        What comes to each of its passages, and to itself, of what answers show.
    """

    targets: Ints
    others: Ints
    named: Flags
    brought: Floats
    shown: Floats

    def where(self, rows: Flags) -> _Reached:
        """Some of them."""
        return _Reached._make(column[rows] for column in self)


def _distinct(numbers: Ints, n: int) -> tuple[Ints, Ints]:
    """Numbers below n, each once, and where each of the given ones stands among them."""
    place = np.empty(n, dtype=np.int64)
    every = np.arange(len(numbers))
    place[numbers] = every
    found = numbers[place[numbers] == every]
    place[found] = np.arange(len(found))
    return found, place[numbers]
