"""Creating a store, and migrating one of an older schema, each atomically.

Both write a file beside the store and move it into place when it is complete, under the store's lock.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import NotAStoreError, QueryError, SchemaVersionError, StoreError
from memini_kuzu.resources import folder
from memini_kuzu.store import catalog, labels, languages, terms
from memini_kuzu.store.change import Change, write
from memini_kuzu.store.engine import Draft, ProcessLock, clear_work, forget_sum, sync_folder, work_beside
from memini_kuzu.store.numbered import gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
"""Kùzu's full-text index, used by schema version 1."""

STOPWORDS = "MeminiStopword"
"""The table of stop words of that index."""

BITS = 8
"""The first schema version with the bits of amounts; they are filled before the next drops the amounts."""

FILLED = 1_000_000
"""Events that are in memory at once meanwhile."""

NUMBERED = 10
"""The first schema version with numbered events; they are filled before the next drops what they replace."""

OWN_TERMS = 2
"""The first schema version with the tables Term and OCCURS; before it, only that index held the words."""

PART = 50_000
"""About so many passages have their texts in memory at once while their languages are detected."""

PASSAGES_OF = """
MATCH (p:Passage) WHERE p.document >= $low AND p.document <= $high
RETURN p.id AS id, p.document AS document, p.position AS position, p.title AS title, p.text AS text,
    p.terms AS terms, p.words AS words, p.language AS language
"""

PART_OF = "MATCH {} WHERE n.id >= $first AND n.id <= $last RETURN n.id AS id"

AMOUNTS = f"{PART_OF}, n.event_amount AS event_amount"

EVENTS = f"""
{PART_OF}, n.event_source AS event_source, n.event_target AS event_target, n.event_bits AS event_amount,
    n.event_time AS event_time
"""

_creating = threading.Lock()
"""Threads that create a store at the same time take turns, as processes do by its lock."""


def latest_version() -> int:
    """The schema version that this version of memini writes.

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
        The constants of their closed form are written into the macros, by `repr`, which is exact.

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
    """All entries of MeminiMeta.

    Parameters
    ----------
    read : callable
        Executes a query.
    path : Path
        The store's file, for the error message.

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
    """A file beside the store that replaces it when the block ends; a failure leaves the store unchanged.

    Parameters
    ----------
    path : Path
        The store.
    locked : bool
        The caller holds the store's lock already. Otherwise it is taken here, so that only one process
        builds the store, and the store must not exist.

    Yields
    ------
    Path
        The file, which does not exist yet.

    Raises
    ------
    StoreLockedError
        If another process has the store open or builds it.
    StoreError
        If it cannot be written; without `locked` also if a store, or a log or journal of one, exists.
    """
    # a link stays one: what it leads to is replaced, and has the lock
    path = path.resolve()
    lock = None if locked else ProcessLock(path)
    if lock is not None:
        lock.acquire(wait=0.0)
    try:
        if lock is not None:
            # checked under the lock: another process may have created it since the caller checked
            refuse_existing(path)
            _refuse_remains(path)
        # files left by an earlier crash
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
    """Refuse to create a store where one exists."""
    if path.exists():
        raise StoreError(f"{path} exists; import makes a new store: name another path, or merge two stores")


def _refuse_remains(path: Path) -> None:
    """Refuse to create a store beside the log or journal of another: the new store would apply it."""
    for suffix in (".wal", ".journal"):
        stray = path.with_name(path.name + suffix)
        if stray.exists():
            raise NotAStoreError(
                f"{stray} is left of a store that is gone, and may hold what was told to it; "
                "put the store back beside it, or move it away"
            )


def move(work: Path, path: Path) -> None:
    """Replace the store's file by a complete one, atomically."""
    if work.with_name(work.name + ".wal").exists():
        # Kùzu checkpoints when it closes a file, and reports no error if that fails
        raise StoreError(f"{path} could not be written in full; is the disk full?")
    work.replace(path)
    sync_folder(path.parent)


def fill(draft: Draft, parameters: Parameters, change: Change | None = None) -> None:
    """Create the tables and macros of a store, and write its first rows.

    Parameters
    ----------
    draft : Draft
        An empty file.
    parameters : Parameters
        The dynamics of the store, which the file keeps.
    change : Change, optional
        The rows.
    """
    _apply(draft, 0)
    for statement in macros(parameters):
        draft.run(statement)
    _set_meta(draft, "parameters", parameters.to_json())
    if change is not None:
        write(draft.transaction, change, fresh=True)


def _set_meta(draft: Draft, key: str, value: str) -> None:
    draft.run("MERGE (m:MeminiMeta {key: $key}) SET m.value = $value", {"key": key, "value": value})


def _apply(draft: Draft, after: int, until: int | None = None) -> None:
    for version, path in catalog.scripts().items():
        if after < version <= (until or version):
            for statement in catalog.statements(path.read_text()):
                draft.run(statement)
            _set_meta(draft, "schema_version", str(version))


def create(path: Path, parameters: Parameters, *, wait: float = 0.0) -> None:
    """Create an empty store; nothing happens if another process created it just before.

    Parameters
    ----------
    path : Path
        The file.
    parameters : Parameters
        Its dynamics, which the file keeps.
    wait : float
        Seconds to wait for another process that creates it.

    Raises
    ------
    StoreError
        If the folder is missing or cannot be written.
    NotAStoreError
        If the journal or log of a deleted store is beside it.
    StoreLockedError
        If another process is creating it and `wait` is too short.
    """
    if not path.parent.is_dir():
        raise StoreError(f"folder {path.parent} does not exist; create it first")
    path = path.resolve()
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
    """Migrate a store of an older schema to the latest one.

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
    path = path.resolve()
    lock = ProcessLock(path)
    lock.acquire(wait=wait)
    try:
        with building(path, locked=True) as work:
            _copy_with_log(path, work)
            with Draft(work) as draft:
                version = schema_version(draft.run, path)
                _apply(draft, version, BITS)
                if version < BITS:
                    _fill_bits(draft)
                _apply(draft, max(version, BITS), NUMBERED)
                if version < NUMBERED:
                    _fill_events(draft, EVENTS, gathered)
                _apply(draft, max(version, NUMBERED))
                if version < OWN_TERMS:
                    _drop_index(draft)
                if version < languages.ANALYSIS:
                    _analyse_again(draft, counted=version >= OWN_TERMS)
                if version < OWN_TERMS:
                    _fill_terms(draft)
                if version < labels.VERSION:
                    _fill_votes(draft)
            forget_sum(path)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
    finally:
        lock.release()


def _copy_with_log(path: Path, work: Path) -> None:
    """Copy the log too: an older memini had no journal, so Kùzu has to replay its log."""
    shutil.copyfile(path, work)
    log = path.with_name(path.name + ".wal")
    if log.exists():
        shutil.copyfile(log, work.with_name(work.name + ".wal"))


def _fill_bits(draft: Draft) -> None:
    """Write the amounts of events as bits, and the macro that reads these."""

    def bits(rows: pa.Table) -> pa.Table:
        lists = rows["event_amount"].combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        flat = pc.list_flatten(lists).view(pa.int64())
        return pa.table({"id": rows["id"], "event_bits": pa.ListArray.from_arrays(offsets, flat)})

    _fill_events(draft, AMOUNTS, bits)
    parameters = Parameters.from_json(read_meta(draft.run, draft.path)["parameters"])
    draft.run(next(text for text in macros(parameters) if text.startswith("CREATE MACRO memini_amount(")))


def _fill_events(draft: Draft, query: str, convert: Callable[[pa.Table], pa.Table]) -> None:
    """Write columns of events that are computed from others, of so many rows at once as memory holds."""
    # Kùzu crashes at SET of several columns after DROP of one without it
    draft.run("CHECKPOINT")
    for table in ("Document", "EventLog"):
        sizes = draft.run(f"MATCH (n:{table}) RETURN n.id AS id, size(n.event_time) AS events ORDER BY n.id")
        if not sizes.num_rows:
            continue
        ids = sizes["id"].to_numpy()
        part = np.cumsum(pc.fill_null(sizes["events"], 0).to_numpy()) // FILLED
        begins = np.flatnonzero(np.append(True, np.diff(part) > 0))
        for first, last in zip(ids[begins], ids[np.append(begins[1:], len(ids)) - 1], strict=True):
            bounds = {"first": int(first), "last": int(last)}
            rows = convert(draft.run(query.format(f"(n:{table})"), bounds))
            columns = ", ".join(f"n.{name} = {name}" for name in rows.column_names if name != "id")
            draft.run(f"LOAD FROM batch MATCH (n:{table} {{id: id}}) SET {columns}", batch=rows)
            # Kùzu crashes at DROP after SET without it
            draft.run("CHECKPOINT")


def _drop_index(draft: Draft) -> None:
    indexes = draft.run("CALL show_indexes() RETURN index_name AS name")
    if indexes.num_rows and FULLTEXT in indexes["name"].to_pylist():
        draft.run(f"CALL DROP_FTS_INDEX('Passage', '{FULLTEXT}')")
    draft.run(f"DROP TABLE IF EXISTS {STOPWORDS}")


def _analyse_again(draft: Draft, *, counted: bool) -> None:
    """Analyse the words of every passage again, in its language, which is detected where it is not known."""
    number = int(draft.run("MATCH (p:Passage) RETURN count(*) AS n")["n"][0].as_py())
    bounds = [round(bound) for bound in np.linspace(-(2.0**63), 2.0**63, number // PART + 2)]
    written = []
    # by ranges of document ids, which are hashes, so that the texts of a large store are never all in memory
    for low, high in itertools.pairwise(bounds):
        passages = draft.run(PASSAGES_OF, {"low": max(low, -(2**63)), "high": min(high - 1, 2**63 - 1)})
        if not passages.num_rows:
            continue
        after = languages.analysed_again(passages)
        before = passages.take(pc.index_in(after["id"], passages["id"]))
        written.append(after.select(["words", "language"]))
        changed = pc.not_equal(after["terms"], before["terms"])
        change = Change()
        change.update("Passage", after.select(["id", "language"]))
        change.update("Passage", after.filter(changed).select(["id", "terms", "words"]))
        if counted:
            change.delete("OCCURS", terms.occurrences(before.filter(changed)))
            terms.count_terms(
                change,
                partial(terms.read_frequencies, draft.run),
                before.filter(changed),
                after.filter(changed),
            )
        write(draft.transaction, change, fresh=True)
    if written:
        for key, value in languages.counted(pa.concat_tables(written)).items():
            _set_meta(draft, key, value)


def _fill_terms(draft: Draft) -> None:
    change = Change()
    passages = draft.run("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms")
    if passages.num_rows:
        terms.count_terms(change, partial(terms.read_frequencies, draft.run), passages.slice(0, 0), passages)
    write(draft.transaction, change, fresh=True)


def _fill_votes(draft: Draft) -> None:
    """Let every mention vote for the label that its entity has: others were not kept."""
    draft.run("MATCH (:Passage)-[m:MENTIONS]->(e:Entity) SET m.label = e.label")
    entities, mentions = (
        catalog.read_table(draft.run, name).drop_columns([column])
        for name, column in (("Entity", "votes"), ("MENTIONS", "label"))
    )
    change = Change()
    change.update("Entity", labels.of_older(entities, mentions)[0].select(["id", "label", "votes"]))
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
