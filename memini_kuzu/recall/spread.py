"""Spreading over the store: from seeds to what they mention, along associations, and back to passages.

The equations are those of `activation`; here is what they are computed on, and how much of it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.recall import activation
from memini_kuzu.recall.nodes import Nodes
from memini_kuzu.store import reading
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.recall.candidates import Candidates
    from memini_kuzu.recall.cue import Cue
    from memini_kuzu.store import Store
    from memini_kuzu.store.view import View

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["COMMON", "Associations", "Links", "Seeds", "Spread", "spread"]

BEAM = 64
"""Entities that are followed a step, those first that bring most to each passage."""

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
class Associations:
    """Associations that activation went along.

    Parameters
    ----------
    source, target : int64 (n,)
        Rows of `Spread.nodes` and `Spread.associates`.
    strength : float64 (n,)
        w_f at the time of the cue.
    last_seen : int64 (n,)
        Of the last evidence, milliseconds since 1970.
    """

    source: Ints
    target: Ints
    strength: Floats
    last_seen: Ints


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
        The entities that associations lead to.
    z : float64 (n_associates, n_words + 1)
        Their activation.
    associations : Associations
        Those that lead there.
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
    associations: Associations
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


def spread(
    store: Store,
    cue: Cue,
    seeds: Seeds,
    *,
    mass: Floats,
    now: int,
    without: frozenset[str],
    view: View | None = None,
) -> Spread:
    """Let the seeds' activation spread.

    Parameters
    ----------
    store : Store
        Where.
    cue : Cue
        Its named entities are activated as well.
    seeds : Seeds
        What sends.
    mass : float64 (n_words,)
        What each word is worth, to choose the entities that are followed.
    now : int
        As of when, in milliseconds since 1970.
    without : frozenset of str
        Parts of `switches.PARTS` to leave out.
    view : View, optional
        As of `read_cue`.

    Returns
    -------
    Spread
        Every step of it.
    """
    nodes, y, giver, given = _activate(store, cue, seeds, view)
    beam = _beam(nodes, y, mass)
    unknown = 0
    if "associations" in without:
        associates, z, associations = _nowhere(y)
    else:
        table, unknown = _leading(store, nodes.id[beam].tolist(), now, view)
        associates, z, associations = _associate(table, nodes, y, without=without)
    reached = _beam(associates, z, mass)
    mentions, associated = _return(
        store, seeds, nodes, beam, associates=associates, reached=reached, view=view
    )
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


def _activate(store: Store, cue: Cue, seeds: Seeds, view: View | None) -> tuple[Nodes, Floats, Ints, Ints]:
    """y, and which seed gave to which entity."""
    mentions = _in_order(reading.mentions_of(store, seeds.id.tolist(), view), "passage", "id")
    named = pa.table(
        {
            "id": pa.array(list(cue.named), pa.int64()),
            "mentions": pa.array([entity.mentions for entity in cue.named.values()], pa.int64()),
            "headings": pa.array([entity.headings for entity in cue.named.values()], pa.int64()),
        }
    )
    nodes = Nodes.gather([named, mentions])
    order = np.argsort(seeds.id)
    giver = order[np.searchsorted(seeds.id[order], mentions["passage"].to_numpy())]
    given = nodes.rows(mentions["id"].to_numpy())
    y = np.zeros((len(nodes.id), seeds.sent.shape[1] + 1))
    y[:, :-1] = activation.gather(seeds.sent, giver, given, len(nodes.id))
    y[nodes.rows(named["id"].to_numpy()), -1] = 1.0
    return nodes, y, giver, given


def _in_order(table: pa.Table, *keys: str) -> pa.Table:
    """Rows by their keys: the engine gives them in any order, and a sum's last digit depends on it."""
    return table.sort_by([(key, "ascending") for key in keys])


def _beam(nodes: Nodes, activations: Floats, mass: Floats) -> Ints:
    """Rows of the entities to follow: those that the cue names, then by what each brings to a passage."""
    worth = activations[:, :-1] @ mass / np.maximum(nodes.mentions - 1, 1)
    order = np.lexsort((nodes.id, -worth, activations[:, -1] == 0))
    beam: Ints = order[activations[order].any(axis=1)][:BEAM]
    return beam


def _nowhere(y: Floats) -> tuple[Nodes, Floats, Associations]:
    none = np.zeros(0, dtype=np.int64)
    return Nodes(none, none, none), np.zeros((0, y.shape[1])), Associations(none, none, np.zeros(0), none)


def _leading(store: Store, entities: list[int], now: int, view: View | None) -> tuple[pa.Table, int]:
    """The associations that lead from these entities, and how many more there are of unknown strength."""
    if view is None:
        return reading.associations_from(store, entities, from_millis(now)), 0
    return reading.associations_seen(store, entities, view)


def _associate(
    table: pa.Table, nodes: Nodes, y: Floats, *, without: frozenset[str]
) -> tuple[Nodes, Floats, Associations]:
    """z, over all associations that lead from the beam."""
    if not table.num_rows:
        return _nowhere(y)
    table = _in_order(table, "source", "id")
    strength = table["strength"].to_numpy()
    if "strengths" in without:
        strength = np.ones_like(strength)
    associates = Nodes.gather([table])
    source, target = nodes.rows(table["source"].to_numpy()), associates.rows(table["id"].to_numpy())
    z = activation.step(y, source, target, strength, len(associates.id))
    return associates, z, Associations(source, target, strength, column(table, "latest"))


def _return(
    store: Store,
    seeds: Seeds,
    nodes: Nodes,
    beam: Ints,
    *,
    associates: Nodes,
    reached: Ints,
    view: View | None,
) -> tuple[Links, Links]:
    """The ways back to passages, from the entities of the beam and from their associates."""
    linking = beam[(nodes.mentions[beam] > 1) & (nodes.mentions[beam] <= COMMON)]
    leading = reached[(associates.mentions[reached] > 0) & (associates.mentions[reached] <= COMMON)]
    heading = beam[
        (nodes.mentions[beam] > COMMON) & (nodes.headings[beam] > 0) & (nodes.headings[beam] <= COMMON)
    ]
    rare = np.union1d(nodes.id[linking], associates.id[leading])
    table = pa.concat_tables(
        [
            reading.passages_mentioning(store, rare.tolist(), view),
            reading.headed_passages(store, nodes.id[heading].tolist(), view),
        ]
    )
    table = _in_order(table, "entity", "passage")
    entity, passage = table["entity"].to_numpy(), table["passage"].to_numpy()
    titled = table["heading"].fill_null(0).to_numpy() == entity

    into = np.isin(entity, nodes.id[np.concatenate([linking, heading])])
    row = nodes.rows(entity[into])
    mentions = nodes.mentions[row]
    share = np.where((mentions > 1) & (mentions <= COMMON), 1.0 / np.maximum(mentions - 1, 1), 0.0)
    _title(share, titled[into], nodes.headings[row])
    # a passage does not excite itself
    direct = Links(row, passage[into], share, seeds.own(passage[into]))

    onto = np.isin(entity, associates.id[leading])
    row = associates.rows(entity[onto])
    share = 1.0 / associates.mentions[row]
    _title(share, titled[onto], associates.headings[row])
    return direct, Links(row, passage[onto], share, np.zeros((len(row), seeds.sent.shape[1])))


def _title(share: Floats, titled: Flags, headings: Ints) -> None:
    """Let the passages that an entity heads share its activation among them, however many mention it."""
    share[titled] = np.maximum(share[titled], 1.0 / np.maximum(headings[titled], 1))
