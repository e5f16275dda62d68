"""Changes that are durable in the journal, and that a thread brings into the file meanwhile.

Who makes a small change need not wait for Kùzu: it is in the journal, and what is held in memory has it. A
thread brings such changes into the file, several at once where it can, and ends when none is left.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LARGEST", "MOST", "Told", "WriteBehind"]

LARGEST = 1 << 20
"""Bytes of a change up to which it waits: where disk or memory is short, Kùzu may refuse a larger one."""

MOST = 128
"""So many changes wait at most: who makes another one brings them in. The more go in together, the less each
takes: 9 ms of the processor for a sentence among 31 were measured, 5 among 127."""

LINGER = 0.2
"""Seconds after the last change from which the thread brings them in: the question that follows a sentence
has the processor to itself, and of several sentences in a row all go in together. Half of `MOST` go in at
once."""


class Told(NamedTuple):
    """A change that the journal has.

    Parameters
    ----------
    number : int
        Of the change.
    change : bytes
        In the form that `Replay` accepts.
    """

    number: int
    change: bytes


class WriteBehind:
    """The changes that wait, and the thread that brings them in.

    Parameters
    ----------
    commit : callable
        Writes changes into the file.
    work : callable
        What the thread does, time and again until no change waits; it calls `flush`, and raises nothing.

    Examples
    --------
    >>> behind = WriteBehind(lambda told: print([each.number for each in told]), lambda: None)
    >>> behind.add(Told(7, b"a change"))
    >>> behind.waits, behind.last
    (True, 7)
    >>> behind.flush()
    [7]
    """

    def __init__(self, commit: Callable[[list[Told]], None], work: Callable[[], None]) -> None:
        self._commit, self._work = commit, work
        self._told: list[Told] = []
        self._working = False
        self._last = 0.0
        self._changing, self._flushing = threading.Lock(), threading.RLock()

    @property
    def waits(self) -> bool:
        """Whether a change waits."""
        return bool(self._told)

    @property
    def full(self) -> bool:
        """Whether so many wait that no more should."""
        return len(self._told) >= MOST

    @property
    def last(self) -> int | None:
        """The number of the last change that waits."""
        told = self._told
        return told[-1].number if told else None

    def add(self, told: Told) -> None:
        """Let a change wait, and see to it that a thread brings it in."""
        with self._changing:
            self._told = [*self._told, told]
            self._last = time.monotonic()
            idle, self._working = not self._working, True
        if idle:
            try:
                # not a daemon: Python must not end while Kùzu writes
                threading.Thread(target=self._run, name="memini-write-behind").start()
            except BaseException as error:
                # the next change tries again
                self._working = False
                # no more threads, as where Python ends: who reads or closes the file brings it in
                if not isinstance(error, RuntimeError):
                    raise

    def _run(self) -> None:
        try:
            while self._goes_on():
                self._linger()
                self._work()
        except BaseException:
            self._working = False
            raise

    def _linger(self) -> None:
        while 0 < len(self._told) < MOST // 2:
            left = self._last + LINGER - time.monotonic()
            if left <= 0:
                return
            time.sleep(left)

    def _goes_on(self) -> bool:
        with self._changing:
            self._working = self.waits
            return self._working

    def flush(self) -> None:
        """Bring all that waits into the file; the thread must not hold the gate."""
        with self._flushing:
            while told := self._told:
                self._commit(told)
                with self._changing:
                    self._told = self._told[len(told) :]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Inside, no change is being brought in."""
        with self._flushing:
            yield

    def clear(self) -> None:
        """Forget what waits: the file is opened again, with all that the journal has."""
        with self._changing:
            self._told = []
