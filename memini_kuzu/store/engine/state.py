"""Which changes a store's file holds, and which its journal holds."""

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
    """A range of change numbers in words.

    Examples
    --------
    >>> changes(3, 3), changes(3, 5)
    ('change 3', 'changes 3 to 5')
    """
    return f"change {first}" if first == last else f"changes {first} to {last}"


@dataclass(frozen=True, slots=True)
class Mark:
    """The row of MeminiJournal in the file.

    Parameters
    ----------
    sequence : int
        Number of the last change in the file.
    journal : str
        Name of the journal that may hold later changes; empty if the file holds all.
    """

    sequence: int
    journal: str


@dataclass(frozen=True, slots=True)
class JournalState:
    """The state of a store's file and journal.

    Parameters
    ----------
    changes : int
        Number of changes that are in the journal alone.
    sequence : int
        Number of the last acknowledged change.
    damage : str
        Damage found in the file; empty if none.
    summed : bool
        Whether the checksum covers the whole file.
    """

    changes: int
    sequence: int
    damage: str
    summed: bool
