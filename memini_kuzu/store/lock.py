"""One writer a file, across processes; whoever is turned away is told by whom."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import filelock

from memini_kuzu.errors import StoreError, StoreLockedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ProcessLock"]


class ProcessLock:
    """An exclusive lock on a store, held by one process, with the holder's pid beside it.

    The operating system drops the lock when the process ends, however it ends, so a stale pid file does no
    harm: it is read only while somebody does hold the lock.

    Parameters
    ----------
    path : Path
        The store's file; the lock is ``<path>.lock``, the pid ``<path>.pid``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> lock = ProcessLock(Path(tempfile.mkdtemp()) / "notes.memini")
    >>> lock.acquire(wait=0.0)
    >>> lock.holder() == os.getpid()
    True
    >>> lock.release()
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pid_file = path.with_name(path.name + ".pid")
        # not thread_local: the thread that closes a store need not be the one that opened it
        self._lock = filelock.FileLock(
            path.with_name(path.name + ".lock"), is_singleton=False, thread_local=False
        )

    def acquire(self, *, wait: float) -> None:
        """Take the lock, waiting for so many seconds at most.

        Raises
        ------
        StoreLockedError
            If another process keeps it.
        StoreError
            If the folder cannot be written.
        """
        try:
            self._lock.acquire(timeout=wait)
            self._pid_file.write_text(f"{os.getpid()}\n")
        except filelock.Timeout:
            raise self.refusal() from None
        except OSError as error:
            self._lock.release()
            raise StoreError(
                f"cannot lock {self._path}: {error.strerror or error}; make the folder writable, or open the "
                "store read-only"
            ) from error

    def release(self) -> None:
        """Give the lock back."""
        with contextlib.suppress(FileNotFoundError):
            self._pid_file.unlink()
        self._lock.release()

    def holder(self) -> int | None:
        """The pid that the holder left, if there is one."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def refusal(self, *, held: bool = False) -> StoreLockedError:
        """The error for whoever is turned away; it names the holder.

        Parameters
        ----------
        held : bool
            This process has the lock: it is a reader that stands in the way, and those leave no pid.
        """
        pid = None if held else self.holder()
        holder = f"process {pid}" if pid is not None else "another process, reading it,"
        return StoreLockedError(
            f"{self._path} is locked: {holder} has it open; close that, or wait for it with --wait SECONDS",
            pid,
        )
