"""Entities whose names are spelled similarly to words of a cue: one scan of the names for all words."""

from __future__ import annotations

from string import ascii_lowercase, digits
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from memini_kuzu.store import view as seeing
from memini_kuzu.store.catalog import tables
from memini_kuzu.store.reading import entities_by_id
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store
    from memini_kuzu.store.view import View

__all__ = ["entities_like"]

LETTERS = ascii_lowercase + digits
"""One bit each in a name's letter set: an edit changes at most two bits."""

READ_KEYS = """
MATCH (e:Entity) WHERE size(e.key) >= $low AND size(e.key) <= $high
RETURN e.id AS id, e.key AS key, e.mentions AS mentions, e.headings AS headings, e.first_seen AS first_seen
"""


def entities_like(store: Store, edits: Mapping[str, int], top: int, view: View | None = None) -> pa.Table:
    """Entities whose canonical keys are within a number of edits of these keys, the nearest of each.

    Parameters
    ----------
    store : Store
        An open store; only names of similar length are read.
    edits : mapping of str to int
        Keys, and the largest number of edits for each.
    top : int
        The largest number of entities for each key.
    view : View, optional
        Only entities that there are in it, as they are seen.

    Returns
    -------
    pyarrow.Table
        The columns of an entity, in the order of the keys, the nearest first, then the most mentioned; each
        entity once.
    """
    names = store.read(
        READ_KEYS,
        {
            "low": min((len(key) - most for key, most in edits.items()), default=1),
            "high": max((len(key) + most for key, most in edits.items()), default=0),
        },
    )
    if view is not None and names.num_rows:
        names = seeing.recount(store, seeing.there(names, view), view)
    found: list[int] = []
    if names.num_rows:
        keys = names["key"].combine_chunks()
        ids, mentions = column(names, "id"), column(names, "mentions")
        length = pc.utf8_length(keys).to_numpy()
        letters = _letters(keys)
        for (key, most), own in zip(edits.items(), _letters(pa.array(edits)).tolist(), strict=True):
            differing = np.bitwise_count(letters ^ np.uint64(own))
            near = np.flatnonzero((np.abs(length - len(key)) <= most) & (differing <= 2 * most))
            spelled = keys.take(pa.array(near)).to_pylist()
            if not spelled:
                continue
            distance = cdist([key], spelled, scorer=Levenshtein.distance, score_cutoff=most)[0]
            order = np.lexsort((ids[near], -mentions[near], distance))
            found += ids[near[order[distance[order] <= most][:top]]].tolist()
    if not found:
        return tables()["Entity"].columns.empty_table()
    entities = entities_by_id(store, sorted(set(found)), view)
    row = {identity: number for number, identity in enumerate(entities["id"].to_pylist())}
    return entities.take(pa.array([row[identity] for identity in dict.fromkeys(found)], pa.int64()))


def _letters(keys: pa.Array) -> NDArray[np.uint64]:
    """The letters that each key contains, one bit for each of `LETTERS`."""
    contained = np.zeros(len(keys), dtype=np.uint64)
    for bit, letter in enumerate(LETTERS):
        matches = pc.match_substring(keys, letter).to_numpy(zero_copy_only=False)
        contained |= matches.astype(np.uint64) << np.uint64(bit)
    return contained
