"""Python functions for Cypher: what Cypher cannot say by itself, names brought to their canonical form.

They live on the connection that memini opens (`Memory.cypher`, `memini cypher`), not in the file.
"""

from __future__ import annotations

from typing import Any

from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id


def memini_key(name: str) -> str:
    """Give the canonical key of a name, as Entity.key holds it."""
    return canonical(name)


def memini_id(name: str) -> int:
    """Give the id of the entity of that name, as Entity.id holds it."""
    return stable_id(canonical(name))


def register(connection: Any) -> None:
    """Make both callable from Cypher on this connection."""
    connection.create_function("memini_key", memini_key)
    connection.create_function("memini_id", memini_id)
