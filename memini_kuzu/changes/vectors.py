"""Vectors for passages that have none: of a store that gets its first embedder, or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.embedding import passage_text, space_of, unit_vectors
from memini_kuzu.store.catalog import EMBEDDING
from memini_kuzu.store.vectors import (
    check_space,
    make_room,
    read_passages,
    read_space,
    read_texts,
    read_unembedded,
    vector_rows,
)
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.store import Store

__all__ = ["BATCH", "embed_passages"]

BATCH = 256
"""Passages a transaction: other threads wait as long as an embedder takes for so many."""


def embed_passages(
    store: Store, embedder: Embedder, *, progress: Callable[[int], None] = lambda _passages: None
) -> int:
    """Give every passage a vector of this embedder, a batch a change; see `Memory.embed`."""
    space = space_of(embedder)
    written = 0
    first = True
    while True:
        with store.changing() as change:
            there = read_space(store.read)
            if there != space:
                # another thread may have begun to write vectors of another embedder after the first batch
                check_space(space, None if first else there)
                make_room(change, store.stored_meta(), space)
                missing = read_passages(store.read)[:BATCH]
            else:
                missing = read_unembedded(store.read)[:BATCH]
            first = False
            if len(missing):
                # read and written in one step: a vector is always of the text that is there
                table = read_texts(store.read, missing.tolist())
                texts = map(passage_text, table["title"].to_pylist(), table["text"].to_pylist())
                vectors = unit_vectors(embedder, list(texts))
                change.create(EMBEDDING, vector_rows(table["id"].to_pylist(), column(table, "time"), vectors))
        if not len(missing):
            return written
        written += len(missing)
        progress(written)
