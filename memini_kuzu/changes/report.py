"""What an ingestion does and did."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from memini_kuzu.identity import document_id
from memini_kuzu.notebook import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memini_kuzu.errors import RecordError
    from memini_kuzu.records import Notice, Record

__all__ = ["IngestReport", "Progress", "silent"]

Progress: TypeAlias = "Callable[[int, int], None]"
"""Told how many documents are done and kept, and how many passages have been read for mentions."""


def silent(documents: int, passages: int) -> None:
    """Progress that nobody follows."""


IDS = 1_000
"""Ids in a report, at most: one of a million documents is not to hold a million of them."""


@dataclass(slots=True)
class IngestReport(Shown):
    """What an ingestion did.

    Parameters
    ----------
    added, changed, unchanged, moved : int
        Documents that are new, new versions of known ones, those that the store had already, and those that
        it had under another name.
    ids : list of str
        The documents' ids in the order of the records, of the first thousand; `Memory.list` gives all.
    passages, events : int
        Passages written and co-occurrence events folded.
    skipped : list of RecordError
        Bad records that were left out.
    redacted : dict of str to int
        How many secrets of each kind were masked in the records, stored or known already.
    notices : list of Notice
        What the readers left out, or found odd.
    folders : list of str
        What folders were called that were found to have another name now.
    options : dict of str to list of str
        The files ``.memini.toml`` of the folders, and which of their options were used.
    files : dict of str to dict
        What became of each file: how many of its documents were added, changed, unchanged or moved; or why it
        gave none, as a key with 1.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    passages: int = 0
    events: int = 0
    skipped: list[RecordError] = field(default_factory=list)
    redacted: dict[str, int] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def name(self, documents: Iterable[int]) -> None:
        """Note the ids of documents, by their numbers, while there is room."""
        room = max(IDS - len(self.ids), 0)
        self.ids += map(document_id, itertools.islice(documents, room))

    def outcome(self, record: Record, what: str) -> None:
        """Note what became of a document, and of its file."""
        setattr(self, what, getattr(self, what) + 1)
        if record.file:
            of_file = self.files.setdefault(record.file, {})
            of_file[what] = of_file.get(what, 0) + 1

    def include(self, other: IngestReport) -> None:
        """Count what another ingestion did as well.

        Parameters
        ----------
        other : IngestReport
            Of texts that were told, which stand in no file.
        """
        for name in ("added", "changed", "unchanged", "passages", "events"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, number in other.redacted.items():
            self.redacted[kind] = self.redacted.get(kind, 0) + number
        self.notices += other.notices
        self.ids += other.ids[: max(IDS - len(self.ids), 0)]

    @property
    def documents(self) -> int:
        """How many good records there were."""
        return self.added + self.changed + self.unchanged + self.moved
