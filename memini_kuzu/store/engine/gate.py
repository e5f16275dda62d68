"""Readers share, a commit excludes.

Kùzu checkpoints inside some commits and gives up after five seconds if a reader is still at work, with an
error that says nothing of the data being committed already. So readers are kept out while a commit runs.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Gate"]


class Gate:
    """A readers-writer gate for the threads of one process; a waiting commit goes before new readers.

    A thread that reads may read again inside, and one that commits may commit again inside; but one that
    reads may not commit inside.

    Examples
    --------
    >>> gate = Gate()
    >>> with gate.reading(), gate.reading():
    ...     pass
    >>> with gate.committing():
    ...     pass
    >>> gate.commits
    1
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._commits_waiting = 0
        self._committing = False
        self._commits = 0
        self._depth = threading.local()
        self._committer: int | None = None

    @property
    def commits(self) -> int:
        """How many there were: what was read inside `reading` is stale when this has changed since."""
        return self._commits

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read while no commit runs."""
        depth = getattr(self._depth, "value", 0)
        if depth == 0:
            with self._condition:
                self._condition.wait_for(lambda: not (self._committing or self._commits_waiting))
                self._readers += 1
        self._depth.value = depth + 1
        try:
            yield
        finally:
            self._depth.value = depth
            if depth == 0:
                with self._condition:
                    self._readers -= 1
                    self._condition.notify_all()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Commit while nobody reads."""
        if self._committer == threading.get_ident():
            yield
            return
        with self._condition:
            self._commits_waiting += 1
            try:
                self._condition.wait_for(lambda: not (self._committing or self._readers))
                self._committing = True
                self._committer = threading.get_ident()
            finally:
                # also when the wait is interrupted: readers would be kept out for ever
                self._commits_waiting -= 1
                self._condition.notify_all()
        try:
            yield
        finally:
            with self._condition:
                self._committing = False
                self._committer = None
                self._commits += 1
                self._condition.notify_all()
