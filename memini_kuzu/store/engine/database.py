"""Kùzu itself: databases, connections, statements and errors. No Kùzu object leaves this room."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import kuzu
import pyarrow as pa

from memini_kuzu.errors import NotAStoreError, QueryError, StoreError
from memini_kuzu.store.engine.frames import spare_frames
from memini_kuzu.store.engine.lock import ProcessLock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CHUNK",
    "Draft",
    "Parameters",
    "Transaction",
    "close_database",
    "engine_version",
    "escaped",
    "execute",
    "give_back",
    "memory",
    "need_room",
    "open_database",
    "pool",
    "storage_version",
]

CHUNK = 1_000_000
"""Rows of an Arrow chunk: a million to a chunk reads several times faster than Kùzu's default."""

BUFFER_POOL = 8 << 30
"""Bytes of page cache at most; half of the memory if that is less. Kùzu's default is four fifths of it."""

LEAST_POOL = 64 << 20
"""Bytes of page cache at least: with 16 MB Kùzu cannot make a store."""

ADDRESS_SPACE = 1 << 40
"""Bytes of address space that a store may grow into: Kùzu's default of 8 TiB fails in small containers."""

FOREIGN = ("not a valid Kuzu database", "cannot be a directory", "Reading past the end of the file")
"""Kùzu's messages for a file that it did not write."""

FULL = ("No space left", "File too large", "Cannot write to file")
"""Kùzu's messages for a full disk; the last one after a partial write."""

FEW = 70
"""Up to this many keys are written one by one, at about 1 ms each: a join costs 70 ms at least."""

FEW_NODES, MANY_NODES = 10, 500
"""Up to `FEW_NODES` nodes, their relationships are found node by node; up to `MANY_NODES`, by a list of keys;
for more nodes, by a join, which reads all relationships: 300 ms for 8 million."""

ROOM = 32 << 20
"""Bytes that must be free on the disk before anything is written."""

MAGIC = b"KUZU"

Parameters = Mapping[str, Any]


def memory() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def pool(share: float = 1.0) -> int:
    """Bytes of page cache of a store.

    Parameters
    ----------
    share : float
        The part of the machine's memory that it may reckon with, above 0 and up to 1.

    Examples
    --------
    >>> LEAST_POOL <= pool(1e-9) <= pool(1 / 50) <= pool() <= BUFFER_POOL
    True
    """
    return max(LEAST_POOL, min(BUFFER_POOL, int(memory() * share) // 2))


def engine_version() -> tuple[str, int]:
    """Kùzu's version, and the version of the file format that it reads and writes.

    Examples
    --------
    >>> engine_version()[1] > 0
    True
    """
    return str(kuzu.version), int(kuzu.storage_version)


def storage_version(head: bytes) -> int | None:
    """The version of the file format, from the first bytes of a file; None if it is no Kùzu file.

    Examples
    --------
    >>> storage_version(b"KUZU" + bytes([39, 0, 0, 0, 0, 0, 0, 0]))
    39
    """
    if not head.startswith(MAGIC):
        return None
    return int.from_bytes(head[len(MAGIC) : len(MAGIC) + 8], "little")


PLAIN = frozenset({int, float, str, bool, type(None)})
"""Types that Kùzu accepts as they are."""


def _plain(value: Any) -> Any:
    """A parameter in the types that Kùzu accepts: times in UTC without an offset, Python scalars."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, list | tuple):
        # a list of ids may be long
        return list(value) if PLAIN.issuperset(map(type, value)) else [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def escaped(text: str) -> str:
    r"""A name or a path escaped for single quotes, where Kùzu accepts no parameter.

    Examples
    --------
    >>> print(escaped("it's"))
    it\'s
    """
    return text.replace("\\", "\\\\").replace("'", "\\'")


def need_room(path: Path) -> None:
    """Refuse a write that may fill the disk: Kùzu may abort the process then.

    Parameters
    ----------
    path : Path
        The store.

    Raises
    ------
    StoreError
        If its disk has too little free space.
    """
    free = shutil.disk_usage(path.parent).free
    if free < ROOM:
        raise StoreError(
            f"the disk is full: {free >> 20} MB are free beside {path}, {ROOM >> 20} MB are needed; "
            "make room: nothing was changed"
        )


def open_database(path: Path, *, read_only: bool, share: float = 1.0) -> kuzu.Database:
    """Open a file, which must have no Kùzu log beside it.

    Parameters
    ----------
    path : Path
        The file; it is created if it does not exist.
    read_only : bool
        Open without the right to write.
    share : float
        The part of the machine's memory that it may reckon with; see `pool`.

    Raises
    ------
    StoreLockedError
        If another process has it open.
    NotAStoreError
        If it is no Kùzu file.
    StoreError
        If it cannot be opened for another reason.
    """
    if path.exists() and path.stat().st_size == 0:
        # Kùzu would create a database in it
        raise NotAStoreError(f"{path} is empty, not a memini store; remove it or name another path")
    try:
        database = kuzu.Database(
            str(path),
            read_only=read_only,
            buffer_pool_size=pool(share),
            max_db_size=ADDRESS_SPACE,
            auto_checkpoint=False,
        )
    except Exception as error:
        # mostly a RuntimeError; for a damaged file any C++ exception, such as a failed allocation
        message = str(error)
        if "Could not set lock on file" in message:
            # a writer holds the process lock already
            raise ProcessLock(path).refusal(held=not read_only) from error
        if any(reason in message for reason in FOREIGN):
            raise NotAStoreError(
                f"{path} is not a memini store ({message}); name another path, or `memini init` a new one"
            ) from error
        raise StoreError(f"{path} cannot be opened: {message}") from error
    connection = kuzu.Connection(database)
    connection.execute("CALL force_checkpoint_on_close=false")
    connection.close()
    return database


def close_database(database: kuzu.Database) -> None:
    """Close a database, and give its memory back to the system.

    An open store takes some 90 MB, most of it for the hash indexes of its node tables, in small pieces that
    glibc would keep for itself.

    Parameters
    ----------
    database : kuzu.Database
        Open, without connections.
    """
    database.close()
    give_back()


def give_back() -> None:
    """Give memory that is no longer used back to the system, which allocators put off."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def execute(
    connection: kuzu.Connection,
    query: str | kuzu.PreparedStatement,
    parameters: Parameters | None = None,
    batch: pa.Table | None = None,
) -> pa.Table:
    """Execute on a connection; Kùzu's results and RuntimeErrors stop here.

    Parameters
    ----------
    connection : kuzu.Connection
        An open one.
    query : str or PreparedStatement
        Cypher; ``LOAD FROM batch`` and ``COPY … FROM batch`` read the Arrow table.
    parameters : mapping, optional
        Values of its ``$names``.
    batch : pyarrow.Table, optional
        Rows to load.

    Returns
    -------
    pyarrow.Table
        The result.

    Raises
    ------
    StoreError
        If the disk is full.
    QueryError
        If Kùzu refuses the query.
    """
    plain = {name: _plain(value) for name, value in (parameters or {}).items()}
    if batch is not None:
        spare_frames(connection)
        # Kùzu reads no further than to the first piece without rows
        pieces = [piece for piece in batch.to_batches() if piece.num_rows]
        batch = pa.Table.from_batches(pieces, batch.schema)
    try:
        # Kùzu looks up the name `batch` in this frame
        result = connection.execute(query, plain)
        if isinstance(result, list):
            result = result[-1]
        if not result.get_column_names():
            # Kùzu divides by zero when it converts a result without columns to Arrow
            return pa.table({})
        return result.get_as_arrow(CHUNK)
    except (RuntimeError, ValueError) as error:  # the second of lists whose values are of several types
        message = str(error)
        if any(words in message for words in FULL):
            raise StoreError(
                f"the disk is full ({message}); make room: nothing of this step was kept"
            ) from error
        raise QueryError(f"Kùzu refused the query: {message}") from error
    finally:
        del batch


class Transaction:
    """Statements on one connection that take effect together or not at all. Made by `Engine` and `Draft`."""

    def __init__(self, connection: kuzu.Connection) -> None:
        self._connection = connection
        self._ends: list[tuple[str, str, str]] | None = None

    def run(
        self, query: str, parameters: Parameters | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Execute one statement; see `execute`."""
        return execute(self._connection, query, parameters, batch)

    def run_each(self, single: str, joined: str, batch: pa.Table) -> None:
        """Execute a statement for every row: row by row if there are few, by a join if there are many.

        Parameters
        ----------
        single : str
            The statement for one row, with the columns as parameters.
        joined : str
            The statement for all rows, by ``LOAD FROM batch``.
        batch : pyarrow.Table
            The rows.
        """
        if batch.num_rows > FEW:
            self.run(joined, batch=batch)
        else:
            # compiled once: half of what one of them takes
            prepared = kuzu.PreparedStatement(self._connection, single)
            for row in batch.to_pylist():
                execute(self._connection, prepared, row)

    def delete_nodes(self, label: str, key: str, keys: pa.Table) -> None:
        """Delete all outgoing and incoming relationships of nodes, then the nodes.

        DETACH DELETE is not used: Kùzu logs it wrongly (see `faults`).

        Parameters
        ----------
        label : str
            Their table.
        key : str
            Its primary key.
        keys : pyarrow.Table
            With the column `key`.
        """
        if not keys.num_rows:
            return
        keys = keys.select([key])
        for relationship, outgoing in self._incident(label):
            arrow = f"-[r:`{relationship}`]->()" if outgoing else f"<-[r:`{relationship}`]-()"
            if keys.num_rows <= FEW_NODES:
                for row in keys.to_pylist():
                    self.run(f"MATCH (n:`{label}` {{{key}: ${key}}}){arrow} DELETE r", row)
            elif keys.num_rows <= MANY_NODES:
                listed = {"keys": keys[key].to_pylist()}
                self.run(f"MATCH (n:`{label}`){arrow} WHERE n.{key} IN $keys DELETE r", listed)
            else:
                self.run(f"LOAD FROM batch MATCH (n:`{label}` {{{key}: {key}}}){arrow} DELETE r", batch=keys)
        self.run(f"LOAD FROM batch MATCH (n:`{label}` {{{key}: {key}}}) DELETE n", batch=keys)

    def _incident(self, label: str) -> list[tuple[str, bool]]:
        """Relationship tables at a node table, also the user's: name, and whether the node is the source."""
        if self._ends is None:
            self._ends = self._relationships()
        outgoing = [(name, True) for name, source, _ in self._ends if source == label]
        return outgoing + [(name, False) for name, _, target in self._ends if target == label]

    def _relationships(self) -> list[tuple[str, str, str]]:
        """The relationship tables, and the node tables that they join."""
        tables = self.run("CALL show_tables() WHERE type = 'REL' RETURN name AS name")
        found = []
        for name in tables["name"].to_pylist() if tables.num_rows else []:
            ends = self.run(f"CALL show_connection('{escaped(name)}') RETURN *").to_pylist()
            found += [(name, end["source table name"], end["destination table name"]) for end in ends]
        return found


class Draft:
    """A new file that is not in use before it is complete, so it needs no journal, no lock, one connection.

    Parameters
    ----------
    path : Path
        The file; nothing else may open it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with Draft(Path(tempfile.mkdtemp()) / "a.kz") as draft:
    ...     draft.run("RETURN 1 AS one")["one"].to_pylist()
    [1]
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        need_room(self.path)
        self._database = open_database(self.path, read_only=False)
        self._connection = kuzu.Connection(self._database)
        self.transaction = Transaction(self._connection)
        return self

    def run(
        self, query: str, parameters: Parameters | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Execute one statement; see `execute`."""
        return self.transaction.run(query, parameters, batch)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.run("CHECKPOINT")
        finally:
            self._connection.close()
            close_database(self._database)
        if kind is None:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
