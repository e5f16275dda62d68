"""What a cue brings to mind first, at one moment after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.recall.recollection import recollect
from memini_kuzu.store import reading
from memini_kuzu.tables import column
from memini_kuzu.text.analysis import cue_terms, own_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.store import Store

    Ints = NDArray[np.int64]

__all__ = ["foremost", "names_none_of"]


def names_none_of(store: Store, cue: str, names: pa.ChunkedArray) -> pa.Array:
    """Which of these names say something that the cue does not: booleans."""
    languages = store.sums().languages
    own = own_language(cue, languages)
    said = set(cue_terms(cue, languages, own))
    says = [bool(set(cue_terms(name, languages, own)) - said) for name in names.to_pylist()]
    return pa.array(says, pa.bool_())


def foremost(
    store: Store, cue: str, moments: Ints, entities: Sequence[int], *, embedder: Embedder | None = None
) -> Ints:
    """Which entity the first passage mentions that a cue brings to mind, as of each moment.

    Parameters
    ----------
    store : Store
        An open store.
    cue : str
        What is asked.
    moments : int64 (n,)
        When, in milliseconds since 1970.
    entities : sequence of int
        Ids of the entities that may answer it.
    embedder : Embedder, optional
        Of the memory.

    Returns
    -------
    int64 (n,)
        The position of the first of `entities` that the passage mentions; -1 where it mentions none, or
        nothing came to mind.
    """
    first = np.full(len(moments), -1)
    for number, moment in enumerate(moments.tolist()):
        with store.lookup(moment, vectors=embedder is not None) as lookup:
            found = recollect(store, lookup, cue, embedder=embedder)
        if len(found.order):
            first[number] = found.passages.id[found.order[0]]
    recalled = np.unique(first[first != -1])
    mentioned = reading.mentions_of(store, recalled.tolist())
    passage, entity = (column(mentioned, name).astype(np.int64) for name in ("passage", "id"))
    answer: Ints = np.full(len(moments), -1)
    # the first of them is written last
    for place in reversed(range(len(entities))):
        answer[np.isin(first, passage[entity == entities[place]])] = place
    return answer
