"""The passages that may be recalled, as columns, with how well each covers the words of the cue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.selection import Selection

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Candidates", "saturation"]

K1, B = 1.2, 0.75
"""BM25, as `reading.fulltext` has it."""

NO_HEADING = 0
"""Stands for a passage without a heading; the hash of a name is 0 once in 2⁶⁴."""


def saturation(terms: pa.Array, length: Ints, words: Sequence[str], average: float) -> Floats:
    """How much passages say of words, saturating: tf / (tf + k₁ (1 - b + b length / average)).

    Parameters
    ----------
    terms : pyarrow string array (n_passages,)
        Analysed texts.
    length : int64 (n_passages,)
        Their terms.
    words : sequence of str
        Analysed words, each once.
    average : float
        Terms of a passage on average.

    Returns
    -------
    float64 (n_passages, n_words)
        From 0 to below 1.

    Examples
    --------
    >>> saturation(pa.array(["ada met ada"]), np.array([3]), ["ada", "paris"], 3.0).round(3)
    array([[0.625, 0.   ]])
    """
    split = pc.split_pattern(terms, " ")
    word = pc.index_in(split.flatten(), value_set=pa.array(words, pa.string()))
    there = word.is_valid().to_numpy(zero_copy_only=False)
    passage = pc.list_parent_indices(split).to_numpy()[there]
    cell = passage * len(words) + word.drop_null().to_numpy()
    tf = np.bincount(cell, minlength=len(terms) * len(words)).reshape(len(terms), len(words))
    norm = K1 * (1 - B + B * length / average)
    return tf / (tf + norm[:, None])


class Candidates:
    """Passages in the order in which they were found, each once.

    Parameters
    ----------
    words : sequence of str
        The cue's, analysed.
    average : float
        Terms of a passage on average.
    until : int
        The time of the cue in milliseconds since 1970: later passages are not seen.
    selection : Selection, optional
        What else is not seen.
    """

    def __init__(
        self, words: Sequence[str], average: float, until: int, selection: Selection | None = None
    ) -> None:
        self._words, self._average, self._until, self._selection = words, average, until, selection
        self._row: dict[int, int] = {}
        self._sources: dict[str, int] = {}
        self.id = self.position = self.time = self.heading = self.source = np.zeros(0, dtype=np.int64)
        self.saturation = np.zeros((0, len(words)))
        self.record: list[str] = []
        self.terms: list[str] = []
        self.source_name: list[str] = []

    def __len__(self) -> int:
        return len(self.id)

    def __contains__(self, identity: int) -> bool:
        return identity in self._row

    def add(self, table: pa.Table) -> None:
        """Take in the passages of a table that are to be seen and not here yet.

        Parameters
        ----------
        table : pyarrow.Table
            Passages as `store.reading` gives them.
        """
        if table.num_rows and self._selection is not None:
            seen = self._selection.rows(table["id"].to_numpy()) >= 0
            table = table.filter(pa.array(seen))
        if not table.num_rows:
            return
        ids, times = table["id"].to_pylist(), column(table, "time")
        fresh = {
            identity: row
            for row, (identity, time) in enumerate(zip(ids, times.tolist(), strict=True))
            if identity not in self._row and time <= self._until
        }
        if not fresh:
            return
        self._row.update(zip(fresh, range(len(self), len(self) + len(fresh)), strict=True))
        table = table.take(list(fresh.values())).combine_chunks()
        names = table["source"].to_pylist()
        codes = [self._sources.setdefault(name, len(self._sources)) for name in names]
        length = table["words"].to_numpy()
        terms = table["terms"].combine_chunks()
        new = saturation(terms, length, self._words, self._average)
        self.id = np.append(self.id, table["id"].to_numpy())
        self.source = np.append(self.source, np.array(codes, dtype=np.int64))
        self.position = np.append(self.position, table["position"].to_numpy())
        self.time = np.append(self.time, column(table, "time"))
        self.heading = np.append(self.heading, table["heading"].fill_null(NO_HEADING).to_numpy())
        self.saturation = np.concatenate([self.saturation, new])
        self.record.extend(table["record"].to_pylist())
        self.terms.extend(terms.to_pylist())
        self.source_name.extend(names)

    def rows(self, ids: Ints) -> Ints:
        """Where these passages stand; -1 for those that are not here."""
        return np.array([self._row.get(identity, -1) for identity in ids.tolist()], dtype=np.int64)

    @property
    def place(self) -> Ints:
        """Where the passages stand in their sources, of which only those seen count."""
        return self.position if self._selection is None else self._selection.places(self.id)

    @property
    def episode(self) -> Ints:
        """Numbers of the sources; -1 for passages without one, which have nothing to do with each other."""
        return np.where(self.source == self._sources.get("", -1), -1, self.source)
