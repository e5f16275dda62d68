"""What is known of a document beside its text: names and values, which the store keeps as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["VERSION", "holding", "metadata_from_json", "metadata_to_json"]

VERSION = 7
"""The first schema version with metadata."""


def metadata_to_json(metadata: Mapping[str, str]) -> str:
    """Metadata as the store keeps it: equal metadata is equal text, and none is the empty string.

    Examples
    --------
    >>> metadata_to_json({"project": "orion", "client": "Ada"}), metadata_to_json({})
    ('{"client":"Ada","project":"orion"}', '')
    """
    if not metadata:
        return ""
    return json.dumps(dict(metadata), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def metadata_from_json(text: str) -> dict[str, str]:
    """The metadata that `metadata_to_json` wrote.

    Examples
    --------
    >>> metadata_from_json('{"project":"orion"}'), metadata_from_json("")
    ({'project': 'orion'}, {})
    """
    return dict(json.loads(text)) if text else {}


def holding(stored: pa.ChunkedArray, where: Mapping[str, str]) -> NDArray[np.bool_]:
    """Which documents have all these names with these values: bool (n,).

    Parameters
    ----------
    stored : pyarrow.ChunkedArray (n,)
        Metadata as the store keeps it.
    where : mapping of str to str
        Names and values.

    Examples
    --------
    >>> import pyarrow as pa
    >>> holding(pa.chunked_array([["", '{"project":"orion"}']]), {"project": "orion"}).tolist()
    [False, True]
    """
    # few of many documents differ in it: each is read once
    encoded = pc.dictionary_encode(stored.combine_chunks())
    held = [
        all(metadata.get(name) == value for name, value in where.items())
        for metadata in map(metadata_from_json, encoded.dictionary.to_pylist())
    ]
    found: NDArray[np.bool_] = np.array(held, dtype=np.bool_)[encoded.indices.to_numpy(zero_copy_only=False)]
    return found
