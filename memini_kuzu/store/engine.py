"""The only module that holds Kùzu objects: databases, connections, transactions, and their errors.

Three rules of Kùzu 0.11.3 are kept here, so that nobody else has to know them:

- One `Database` per path per process: two of them lose rows silently. Engines on one path share it.
- A write transaction that rolled back may leave the full-text index unable to take the next write
  ("Write-write conflict of updating the same row"), so the database is reopened after a rollback.
- A checkpoint that is killed halfway leaves a file that cannot be opened, and a COPY is not in the log. So
  Kùzu checkpoints only when told to, and after a COPY, while a copy of the file stands by (backup.py). It
  must not meet a reader; and an error that says it did means "committed".
"""

from __future__ import annotations

import importlib.util  # noqa: F401  Kùzu's COPY FROM an Arrow table needs it imported
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import kuzu
import pyarrow as pa

from memini_kuzu.errors import NotAStoreError, QueryError, StoreError, StoreLockedError
from memini_kuzu.store import backup
from memini_kuzu.store.gate import Gate
from memini_kuzu.store.lock import ProcessLock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Engine", "Transaction", "memory"]

CHUNK = 1_000_000
"""Rows of an Arrow chunk: a million to a chunk reads several times faster than Kùzu's default."""

BUFFER_POOL = 8 << 30
"""Most bytes of page cache; half of the memory where that is less. Kùzu's default is four fifths of it."""

ADDRESS_SPACE = 1 << 40
"""Bytes of address space that a store may grow into: Kùzu's default of 8 TiB fails in small containers."""

COMMITTED_ALL_THE_SAME = "Timeout waiting for active transactions to leave the system before checkpointing"

FOREIGN = ("not a valid Kuzu database", "cannot be a directory", "Reading past the end of the file")
"""What Kùzu says of a file that it did not write."""

LOG = 8 << 20
"""Bytes of the log from which it is brought into the file: it takes some seconds to replay them."""

LOG_SHARE = 16
"""In a large file the log may grow to this part of it: a checkpoint copies the file."""

ROOM = 32 << 20
"""Bytes that must be free on the disk before anything is written."""

SMALL = 256 << 20
"""Bytes of a file that is copied in no time: closing it brings the log in, however short."""

LOCK_POLL = 0.05
"""Seconds between two looks at a lock that another process holds."""

QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|//[^\n]*|/\*.*?\*/", re.DOTALL)
"""What a semicolon inside does not count in: strings, quoted names and comments."""

COPY = re.compile(r"\b(?:COPY|IMPORT|CHECKPOINT|CREATE_\w*INDEX|DROP_\w*INDEX)\b", re.IGNORECASE)
"""What writes past the log, so that a checkpoint must follow."""

SEPARATOR = re.compile(r";\s*\S")

READING = re.compile(
    r"\s*(?:(?:EXPLAIN|PROFILE)\s+(?:LOGICAL\s+)?)?(?:MATCH|OPTIONAL|UNWIND|WITH|RETURN|CALL|LOAD\s+(?:WITH|FROM))\b",
    re.IGNORECASE,
)
"""How a reading query begins. COPY … TO and EXPORT change no store, but write over any file, this one too."""

SETTING = re.compile(r"\bCALL\b\s*\w*\s*=", re.IGNORECASE)
"""``CALL auto_checkpoint = true`` and its like: they hold for the whole database, and this one would let Kùzu
checkpoint while no copy of the file stands by."""

Parameters = Mapping[str, Any]


def memory() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _plain(value: Any) -> Any:
    """A parameter as Kùzu takes it: times without an offset (UTC), numpy scalars as Python's."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def _open_database(path: Path, *, read_only: bool) -> kuzu.Database:
    if path.exists() and path.stat().st_size == 0:
        # Kùzu would make a database of it
        raise NotAStoreError(f"{path} is empty, not a memini store; remove it or name another path")
    try:
        return kuzu.Database(
            str(path),
            read_only=read_only,
            buffer_pool_size=min(BUFFER_POOL, memory() // 2),
            max_db_size=ADDRESS_SPACE,
            # compressed, a list of doubles that grows loses its long fractions at a checkpoint: they become 0
            compression=False,
            auto_checkpoint=False,
        )
    except RuntimeError as error:
        message = str(error)
        if "Could not set lock on file" in message:
            # whoever opens for writing has the process lock already
            raise ProcessLock(path).refusal(held=not read_only) from error
        if any(reason in message for reason in FOREIGN):
            raise NotAStoreError(
                f"{path} is not a memini store ({message}); name another path, or `memini init` a new one"
            ) from error
        raise StoreError(f"{path} cannot be opened: {message}") from error


@dataclass
class _Shared:
    """What all engines on one path of this process have in common."""

    path: Path
    read_only: bool
    lock: ProcessLock | None
    database: kuzu.Database = field(init=False)
    descriptor: int = field(init=False)
    engines: int = 0
    functions: bool = False
    written: bool = False
    gate: Gate = field(default_factory=Gate)
    registering: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Open the database."""
        self.functions = False
        self.written = self.log() > 0
        self.database = _open_database(self.path, read_only=self.read_only)
        # open as long as the database: closing it would give up the lock that Kùzu has on the file
        self.descriptor = os.open(self.path, os.O_RDONLY)
        connection = kuzu.Connection(self.database)
        connection.execute("CALL force_checkpoint_on_close=false")
        connection.close()

    def stop(self) -> None:
        """Close it; what is in the log only stays there."""
        if not self.database.is_closed:
            self.database.close()
            os.close(self.descriptor)
            if not (self.written or self.read_only):
                # making functions known begins a log that holds nothing
                self.path.with_name(self.path.name + ".wal").unlink(missing_ok=True)

    def again(self) -> None:
        """Start from the file again, as it was before what has failed."""
        self.stop()
        backup.restore(self.path)
        self.start()

    @contextmanager
    def rewriting(self) -> Iterator[None]:
        """Let Kùzu rewrite the file inside; if that fails, `again` puts back what was there."""
        try:
            backup.keep(self.path, self.descriptor)
            self.need_room()
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be copied, as it must be before it is rewritten "
                f"({error.strerror or error}); is the disk full?"
            ) from error
        yield
        os.fsync(self.descriptor)
        backup.discard(self.path)

    def need_room(self) -> None:
        """Refuse to begin where the disk may be full before the end: Kùzu may end the process then."""
        free = shutil.disk_usage(self.path.parent).free
        if free < ROOM:
            raise StoreError(
                f"the disk is full: {free >> 20} MB are free beside {self.path}, {ROOM >> 20} MB are needed; "
                "make room: nothing was changed"
            )

    def log(self) -> int:
        """Bytes that are in the log only."""
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    def checkpoint(self) -> None:
        """Bring the log into the file; nobody may read meanwhile."""
        try:
            with self.rewriting():
                connection = kuzu.Connection(self.database)
                try:
                    execute(connection, "CHECKPOINT")
                finally:
                    connection.close()
        except BaseException:
            self.again()
            raise


_open: dict[Path, _Shared] = {}
_opening = threading.Lock()


def _check_reading(query: str) -> None:
    """Refuse what the read-only transaction, in which a user's query runs, would not."""
    code = QUOTED.sub(" ", query)
    if SEPARATOR.search(code):
        # a COMMIT among them would end the transaction that the rest relies on
        raise QueryError("a reading query is one statement; run them one by one, or allow writing")
    if SETTING.search(code):
        raise QueryError(
            "a reading query changes no setting of the engine; read one with "
            "CALL current_setting('threads') RETURN *"
        )
    if not READING.match(code):
        raise QueryError(
            "a reading query begins with MATCH, OPTIONAL MATCH, UNWIND, WITH, RETURN, CALL or LOAD FROM; "
            "allow anything else with write=True or --write"
        )


class Transaction:
    """Statements that happen together or not at all. Made by `Engine.transaction`."""

    def __init__(self, connection: kuzu.Connection) -> None:
        self._connection = connection
        self.copies = False

    def run(
        self, query: str, parameters: Parameters | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Execute one statement of the transaction.

        Parameters
        ----------
        query : str
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
        QueryError
            If Kùzu refuses the query.
        """
        self.copies = self.copies or COPY.search(query) is not None
        return execute(self._connection, query, parameters, batch)


def execute(
    connection: kuzu.Connection,
    query: str,
    parameters: Parameters | None = None,
    batch: pa.Table | None = None,
) -> pa.Table:
    """Execute on a connection; Kùzu's results and RuntimeErrors stop here."""
    plain = {name: _plain(value) for name, value in (parameters or {}).items()}
    try:
        # Kùzu looks the name `batch` up in this frame
        result = connection.execute(query, plain)
        if isinstance(result, list):
            result = result[-1]
        if not result.get_column_names():
            # asking an empty result for Arrow divides by zero
            return pa.table({})
        return result.get_as_arrow(CHUNK)
    except RuntimeError as error:
        message = str(error)
        if "No space left" in message or "File too large" in message:
            raise StoreError(
                f"the disk is full ({message}); make room: nothing of this step was kept"
            ) from error
        raise QueryError(f"Kùzu refused the query: {message}") from error
    finally:
        del batch


class Engine:
    """A handle on a store's file.

    Parameters
    ----------
    path : Path
        The file.
    read_only : bool
        Open it without the right to write; several processes may do so at once.
    wait : float
        Seconds to wait for another process to close it.

    Raises
    ------
    StoreLockedError
        If another process has it.
    NotAStoreError
        If the file is no Kùzu database.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait: float = 0.0) -> None:
        self.path = path.resolve()
        self._read_only = read_only
        self._shared: _Shared | None = None
        deadline = time.monotonic() + wait
        while self._shared is None:
            try:
                with _opening:
                    self._shared = self._join(self.path, read_only=read_only)
            except StoreLockedError:
                if time.monotonic() >= deadline:
                    raise
                # asleep outside of _opening: other stores of this process open and close meanwhile
                time.sleep(LOCK_POLL)

    @staticmethod
    def _join(path: Path, *, read_only: bool) -> _Shared:
        shared = _open.get(path)
        if shared is None:
            shared = _open[path] = Engine._first(path, read_only=read_only)
        elif shared.read_only and not read_only:
            raise StoreError(f"{path} is open read-only in this process; close that before writing to it")
        shared.engines += 1
        return shared

    @staticmethod
    def _first(path: Path, *, read_only: bool) -> _Shared:
        lock = ProcessLock(path)
        if read_only:
            if backup.there(path):
                lock.acquire(wait=0.0)
                try:
                    backup.restore(path)
                finally:
                    lock.release()
            return _Shared(path, read_only, None)
        lock.acquire(wait=0.0)
        try:
            backup.restore(path)
            return _Shared(path, read_only, lock)
        except BaseException:
            lock.release()
            raise

    @property
    def _live(self) -> _Shared:
        if self._shared is None:
            raise StoreError(f"{self.path} was closed; open it again")
        return self._shared

    def _writable(self) -> _Shared:
        if self.read_only:
            raise StoreError(f"{self.path} is open read-only; open it for writing to change it")
        self._live.written = True
        return self._live

    @property
    def read_only(self) -> bool:
        """Whether writing is refused, by this handle or by all of the process."""
        return self._read_only or self._live.read_only

    def connect(self) -> kuzu.Connection:
        """A connection of its own on the shared database."""
        database = self._live.database
        if database.is_closed:
            raise StoreError(f"{self.path} was closed meanwhile, or could not be opened again; open it again")
        return kuzu.Connection(database)

    def read(
        self,
        query: str,
        parameters: Parameters | None = None,
        batch: pa.Table | None = None,
        *,
        hidden: bool = False,
    ) -> pa.Table:
        """Run one reading query.

        Parameters
        ----------
        query : str
            Cypher.
        parameters : mapping, optional
            Values of its ``$names``.
        batch : pyarrow.Table, optional
            Rows for ``LOAD FROM batch``.
        hidden : bool
            Let it see the tables that Kùzu keeps for its indexes.

        Returns
        -------
        pyarrow.Table
            The result.

        Raises
        ------
        QueryError
            If Kùzu refuses the query.
        """
        with self._live.gate.reading():
            connection = self.connect()
            try:
                if hidden:
                    connection.execute("CALL enable_internal_catalog = true")
                return execute(connection, query, parameters, batch)
            finally:
                connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """All that is read inside is of one state of the store, which the number stands for.

        It is another one after every commit, and only then: this process alone writes the file, or nobody
        does while it is open read-only.
        """
        gate = self._live.gate
        with gate.reading():
            yield gate.commits

    def autocommit(
        self, query: str, parameters: Parameters | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Run one statement that Kùzu does not allow inside a transaction."""
        shared = self._writable()
        with shared.writing, shared.gate.committing():
            connection = self.connect()
            try:
                return execute(connection, query, parameters, batch)
            finally:
                connection.close()

    def run_foreign(
        self,
        query: str,
        parameters: Parameters | None,
        *,
        write: bool,
        register: Callable[[kuzu.Connection], None],
    ) -> pa.Table:
        """Run a query that is not memini's own.

        Parameters
        ----------
        query : str
            Cypher; one statement unless `write`.
        parameters : mapping, optional
            Values of its ``$names``.
        write : bool
            Let it change the store.
        register : callable
            Makes memini's functions known on a connection; Kùzu keeps them as long as the database is open.

        Returns
        -------
        pyarrow.Table
            The result.

        Raises
        ------
        QueryError
            If Kùzu refuses it, or it would write and may not.
        """
        shared = self._writable() if write else self._live
        if not write:
            _check_reading(query)
        with (
            shared.writing if write else nullcontext(),
            shared.gate.committing() if write else shared.gate.reading(),
        ):
            connection = self.connect()
            done = False
            try:
                with shared.registering:
                    if not shared.functions:
                        register(connection)
                        shared.functions = True
                if not write:
                    connection.execute("BEGIN TRANSACTION READ ONLY")
                with shared.rewriting() if write and COPY.search(query) else nullcontext():
                    result = execute(connection, query, parameters)
                    if write and COPY.search(query):
                        execute(connection, "CHECKPOINT")
                done = True
            except QueryError as error:
                # one is refused inside the transaction, the other because the file is open read-only
                if not any(words in str(error) for words in ("read-only transaction", "read-only database")):
                    raise
                raise QueryError(
                    "the query would change the store; allow it with write=True or --write"
                ) from error
            finally:
                connection.close()
                if write and not done:
                    shared.again()
        if write:
            self._keep_log_short(shared)
        return result

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All statements inside happen together, or none does.

        Raises
        ------
        StoreError
            If the store is open read-only.
        """
        shared = self._writable()
        with shared.writing:
            shared.need_room()
            connection = self.connect()
            try:
                execute(connection, "BEGIN TRANSACTION")
                transaction = Transaction(connection)
                yield transaction
                with shared.rewriting() if transaction.copies else nullcontext(), shared.gate.committing():
                    self._commit(connection, copies=transaction.copies)
            except BaseException:
                self._abandon(connection)
                raise
            connection.close()
            self._keep_log_short(shared)

    @staticmethod
    def _commit(connection: kuzu.Connection, *, copies: bool) -> None:
        try:
            execute(connection, "COMMIT")
        except QueryError as error:
            # the data is committed: a retry would apply it twice
            if COMMITTED_ALL_THE_SAME not in str(error):
                raise
        if copies:
            # where the commit itself has not
            execute(connection, "CHECKPOINT")

    @staticmethod
    def _keep_log_short(shared: _Shared) -> None:
        """Bring a long log into the file."""
        size = shared.path.stat().st_size
        if shared.log() > max(LOG, size // LOG_SHARE):
            # what is in the log is as safe as what is in the file: the next commit tries again
            with shared.writing, shared.gate.committing(), suppress(StoreError):
                shared.checkpoint()

    def _abandon(self, connection: kuzu.Connection) -> None:
        """Undo the open transaction and start from the file again."""
        shared = self._live
        with shared.gate.committing():
            try:
                connection.execute("ROLLBACK")
            except RuntimeError as error:
                # the failed statement may have ended the transaction by itself
                if "No active transaction" not in str(error):
                    raise
            finally:
                connection.close()
                shared.again()

    def checkpoint(self) -> None:
        """Bring the log into the file, so that the file is all of the store."""
        shared = self._live
        with shared.writing, shared.gate.committing():
            if shared.log():
                shared.checkpoint()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else writes inside, and no other handle of this process is on the file.

        Raises
        ------
        StoreError
            If the store is open read-only, or open twice in this process.
        """
        shared = self._writable()
        with shared.writing:
            if shared.engines > 1:
                raise StoreError(
                    f"{self.path} is open {shared.engines} times in this process; close the others first"
                )
            yield

    @contextmanager
    def offline(self) -> Iterator[None]:
        """The file is closed inside and still locked, so that another can be put in its place.

        Raises
        ------
        StoreError
            If its write-ahead log could not be brought into it: it would be replayed into the other.
        """
        shared = self._live
        with shared.writing, shared.gate.committing():
            if shared.log():
                shared.checkpoint()
            shared.stop()
            try:
                yield
            finally:
                shared.again()

    def close(self) -> None:
        """Give the handle back; the last one on a path closes the database and the lock."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        with _opening:
            shared.engines -= 1
            if shared.engines == 0:
                del _open[shared.path]
                with shared.writing, shared.gate.committing():
                    if shared.written and shared.log() and shared.path.stat().st_size < SMALL:
                        # what is in the log is as safe as what is in the file: the next to close tries again
                        with suppress(StoreError):
                            shared.checkpoint()
                    shared.stop()
                if shared.lock is not None:
                    shared.lock.release()
