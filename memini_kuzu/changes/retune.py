"""Other parameters for a store, exactly: its associations are folded anew from the events in its ledgers.

The macros in a store's file hold its parameters, and the variables of its associations were made by them. So
other parameters mean another file, which takes the store's place when it is whole. What it holds is what a
store with these parameters from the start would hold: associations that an earlier maintenance pass had
forgotten are there again, for their events are in the ledgers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memini_kuzu.dynamics import time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.store.associations import unledgered
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import edges_from_arrow, edges_to_arrow

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
    """Give a store other parameters; see `Memory.retune`. Another impulse scales the ledgers' amounts."""
    before = store.parameters
    with store.exclusive():
        ledger = read_ledger(store.read)
        stored = edges_from_arrow(store.read_edges())
        foreign = int(unledgered(store, stored, ledger.fold(before), ROUNDING).sum())
        if foreign:
            raise InputError(
                f"{foreign:,} of {len(stored):,} associations hold, or may hold, events that no ledger "
                "holds (loaded and not kept, folded elsewhere, or written by Cypher), so they cannot be "
                "computed anew; make a store with the new parameters (memini init) and load these events "
                "into it again"
            )
        amounts = parameters.impulse / before.impulse
        edges = ledger.scaled(amounts).fold(parameters)
        store.rewrite(parameters, edges_to_arrow(edges), amounts)
    return RetuneReport(
        before=before,
        after=parameters,
        time_constants=time_constants(parameters),
        associations=len(edges),
        events=len(ledger),
        restored=len(edges) - len(stored),
    )
