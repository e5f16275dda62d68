"""The columns that the read model keeps of each table, and how stored rows become them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.store.likeness import letters
from memini_kuzu.store.lookup import NO_HEADING
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store.model.words import Codes

    Ints = NDArray[np.int64]

__all__ = [
    "ASSOCIATES",
    "COUNTERS",
    "DOCUMENT",
    "ENTITY",
    "MENTIONS",
    "PASSAGE",
    "PLACES",
    "associations_of",
    "entities_of",
    "headings_of",
    "passages_of",
]

PLACES = 36
"""Bits for the position of a passage in its source; the bits above are the number of the source."""

PASSAGE = {
    "id": np.int64,
    "source": np.int32,
    "position": np.int64,
    "place": np.int64,
    "time": np.int64,
    "document": np.int64,
    "heading": np.int64,
    "language": np.int16,
    "length": np.int32,
    "begin": np.int64,
    "words": np.int32,
    "record": str,
    "title": str,
    "text": str,
}
"""`place` is the number of the source and the position in one; the different words of a passage stand from
`begin` on, so many as `words` says."""

ENTITY = {
    "id": np.int64,
    "number": np.int32,
    "mentions": np.int64,
    "headings": np.int64,
    "first_seen": np.int64,
    "last_seen": np.int64,
    "label": np.int32,
    "size": np.int32,
    "letters": np.uint64,
    "key": str,
    "name": str,
    "votes": str,
}
"""`number` is given to the id once and for all (`Numbers`); `size` and `letters` are of the key: how many
characters, and which (`likeness`)."""

MENTIONS = {"passage": np.int64, "entity": np.int64}

ASSOCIATES = {
    "pair": np.int64,
    "fast": np.float64,
    "slow": np.float64,
    "as_of": np.int64,
    "events": np.int64,
    "first_seen": np.int64,
    "last_seen": np.int64,
}
"""`pair` is the number of the source, shifted by `SHORT`, and that of the target."""

DOCUMENT = {"id": np.int64}

COUNTERS = {"source": np.int64, "passages": np.int64}
"""How many positions each source has assigned, by its number."""


def headings_of(values: pa.ChunkedArray) -> Ints:
    """The entities that head passages, as numbers."""
    return np.asarray(values.fill_null(NO_HEADING).to_numpy(), dtype=np.int64)


def passages_of(table: pa.Table, sources: Codes, languages: Codes) -> dict[str, Any]:
    """Rows of Passage as columns of the model; their words are left to be counted."""
    source, language = (
        _coded(table[name], codes) for name, codes in (("source", sources), ("language", languages))
    )
    position = column(table, "position").astype(np.int64)
    return {
        "id": column(table, "id").astype(np.int64),
        "source": source,
        "position": position,
        "place": (source.astype(np.int64) << PLACES) + position,
        "time": column(table, "time").astype(np.int64),
        "document": column(table, "document").astype(np.int64),
        "heading": headings_of(table["heading"]),
        "language": language,
        "length": column(table, "words").astype(np.int32),
        **{name: table[name].combine_chunks() for name in ("record", "title", "text")},
    }


def _coded(values: pa.ChunkedArray, codes: Codes) -> NDArray[np.int32]:
    """The numbers of names, of which there are few."""
    names = values.combine_chunks().dictionary_encode()
    given = codes.give(names.dictionary.to_pylist())
    coded: NDArray[np.int32] = given[names.indices.to_numpy(zero_copy_only=False)]
    return coded


def entities_of(table: pa.Table, labels: Codes) -> dict[str, Any]:
    """Rows of Entity as columns of the model, those that the table has."""
    has = set(table.column_names)
    values: dict[str, Any] = {
        name: column(table, name).astype(np.int64, copy=False)
        for name in ("id", "mentions", "headings", "first_seen", "last_seen")
        if name in has
    }
    if "label" in has:
        values["label"] = labels.give(table["label"].to_pylist())
    values |= {name: table[name].combine_chunks() for name in ("name", "votes") if name in has}
    if "key" in has:
        keys = values["key"] = table["key"].combine_chunks()
        values["size"] = pc.utf8_length(keys).to_numpy(zero_copy_only=False).astype(np.int32)
        values["letters"] = letters(keys)
    return values


def associations_of(table: pa.Table) -> dict[str, Any]:
    """Rows of ASSOCIATES as columns of the model, those that the table has, without the pairs."""
    return {
        name: column(table, name).astype(kind, copy=False)
        for name, kind in ASSOCIATES.items()
        if name in table.column_names
    }
