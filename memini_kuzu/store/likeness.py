"""Entities whose names are spelled similarly to words of a cue: one scan of the names for all words."""

from __future__ import annotations

from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.store import view as seeing
from memini_kuzu.store.catalog import tables
from memini_kuzu.store.reading import entities_by_id
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store
    from memini_kuzu.store.view import View

    Ints = NDArray[np.int64]

__all__ = ["entities_like", "letters", "nearest"]

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
        found = nearest(
            edits,
            top,
            lambda rows: keys.take(pa.array(rows)).to_pylist(),
            column(names, "id"),
            column(names, "mentions"),
            pc.utf8_length(keys).to_numpy(),
            letters(keys),
        )
    if not found:
        return tables()["Entity"].columns.empty_table()
    entities = entities_by_id(store, sorted(set(found)), view)
    row = {identity: number for number, identity in enumerate(entities["id"].to_pylist())}
    # those that people have dropped are not shown
    shown = [row[identity] for identity in dict.fromkeys(found) if identity in row]
    return entities.take(pa.array(shown, pa.int64()))


def nearest(  # noqa: PLR0917 - the columns of entities
    edits: Mapping[str, int],
    top: int,
    spelled: Callable[[Ints], list[str]],
    ids: Ints,
    mentions: Ints,
    size: NDArray[Any],
    letter: NDArray[np.uint64],
) -> list[int]:
    """The entities nearest to each of these keys: the nearest first, then the most mentioned.

    Parameters
    ----------
    edits, top
        As of `entities_like`.
    spelled : callable
        Gives the keys of rows.
    ids, mentions, size : int64 (n,)
        Of the entities: ids, by how many passages they are mentioned, and the characters of their keys.
    letter : uint64 (n,)
        The `letters` of their keys.

    Returns
    -------
    list of int
        Ids; an entity that is near to several keys comes several times.
    """
    # a recall whose words are all known does not wait for it
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415
    from rapidfuzz.process import cdist  # noqa: PLC0415

    found: list[int] = []
    for (key, most), own in zip(edits.items(), letters(pa.array(edits, pa.string())).tolist(), strict=True):
        near = np.flatnonzero(np.abs(size.astype(np.int64) - len(key)) <= most)
        near = near[np.bitwise_count(letter[near] ^ np.uint64(own)) <= 2 * most]
        if not len(near):
            continue
        distance = cdist([key], spelled(near), scorer=Levenshtein.distance, score_cutoff=most)[0]
        order = np.lexsort((ids[near], -mentions[near], distance))
        found += ids[near[order[distance[order] <= most][:top]]].tolist()
    return found


def letters(keys: pa.Array) -> NDArray[np.uint64]:
    """The letters that each key contains, one bit for each of `LETTERS`.

    Examples
    --------
    >>> [bin(bits) for bits in letters(pa.array(["cab", "", "é9"]))]
    ['0b111', '0b0', '0b100000000000000000000000000000000000']
    """
    texts = keys.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    contained = np.zeros(len(texts), dtype=np.uint64)
    told = np.flatnonzero(bounds[1:] > bounds[:-1])
    if len(told):
        bits = BITS[np.frombuffer(data, dtype=np.uint8)[: bounds[-1]]]
        # an empty key has no bytes of its own, so the others follow on each other
        contained[told] = np.bitwise_or.reduceat(bits, bounds[told])
    return contained


BITS = np.zeros(256, dtype=np.uint64)
"""The bit of each byte; the bytes of other characters in UTF-8 are none of these letters."""
BITS[list((ascii_lowercase + digits).encode())] = np.uint64(1) << np.arange(len(LETTERS), dtype=np.uint64)
