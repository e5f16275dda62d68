"""Vectors of passages, in a table of their own that is created when an embedder is first used.

Kùzu compares a cue's vector with all of them: exact, up to date, and in the same transactions as everything
else. 50,000 vectors of 384 numbers take some 20 ms on two cores.

Kùzu's vector index is not used. After rows are deleted, that of 0.11.3 finds too few neighbours (2 of the 10
remaining after 990 of 1,000 rows were deleted), or none at all; only building it again repairs that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.embedding import Space
from memini_kuzu.errors import InputError
from memini_kuzu.store.catalog import EMBEDDING
from memini_kuzu.store.catalog import table as table_of
from memini_kuzu.tables import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.change import Change
    from memini_kuzu.store.store import Store

__all__ = [
    "check_space",
    "count_unembedded",
    "make_room",
    "read_passages",
    "read_similarities",
    "read_space",
    "read_texts",
    "read_unembedded",
    "read_vectors",
    "space_in",
    "vector_rows",
]

READ_SPACE = """
MATCH (m:MeminiMeta) WHERE m.key IN ['embedder', 'dimension'] RETURN m.key AS key, m.value AS value
"""

COUNTS = """
MATCH (p:Passage) RETURN 'passages' AS what, count(*) AS n
UNION ALL MATCH (e:Embedding) RETURN 'vectors' AS what, count(*) AS n
"""


def read_space(run: Callable[..., pa.Table]) -> Space | None:
    """The space of the store's vectors; None if it never had any.

    Parameters
    ----------
    run : callable
        Executes a query.
    """
    return space_in({row["key"]: row["value"] for row in run(READ_SPACE).to_pylist()})


def space_in(meta: Mapping[str, str]) -> Space | None:
    """The space that a store's MeminiMeta names.

    Examples
    --------
    >>> space_in({"embedder": "letters/1", "dimension": "26"})
    Space(name='letters/1', dimension=26)
    """
    return Space(meta["embedder"], int(meta["dimension"])) if "embedder" in meta else None


def check_space(space: Space, stored: Space | None) -> None:
    """Refuse to compare vectors of two spaces.

    Parameters
    ----------
    space : Space
        Of the embedder in use.
    stored : Space or None
        Of the store's vectors.

    Raises
    ------
    InputError
        If they differ.

    Examples
    --------
    >>> check_space(Space("a", 2), Space("a", 2))
    """
    if stored is not None and stored != space:
        raise InputError(
            f"the store's vectors are of the embedder {stored}, not {space}; open it with that one, or "
            "replace them: Memory.embed() or memini embed"
        )


def make_room(change: Change, meta: Mapping[str, str], space: Space) -> None:
    """Create the table of vectors again, empty.

    Parameters
    ----------
    change : Change
        The step is added to it.
    meta : mapping of str to str
        The store's MeminiMeta.
    space : Space
        Of the new vectors.
    """
    change.vectors = space.dimension
    change.set_meta({"embedder": space.name, "dimension": str(space.dimension)}, meta)


def vector_rows(ids: Sequence[int], times: NDArray[np.int64], vectors: NDArray[np.float32]) -> pa.Table:
    """Vectors as rows of the table.

    Parameters
    ----------
    ids : sequence of int (n,)
        Of the passages.
    times : int64 (n,)
        Of the passages, milliseconds since 1970.
    vectors : float32 (n, dimension)
        Of length 1.

    Examples
    --------
    >>> vector_rows([1], np.array([0]), np.ones((1, 2), dtype=np.float32)).num_rows
    1
    """
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "time": timestamps(times),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )


def read_vectors(run: Callable[..., pa.Table], space: Space) -> pa.Table:
    """All vectors in the order of the passages' ids; every column."""
    table = run("MATCH (e:Embedding) RETURN e.id AS id, e.time AS time, e.vector AS vector")
    columns = table_of(EMBEDDING, space.dimension).columns
    table = table.cast(columns) if table.num_rows else columns.empty_table()
    return table.sort_by("id")


def read_similarities(store: Store, vector: NDArray[np.float32], until: datetime) -> pa.Table:
    """How similar every passage is to a cue.

    Parameters
    ----------
    store : Store
        With vectors of the cue's space.
    vector : float32 (dimension,)
        Of the cue, of length 1.
    until : datetime
        Later passages are ignored.

    Returns
    -------
    pyarrow.Table
        The passages' ids, and similarity: the cosine, float32.
    """
    dimension = len(vector)
    return store.read(
        f"""
        MATCH (e:Embedding) WHERE e.time <= $until
        RETURN e.id AS id, array_inner_product(e.vector, CAST($vector, 'FLOAT[{dimension}]')) AS similarity
        """,
        {"until": until, "vector": vector.tolist()},
    )


def count_unembedded(run: Callable[..., pa.Table]) -> tuple[int, int]:
    """The number of passages without a vector, and of all passages, in a store that has vectors."""
    # one query, so that both counts are of one state; Kùzu returns no row for an empty table
    counts = {row["what"]: row["n"] for row in run(COUNTS).to_pylist()}
    passages = int(counts.get("passages", 0))
    return passages - int(counts.get("vectors", 0)), passages


def read_passages(run: Callable[..., pa.Table]) -> NDArray[np.int64]:
    """Ids of all passages, ascending."""
    table = run("MATCH (p:Passage) RETURN p.id AS id")
    return np.sort(table["id"].to_numpy()) if table.num_rows else np.array([], dtype=np.int64)


def read_unembedded(run: Callable[..., pa.Table]) -> NDArray[np.int64]:
    """Ids of the passages that have no vector, ascending."""
    passages = read_passages(run)
    vectors = run("MATCH (e:Embedding) RETURN e.id AS id")["id"].to_numpy()
    missing: NDArray[np.int64] = np.setdiff1d(passages, vectors)
    return missing


def read_texts(run: Callable[..., pa.Table], passages: Sequence[int]) -> pa.Table:
    """The texts of these passages to embed: id, time, title, text."""
    return run(
        """
        LOAD FROM batch MATCH (p:Passage {id: id})
        RETURN p.id AS id, p.time AS time, p.title AS title, p.text AS text
        """,
        batch=pa.table({"id": pa.array(passages, pa.int64())}),
    )
