"""Vectors of passages in a table of their own, which is made when an embedder is first used.

A cue's vector is compared with every one, by the engine itself: exact, current, and inside the same
transactions as all else. 50,000 vectors of 384 numbers take some 20 ms on two cores.

Kùzu's vector index is not used. Once rows are deleted, 0.11.3 answers with fewer neighbours than there are
(of 1,000 rows 990 deleted: 2 of the 10 left), or with none at all; nothing but building it anew mends that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.embedding import Space
from memini_kuzu.errors import InputError
from memini_kuzu.store.writing import SET_META
from memini_kuzu.tables import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.engine import Transaction
    from memini_kuzu.store.store import Store

__all__ = [
    "VECTORS",
    "check_space",
    "claim_space",
    "count_unembedded",
    "create_rows",
    "delete_vectors",
    "read_similarities",
    "read_space",
    "read_texts",
    "read_unembedded",
    "read_vectors",
    "replace_space",
    "row_schema",
    "space_in",
    "write_vectors",
]

VECTORS = "Embedding"
"""The table of vectors."""

READ_SPACE = """
MATCH (m:MeminiMeta) WHERE m.key IN ['embedder', 'dimension'] RETURN m.key AS key, m.value AS value
"""

CREATE_VECTORS = "LOAD FROM batch CREATE (:Embedding {id: id, time: time, vector: vector})"

DELETE_VECTORS = "LOAD FROM batch MATCH (e:Embedding {id: id}) DELETE e"

COUNTS = """
MATCH (p:Passage) RETURN 'passages' AS what, count(*) AS n
UNION ALL MATCH (e:Embedding) RETURN 'vectors' AS what, count(*) AS n
"""


def read_space(run: Callable[..., pa.Table]) -> Space | None:
    """The space of the store's vectors; None where it never had any.

    Parameters
    ----------
    run : callable
        Executes a query: `Store.read`, or `Transaction.run` to see what the open transaction sees.
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


def check_space(space: Space, there: Space | None) -> None:
    """Refuse to compare vectors of two spaces.

    Parameters
    ----------
    space : Space
        Of the embedder at hand.
    there : Space or None
        Of the store's vectors.

    Raises
    ------
    InputError
        If they differ.

    Examples
    --------
    >>> check_space(Space("a", 2), Space("a", 2))
    """
    if there is not None and there != space:
        raise InputError(
            f"the store's vectors are of the embedder {there}, not {space}; open it with that one, or "
            "replace them: Memory.embed() or memini embed"
        )


def claim_space(transaction: Transaction, space: Space) -> None:
    """Make the table of vectors where there is none.

    Parameters
    ----------
    transaction : Transaction
        The open one.
    space : Space
        What is to be written.

    Raises
    ------
    InputError
        If the store has vectors of another space.
    """
    there = read_space(transaction.run)
    check_space(space, there)
    if there is None:
        _create(transaction, space)


def replace_space(transaction: Transaction, space: Space) -> None:
    """Delete all vectors where they are of another space, and make room for those of this one."""
    there = read_space(transaction.run)
    if there == space:
        return
    if there is not None:
        transaction.run("DROP TABLE Embedding")
    _create(transaction, space)


def _create(transaction: Transaction, space: Space) -> None:
    dimension = int(space.dimension)
    transaction.run(
        f"CREATE NODE TABLE Embedding(id INT64 PRIMARY KEY, time TIMESTAMP, vector FLOAT[{dimension}])"
    )
    for key, value in (("embedder", space.name), ("dimension", str(dimension))):
        transaction.run(SET_META, {"key": key, "value": value})


def row_schema(space: Space) -> pa.Schema:
    """The columns of the table: the passage's id and time, and its vector."""
    return pa.schema(
        {"id": pa.int64(), "time": pa.timestamp("us"), "vector": pa.list_(pa.float32(), space.dimension)}
    )


def write_vectors(
    transaction: Transaction, ids: Sequence[int], times: NDArray[np.int64], vectors: NDArray[np.float32]
) -> None:
    """Write the vectors of passages that have none.

    Parameters
    ----------
    transaction : Transaction
        The open one, after `claim_space`.
    ids : sequence of int (n,)
        The passages'.
    times : int64 (n,)
        Theirs, milliseconds since 1970.
    vectors : float32 (n, dimension)
        Of length 1.
    """
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    batch = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "time": timestamps(times),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )
    create_rows(transaction, batch)


def create_rows(transaction: Transaction, rows: pa.Table) -> None:
    """Write rows of `row_schema`."""
    if rows.num_rows:
        transaction.run(CREATE_VECTORS, batch=rows)


def delete_vectors(transaction: Transaction, passages: Sequence[int]) -> None:
    """Delete the vectors of these passages, where there are any."""
    if passages and read_space(transaction.run) is not None:
        transaction.run(DELETE_VECTORS, batch=pa.table({"id": pa.array(passages, pa.int64())}))


def read_vectors(run: Callable[..., pa.Table], space: Space) -> pa.Table:
    """All vectors in the order of the passages' ids; `row_schema`."""
    table = run("MATCH (e:Embedding) RETURN e.id AS id, e.time AS time, e.vector AS vector")
    table = table.cast(row_schema(space)) if table.num_rows else row_schema(space).empty_table()
    return table.sort_by("id")


def read_similarities(store: Store, vector: NDArray[np.float32], until: datetime) -> pa.Table:
    """How similar every passage is to a cue.

    Parameters
    ----------
    store : Store
        With vectors of the cue's space.
    vector : float32 (dimension,)
        The cue's, of length 1.
    until : datetime
        Later passages are not seen.

    Returns
    -------
    pyarrow.Table
        The passages' ids, and similarity: their cosine, float32.
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
    """How many passages have no vector, and how many there are, in a store that has vectors."""
    # one query, so that both are of one moment; a table without rows gives none
    counts = {row["what"]: row["n"] for row in run(COUNTS).to_pylist()}
    passages = int(counts.get("passages", 0))
    return passages - int(counts.get("vectors", 0)), passages


def read_unembedded(run: Callable[..., pa.Table]) -> NDArray[np.int64]:
    """Ids of the passages that have no vector, ascending."""
    passages = run("MATCH (p:Passage) RETURN p.id AS id")["id"].to_numpy()
    vectors = run("MATCH (e:Embedding) RETURN e.id AS id")["id"].to_numpy()
    missing: NDArray[np.int64] = np.setdiff1d(passages, vectors)
    return missing


def read_texts(run: Callable[..., pa.Table], passages: Sequence[int]) -> pa.Table:
    """What an embedder reads of these passages: id, time, title, text."""
    return run(
        """
        LOAD FROM batch MATCH (p:Passage {id: id})
        RETURN p.id AS id, p.time AS time, p.title AS title, p.text AS text
        """,
        batch=pa.table({"id": pa.array(passages, pa.int64())}),
    )
