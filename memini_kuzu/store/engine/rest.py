"""A file that nobody uses rests: Kùzu is closed, and opened again by who needs it.

An open database takes some 80 MB for the hash indexes of its node tables, keeps every page that it has read,
and takes a third of a megabyte for each relationship that was updated since the last checkpoint. What is held
in memory of the file's state stays, so that what needs no file still has its answer at once; the first who
needs it waits for it to be opened, a tenth of a second.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from memini_kuzu.errors import StoreError
from memini_kuzu.store.engine.database import close_database
from memini_kuzu.store.engine.standby import beside

if TYPE_CHECKING:
    from memini_kuzu.store.engine.open_file import OpenFile

__all__ = ["IDLE", "LOOK", "Rest", "watch"]

IDLE = 60.0
"""Seconds after its last use from which a file rests."""

LOOK = 5.0
"""Seconds between two looks at all files."""


class Rest:
    """Whether a file rests.

    It changes while no thread reads or writes. A thread that wants to read ends it first, and looks again
    when it reads.

    Parameters
    ----------
    file : OpenFile
        Which.
    """

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._used = time.monotonic()
        self.resting = False

    @property
    def due(self) -> bool:
        """Whether nobody has used the file for a while, and nothing is to be done in it."""
        file = self._file
        idle = time.monotonic() - self._used >= IDLE
        # a long read is not disturbed: others would wait for it, too
        return idle and file.gate.quiet and not (file.behind.waits or file.database.is_closed)

    def begin(self) -> None:
        """Close Kùzu, unless the file is used meanwhile. The lock of the process on it stays."""
        file = self._file
        with file.writing:
            # a file that was removed while it was open cannot be opened again
            if self.resting or not self.due or not file.path.exists():
                return
            with file.gate.committing():
                if file.long_to_apply():
                    # a failure loses nothing: the changes are in the journal
                    with suppress(StoreError):
                        file.checkpoint()
                close_database(file.database)
                beside(file.path, ".wal").unlink(missing_ok=True)
                # that of Kùzu is gone; who took the file in between is found when it is opened again
                with suppress(OSError):
                    fcntl.lockf(file.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                self.resting = True

    @property
    def _shut(self) -> bool:
        """Whether the file rests, or somebody uses it and it could not be opened again after a failure."""
        return self.resting or (self._file.database.is_closed and self._file.engines > 0)

    def end(self) -> None:
        """Note that the file is used; open it where it is shut, with all that the journal has.

        Raises
        ------
        StoreError
            If it cannot be opened again.
        """
        self._used = time.monotonic()
        if not self._shut:
            return
        file = self._file
        with file.writing:
            if not self._shut:
                return
            derived, told = file.derived, file.told
            file.reopen()
            if file.sequence == told and not file.found.foreign:
                file.derived = derived


_files: WeakSet[Rest] = WeakSet()
# those of the parent are the parent's to close
os.register_at_fork(after_in_child=_files.clear)
_watching = threading.Lock()
_watchers: list[threading.Thread] = []


def watch(rest: Rest) -> None:
    """Let a file rest when it is due: one that no other process has open, as readers may."""
    with _watching:
        _files.add(rest)
        if not any(watcher.is_alive() for watcher in _watchers):
            # a daemon: it only looks
            watcher = threading.Thread(target=_look, name="memini-rest", daemon=True)
            _watchers[:] = [watcher]
            watcher.start()


def _look() -> None:
    while True:
        time.sleep(LOOK)
        with _watching:
            due = [rest for rest in _files if not rest.resting and rest.due]
        for rest in due:
            # no daemon: Python must not end while Kùzu writes
            threading.Thread(target=rest.begin, name="memini-rest-begin").start()
