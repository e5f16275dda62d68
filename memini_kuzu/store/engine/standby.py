"""A copy of a store's file while Kùzu rewrites the file: the way back if it does not get through.

A checkpoint of Kùzu 0.11.3 writes pages of its hash indexes in place. Killed halfway it leaves a file that
cannot be opened. So memini lets Kùzu checkpoint only while a copy of the file stands beside the store. The
journal says that it stands there, and what it is: a copy that the journal does not speak of means nothing,
and one that is not what the journal says is not used.

=======================  ======================
``<store>.standby.new``  the file, while it is copied
``<store>.standby``      the copy
=======================  ======================
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from memini_kuzu.store.engine.checksum import Checksum, sum_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILES", "beside", "copy", "discard", "keep", "restore"]

FILES = (".standby.new", ".standby")
"""What may stand beside a store."""

CLONE = 0x40049409
"""FICLONE of Linux: a copy that shares its blocks, at no cost, where the file system can."""

BLOCK = 1 << 24


def beside(path: Path, suffix: str) -> Path:
    """What stands beside a store, by how its name ends."""
    return path.with_name(path.name + suffix)


def copy(source: int, target: Path) -> None:
    """Copy an open file, and see that it is on the disk.

    Parameters
    ----------
    source : int
        A file descriptor on it.
    target : Path
        The copy; written over where it exists.
    """
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
        A file descriptor on it that stays open: closing any descriptor of a file gives up the locks that the
        process has on it, and Kùzu's lock among them.
    """
    fresh = beside(path, ".standby.new")
    try:
        copy(source, fresh)
    except OSError:
        fresh.unlink(missing_ok=True)  # a full disk needs the room
        raise
    fresh.replace(beside(path, ".standby"))


def discard(path: Path) -> None:
    """Forget the copy: the store is whole."""
    for suffix in FILES:
        beside(path, suffix).unlink(missing_ok=True)


def restore(path: Path, expected: Checksum) -> bool:
    """Put the copy back; interrupted, it can be done again.

    Parameters
    ----------
    path : Path
        The store; nobody may have it open.
    expected : Checksum
        Of the copy, as the journal has it.

    Returns
    -------
    bool
        Whether the store is again what the journal expects; otherwise nothing was changed.
    """
    standby = beside(path, ".standby")
    if not standby.exists():
        # the copy was put back already, by whoever was interrupted before it could say so
        return path.exists() and sum_file(path) == expected
    if sum_file(standby) != expected:
        return False
    beside(path, ".shadow").unlink(missing_ok=True)
    standby.replace(path)
    return True
