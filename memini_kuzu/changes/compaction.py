"""A store's file written anew, without what it holds no longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memini_kuzu.store import Store

__all__ = ["CompactReport", "compact"]


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did.

    Parameters
    ----------
    before, after : int
        Bytes of the file.
    """

    before: int
    after: int


def compact(store: Store) -> CompactReport:
    """Write a store's file anew; see `Memory.compact`."""
    with store.exclusive():
        before = store.path.stat().st_size
        store.rewrite(store.parameters)
        return CompactReport(before, store.path.stat().st_size)
