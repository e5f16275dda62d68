"""What frameworks are told of passages: a block for a prompt, and what stands beside a passage's text."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.recall.recollection import LONGEST_CUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.recall import RecalledPassage

__all__ = ["TOLD", "block_for", "described"]

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


def block_for(memory: AssociativeMemory, message: str, *, k: int, budget_tokens: int, **scope: Any) -> str:
    """What a message brings to mind, as a context block.

    Nobody chose the message as a cue, and neither it nor what is stored may end an agent's run: of one that
    is too long for a cue both ends are looked up, and where no passage fits there is a warning.

    Parameters
    ----------
    memory : AssociativeMemory
        What is asked.
    message : str
        What was said, not blank.
    k, budget_tokens : int
        How many passages, and how long the block is at most.
    **scope : Any
        What alone is seen, as for `Memory.recall`.

    Returns
    -------
    str
        Empty where nothing comes to mind, or nothing of it fits.
    """
    if len(message) > LONGEST_CUE:
        half = LONGEST_CUE // 2
        message = f"{message[: half - 1]}\n{message[-half:]}"
    found = memory.recall(message, k=k, **scope)
    try:
        return found.context(budget_tokens).text
    except InputError as error:
        warnings.warn(f"{error}; nothing is put before the message", stacklevel=2)
        return ""
