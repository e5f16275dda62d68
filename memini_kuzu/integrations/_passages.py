"""What frameworks are told beside a passage's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.recall import RecalledPassage

__all__ = ["TOLD", "described"]

TOLD = ("id", "source", "title", "time", "position", "document")
"""The names under which a passage's origin is told; a document's metadata have the others."""


def described(memory: AssociativeMemory, passages: Sequence[RecalledPassage]) -> list[dict[str, Any]]:
    """The origin of each passage, and its document's metadata.

    Parameters
    ----------
    memory : AssociativeMemory
        What recalled them.
    passages : sequence of RecalledPassage
        Any.

    Returns
    -------
    list of dict
        In their order.
    """
    if not passages:
        return []
    ids = {passage.document for passage in passages}
    documents = {each.id: each for each in memory.list(ids=sorted(ids), k=len(ids))}
    return [
        {
            **(documents[passage.document].metadata if passage.document in documents else {}),
            "id": passage.id,
            "source": passage.source,
            "title": passage.title,
            "time": passage.time.isoformat(),
            "position": passage.position,
            "document": passage.document,
        }
        for passage in passages
    ]
