"""One recall from beginning to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.errors import InputError, TimeError
from memini_kuzu.identity import document_id
from memini_kuzu.recall import activation
from memini_kuzu.recall.candidates import Candidates
from memini_kuzu.recall.cue import read_cue
from memini_kuzu.recall.follow import Wanted
from memini_kuzu.recall.reasons import PATHS, reasons, resolve
from memini_kuzu.recall.resemblance import read_resemblance
from memini_kuzu.recall.result import ActivatedEntity, Recall, RecalledPassage
from memini_kuzu.recall.spread import COMMON, Seeds, spread
from memini_kuzu.recall.standing import judge, nobody
from memini_kuzu.tables import kth_greatest
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.recall.cue import Cue
    from memini_kuzu.recall.resemblance import Resemblance
    from memini_kuzu.recall.spread import Spread
    from memini_kuzu.recall.standing import Standings
    from memini_kuzu.store import Store
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.lookup import Lookup

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Recollection", "recall", "recollect"]

LONGEST_CUE = 8_000
"""Characters of a cue at most, some 1,300 English words. Prose of that length takes less than a second, names
or Chinese characters at random some seconds: a longer one could hold a server up."""

TOP = 100
"""Passages read by their words, and as many of the most similar ones where there is an embedder."""

SEEDS = 20
"""Of these the best spread; their weight falls with the square of the score, so that more add little."""

REACHED = 1_000
"""Passages that activation leads to and that are looked at, those first that most came to."""

ENTITIES = 10
"""Activated entities that are shown at least."""


@dataclass(frozen=True, slots=True)
class Recollection:
    """All that a recall found out, before the best of it is told.

    Parameters
    ----------
    cue : Cue
        What was asked.
    now : int
        As of when, in milliseconds since 1970.
    passages : Candidates
        All that were looked at.
    seeds : Seeds
        Where activation started.
    spread : Spread
        Where it went.
    resemblance : Resemblance or None
        How similar the passages are to the cue; its share is the last word of `x` and `mass`.
    x : float64 (n_passages, n_words)
        How well each passage covers each word, from 0 to 1.
    mass : float64 (n_words,)
        What each word is worth.
    evoked : float64 (n_passages,)
        What words, activation, headings and dates brought each passage.
    standings : Standings
        How those stand that speak of what the cue asks.
    score : float64 (n_passages,)
        What each passage got.
    contiguous : bool
        Whether neighbours lent each other their words.
    """

    cue: Cue
    now: int
    passages: Candidates
    seeds: Seeds
    spread: Spread
    resemblance: Resemblance | None
    x: Floats
    mass: Floats
    evoked: Floats
    standings: Standings
    score: Floats
    contiguous: bool

    @property
    def order(self) -> Ints:
        """Rows of the passages that anything speaks for, best first."""
        order = np.argsort(-self.score, kind="stable")
        return order[self.evoked[order] > 0]


def recall(
    store: Store,
    cue: str,
    *,
    now: int,
    k: int = 10,
    asked: Filter | None = None,
    without: frozenset[str] = frozenset(),
    embedder: Embedder | None = None,
) -> Recall:
    """What a cue brings to mind; see `Memory.recall`.

    `asked` selects what is seen. `without` names parts of `switches.PARTS` to leave out, to measure what they
    are worth.
    """
    if k < 1:
        raise InputError(f"k = {k}; pass how many passages to return, at least 1")
    with store.lookup(now, asked, vectors=embedder is not None) as lookup:
        found = recollect(store, lookup, cue, active=max(k, ENTITIES), without=without, embedder=embedder)
        if not len(found.passages):
            _refuse_early_now(store, now)
        return _told(lookup, found, k)


def _told(lookup: Lookup, found: Recollection, k: int) -> Recall:
    best = found.order[:k]
    told = reasons(found, best, PATHS)
    activated, weight = _activated(found, max(k, ENTITIES))
    told_of = {entity for reason in told for entity in reason.entities}
    names = lookup.names(sorted(told_of.union(activated)))
    return Recall(
        found.cue.text,
        from_millis(lookup.now),
        shown(lookup, found, best),
        tuple(
            ActivatedEntity(*names[entity], share) for entity, share in zip(activated, weight, strict=True)
        ),
        resolve(lookup, found, told, names),
        found.spread.unknown,
    )


def recollect(
    store: Store,
    lookup: Lookup,
    text: str,
    *,
    active: int = ENTITIES,
    without: frozenset[str] = frozenset(),
    embedder: Embedder | None = None,
) -> Recollection:
    """Go through the steps of a recall.

    Parameters
    ----------
    store, text, without, embedder
        As for `recall`.
    lookup : Lookup
        Of the store.
    active : int
        So many of the entities that most activation reached are surely found.

    Returns
    -------
    Recollection
        Everything that was found.

    Raises
    ------
    InputError
        If the cue is empty or too long, or passages have no vector of the embedder.
    """
    _refuse_unfit(text)
    cue = read_cue(lookup, text, without=without)
    passages = Candidates(lookup, cue.words)
    if cue.words:
        passages.add(lookup.best(cue.words, TOP))
    similar = None if embedder is None else read_resemblance(store, lookup, embedder, text)
    if similar is not None:
        passages.add(similar.nearest(TOP))
    hits = passages.id
    headings = [
        facet.heading
        for facet in cue.facets
        if facet.heading is not None and cue.named[facet.heading].headings <= COMMON
    ]
    if headings:
        passages.add(np.unique(lookup.headed(np.array(headings, dtype=np.int64)).passage))
    # 1 is where the word is covered best
    best = np.maximum(passages.saturation.max(axis=0, initial=0.0), 1e-9)
    mass = cue.idf * best
    if similar is not None:
        mass = np.append(mass, similar.mass)
    seeds = _seeds(cue, passages, _coverage(passages, best, similar), mass)
    silent = Seeds(seeds.id[:0], seeds.sent[:0]) if "spreading" in without else seeds
    activated = spread(lookup, cue, silent, Wanted(mass, _weights(mass), active), without=without)
    wanted = [activated.reached(REACHED)]
    contiguous = "contiguity" not in without
    if contiguous:
        wanted.append(lookup.around(hits, activation.REACH))
    wanted.extend(facet.members for facet in cue.facets if len(facet.members) <= 4 * TOP)
    passages.add(np.unique(np.concatenate(wanted)))
    x = _coverage(passages, best, similar)
    unsaid = activation.contiguity(x, passages.episode, passages.place) if contiguous else np.ones_like(x)
    evoked = activation.readout(x, activated.hazard(passages), unsaid, mass)
    for facet in cue.facets:
        evoked = evoked + facet.mass * facet.share(passages)
    standings = nobody()
    # where all strengths are equal, nothing stands above anything
    if without.isdisjoint({"standing", "strengths"}):
        standings = judge(lookup, cue, passages, x, mass, evoked=evoked)
    score = evoked.copy()
    score[standings.row] += standings.change
    return Recollection(
        cue, lookup.now, passages, seeds, activated, similar, x, mass, evoked, standings, score, contiguous
    )


def _refuse_unfit(text: str) -> None:
    if not text.strip():
        raise InputError("the cue is empty; pass a question, a name or some words")
    if len(text) > LONGEST_CUE:
        raise InputError(
            f"the cue has {len(text):,} characters, {LONGEST_CUE:,} at most are looked up; pass the question "
            "or the part of the text that matters"
        )


def _coverage(passages: Candidates, best: Floats, similar: Resemblance | None) -> Floats:
    """How well the candidates cover each word; 1 is where it is covered best. The meaning comes last."""
    x: Floats = np.minimum(passages.saturation / best, 1.0)
    return x if similar is None else np.column_stack([x, similar.share(passages.id)])


def _seeds(cue: Cue, passages: Candidates, x: Floats, mass: Floats) -> Seeds:
    """The best by words and headings. A date seeds nothing: what else happened that day is another matter."""
    score = x @ mass
    for facet in cue.facets:
        if facet.heading is not None:
            score = score + facet.mass * facet.share(passages)
    order = np.argsort(-score, kind="stable")[:SEEDS]
    order = order[score[order] > 0]
    return Seeds(passages.id[order], activation.seed_weights(score[order])[:, None] * x[order])


def shown(lookup: Lookup, found: Recollection, rows: Ints) -> tuple[RecalledPassage, ...]:
    """Passages as users see them."""
    passages = found.passages
    ids = passages.id[rows].tolist()
    texts, records = lookup.texts(ids), lookup.records(ids)
    return tuple(
        RecalledPassage(
            id=records[identity][0],
            source=records[identity][1],
            title=texts[identity].title,
            position=int(passages.position[row]),
            time=from_millis(int(passages.time[row])),
            score=float(found.score[row]),
            text=texts[identity].text,
            document=document_id(texts[identity].document),
        )
        for identity, row in zip(ids, rows.tolist(), strict=True)
    )


def _refuse_early_now(store: Store, now: int) -> None:
    """Say so where nothing is found because `now` lies before all that the store holds."""
    first = store.first_seen()
    if first is not None and now < first:
        raise TimeError(
            f"now = {from_millis(now):%Y-%m-%d %H:%M} is before the store's first event; "
            f"pass a now no earlier than {from_millis(first):%Y-%m-%d %H:%M}"
        )


def _weights(mass: Floats) -> Floats:
    """How much each word's activation counts in that of an entity; all of the cue's own names."""
    total = mass.sum()
    return np.append(mass / total if total > 0 else mass, 1.0)


def _activated(found: Recollection, most: int) -> tuple[list[int], list[float]]:
    """Ids of the entities that most activation reached, and how much, relative to the first."""
    weights = _weights(found.mass)
    activated = found.spread
    ids, worth = activated.associates.id, activated.z @ weights
    own = activated.y @ weights
    # both are in ascending order
    place = np.minimum(np.searchsorted(ids, activated.nodes.id), len(ids) - 1)
    place = np.where(ids[place] == activated.nodes.id, place, -1) if len(ids) else np.full(len(own), -1)
    worth[place[place >= 0]] += own[place >= 0]
    ids, worth = np.append(ids, activated.nodes.id[place < 0]), np.append(worth, own[place < 0])
    if len(ids) > most:
        # those that may be among the first, so that not all are sorted
        row = np.flatnonzero(worth >= kth_greatest(worth, most))
        ids, worth = ids[row], worth[row]
    order = np.lexsort((ids, -worth))[:most]
    order = order[worth[order] > 0]
    return ids[order].tolist(), (worth[order] / worth.max(initial=0.0)).tolist() if len(order) else []
