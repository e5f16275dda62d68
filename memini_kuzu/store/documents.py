"""One document by its id, and documents page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.errors import InputError
from memini_kuzu.identity import number_of, passage_id
from memini_kuzu.store.filters import Filter
from memini_kuzu.store.known import read_documents
from memini_kuzu.store.metadata import holding
from memini_kuzu.store.reading import texts_of
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.store.store import Store

__all__ = ["document_texts", "listed", "resolved"]

OF_RECORD = "MATCH (d:Document) WHERE d.record = $record RETURN d.id AS id, d.source AS source"

DOCUMENTS = "MATCH (d:Document) WHERE "

ONLY = "d.id IN $ids AND "
"""Before the rest: it is what the primary key answers."""

WITHIN = """
(d.source IN $names OR ($prefixed AND any(prefix IN $prefixes WHERE starts_with(d.source, prefix))))
    AND d.time >= $since AND d.time < $until
"""

HELD = ", d.metadata AS metadata"

SHOWN = "RETURN d.id AS id, d.time AS time"
"""Of each; metadata are read where they are asked for, for they may be long."""

SAYING = """
MATCH (p:Passage) WHERE contains(lower(p.text), lower($text)) OR contains(lower(p.title), lower($text))
RETURN DISTINCT p.document AS id
"""

SEVERAL = 5
"""Documents that an error names."""


def resolved(store: Store, identity: str) -> int:
    """The document that an id means: the id itself, or the id of its record where one document has it.

    Parameters
    ----------
    store : Store
        Where.
    identity : str
        Its id, as reports and recall give it; or its record's.

    Returns
    -------
    int
        The number under which the store has it.

    Raises
    ------
    InputError
        If no document has this id, or several have a record of it.
    """
    if not isinstance(identity, str):
        raise InputError(
            f"id = {identity!r}; pass the id of a document as text, as remember and recall give it"
        )
    number = number_of(identity)
    if number is not None and read_documents(store.read, [number]).num_rows:
        return number
    found = store.read(OF_RECORD, {"record": identity})
    if not found.num_rows:
        raise InputError(f"id = {identity!r}: no document has it; `memini list` shows those that there are")
    if found.num_rows > 1:
        sources = ", ".join(map(repr, sorted(found["source"].to_pylist())[:SEVERAL]))
        raise InputError(
            f"id = {identity!r}: documents of {found.num_rows} sources have it ({sources}); "
            "pass the id that remember, recall and list give for the document"
        )
    return int(found["id"][0].as_py())


def listed(
    store: Store,
    asked: Filter | None,
    *,
    text: str | None,
    among: Sequence[int] | None,
    top: int,
    after: int | None,
) -> list[int]:
    """Documents, the newest first.

    Parameters
    ----------
    store : Store
        Where.
    asked : Filter, optional
        Selects them by source, the date of their newest version, and metadata.
    text : str, optional
        Only those whose text or title holds this, in any case.
    among : sequence of int, optional
        Only these.
    top : int
        How many at most.
    after : int, optional
        The last one of the page before.
    """
    asked = asked or Filter()
    span = {"since": from_millis(asked.since), "until": from_millis(asked.until)}
    only = "" if among is None else ONLY
    held = HELD if asked.where else ""
    named = {} if among is None else {"ids": list(among)}
    table = store.read(f"{DOCUMENTS}{only}{WITHIN}{SHOWN}{held}", {**asked.names, **span, **named})
    if table.num_rows and asked.where:
        table = table.filter(pa.array(holding(table["metadata"], dict(asked.where))))
    if table.num_rows and text is not None:
        said = store.read(SAYING, {"text": text})
        there = column(said, "id") if said.num_rows else np.zeros(0, dtype=np.int64)
        table = table.filter(pa.array(np.isin(column(table, "id"), there)))
    if not table.num_rows:
        return []
    ids, times = column(table, "id").astype(np.int64), column(table, "time")
    order = np.lexsort((ids, -times))
    if after is not None:
        last = int(column(read_documents(store.read, [after]), "time")[0])
        order = order[(times[order] < last) | ((times[order] == last) & (ids[order] > after))]
    found: list[int] = ids[order[:top]].tolist()
    return found


def document_texts(store: Store, sources: Sequence[str], positions: Sequence[Sequence[int]]) -> list[str]:
    """The texts of documents, by their sources and the positions of their passages in them."""
    places = [
        [passage_id(source, position) for position in where]
        for source, where in zip(sources, positions, strict=True)
    ]
    texts = texts_of(store, [place for each in places for place in each])
    return ["\n\n".join(texts[place].text for place in each) for each in places]
