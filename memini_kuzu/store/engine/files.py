"""The files beside a store, and what is made beside it and takes its place when it is whole."""

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
"""Endings of what is made beside a store and takes its place when it is whole, with a dot before its name."""


SIDE_FILES = (".wal", ".shadow", ".journal", ".journal.new", ".lock", ".opening.lock", ".pid", *standby.FILES)
"""What may stand beside a database file; all but the first two are ours."""


def stamp() -> str:
    """A moment, as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def work_beside(path: Path, ending: str = WORK) -> Path:
    """Where something is made that takes the store's place when it is whole.

    Examples
    --------
    >>> from pathlib import Path
    >>> work_beside(Path("notes.memini")).name
    '.notes.memini.new'
    """
    return path.with_name(f".{path.name}{ending}")


def clear_work(path: Path) -> None:
    """Remove what was made beside a store and did not take its place; who does so has the store's lock."""
    work = work_beside(path)
    for suffix in ("", *SIDE_FILES):
        work.with_name(work.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(work_beside(path, EXPORTED), ignore_errors=True)


def unclean(path: Path) -> bool:
    """Whether a reader would see less than was told, or more: Kùzu replays its log for readers too."""
    if beside(path, ".wal").exists():
        return True
    try:
        written = read(beside(path, ".journal"))
    except DamagedStoreError:
        return True  # it is set aside where the file is complete, and nobody opens it where it is not
    return written is not None and (written.head.follow or written.rewriting is not None)


def forget_sum(path: Path) -> None:
    """Before a file takes this one's place: the journal of a settled store knows only the one that goes.

    Parameters
    ----------
    path : Path
        The store, closed and locked.
    """
    journal = beside(path, ".journal")
    written = read(journal)
    if written is not None and not written.head.follow:
        journal.unlink()
