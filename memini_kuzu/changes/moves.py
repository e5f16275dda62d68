"""Documents under another name: files that were moved or renamed, or were known by where they lay.

A document that the store does not have by its name is one that it has under another where

- it lay in the same place, when files were still known by that;
- its text is that of a document whose file is gone from the folders that are taken in.

A folder under another name is the former one where more than half of the former one's files are in it, by
their paths. Messages and rows are the same only if their own id and their date are the same too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from memini_kuzu.changes.documents import Known, known_documents, read_known
from memini_kuzu.identity import stable_id
from memini_kuzu.records import Notice
from memini_kuzu.store.known import read_by_digest, read_documents, read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memini_kuzu.changes.prepared import Document
    from memini_kuzu.readers import Listing
    from memini_kuzu.store import Store

__all__ = ["Moves", "gone_documents"]

FOLDERS = "folders"
"""Where the store keeps what folders were called before."""


class Moves:
    """Looks documents up under their former names.

    Parameters
    ----------
    store : Store
        The store.
    listing : Listing
        The files that are taken in.
    """

    def __init__(self, store: Store, listing: Listing) -> None:
        self._store, self._read, self._listing = store, store.read, listing
        self._taken: set[int] = set()
        self._former: dict[str, str] | None = None

    def find(self, documents: Sequence[Document]) -> None:
        """Give documents that the store does not have the former id under which it does."""
        former = {
            document.id: stable_id(source, own or document.name)
            for document in documents
            if document.record.former is not None
            for source, own in [document.record.former]
        }
        known = read_known(self._store, [*set(former.values()) - set(former)])
        left = []
        for document in documents:
            old = former.get(document.id)
            if old in known and old not in self._taken:
                self._take(document, known[old])
            elif document.record.file:
                left.append(document)
        if left:
            self._find_by_text(left)

    def _find_by_text(self, documents: Sequence[Document]) -> None:
        table = read_by_digest(self._read, sorted({document.digest for document in documents}))
        same: dict[str, list[Known]] = defaultdict(list)
        for known in known_documents(table).values():
            same[known.digest].append(known)
        for document in documents:
            fitting = [known for known in same[document.digest] if self._fits(document, known)]
            # a file that only went to another folder keeps its name
            fitting.sort(key=lambda known: (known.record != document.name, known.source, known.record))
            if fitting:
                self._take(document, fitting[0])

    def _fits(self, document: Document, known: Known) -> bool:
        if known.id in self._taken or known.id == document.id:
            return False
        whole = _is_whole(document.record.source, document.name) and _is_whole(known.source, known.record)
        if not whole and (known.record != document.name or known.time != document.time):
            return False
        return self._is_gone(_file(known.source, known.record, self._folders()))

    def _is_gone(self, file: str) -> bool:
        if not file:
            return False
        if Path(file).is_absolute():  # of a store that knew files by their place
            return not Path(file).exists()
        return not self._listing.holds(file)

    def _folders(self) -> frozenset[str]:
        if self._former is None:
            self._former = _former_folders(self._store, read_sources(self._read), self._listing)
        return frozenset(self._former) | frozenset(self._listing.folders)

    def strangers(self) -> list[Notice]:
        """Folders most of whose files, as the store has them, are not there: perhaps others of that name."""
        inside = _inside(read_sources(self._read))
        found = []
        for folder in self._listing.folders:
            files = inside.get(folder, set())
            there = sum(self._listing.holds(f"{folder}/{inner}") for inner in files)
            if 2 * there < len(files):
                what = (
                    f"of {len(files):,} files that the store has of a folder of this name {there:,} are here"
                    "; --prune forgets what is gone; if this is another folder, give it a name with --name"
                )
                found.append(Notice(folder, what))
        return found

    def remember(self) -> list[str]:
        """Keep what folders were called before for `gone_documents`; gives the names that are new."""
        known = _stored(self._store)
        kept = {old: now for old, now in known.items() if old not in self._listing.folders}
        kept |= self._former or {}
        if kept != known:
            self._store.set_meta(FOLDERS, json.dumps(kept, sort_keys=True))
        return sorted(kept.keys() - known.keys())

    def _take(self, document: Document, known: Known) -> None:
        self._taken.add(known.id)
        document.former = known.id
        if known.digest == document.digest:  # it says nothing new, so it was said when it was said
            document.time = known.time


def gone_documents(store: Store, listing: Listing) -> list[int]:
    """Documents of the folders of a listing whose file is not there any more, or is empty.

    Parameters
    ----------
    store : Store
        The store.
    listing : Listing
        The files that there are.

    Returns
    -------
    list of int
        Their ids.
    """
    table = read_documents(store.read)
    if not table.num_rows:
        return []
    sources, own = table["source"].to_pylist(), table["record"].to_pylist()
    folders = frozenset(_former_folders(store, sources, listing)) | frozenset(listing.folders)
    roots = tuple(listing.folders.values())
    found = []
    for id_, source, record in zip(table["id"].to_pylist(), sources, own, strict=True):
        file = _file(source, record, folders)
        placed = Path(file).is_absolute()
        if placed and not any(Path(file).is_relative_to(root) for root in roots):
            continue
        if file and not (Path(file).exists() if placed else listing.holds(file)):
            found.append(id_)
    return found


def _stored(store: Store) -> dict[str, str]:
    """What folders were called when they were taken in before, and what they are called now."""
    known: dict[str, str] = json.loads(store.meta.get(FOLDERS, "{}"))
    return known


def _former_folders(store: Store, sources: Iterable[str], listing: Listing) -> dict[str, str]:
    """What the folders of a listing were called before they were renamed."""
    inside = _inside(sources)
    found = {
        old: now
        for old, now in _stored(store).items()
        if now in listing.folders and old not in listing.folders
    }
    for now in listing.folders:
        if now in inside:
            continue  # it has not been renamed
        for folder, files in inside.items():
            there = sum(listing.holds(f"{now}/{inner}") for inner in files)
            if folder not in listing.folders and 2 * there > len(files):
                found[folder] = now
    return found


def _inside(sources: Iterable[str]) -> dict[str, set[str]]:
    """The files of each folder, as far as sources are named for them."""
    inside: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        file = source.partition("#")[0]
        folder, _, inner = file.partition("/")
        if folder and _is_path(file):
            inside[folder].add(inner)
    return inside


def _is_whole(source: str, own: str) -> bool:
    """Whether a document is a file, and not a part of one."""
    return own in {source, source.rpartition("/")[2]} or "/" in own


def _file(source: str, own: str, folders: frozenset[str]) -> str:
    """The file of a stored document, as far as it lay in these folders or is known by its place."""
    whole = f"{source.rpartition('/')[0]}/{own}"  # may be a file without an ending
    for name in (source.partition("#")[0], own.partition("#")[0]):
        if Path(name).is_absolute():
            return name
        if name.partition("/")[0] in folders and (_is_path(name) or name == whole):
            return name
    return ""


def _is_path(name: str) -> bool:
    """Whether a file may be known so: other texts have sources and ids such as "chat" and "chat/7"."""
    return "/" in name and bool(Path(name).suffix)
