"""Spreading over the store: from seeds to what they mention, along associations, and back to passages.

The equations are those of `activation`; here is what they are computed on, and how much of it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.recall import activation
from memini_kuzu.recall.follow import BEAM, follow
from memini_kuzu.recall.nodes import Nodes
from memini_kuzu.store.outgoing import Leading
from memini_kuzu.tables import kth_greatest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.recall.candidates import Candidates
    from memini_kuzu.recall.cue import Cue
    from memini_kuzu.recall.follow import Wanted
    from memini_kuzu.store.lookup import Lookup

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["COMMON", "Links", "Seeds", "Spread", "spread"]

COMMON = 50
"""An entity that more passages mention links none of them: it tells little, and costs much."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The passages that activation starts from.

    Parameters
    ----------
    id : int64 (n_seeds,)
        Passage ids.
    sent : float64 (n_seeds, n_words)
        What each sends of each word, a x.
    """

    id: Ints
    sent: Floats

    def own(self, passages: Ints) -> Floats:
        """What these passages send themselves: float64 (n, n_words), 0 for those that are no seeds."""
        if not len(self.id):
            return np.zeros((len(passages), self.sent.shape[1]))
        order = np.argsort(self.id)
        place = order[np.minimum(np.searchsorted(self.id[order], passages), len(order) - 1)]
        return np.where((self.id[place] == passages)[:, None], self.sent[place], 0.0)


@dataclass(frozen=True, slots=True)
class Links:
    """The ways from entities back to passages.

    Parameters
    ----------
    entity : int64 (n,)
        Row of the entity.
    passage : int64 (n,)
        Id of the passage.
    share : float64 (n,)
        What part of the entity's activation the passage gets.
    own : float64 (n, n_words)
        What the passage itself gave to the entity.
    """

    entity: Ints
    passage: Ints
    share: Floats
    own: Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """What became of the activation.

    Parameters
    ----------
    nodes : Nodes
        The entities that seeds mention or the cue names.
    y : float64 (n_nodes, n_words + 1)
        Their activation; the last column is of the cue's own names, which no passage need mention.
    giver, given : int64 (n_mentions,)
        Which seed (row) gave to which entity (row).
    associates : Nodes
        Entities that associations lead to, among them all that are wanted.
    z : float64 (n_associates, n_words + 1)
        Their activation.
    associations : Leading
        Those that lead there; source and target are rows of `nodes` and `associates`.
    mentions, associated : Links
        The ways back to passages, from `nodes` and from `associates`.
    passage : int64 (n_passages,)
        Ids of the passages that they lead to, each once.
    h : float64 (n_passages, n_words)
        What came there.
    unknown : int
        Associations that it did not go along, since it cannot be known how strong they were then.
    """

    nodes: Nodes
    y: Floats
    giver: Ints
    given: Ints
    associates: Nodes
    z: Floats
    associations: Leading
    mentions: Links
    associated: Links
    passage: Ints
    h: Floats
    unknown: int

    def reached(self, most: int) -> Ints:
        """Ids of the passages that most came to: int64 (≤ most,)."""
        return self.passage[np.lexsort((self.passage, -self.h.sum(axis=1)))[:most]]

    def hazard(self, passages: Candidates) -> Floats:
        """What came to the candidates: float64 (n_passages, n_words)."""
        h = np.zeros((len(passages), self.h.shape[1]))
        rows = passages.rows(self.passage)
        h[rows[rows >= 0]] = self.h[rows >= 0]
        return h


def spread(lookup: Lookup, cue: Cue, seeds: Seeds, wanted: Wanted, *, without: frozenset[str]) -> Spread:
    """Let the seeds' activation spread.

    Parameters
    ----------
    lookup : Lookup
        Where.
    cue : Cue
        Its named entities are activated as well.
    seeds : Seeds
        What sends.
    wanted : Wanted
        What each word is worth, to choose the entities that are followed, and which others are to be found.
    without : frozenset of str
        Parts of `switches.PARTS` to leave out.

    Returns
    -------
    Spread
        Every step of it.
    """
    nodes, y, giver, given = _activate(lookup, cue, seeds)
    beam = _beam(nodes, y, wanted.mass)
    unknown = 0
    if "associations" in without:
        associates, z, associations = _nowhere(y)
    else:
        outgoing = lookup.associations(nodes.id[beam])
        unknown = outgoing.unknown
        associates, z, associations = follow(outgoing, beam, nodes, y, wanted, alike="strengths" in without)
    reached = _beam(associates, z, wanted.mass)
    mentions, associated = _return(lookup, seeds, nodes, beam, associates=associates, reached=reached)
    passages, place = np.unique(np.concatenate([mentions.passage, associated.passage]), return_inverse=True)
    before, after = np.split(place, [len(mentions.passage)])
    h = activation.deliver(
        y[:, :-1], mentions.entity, before, mentions.share, mentions.own, len(passages)
    ) + activation.deliver(
        z[:, :-1], associated.entity, after, associated.share, associated.own, len(passages)
    )
    return Spread(
        nodes, y, giver, given, associates, z, associations, mentions, associated, passages, h, unknown
    )


def _activate(lookup: Lookup, cue: Cue, seeds: Seeds) -> tuple[Nodes, Floats, Ints, Ints]:
    """y, and which seed gave to which entity."""
    mentions = lookup.mentions(seeds.id)
    # a sum's last digit depends on the order
    order = np.lexsort((mentions.id, mentions.passage))
    entity, passage = mentions.id[order], mentions.passage[order]
    named = np.array(
        [(one.id, one.mentions, one.headings) for one in cue.named.values()], dtype=np.int64
    ).reshape(-1, 3)
    counted = np.column_stack([mentions.id, mentions.mentions, mentions.headings])
    nodes = Nodes.gather(*np.concatenate([named, counted]).T)
    by_id = np.argsort(seeds.id)
    giver = by_id[np.searchsorted(seeds.id[by_id], passage)]
    given = nodes.rows(entity)
    y = np.zeros((len(nodes.id), seeds.sent.shape[1] + 1))
    y[:, :-1] = activation.gather(seeds.sent, giver, given, len(nodes.id))
    y[nodes.rows(named[:, 0]), -1] = 1.0
    return nodes, y, giver, given


def _beam(nodes: Nodes, activations: Floats, mass: Floats) -> Ints:
    """Rows of the entities to follow: those that the cue names, then by what each brings to a passage."""
    worth = activations[:, :-1] @ mass / np.maximum(nodes.mentions - 1, 1)
    named = activations[:, -1] > 0
    row = np.flatnonzero(activations.any(axis=1))
    if len(row) > BEAM:
        # those that may be among the first, so that not all are sorted
        least = kth_greatest(worth[row], BEAM)
        row = row[named[row] | (worth[row] >= least)]
    order = np.lexsort((nodes.id[row], -worth[row], ~named[row]))
    beam: Ints = row[order[:BEAM]]
    return beam


def _nowhere(y: Floats) -> tuple[Nodes, Floats, Leading]:
    none = np.zeros(0, dtype=np.int64)
    return Nodes(none, none, none), np.zeros((0, y.shape[1])), Leading(none, none, np.zeros(0), none)


def _return(
    lookup: Lookup, seeds: Seeds, nodes: Nodes, beam: Ints, *, associates: Nodes, reached: Ints
) -> tuple[Links, Links]:
    """The ways back to passages, from the entities of the beam and from their associates."""
    linking = beam[(nodes.mentions[beam] > 1) & (nodes.mentions[beam] <= COMMON)]
    leading = reached[(associates.mentions[reached] > 0) & (associates.mentions[reached] <= COMMON)]
    heading = beam[
        (nodes.mentions[beam] > COMMON) & (nodes.headings[beam] > 0) & (nodes.headings[beam] <= COMMON)
    ]
    rare = np.union1d(nodes.id[linking], associates.id[leading])
    found = [lookup.mentioning(rare), lookup.headed(nodes.id[heading])]
    entity, passage, headed = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((passage, entity))
    entity, passage = entity[order], passage[order]
    titled = headed[order] == entity

    into = nodes.among(entity, np.concatenate([linking, heading]))
    row = nodes.rows(entity[into])
    mentions = nodes.mentions[row]
    share = np.where((mentions > 1) & (mentions <= COMMON), 1.0 / np.maximum(mentions - 1, 1), 0.0)
    _title(share, titled[into], nodes.headings[row])
    # a passage does not excite itself
    direct = Links(row, passage[into], share, seeds.own(passage[into]))

    onto = associates.among(entity, leading)
    row = associates.rows(entity[onto])
    share = 1.0 / associates.mentions[row]
    _title(share, titled[onto], associates.headings[row])
    return direct, Links(row, passage[onto], share, np.zeros((len(row), seeds.sent.shape[1])))


def _title(share: Floats, titled: Flags, headings: Ints) -> None:
    """Let the passages that an entity heads share its activation among them, however many mention it."""
    share[titled] = np.maximum(share[titled], 1.0 / np.maximum(headings[titled], 1))
