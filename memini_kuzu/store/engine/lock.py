"""Locks between processes: one writer per file; an error names the process that holds the lock."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import filelock

from memini_kuzu.errors import StoreError, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ProcessLock", "UnlockableError", "opening"]

OPENING = 30.0
"""Seconds to wait for other processes that are opening the store: they may have much to recover."""


@contextlib.contextmanager
def opening(path: Path) -> Iterator[None]:
    """Only one process at a time opens a store, so that no other changes what it finds.

    Parameters
    ----------
    path : Path
        The store's file; the lock is ``<path>.opening.lock``.

    Raises
    ------
    StoreLockedError
        If another process takes longer than `OPENING`.
    """
    lock = filelock.FileLock(
        path.with_name(path.name + ".opening.lock"), is_singleton=False, thread_local=False
    )
    try:
        lock.acquire(timeout=OPENING)
    except filelock.Timeout:
        raise StoreLockedError(f"{path} is being opened by another process; try again", None) from None
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _unlockable(path: Path, error: OSError) -> UnlockableError:
    return UnlockableError(
        f"cannot lock {path}: {error.strerror or error}; make the folder writable, or open the store "
        "read-only"
    )


class UnlockableError(StoreError):
    """The folder cannot be written."""


class ProcessLock:
    """An exclusive lock on a store, held by one process, with the holder's pid beside it.

    The operating system releases the lock when the process ends, however it ends. So a stale pid file does no
    harm: it is read only while a process holds the lock.

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

    def acquire(self, *, wait: float, note: bool = True) -> None:
        """Acquire the lock.

        Parameters
        ----------
        wait : float
            Seconds to wait at most.
        note : bool
            Write the pid file.

        Raises
        ------
        StoreLockedError
            If another process keeps it.
        StoreError
            If the folder cannot be written.
        """
        try:
            self._lock.acquire(timeout=wait)
            if note:
                self._pid_file.write_text(f"{os.getpid()}\n")
        except filelock.Timeout:
            raise self.refusal() from None
        except OSError as error:
            self._lock.release()
            raise _unlockable(self._path, error) from error

    def release(self, *, note: bool = True) -> None:
        """Release the lock; `note` as in `acquire`."""
        if note:
            self._pid_file.unlink(missing_ok=True)
        self._lock.release()

    def holder(self) -> int | None:
        """The pid of the holder, from the pid file; None if there is none."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def refusal(self, *, held: bool = False) -> StoreLockedError:
        """The error for a process that cannot have the lock; it names the holder.

        Parameters
        ----------
        held : bool
            This process holds the lock, so the file is open in a reader, and readers write no pid file.
        """
        pid = None if held else self.holder()
        holder = f"process {pid}" if pid is not None else "another process, reading it,"
        return StoreLockedError(
            f"{self._path} is locked: {holder} has it open; close that, or wait for it with --wait SECONDS",
            pid,
        )
