"""The meaning of a cue as one more word of it: what an embedder finds similar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.embedding import space_of, unit_vectors
from memini_kuzu.errors import InputError
from memini_kuzu.recall import activation
from memini_kuzu.store.vectors import check_space, count_unembedded, read_similarities, read_space
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.store import Store
    from memini_kuzu.store.lookup import Lookup

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Resemblance", "read_resemblance"]


class Resemblance:
    """How similar the passages of a store are to a cue.

    Parameters
    ----------
    embedder : str
        What compared them.
    id : int64 (n_passages,)
        All that the cue may see.
    similarity : float64 (n_passages,)
        Their cosines with the cue.

    Attributes
    ----------
    mass : float
        What the meaning is worth as a word of the cue: ln(1 + N / Σ share).

    Examples
    --------
    >>> found = Resemblance("letters/1", np.array([3, 8, 5]), np.array([0.1, 0.9, 0.5]))
    >>> found.nearest(2), found.share(np.array([5, 8, 4])).round(2)
    (array([8, 5]), array([0.11, 1.  , 0.  ]))
    """

    def __init__(self, embedder: str, id: Ints, similarity: Floats) -> None:  # noqa: A002
        order = np.argsort(id)
        self.embedder = embedder
        self._id = id[order]
        self._share = activation.resemblance(similarity[order])
        total = float(self._share.sum())
        self.mass = math.log1p(len(id) / total) if total > 0 else 0.0

    def nearest(self, most: int) -> Ints:
        """Ids of the passages that are most similar, best first: int64 (≤ most,)."""
        order = np.lexsort((self._id, -self._share))[:most]
        return self._id[order[self._share[order] > 0]]

    def share(self, passages: Ints) -> Floats:
        """How well these passages cover the meaning: float64 (n,), from 0 to 1."""
        if not len(self._id):
            return np.zeros(len(passages))
        place = np.minimum(np.searchsorted(self._id, passages), len(self._id) - 1)
        return np.where(self._id[place] == passages, self._share[place], 0.0)


def read_resemblance(store: Store, lookup: Lookup, embedder: Embedder, text: str) -> Resemblance:
    """Compare a cue with every passage.

    Parameters
    ----------
    store : Store
        Where.
    lookup : Lookup
        What is seen of it.
    embedder : Embedder
        The one that made the store's vectors.
    text : str
        The cue.

    Returns
    -------
    Resemblance
        Of all passages that are seen.

    Raises
    ------
    InputError
        If the store's vectors are of another embedder, or some passages have none.
    """
    space = space_of(embedder)
    there = read_space(store.read)
    check_space(space, there)
    if there is None:
        missing = passages = store.sums().passages
    else:
        missing, passages = count_unembedded(store.read)
    if missing > 0:
        raise InputError(
            f"{missing:,} of {passages:,} passages have no vector of {space}; open the store for writing and "
            "compute them: Memory.embed() or memini embed"
        )
    if not passages:
        return Resemblance(space.name, np.zeros(0, dtype=np.int64), np.zeros(0))
    [vector] = unit_vectors(embedder, [text])
    table = read_similarities(store, vector, from_millis(lookup.now))
    ids, similarity = table["id"].to_numpy(), table["similarity"].to_numpy().astype(np.float64)
    seen = lookup.seen(ids)
    return Resemblance(space.name, ids[seen], similarity[seen])
