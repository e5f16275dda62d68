"""When the changes of a journal are checkpointed into the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memini_kuzu.store.engine.journal import Journal

__all__ = ["due", "long_to_apply", "pays"]

JOURNAL = 8 << 20
"""Bytes of the journal from which it is checkpointed."""

JOURNAL_SHARE = 16
"""A journal may grow to one part in this many of a large file, because a checkpoint copies the file."""

JOURNAL_CHANGES = 250
"""Changes in the journal from which it is checkpointed: applying one takes some hundredths of a second."""

SMALL = 256 << 20
"""Bytes up to which copying the file costs almost nothing, so that closing it always checkpoints."""

CHANGE = 0.05
"""Seconds to apply one change of the journal when the store is opened."""

REWRITE = 2.5e-9
"""Seconds that a checkpoint takes per byte of the file, including the standby copy."""


def due(journal: Journal, size: int) -> bool:
    """Whether a journal should be checkpointed into a file of so many bytes, while the store is used."""
    return journal.changes >= JOURNAL_CHANGES or journal.size > max(JOURNAL, size // JOURNAL_SHARE)


def pays(journal: Journal, size: int) -> bool:
    """Whether a checkpoint at the end takes less time than applying the journal at the next beginning."""
    return size < SMALL or long_to_apply(journal, size)


def long_to_apply(journal: Journal, size: int) -> bool:
    """Whether applying a journal takes longer than a checkpoint of a file of so many bytes."""
    return journal.changes * CHANGE > size * REWRITE
