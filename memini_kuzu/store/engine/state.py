"""What a store's file says of its changes, and what stands in its journal."""

from __future__ import annotations

from dataclasses import dataclass

from memini_kuzu.errors import StoreError

__all__ = [
    "JournalState",
    "Mark",
    "OldStoreError",
    "changes",
]


class OldStoreError(StoreError):
    """The file is of an older memini, or not memini's."""


def changes(first: int, last: int) -> str:
    """How changes are called.

    Examples
    --------
    >>> changes(3, 3), changes(3, 5)
    ('change 3', 'changes 3 to 5')
    """
    return f"change {first}" if first == last else f"changes {first} to {last}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file says of itself.

    Parameters
    ----------
    sequence : int
        Number of the last change that is in it.
    journal : str
        Name of the journal in which others may follow; empty where all is in the file.
    """

    sequence: int
    journal: str


@dataclass(frozen=True, slots=True)
class JournalState:
    """What is in a store's file and what beside it.

    Parameters
    ----------
    changes : int
        How many are in the journal alone.
    sequence : int
        Number of the last one that was answered.
    damage : str
        What is wrong with the file; empty where nothing was found.
    summed : bool
        Whether the whole file was looked at.
    """

    changes: int
    sequence: int
    damage: str
    summed: bool
