"""Other parameters for a store, exactly: its associations are folded anew from the events of its documents.

The macros in a store's file hold its parameters, and the variables of its associations were made by them. So
other parameters mean another file, which takes the store's place when it is whole. What it holds is what a
store with these parameters from the start would hold: associations that an earlier maintenance pass had
forgotten are there again, for their events are in the ledgers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.associations import associate, common_pairs
from memini_kuzu.dynamics import propagate, time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.ledger import read_ledger
from memini_kuzu.tables import Edges, edges_from_arrow, edges_to_arrow
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from memini_kuzu.config import Parameters
    from memini_kuzu.dynamics import TimeConstants
    from memini_kuzu.store import Store

__all__ = ["RetuneReport", "retune"]

ROUNDING = 1e-6
"""Relative difference between an association and the sum over the ledgers that rounding may explain."""


@dataclass(frozen=True, slots=True)
class RetuneReport:
    """What a retuning did.

    Parameters
    ----------
    before, after : Parameters
        Of the store.
    time_constants : TimeConstants
        What the new ones amount to, in days.
    associations, events : int
        Folded anew, and from how many events.
    restored : int
        Associations that maintenance had forgotten under the old parameters.
    """

    before: Parameters
    after: Parameters
    time_constants: TimeConstants
    associations: int
    events: int
    restored: int


def retune(store: Store, parameters: Parameters) -> RetuneReport:
    """Give a store other parameters.

    Parameters
    ----------
    store : Store
        Open for writing, and nowhere else in this process.
    parameters : Parameters
        The new ones. Another impulse scales the amounts in the ledgers.

    Returns
    -------
    RetuneReport
        What was done.

    Raises
    ------
    InputError
        If the store holds associations whose events are in no document's ledger. Nothing is changed.
    StoreError
        If the store is open twice, or cannot be written.
    """
    before = store.parameters
    with store.exclusive():
        ledger = read_ledger(store)
        stored = edges_from_arrow(store.read_edges())
        old = associate(ledger.source, ledger.target, ledger.amount, ledger.time, before)
        foreign = _unaccounted(stored, old, before)
        if foreign:
            raise InputError(
                f"{foreign:,} of {len(stored):,} associations hold events that no document accounts for "
                "(loaded as "
                "events or edges, merged, or written by Cypher), so they cannot be computed anew; make a "
                "store "
                "with the new parameters (memini init) and load these events into it again"
            )
        amounts = parameters.impulse / before.impulse
        edges = associate(ledger.source, ledger.target, ledger.amount * amounts, ledger.time, parameters)
        store.rewrite(parameters, edges_to_arrow(edges), amounts)
    return RetuneReport(
        before=before,
        after=parameters,
        time_constants=time_constants(parameters),
        associations=len(edges),
        events=len(ledger),
        restored=len(edges) - len(stored),
    )


def _unaccounted(stored: Edges, folded: Edges, parameters: Parameters) -> int:
    """How many associations are more than the events of the ledgers make them."""
    here, there = common_pairs(stored, folded)
    mine, sums = stored.take(here), folded.take(there)
    later = np.maximum(mine.as_of, sums.as_of)
    fast, slow = propagate(mine.fast, mine.slow, (later - mine.as_of) / DAY, parameters)
    whole_fast, whole_slow = propagate(sums.fast, sums.slow, (later - sums.as_of) / DAY, parameters)
    # less is possible: maintenance had forgotten the association before its latest events
    slack = ROUNDING * np.maximum(whole_fast, whole_slow)
    more = (mine.events > sums.events) | (fast > whole_fast + slack) | (slow > whole_slow + slack)
    # as many events are the same events
    less = (mine.events == sums.events) & ((fast < whole_fast - slack) | (slow < whole_slow - slack))
    return int(len(stored) - len(here) + (more | less).sum())
