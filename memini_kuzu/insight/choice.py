"""What an entity is probably associated with next, by Luce's choice rule over the strengths of now.

The next association of a source is one of its known targets with a probability in proportion to w_f::

    P(j | i) = w_ij / Σ_k w_ik

It is the rule by whose likelihood `Memory.fit` chooses the time constants, and by which
`scripts/evaluate_forecast.py` measures them. A target that the source has never met has no share: the
probabilities are those among the known ones.

References
----------
R. D. Luce, "Individual choice behavior" (1959).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.notebook import Shown
from memini_kuzu.store import strongest
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from memini_kuzu.store import Store

__all__ = ["Expected", "Forecast", "forecast"]

ALL = 2**31 - 1
"""More associations than one entity has."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A target of the next association, and the evidence for it.

    Parameters
    ----------
    target : str
        Name of the entity.
    share : float
        Its probability among the known targets, from 0 to 1.
    strength : float
        w_f of the association, which is its weight.
    events : int
        How many events it has had.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    target: str
    share: float
    strength: float
    events: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Forecast(Shown):
    """What an entity is probably associated with next.

    Parameters
    ----------
    entity : str
        Its name.
    now : datetime
        As of when (UTC).
    expected : tuple of Expected
        The most probable first.
    known : int
        How many targets it has met, those that are not listed among them. One that it has not met may come
        too; how probably, the strengths do not say.
    """

    entity: str
    now: datetime
    expected: tuple[Expected, ...]
    known: int


def forecast(store: Store, entity: int, name: str, *, now: int, k: int) -> Forecast:
    """Read what leads from an entity and share its next association out; see `Memory.forecast`."""
    moment = from_millis(now)
    table = strongest.strongest_associations(store, entity, now, ALL, "strength")
    if not table.num_rows:
        return Forecast(name, moment, (), 0)
    strength = column(table, "strength")
    total = float(np.sum(strength))
    # after centuries a strength is 0 in floating point, and nothing tells one target from another
    share = strength / total if total > 0 else np.full(len(strength), 1 / len(strength))
    best = table[:k]
    first, last = (column(best, name) for name in ("first_seen", "last_seen"))
    expected = tuple(
        Expected(
            row["target"],
            float(share[number]),
            row["strength"],
            row["events"],
            from_millis(int(first[number])),
            from_millis(int(last[number])),
        )
        for number, row in enumerate(best.to_pylist())
    )
    return Forecast(name, moment, expected, table.num_rows)
