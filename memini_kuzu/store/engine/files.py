"""The files beside a store, and the work files that replace it when they are complete."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memini_kuzu.errors import DamagedStoreError
from memini_kuzu.store.engine import standby
from memini_kuzu.store.engine.journal import read
from memini_kuzu.store.engine.standby import beside

if TYPE_CHECKING:
    from pathlib import Path


__all__ = [
    "EXPORTED",
    "clear_work",
    "forget_sum",
    "stamp",
    "unclean",
    "work_beside",
]


WORK, EXPORTED = ".new", ".export"
"""Suffixes of work files beside a store; their names begin with a dot."""


SIDE_FILES = (".wal", ".shadow", ".journal", ".journal.new", ".lock", ".opening.lock", ".pid", *standby.FILES)
"""Suffixes of files that may be beside a database file; the first two are Kùzu's, the others memini's."""


def stamp() -> str:
    """The current time, as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def work_beside(path: Path, ending: str = WORK) -> Path:
    """The path of a work file, which replaces the store when it is complete.

    Examples
    --------
    >>> from pathlib import Path
    >>> work_beside(Path("notes.memini")).name
    '.notes.memini.new'
    """
    return path.with_name(f".{path.name}{ending}")


def clear_work(path: Path) -> None:
    """Remove the work files of an interrupted step; the caller must hold the store's lock."""
    work = work_beside(path)
    for suffix in ("", *SIDE_FILES):
        work.with_name(work.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(work_beside(path, EXPORTED), ignore_errors=True)


def unclean(path: Path) -> bool:
    """Whether a reader would see a wrong state before recovery: Kùzu replays its log for readers too."""
    if beside(path, ".wal").exists():
        return True
    try:
        written = read(beside(path, ".journal"))
    except DamagedStoreError:
        return True  # recovery sets the journal aside if the file is complete, and refuses to open it if not
    return written is not None and (written.head.follow or written.rewriting is not None)


def forget_sum(path: Path) -> None:
    """Before the store's file is replaced, remove a journal without changes: it has the old file's checksum.

    Parameters
    ----------
    path : Path
        The store, closed and locked.
    """
    journal = beside(path, ".journal")
    written = read(journal)
    if written is not None and not written.head.follow:
        journal.unlink()
