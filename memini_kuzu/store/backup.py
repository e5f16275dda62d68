"""A copy of a store's file and log while Kùzu rewrites the file: the way back if it does not get through.

A checkpoint of Kùzu 0.11.3 writes pages of its hash indexes in place. Killed halfway it leaves a file that
cannot be opened, because the log is replayed over keys that are there already; and a COPY that was committed,
but not yet checkpointed, is lost. So memini lets Kùzu checkpoint only while a copy of the state before stands
beside the store. Whoever opens the store and finds the copy puts it back:

=====================  ==================================================================
``<store>.before.new``  the file, while it is copied; means nothing
``<store>.before.wal``  its log; empty where there is none
``<store>.before``      the file, copied in full: from here on the copy counts
=====================  ==================================================================
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILES", "discard", "keep", "restore", "there"]

FILES = (".before.new", ".before", ".before.wal")
"""What may stand beside a store."""

CLONE = 0x40049409
"""FICLONE of Linux: a copy that shares its blocks, at no cost, where the file system can."""

BLOCK = 1 << 24


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _copy(source: int, target: Path) -> None:
    """Copy an open file, and see that it is on the disk."""
    with target.open("wb") as file:
        try:
            fcntl.ioctl(file.fileno(), CLONE, source)
        except OSError:
            offset = 0
            while block := os.pread(source, BLOCK, offset):
                file.write(block)
                offset += len(block)
        file.flush()
        os.fsync(file.fileno())


def keep(path: Path, source: int) -> None:
    """Make the copy.

    Parameters
    ----------
    path : Path
        The store.
    source : int
        A file descriptor on it. One that stays open: closing any descriptor of a file gives up the locks that
        the process has on it, and Kùzu's lock among them.
    """
    log, target = _beside(path, ".wal"), _beside(path, ".before.wal")
    if log.exists():
        with log.open("rb") as file:
            _copy(file.fileno(), target)
    else:
        target.write_bytes(b"")
    _copy(source, _beside(path, ".before.new"))
    _beside(path, ".before.new").replace(_beside(path, ".before"))


def discard(path: Path) -> None:
    """Forget the copy: the store is whole."""
    _beside(path, ".before").unlink(missing_ok=True)
    _beside(path, ".before.wal").unlink(missing_ok=True)


def there(path: Path) -> bool:
    """Whether a copy waits to be put back."""
    return _beside(path, ".before").exists()


def restore(path: Path) -> None:
    """Put the copy back where there is one; interrupted, it can be done again.

    Parameters
    ----------
    path : Path
        The store; nobody may have it open.
    """
    before, log = _beside(path, ".before"), _beside(path, ".before.wal")
    if not before.exists():
        return
    _beside(path, ".shadow").unlink(missing_ok=True)
    if log.stat().st_size:
        fresh = _beside(path, ".before.new")
        with log.open("rb") as file:
            _copy(file.fileno(), fresh)
        fresh.replace(_beside(path, ".wal"))
    else:
        _beside(path, ".wal").unlink(missing_ok=True)
    before.replace(path)
    log.unlink()
