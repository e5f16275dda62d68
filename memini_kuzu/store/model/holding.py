"""When the read model is held: once asking and writing the file has cost as much as reading all of it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memini_kuzu.store.engine import memory
from memini_kuzu.store.model import steps
from memini_kuzu.store.model.loading import FIXED, estimate, read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memini_kuzu.store.change import Change
    from memini_kuzu.store.engine import Engine
    from memini_kuzu.store.model.loading import Cost
    from memini_kuzu.store.model.state import Model
    from memini_kuzu.store.sums import Sums

__all__ = ["SHARE", "Held"]

SHARE = 8
"""The model is not held if it would take more than one part in this many of the store's memory."""


class Held:
    """The read model of a store, and what was spent on the file since there was one.

    Parameters
    ----------
    share : float
        The part of the machine's memory that the store may reckon with.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._spent = 0.0
        self._cost: Cost | None = None
        self._reading, self._counting = threading.Lock(), threading.Lock()

    def model(self, engine: Engine, sums: Callable[[], Sums]) -> Model | None:
        """The read model of the current state; None where asking the file is cheaper.

        All is read once recalls and small changes have taken as long without it as reading all would. So at
        most twice the time is spent that the best choice in hindsight would have taken (the rent-or-buy
        rule).
        Changes keep the model up to date; what other programs write drops it. It is not held where it would
        take too much memory (`SHARE`).

        Parameters
        ----------
        engine : Engine
            Of the store.
        sums : callable
            Gives those of all passages.
        """
        model: Model | None = engine.derived
        if model is not None or self._spent <= FIXED:
            return model
        # the lock inside the snapshot, as everywhere: who waits for a commit must not hold it
        with engine.snapshot():
            # do not wait while another thread reads all: the file answers meanwhile
            if not self._reading.acquire(blocking=False):
                return None
            try:
                if self._cost is None:
                    self._cost = estimate(engine.read, sums())
                if self._spent <= self._cost.seconds or not self._fits(self._cost.bytes):
                    return None
                return self._read(engine)
            finally:
                self._reading.release()

    def _fits(self, size: float) -> bool:
        """Whether a model of so many bytes may be held."""
        return size * SHARE <= memory() * self._share

    def after(self, model: Model, change: Change) -> Model | None:
        """The model after a change; None where it cannot follow, or has grown too large to be held."""
        if change.large:
            # what would not fit is not built
            gone = model.associations.nbytes if change.replaces else 0
            if not self._fits(model.nbytes + change.nbytes - gone):
                return None
        following = steps.after(model, change)
        return following if following is not None and self._fits(following.nbytes) else None

    def hold(self, engine: Engine) -> Model:
        """The read model of the current state, whatever it takes."""
        with engine.snapshot(), self._reading:
            model: Model | None = engine.derived
            return self._read(engine) if model is None else model

    def _read(self, engine: Engine) -> Model:
        model = read_model(engine.read)
        engine.hold(model)
        self._spent, self._cost = 0.0, None
        return model

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Add the time spent inside to what was spent on asking the file."""
        began = time.perf_counter()
        yield
        self.spend(time.perf_counter() - began)

    def spend(self, seconds: float) -> None:
        """Add to the time that was spent on the file, where memory would have served."""
        with self._counting:
            self._spent += seconds
