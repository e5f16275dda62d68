"""The standby copy of a store's file: it is restored if Kùzu is interrupted while it rewrites the file.

A checkpoint of Kùzu 0.11.3 writes pages of its hash indexes in place; killed halfway, it leaves a file that
cannot be opened. So memini lets Kùzu checkpoint only while a copy of the file exists. The journal records the
copy with its checksum: a copy without a record is ignored, and one with another checksum is not used.

=======================  ======================
``<store>.standby.new``  the file, while it is copied
``<store>.standby``      the copy
=======================  ======================
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from memini_kuzu.errors import StoreError
from memini_kuzu.store.engine.checksum import Checksum, blocks, sum_file
from memini_kuzu.store.engine.journal import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FILES", "appearing", "beside", "copy", "discard", "keep", "restore"]

FILES = (".standby.new", ".standby")
"""Suffixes of the copy beside a store."""

CLONE = 0x40049409
"""FICLONE of Linux: a copy that shares its blocks, at no cost, where the file system can."""


def beside(path: Path, suffix: str) -> Path:
    """The path of a file beside a store, by its suffix."""
    return path.with_name(path.name + suffix)


def copy(source: int, target: Path) -> None:
    """Copy an open file, and flush the copy to disk.

    Parameters
    ----------
    source : int
        Descriptor of the file.
    target : Path
        The copy; an existing file is overwritten.
    """
    with target.open("wb") as file:
        try:
            fcntl.ioctl(file.fileno(), CLONE, source)
        except OSError:
            size = os.fstat(source).st_size
            done = _copied_by_system(source, file.fileno(), size)
            file.seek(done)
            for block in blocks(source, done, size):
                file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _copied_by_system(source: int, target: int, size: int) -> int:
    """How many bytes of one open file the system has copied into another: as many as it can.

    It takes a third of the time that writing them takes. What stops it early stops writing too, if it is an
    error of the disk and not a file system that cannot.
    """
    done = 0
    if sys.platform == "linux":
        with suppress(OSError):
            while done < size and (copied := os.copy_file_range(source, target, size - done, done, done)):
                done += copied
    return done


def keep(path: Path, source: int) -> None:
    """Make the copy.

    Parameters
    ----------
    path : Path
        The store.
    source : int
        Descriptor of the file, which must stay open: closing any descriptor of a file releases all locks of
        the process on it, also Kùzu's.
    """
    fresh = beside(path, ".standby.new")
    try:
        copy(source, fresh)
    except OSError:
        fresh.unlink(missing_ok=True)  # free the space on a full disk
        raise
    fresh.replace(beside(path, ".standby"))
    # the journal tells of it next: after a power failure it must be there under this name
    sync_folder(path.parent)


def discard(path: Path) -> None:
    """Delete the copy, once the store's file is complete."""
    for suffix in FILES:
        beside(path, suffix).unlink(missing_ok=True)


def restore(path: Path, expected: Checksum) -> bool:
    """Restore the copy; can be repeated after an interruption.

    Parameters
    ----------
    path : Path
        The store, which must not be open anywhere.
    expected : Checksum
        Of the copy, from the journal.

    Returns
    -------
    bool
        Whether the store's file now has the expected checksum; if not, nothing was changed.
    """
    standby = beside(path, ".standby")
    if not standby.exists():
        # restored already, by a process that was interrupted before it could record that
        restored = path.exists() and sum_file(path) == expected
        sync_folder(path.parent)
        return restored
    if sum_file(standby) != expected:
        return False
    beside(path, ".shadow").unlink(missing_ok=True)
    standby.replace(path)
    # the journal forgets it next
    sync_folder(path.parent)
    return True


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A file to be written inside, which appears as `target` when it is complete, and replaces nothing.

    Parameters
    ----------
    target : Path
        It must not exist.

    Yields
    ------
    Path
        The file to write.

    Raises
    ------
    StoreError
        If the target exists by then, or a file cannot be written.
    """
    work = target.with_name(f".{target.name}.new")
    try:
        yield work
        try:
            os.link(work, target)
        except FileExistsError:
            raise StoreError(f"{target} exists; a backup writes over nothing: name another path") from None
        except OSError:
            # no hard links here, as on many USB sticks; the target was looked for before
            work.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        # it is not there either where its name is too long
        with suppress(OSError):
            work.unlink()
