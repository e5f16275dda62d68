"""Making a store and bringing an older one up to date, each as one step that a crash cannot halve.

Both work on a file beside the store and move it into place when it is whole, because the full-text index
cannot be made inside a transaction.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from string import Template
from typing import TYPE_CHECKING

from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import NotAStoreError, QueryError, SchemaVersionError, StoreError
from memini_kuzu.resources import folder
from memini_kuzu.store import backup
from memini_kuzu.store.engine import Engine
from memini_kuzu.store.lock import ProcessLock
from memini_kuzu.store.writing import SET_META

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memini_kuzu.config import Parameters

__all__ = [
    "all_statements",
    "beside",
    "create",
    "latest_version",
    "macros",
    "migrate",
    "move",
    "read_meta",
    "remove",
    "schema_version",
    "statements",
    "write_meta",
]

SIDE_FILES = (".wal", ".shadow", ".lock", ".pid", *backup.FILES)
"""What may stand beside a database file; all but the first two are ours."""

_creating = threading.Lock()
"""Threads that make a store at once take turns, as processes do by its lock."""


def statements(text: str) -> list[str]:
    r"""The statements of a .cypher file, comments left out.

    Parameters
    ----------
    text : str
        Statements that end in ``;``; a line that starts with ``//`` is a comment.

    Examples
    --------
    >>> statements("// one\nRETURN 1;\nRETURN 2;")
    ['RETURN 1', 'RETURN 2']
    """
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def _scripts() -> dict[int, Path]:
    """The schema's files by their numbers."""
    return {
        int(path.name[:4]): path for path in sorted(folder("schema").glob("[0-9][0-9][0-9][0-9]_*.cypher"))
    }


def latest_version() -> int:
    """The schema version that this memini writes.

    Examples
    --------
    >>> latest_version() >= 1
    True
    """
    return max(_scripts())


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
        for statement in statements(path.read_text()):
            yield Template(statement).substitute(values)


def write_meta(engine: Engine, key: str, value: str) -> None:
    """Record something that the store knows of itself."""
    engine.autocommit(SET_META, {"key": key, "value": value})


def read_meta(engine: Engine) -> dict[str, str]:
    """All that the store knows of itself.

    Raises
    ------
    NotAStoreError
        If the file is a Kùzu database that memini did not make.
    """
    try:
        table = engine.read("MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value")
    except QueryError as error:
        if "MeminiMeta does not exist" not in str(error):
            raise
        raise NotAStoreError(
            f"{engine.path} is a Kùzu database but not a memini store; name another path"
        ) from error
    return dict(zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True))


def _apply(engine: Engine, after: int) -> None:
    for version, path in _scripts().items():
        if version > after:
            for statement in statements(path.read_text()):
                engine.autocommit(statement)
            write_meta(engine, "schema_version", str(version))


def all_statements() -> Iterator[str]:
    """The statements of all the schema's files, in order.

    Examples
    --------
    >>> next(all_statements()).startswith("CREATE NODE TABLE")
    True
    """
    for _, path in sorted(_scripts().items()):
        yield from statements(path.read_text())


def beside(path: Path) -> Path:
    """A file beside the store, to be made anew: what an earlier crash left of it is removed."""
    work = path.with_name(f".{path.name}.new")
    remove(work)
    return work


def remove(work: Path) -> None:
    """Remove a file that was made beside a store, with what stands beside it."""
    for suffix in ("", *SIDE_FILES):
        work.with_name(work.name + suffix).unlink(missing_ok=True)


def move(work: Path, path: Path) -> None:
    """Put the finished file in the store's place, atomically, and clear what stood beside it."""
    with work.open("rb") as file:
        os.fsync(file.fileno())
    if work.with_name(work.name + ".wal").exists():
        # closing checkpoints, and says nothing where that fails
        raise StoreError(f"{path} could not be written in full; is the disk full?")
    work.replace(path)
    for suffix in SIDE_FILES:
        work.with_name(work.name + suffix).unlink(missing_ok=True)


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
        If a write-ahead log without its store lies there: Kùzu would replay it into the new one.
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
            stray = path.with_name(path.name + ".wal")
            if stray.exists():
                raise NotAStoreError(
                    f"{stray} is left of a store that is gone and would be replayed into a new one; "
                    "move it away first"
                )
            work = beside(path)
            engine = Engine(work)
            try:
                _apply(engine, 0)
                for statement in macros(parameters):
                    engine.autocommit(statement)
                write_meta(engine, "parameters", parameters.to_json())
                engine.checkpoint()
            finally:
                engine.close()
            move(work, path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            lock.release()


def migrate(path: Path, *, wait: float = 0.0) -> None:
    """Bring an older store up to this memini's schema; nothing happens where it is already.

    Parameters
    ----------
    path : Path
        The store.
    wait : float
        Seconds to wait for its lock.

    Raises
    ------
    SchemaVersionError
        If the store is newer than this memini.
    """
    # the lock is free for a moment after, which is harmless: the copy is made under the lock
    engine = Engine(path, wait=wait)
    try:
        version = schema_version(engine)
        engine.checkpoint()
    finally:
        engine.close()
    if version == latest_version():
        return
    lock = ProcessLock(path)
    lock.acquire(wait=wait)
    try:
        if path.with_name(path.name + ".wal").exists():
            raise StoreError(f"{path} was written to while it was being migrated; try again")
        work = beside(path)
        shutil.copyfile(path, work)
        copy = Engine(work)
        try:
            _apply(copy, version)
            copy.checkpoint()
        finally:
            copy.close()
        move(work, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be migrated: {error.strerror or error}") from error
    finally:
        lock.release()


def schema_version(engine: Engine) -> int:
    """The schema version of an open store.

    Raises
    ------
    SchemaVersionError
        If it is newer than this memini.
    NotAStoreError
        If the file is a Kùzu database that memini did not make.
    """
    version = int(read_meta(engine)["schema_version"])
    if version > latest_version():
        raise SchemaVersionError(
            f"{engine.path} has schema version {version}, this memini knows {latest_version()}; "
            "upgrade with: pip install --upgrade memini-kuzu"
        )
    return version
