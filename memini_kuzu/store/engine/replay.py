"""How changes of a journal become steps on the file: what the layer above tells the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from memini_kuzu.store.engine.database import Transaction

__all__ = ["Replay", "Step"]


class Step(NamedTuple):
    """What is done in a transaction of its own.

    Parameters
    ----------
    changes : int
        How many changes it stands for.
    statements : callable
        What they do.
    """

    changes: int
    statements: Callable[[Transaction], object]


Replay = Callable[[Sequence[bytes]], Sequence[Step]]
"""Gives the steps by which changes of the journal are applied, one after the other."""
