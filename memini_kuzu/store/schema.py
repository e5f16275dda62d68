"""Making a store and bringing an older one up to date, each as one step that a crash cannot halve.

Both work on a file beside the store and move it into place when it is whole, under the store's lock.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from contextlib import contextmanager
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import NotAStoreError, QueryError, SchemaVersionError, StoreError
from memini_kuzu.resources import folder
from memini_kuzu.store import catalog, languages, terms
from memini_kuzu.store.change import Change, write
from memini_kuzu.store.engine import Draft, ProcessLock, clear_work, forget_sum, work_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from memini_kuzu.config import Parameters

__all__ = [
    "building",
    "create",
    "fill",
    "latest_version",
    "macros",
    "migrate",
    "move",
    "read_meta",
    "refuse_existing",
    "schema_version",
]

FULLTEXT = "passage_terms"
"""The engine's index over words, which version 1 had, and its list of stop words."""

STOPWORDS = "MeminiStopword"

WORDS_OF_ITS_OWN = 2
"""The version that brought the tables of words; an older store has its words in that index alone."""

PART = 50_000
"""Passages, some, whose texts are in memory at once while their language is told."""

PASSAGES_OF = """
MATCH (p:Passage) WHERE p.document >= $low AND p.document <= $high
RETURN p.id AS id, p.document AS document, p.position AS position, p.title AS title, p.text AS text,
    p.terms AS terms, p.words AS words
"""

_creating = threading.Lock()
"""Threads that make a store at once take turns, as processes do by its lock."""


def latest_version() -> int:
    """The schema version that this memini writes.

    Examples
    --------
    >>> latest_version() >= 1
    True
    """
    return max(catalog.scripts())


def macros(parameters: Parameters) -> Iterator[str]:
    """The CREATE MACRO statements of a store with these parameters.

    Parameters
    ----------
    parameters : Parameters
        Their closed form is written into the text: `repr` of a float reads back to the same float.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> [text.split("(")[0] for text in macros(Parameters())][:2]
    ['CREATE MACRO memini_days', 'CREATE MACRO memini_fast']
    """
    constants = spectrum(parameters)
    values = {
        name: repr(float(getattr(constants, name)))
        for name in ("share_slow", "share_fast", "rate_slow", "rate_fast", "exchange", "feed")
    }
    for path in sorted(folder("udfs").glob("*.cypher")):
        for statement in catalog.statements(path.read_text()):
            yield Template(statement).substitute(values)


def read_meta(read: Callable[..., pa.Table], path: Path) -> dict[str, str]:
    """All that the store knows of itself.

    Parameters
    ----------
    read : callable
        Executes a query.
    path : Path
        For the error.

    Raises
    ------
    NotAStoreError
        If the file is a Kùzu database that memini did not make.
    """
    try:
        table = read("MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value")
    except QueryError as error:
        if "MeminiMeta does not exist" not in str(error):
            raise
        raise NotAStoreError(
            f"{path} is a Kùzu database but not a memini store; name another path"
        ) from error
    return dict(zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True))


@contextmanager
def building(path: Path, *, locked: bool = False) -> Iterator[Path]:
    """A file beside the store, which takes its place when what is inside is done; a failure leaves nothing.

    Parameters
    ----------
    path : Path
        The store.
    locked : bool
        The caller has the store's lock already. Otherwise it is taken here, so that no two build at once,
        and there must be no store.

    Yields
    ------
    Path
        The file, which is not there yet.

    Raises
    ------
    StoreLockedError
        If another process has the store, or builds it.
    StoreError
        If it cannot be written; without `locked` also if there is one, or what is left of one.
    """
    lock = None if locked else ProcessLock(path)
    if lock is not None:
        lock.acquire(wait=0.0)
    try:
        if lock is not None:
            # asked under the lock: another process may have made it since the caller looked
            refuse_existing(path)
            _refuse_remains(path)
        # what an earlier crash left goes
        clear_work(path)
        work = work_beside(path)
        yield work
        move(work, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        clear_work(path)
        if lock is not None:
            lock.release()


def refuse_existing(path: Path) -> None:
    """Refuse to make a store where there is one."""
    if path.exists():
        raise StoreError(f"{path} exists; import makes a new store: name another path, or merge two stores")


def _refuse_remains(path: Path) -> None:
    """Refuse to make a store beside what is left of another: it would be taken for its own."""
    for suffix in (".wal", ".journal"):
        stray = path.with_name(path.name + suffix)
        if stray.exists():
            raise NotAStoreError(
                f"{stray} is left of a store that is gone, and may hold what was told to it; "
                "put the store back beside it, or move it away"
            )


def move(work: Path, path: Path) -> None:
    """Put a file that is whole in the store's place, in one step."""
    if work.with_name(work.name + ".wal").exists():
        # closing checkpoints, and says nothing where that fails
        raise StoreError(f"{path} could not be written in full; is the disk full?")
    work.replace(path)


def fill(draft: Draft, parameters: Parameters, change: Change | None = None) -> None:
    """Make the tables and macros of a store, and write what is to be in it.

    Parameters
    ----------
    draft : Draft
        An empty file.
    parameters : Parameters
        Of the dynamics, for good.
    change : Change, optional
        What is to be in it.
    """
    _apply(draft, 0)
    for statement in macros(parameters):
        draft.run(statement)
    _set_meta(draft, "parameters", parameters.to_json())
    if change is not None:
        write(draft.transaction, change, fresh=True)


def _set_meta(draft: Draft, key: str, value: str) -> None:
    draft.run("MERGE (m:MeminiMeta {key: $key}) SET m.value = $value", {"key": key, "value": value})


def _apply(draft: Draft, after: int) -> None:
    for version, path in catalog.scripts().items():
        if version > after:
            for statement in catalog.statements(path.read_text()):
                draft.run(statement)
            _set_meta(draft, "schema_version", str(version))


def create(path: Path, parameters: Parameters, *, wait: float = 0.0) -> None:
    """Make an empty store; nothing happens where another process made it just before.

    Parameters
    ----------
    path : Path
        Where.
    parameters : Parameters
        Its dynamics, for good.
    wait : float
        Seconds to wait for another process that makes it.

    Raises
    ------
    StoreError
        If the folder is missing or cannot be written.
    NotAStoreError
        If the journal or log of a store that is gone lies there.
    StoreLockedError
        If another process is making it and `wait` is too short.
    """
    if not path.parent.is_dir():
        raise StoreError(f"folder {path.parent} does not exist; create it first")
    lock = ProcessLock(path)
    with _creating:
        lock.acquire(wait=wait)
        try:
            if path.exists():
                return
            _refuse_remains(path)
            with building(path, locked=True) as work, Draft(work) as draft:
                fill(draft, parameters)
        finally:
            lock.release()


def migrate(path: Path, *, wait: float = 0.0) -> None:
    """Bring a store of an older memini up to this one's schema.

    Parameters
    ----------
    path : Path
        The store, closed.
    wait : float
        Seconds to wait for its lock.

    Raises
    ------
    NotAStoreError
        If the file is a Kùzu database that memini did not make.
    StoreError
        If it cannot be written.
    """
    lock = ProcessLock(path)
    lock.acquire(wait=wait)
    try:
        with building(path, locked=True) as work:
            _copy_with_log(path, work)
            with Draft(work) as draft:
                version = schema_version(draft.run, path)
                _apply(draft, version)
                if version < WORDS_OF_ITS_OWN:
                    _drop_index(draft)
                if version < languages.VERSION:
                    _tell_languages(draft, counted=version >= WORDS_OF_ITS_OWN)
                if version < WORDS_OF_ITS_OWN:
                    _fill_terms(draft)
            forget_sum(path)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
    finally:
        lock.release()


def _copy_with_log(path: Path, work: Path) -> None:
    """Kùzu has to replay the log of an older memini, which had no journal."""
    shutil.copyfile(path, work)
    log = path.with_name(path.name + ".wal")
    if log.exists():
        shutil.copyfile(log, work.with_name(work.name + ".wal"))


def _drop_index(draft: Draft) -> None:
    indexes = draft.run("CALL show_indexes() RETURN index_name AS name")
    if indexes.num_rows and FULLTEXT in indexes["name"].to_pylist():
        draft.run(f"CALL DROP_FTS_INDEX('Passage', '{FULLTEXT}')")
    draft.run(f"DROP TABLE IF EXISTS {STOPWORDS}")


def _tell_languages(draft: Draft, *, counted: bool) -> None:
    """Tell the language of every passage, and analyse those that are not in English anew."""
    number = int(draft.run("MATCH (p:Passage) RETURN count(*) AS n")["n"][0].as_py())
    bounds = [round(bound) for bound in np.linspace(-(2.0**63), 2.0**63, number // PART + 2)]
    said = []
    # by ranges of document ids, which are hashes, so that the texts of a large store are never all in memory
    for low, high in itertools.pairwise(bounds):
        passages = draft.run(PASSAGES_OF, {"low": max(low, -(2**63)), "high": min(high - 1, 2**63 - 1)})
        if not passages.num_rows:
            continue
        told = languages.with_languages(passages)
        was = passages.take(pc.index_in(told["id"], passages["id"]))
        said.append(told.select(["words", "language"]))
        other = pc.not_equal(told["terms"], was["terms"])
        change = Change()
        change.update("Passage", told.select(["id", "language"]))
        change.update("Passage", told.filter(other).select(["id", "terms", "words"]))
        if counted:
            change.delete("OCCURS", terms.occurrences(was.filter(other)))
            terms.count_terms(change, draft.run, was.filter(other), told.filter(other))
        write(draft.transaction, change, fresh=True)
    if said:
        for key, value in languages.counted(pa.concat_tables(said)).items():
            _set_meta(draft, key, value)


def _fill_terms(draft: Draft) -> None:
    change = Change()
    passages = draft.run("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms")
    if passages.num_rows:
        terms.count_terms(change, draft.run, passages.slice(0, 0), passages)
    write(draft.transaction, change, fresh=True)


def schema_version(read: Callable[..., pa.Table], path: Path) -> int:
    """The schema version of an open store.

    Raises
    ------
    SchemaVersionError
        If it is newer than this memini.
    NotAStoreError
        If the file is a Kùzu database that memini did not make.
    """
    version = int(read_meta(read, path)["schema_version"])
    if version > latest_version():
        raise SchemaVersionError(
            f"{path} has schema version {version}, this memini knows {latest_version()}; "
            "upgrade with: pip install --upgrade memini-kuzu"
        )
    return version
