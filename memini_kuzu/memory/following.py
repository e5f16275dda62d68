"""A memory that is kept in step with folders: what has changed since the last look is taken in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memini_kuzu.readers import list_files, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.memory import Memory

__all__ = ["Follower", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a look at the folders brought.

    Parameters
    ----------
    ingested : IngestReport
        Of the files that changed.
    forgotten : ForgetReport or None
        Of the files that are gone for good; None where nothing is forgotten.
    missing : int
        Documents whose file is gone, and that are still there.
    """

    ingested: IngestReport
    forgotten: ForgetReport | None
    missing: int


@dataclass(slots=True)
class Follower:
    """Looks at folders again and again.

    A file is read where its size or its date is not what it was at the last look. With `prune`, a document is
    forgotten when its file is missing at two looks in a row: programs that save a file take it away for a
    moment.

    Parameters
    ----------
    paths : sequence of Path
        The folders.
    include, exclude : sequence of str
        As for `Memory.ingest`.
    source, encoding
        As for `Memory.ingest`.
    prune : bool
        Forget what is gone.
    name : str, optional
        As for `Memory.ingest`.
    """

    paths: Sequence[Path]
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    source: str | None = None
    encoding: str | None = None
    prune: bool = False
    name: str | None = None
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    _missing: frozenset[int] = frozenset()

    def step(self, memory: Memory) -> Step:
        """Take in what has changed.

        Parameters
        ----------
        memory : Memory
            Open for writing; it may be another one each time, of the same file.

        Returns
        -------
        Step
            What was done.
        """
        listing = list_files(self.paths, include=self.include, exclude=self.exclude, name=self.name)
        stamps = listing.stamps()
        fresh = listing.only({key for key, stamp in stamps.items() if self._seen.get(key) != stamp})
        records = read(fresh, source=self.source, encoding=self.encoding)
        report = memory.add(records, listing=listing, skip_bad=True)
        self._seen = stamps
        gone = frozenset(memory.gone(listing))
        forgotten = None
        if self.prune and (lost := gone & self._missing):
            forgotten = memory.forget_documents(sorted(lost))
            gone -= lost
        self._missing = gone
        return Step(report, forgotten, len(gone))
