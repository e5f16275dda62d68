"""A readers-writer lock: readers share it, a commit is exclusive.

Kùzu checkpoints inside some commits and gives up after five seconds if a reader is still active, with an
error although the data is committed already. So no reader runs during a commit.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Gate"]


class Gate:
    """A readers-writer lock for the threads of one process; a waiting commit precedes new readers.

    It is reentrant: a reading thread may read again inside, a committing thread may commit again inside. A
    reading thread must not commit inside.

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
        """The number of commits so far: if it has changed, what was read inside `reading` before is stale."""
        return self._commits

    @property
    def quiet(self) -> bool:
        """Whether no thread reads or commits."""
        return not (self._readers or self._committing)

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
        """Commit while no thread reads."""
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
                # also when the wait is interrupted: readers would otherwise wait for ever
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
