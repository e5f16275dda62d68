"""The passages that may be recalled, as columns, with how well each covers the words of the cue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.store.lookup import K1, B

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.lookup import Lookup

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Candidates", "saturation"]


def saturation(tf: Ints, length: Ints, average: float) -> Floats:
    """How much passages say of words, saturating: tf / (tf + k₁ (1 - b + b length / average)).

    Parameters
    ----------
    tf : int64 (n_passages, n_words)
        How often each passage has each word.
    length : int64 (n_passages,)
        Their terms.
    average : float
        Terms of a passage on average.

    Returns
    -------
    float64 (n_passages, n_words)
        From 0 to below 1.

    Examples
    --------
    >>> saturation(np.array([[2, 0]]), np.array([3]), 3.0).round(3)
    array([[0.625, 0.   ]])
    """
    norm = K1 * (1 - B + B * length / average)
    share: Floats = tf / (tf + norm[:, None])
    return share


class Candidates:
    """Passages in the order in which they were found, each once.

    Parameters
    ----------
    lookup : Lookup
        Where they are looked up.
    words : sequence of str
        The cue's, analysed.
    """

    def __init__(self, lookup: Lookup, words: Sequence[str]) -> None:
        self._lookup, self._words = lookup, words
        self.id = self.episode = self.position = self.place = self.time = self.heading = NONE
        self._by_id = NONE
        self.saturation = np.zeros((0, len(words)))

    def __len__(self) -> int:
        return len(self.id)

    def add(self, ids: Ints) -> None:
        """Take in those of these passages, each once, that are to be seen and not here yet.

        Parameters
        ----------
        ids : int64 (n,)
            Unknown ids are left out.
        """
        ids = ids[self.rows(ids) < 0]
        if not len(ids):
            return
        new = self._lookup.passages(ids, self._words)
        for name in ("id", "episode", "position", "place", "time", "heading"):
            setattr(self, name, np.append(getattr(self, name), getattr(new, name)))
        self._by_id = np.argsort(self.id)
        covers = saturation(new.tf, new.length, self._lookup.sums.average)
        self.saturation = np.concatenate([self.saturation, covers])

    def rows(self, ids: Ints) -> Ints:
        """Where these passages stand; -1 for those that are not here."""
        if not len(self.id):
            return np.full(len(ids), -1)
        order = self._by_id
        place = order[np.minimum(np.searchsorted(self.id[order], ids), len(order) - 1)]
        return np.where(self.id[place] == ids, place, -1)


NONE = np.zeros(0, dtype=np.int64)
