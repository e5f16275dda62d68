"""The selections of the latest filters, and what changes do to them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.store.model.selected import Selected, documents_of
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.change import Change
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.model.state import Model

    Ints = NDArray[np.int64]

__all__ = ["KnownSelections"]

LARGEST = 1 << 28
"""Bytes that what is kept may take together; the latest is kept whatever it takes."""

NOTED = 1_000
"""So many changes a filter is kept without being asked for."""

EVENT, ASSOCIATION = 60, 90
"""Bytes that an event, and an association, take of what is kept."""

FOLLOWED = {
    *((how, table) for how in ("create", "delete") for table in ("Passage", "Document", "MENTIONS")),
    *(
        (how, table)
        for how in ("create", "update", "delete")
        for table in ("Entity", "Source", "Term", "OCCURS", "ASSOCIATES", "MeminiMeta", "Embedding")
    ),
    # a pass leaves the events as they are
    ("replace", "ASSOCIATES"),
}
"""Parts of changes after which it is known what has to be selected anew."""

NONE = np.zeros(0, dtype=np.int64)


class KnownSelections:
    """What the latest filters select; all states of a store share them, each gets what is true of it."""

    def __init__(self) -> None:
        # with the bytes that each takes, the latest last
        self._kept: OrderedDict[Filter, tuple[Selected, int]] = OrderedDict()
        # the documents that each version added
        self._added: dict[int, list[pa.Table]] = {}
        self._lock = threading.Lock()

    def changed(self, change: Change, model: Model) -> None:
        """The version after that of a model is being made by a change."""
        with self._lock:
            if not self._kept:
                return
            version = model.version + 1
            parts = _Parts(change)
            if not parts.followed or parts.cuts_mentions(model):
                self._clear()
                return
            stale = [asked for asked, (each, _) in self._kept.items() if each.version < version - NOTED]
            if parts.takes_away:
                stale += self._touched(parts, model)
            for asked in dict.fromkeys(stale):
                del self._kept[asked]
            self._added[version] = parts.documents
            self._trim()

    def _touched(self, parts: _Parts, model: Model) -> list[Filter]:
        """The filters whose selections a change does more to than add."""
        rows = model.passages.row_of("id", parts.passages_gone)
        changed = [_among(table, parts.documents_gone) for table in parts.documents]
        # what was added since, and is taken away again, must not be added later
        lost = self._lost(parts.documents_gone)
        return [
            asked
            for asked, (selected, _) in self._kept.items()
            if selected.touched(
                rows[rows >= 0],
                parts.documents_gone,
                [*changed, *(table for added, table in lost if added > selected.version)],
            )
        ]

    def _lost(self, documents: Ints) -> list[tuple[int, pa.Table]]:
        """Those of these documents that were added, with the versions that added them."""
        return [
            (version, _among(table, documents)) for version, tables in self._added.items() for table in tables
        ]

    def forget(self) -> None:
        """The rows of passages get other numbers."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._kept.clear()
        self._added.clear()

    def _trim(self) -> None:
        oldest = min((selected.version for selected, _ in self._kept.values()), default=None)
        for version in [version for version in self._added if oldest is None or version <= oldest]:
            del self._added[version]

    def get(self, model: Model, asked: Filter, parameters: Parameters) -> Selected | None:
        """What a filter selects of a state; None where that is not known."""
        with self._lock:
            found, _ = self._kept.get(asked, (None, 0))
            if found is None or found.version > model.version:
                return None
            later = range(found.version + 1, model.version + 1)
            if not all(version in self._added for version in later):
                return None
            if later:
                added = [table for version in later for table in self._added[version]]
                documents, ledger = documents_of(added, asked)
                found = found.after(model, documents, ledger, parameters)
            self._keep(asked, found)
            return found

    @staticmethod
    def may_hold(model: Model) -> bool:
        """Whether the events of all documents take no more than is kept of all filters together."""
        rows = model.associations.all()
        events = int(model.associations.take("events", rows).sum())
        return events * EVENT + len(rows) * ASSOCIATION <= LARGEST

    def read(
        self, read: Callable[..., pa.Table], model: Model, asked: Filter, parameters: Parameters
    ) -> Selected | None:
        """What a filter selects, read from the file and kept; as `Selected.read`."""
        found = Selected.read(read, model, asked, parameters)
        with self._lock:
            # a change that is being made may take something of it away, and was not asked
            if max(self._added, default=0) <= model.version:
                self._keep(asked, found)
        return found

    def _keep(self, asked: Filter, found: Selected | None) -> None:
        self._kept.pop(asked, None)
        if found is not None:
            self._kept[asked] = found, found.nbytes
        total = sum(size for _, size in self._kept.values())
        while len(self._kept) > 1 and total > LARGEST:
            _, (_, size) = self._kept.popitem(last=False)
            total -= size
        self._trim()


class _Parts:
    """What a change does to passages and documents.

    Parameters
    ----------
    change : Change
        The change.

    Attributes
    ----------
    documents : list of pyarrow.Table
        The documents that it creates.
    documents_gone, passages_gone : int64 (n,)
        Ids of those that it deletes.
    followed : bool
        Whether it does nothing else that could have to do with what is selected.
    """

    def __init__(self, change: Change) -> None:
        self._parts = change.parts
        self.documents = [
            part.rows for part in change.parts if part.table == "Document" and part.how == "create"
        ]
        self.documents_gone = self._ids("delete", "Document", "id")
        self.passages_gone = self._ids("delete", "Passage", "id")
        self.followed = (
            change.vectors is None
            and {(part.how, part.table) for part in change.parts} <= FOLLOWED
            # of passages that stay, no mentions come or go
            and self._within("create")
            and self._within("delete")
        )

    def _within(self, how: str) -> bool:
        return bool(np.isin(self._ids(how, "MENTIONS", "passage"), self._ids(how, "Passage", "id")).all())

    def _ids(self, how: str, table: str, name: str) -> Ints:
        columns = [column(part.rows, name) for part in self._parts if (part.how, part.table) == (how, table)]
        return np.concatenate([NONE, *columns]).astype(np.int64)

    def cuts_mentions(self, model: Model) -> bool:
        """Whether entities go that passages mention which stay: their mentions end with them."""
        _, rows = model.mentions.find("entity", self._ids("delete", "Entity", "id"))
        return not np.isin(model.mentions.take("passage", rows), self.passages_gone).all()

    @property
    def takes_away(self) -> bool:
        """Whether it deletes documents or passages."""
        return bool(len(self.documents_gone) or len(self.passages_gone))


def _among(table: pa.Table, ids: Ints) -> pa.Table:
    """The rows of these ids."""
    return table.filter(np.isin(column(table, "id").astype(np.int64), ids))
