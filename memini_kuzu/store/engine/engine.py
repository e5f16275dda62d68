"""A store's file, kept safe: who may open it, how a change gets into it, and how it comes back after a crash.

- A change is in the journal, on the disk, before it is applied, and applied before it is answered (`apply`).
- Kùzu's own log is never replayed: opening starts from the last checkpoint, and applies the journal's tail.
- What is not journaled, because it is large or the user's own Cypher, is in the file before it is answered.
- Kùzu rewrites the file only while a copy stands by; a journal without records, put in place of the other in
  one step, is what ends it.
- A failed step never rolls back over what was there: the file is opened again as it was before.
- Readers write nothing, and open only what needs no recovery.

The rest are rules of Kùzu's (`faults`): one `Database` per path per process, no reader beside a commit.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import kuzu

from memini_kuzu.errors import DamagedStoreError, NotAStoreError, QueryError, StoreError, StoreLockedError
from memini_kuzu.store.engine import standby
from memini_kuzu.store.engine.checksum import SUMMED, checksum, sum_file
from memini_kuzu.store.engine.database import Parameters, Transaction, execute, need_room, open_database, pool
from memini_kuzu.store.engine.foreign import check_reading, writing_statements
from memini_kuzu.store.engine.gate import Gate
from memini_kuzu.store.engine.journal import Journal, Written, read, sync_folder
from memini_kuzu.store.engine.lock import ProcessLock, UnlockableError, opening
from memini_kuzu.store.engine.standby import beside
from memini_kuzu.store.engine.trial import try_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

__all__ = [
    "EXPORTED",
    "Engine",
    "JournalState",
    "OldStoreError",
    "clear_work",
    "forget_sum",
    "recover",
    "work_beside",
]

WORK, EXPORTED = ".new", ".export"
"""Endings of what is made beside a store and takes its place when it is whole, with a dot before its name."""

SIDE_FILES = (".wal", ".shadow", ".journal", ".journal.new", ".lock", ".opening.lock", ".pid", *standby.FILES)
"""What may stand beside a database file; all but the first two are ours."""

COMMITTED_ALL_THE_SAME = "Timeout waiting for active transactions to leave the system before checkpointing"

JOURNAL = 8 << 20
"""Bytes of the journal from which it is brought into the file."""

JOURNAL_SHARE = 16
"""In a large file the journal may grow to this part of it: a checkpoint copies the file."""

JOURNAL_CHANGES = 250
"""Changes from which it is: applying one when the store is opened takes some hundredths of a second."""

SMALL = 256 << 20
"""Bytes of a file that is copied in no time: closing it brings the journal in, however short."""

CHANGE = 0.05
"""Seconds that a change of the journal takes when the store is opened."""

REWRITE = 2.5e-9
"""Seconds that a checkpoint takes for each byte of the file, the copy that stands by included."""

LOCK_POLL = 0.05
"""Seconds between two looks at a lock that another process holds."""

EMPTY_LOG = 64
"""Bytes of a log that holds nothing: making functions known begins one."""

NAMES = re.compile(r"\$(\w+)")

READ_MARK = "MATCH (m:MeminiJournal {id: 0}) RETURN m.sequence AS sequence, m.journal AS journal"

SET_SEQUENCE = "MATCH (m:MeminiJournal {id: 0}) SET m.sequence = $sequence"

SET_JOURNAL = "MATCH (m:MeminiJournal {id: 0}) SET m.journal = $journal"

RECOVER = "or go on with what is left: memini recover --db {path}"


Replay = Callable[[Transaction, bytes], object]


class OldStoreError(StoreError):
    """The file is of an older memini, or not memini's."""


def _now() -> str:
    """A moment, as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def changes(first: int, last: int) -> str:
    """How changes are called.

    Examples
    --------
    >>> changes(3, 3), changes(3, 5)
    ('change 3', 'changes 3 to 5')
    """
    return f"change {first}" if first == last else f"changes {first} to {last}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file says of itself.

    Parameters
    ----------
    sequence : int
        Number of the last change that is in it.
    journal : str
        Name of the journal in which others may follow; empty where all is in the file.
    """

    sequence: int
    journal: str


@dataclass(frozen=True, slots=True)
class JournalState:
    """What is in a store's file and what beside it.

    Parameters
    ----------
    changes : int
        How many are in the journal alone.
    sequence : int
        Number of the last one that was answered.
    damage : str
        What is wrong with the file; empty where nothing was found.
    summed : bool
        Whether the whole file was looked at.
    """

    changes: int
    sequence: int
    damage: str
    summed: bool


@dataclass
class _Shared:
    """What all engines on one path of this process have in common."""

    path: Path
    read_only: bool
    lock: ProcessLock | None
    replay: Replay
    accepted: list[str] | None = None
    database: kuzu.Database = field(init=False)
    descriptor: int = field(init=False)
    journal: Journal | None = field(init=False, default=None)
    sequence: int = field(init=False, default=0)
    broken: str = field(init=False, default="")
    foreign: bool = field(init=False, default=False)
    engines: int = 0
    functions: bool = False
    gate: Gate = field(default_factory=Gate)
    registering: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if self.read_only:
            self.join_readers()
        else:
            self.start()

    # --- opening ---

    def load(self) -> None:
        """Open the database as the last checkpoint left it."""
        self.functions = False
        self.database = open_database(self.path, read_only=self.read_only)
        # open as long as the database: closing it would give up the lock that Kùzu has on the file
        self.descriptor = os.open(self.path, os.O_RDONLY)

    def start(self) -> None:
        """Open the database and bring it up to date."""
        self.refuse_others()
        written = self.written()
        log = self.set_log_aside(written)
        if self.accepted:
            try_out(self.path, pool())
        self.load()
        try:
            self.follow(written)
        except OldStoreError:
            self.stop()
            if log is not None:
                # nothing but the log holds what an older memini wrote last
                log.replace(beside(self.path, ".wal"))
            raise
        except BaseException:
            self.stop()
            raise
        if log is not None:
            warnings.warn(
                f"{self.path} had a log beside it that memini did not write: another program ended before it "
                f"was done. The store is as its last checkpoint left it; the log is {log.name} now",
                stacklevel=2,
            )

    def refuse_others(self) -> None:
        """Touch nothing beside a file that another program has open in Kùzu."""
        try:
            with self.path.open("rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            pass
        except BlockingIOError:
            raise ProcessLock(self.path).refusal(held=True) from None
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror or error}; open it read-only"
            ) from error

    def damaged(self, what: str) -> None:
        """Something is lost: refuse to go on, or note it where that is accepted."""
        if self.accepted is None:
            raise DamagedStoreError(f"{what}; {RECOVER.format(path=self.path)}")
        self.accepted.append(what)

    def written(self) -> Written | None:
        """What the journal holds, after the file is what it says; a copy that stands by is put back."""
        path = beside(self.path, ".journal")
        self.broken, self.foreign = "", False
        try:
            written = read(path)
        except DamagedStoreError as error:
            self.broken = f"{error}. Put a backup in its place"
            written = None
            if beside(self.path, ".standby").exists():
                # the file may be rewritten by half: not even to be opened
                self.damaged(self.broken)
                self.broken = ""
        if self.accepted is not None and path.exists():
            shutil.copyfile(path, beside(self.path, f".journal.{_now()}"))
        if written is None:
            return None
        if written.rewriting is not None and not standby.restore(self.path, written.rewriting):
            self.damaged(
                f"{self.path} was being rewritten when its process ended, and the copy of it, "
                f"{beside(self.path, '.standby').name}, is missing or damaged: remove {path.name}, and put "
                "a backup in the file's place"
            )
        written = self.looked_at(written)
        if written.answered > written.last:
            self.broken = (
                f"the journal of {self.path} is damaged: {changes(written.last + 1, written.answered)} of "
                f"{written.answered} cannot be read. Put a backup in its place"
            )
        return written

    def looked_at(self, written: Written) -> Written:
        """Refuse a file that is damaged; tell of one that another program has written, and go on with it."""
        expected = written.rewriting or written.head.file
        try:
            found = sum_file(self.path, like=expected)
        except FileNotFoundError:
            raise NotAStoreError(f"{self.path} is missing, and only its journal is there") from None
        if damage := expected.damage(found):
            self.damaged(f"{self.path} is damaged: {damage}. Put a backup in its place")
            if found._replace(header=expected.header) == expected:
                # all the rest is as it was, and the journal has these few bytes
                with self.path.open("rb+") as file:
                    file.write(expected.header)
                    file.flush()
                    os.fsync(file.fileno())
                found = expected
        self.foreign = not damage and found != expected
        # what the copy that stands by is compared with from now on
        return replace(written, head=written.head._replace(file=found))

    def set_log_aside(self, written: Written | None) -> Path | None:
        """Kùzu would replay its log. All that memini wrote is in the journal; what others wrote is kept."""
        log = beside(self.path, ".wal")
        if not log.exists():
            return None
        ours = written is not None and (written.head.follow or written.rewriting is not None)
        if ours or log.stat().st_size <= EMPTY_LOG:
            log.unlink()
            return None
        return log.replace(beside(self.path, f".wal.{_now()}"))

    def mark(self) -> Mark:
        """What the file says of itself."""
        connection = kuzu.Connection(self.database)
        try:
            row = execute(connection, READ_MARK).to_pylist()[0]
        except QueryError as error:
            if "MeminiJournal does not exist" not in str(error):
                raise
            raise OldStoreError(f"{self.path} was not made by this memini") from None
        finally:
            connection.close()
        return Mark(row["sequence"], row["journal"])

    def follow(self, written: Written | None) -> None:
        """Apply the journal's changes that are not in the file."""
        mark = self.mark()
        path = beside(self.path, ".journal")
        self.sequence = mark.sequence
        if not mark.journal:
            if self.broken or (written is not None and written.last > mark.sequence):
                aside = path.replace(beside(self.path, f".journal.{_now()}"))
                warnings.warn(
                    f"{self.path} is complete without the journal beside it, which is "
                    f"{'damaged' if self.broken else 'of another state of it'}: that is {aside.name} now",
                    stacklevel=2,
                )
                written = None
            elif self.foreign:
                self.tell_foreign()
            self.journal = None if written is None else Journal(path, written)
            return
        if self.broken:
            self.damaged(self.broken)
        if written is None or written.head.name != mark.journal:
            self.damaged(
                f"{self.path} was copied while it was open, or without its journal: what was told after "
                f"change {mark.sequence} is not in it. Copy both, {path.name} too, while no process has it "
                "open, or make copies with `memini backup`"
            )
            return
        if self.foreign:
            self.tell_foreign()
        self.journal = Journal(path, written)
        for record in written.records:
            if record.number > self.sequence:
                self.commit(record.number, partial(_replayed, self.replay, record.change))

    def tell_foreign(self) -> None:
        """Another program has written the file, or put another in its place: it may be sound, or not."""
        warnings.warn(
            f"{self.path} is not as memini left it: another program wrote it, or another file was put in its "
            "place; look whether it is sound: memini doctor --deep",
            stacklevel=2,
        )

    def join_readers(self) -> None:
        """Open the database for reading; nothing may be missing in the file."""
        self.written()
        self.load()
        try:
            if self.mark().journal:
                self.damaged(
                    self.broken
                    or f"{self.path} was copied while it was open, or without its journal. Copy both while "
                    "no process has it open, or make copies with `memini backup`"
                )
            if self.foreign:
                self.tell_foreign()
        except BaseException:
            self.stop()
            raise

    # --- closing ---

    def stop(self) -> None:
        """Close it; what is in the journal only stays there."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        if not self.database.is_closed:
            self.database.close()
            os.close(self.descriptor)
            if not self.read_only:
                # its changes are in the journal
                beside(self.path, ".wal").unlink(missing_ok=True)

    def again(self) -> None:
        """Start from the file and the journal again, as they were before what has failed."""
        with self.gate.committing():
            self.stop()
            self.start()

    def settle(self) -> None:
        """Bring everything into the file, so that it is all of the store."""
        with self.writing, self.gate.committing():
            if self.journal is not None and self.journal.head.follow:
                self.checkpoint(follow=False)
                self.reload()

    def worth_settling(self) -> bool:
        """Whether bringing the journal in now takes less than applying it when the store is opened."""
        if self.journal is None or not self.journal.head.follow or self.database.is_closed:
            return False
        size = self.path.stat().st_size
        return size < SMALL or self.journal.changes * CHANGE > size * REWRITE

    # --- writing ---

    @contextmanager
    def rewriting(self, *, follow: bool = True) -> Iterator[str]:
        """Let Kùzu rewrite the file inside; if that fails, the store is what it was.

        Parameters
        ----------
        follow : bool
            Whether changes are to follow in the journal.

        Yields
        ------
        str
            What the file is to say of the journal that follows. It is another name each time, so that a file
            and a journal of two moments, or of two copies of a store, are found out.
        """
        name = str(uuid.uuid4())
        path = beside(self.path, ".journal")
        try:
            if self.journal is None:
                self.journal = Journal.begin(path, self.sequence, checksum(self.descriptor), follow=False)
            # between two checkpoints the file is what it was after the first
            file = self.journal.head.file
            if file.size != os.fstat(self.descriptor).st_size:
                file = checksum(self.descriptor)
            standby.keep(self.path, self.descriptor)
            need_room(self.path)
            self.journal.rewrite(self.sequence, file)
        except OSError as error:
            standby.discard(self.path)
            raise StoreError(
                f"{self.path} cannot be copied, as it must be before it is rewritten "
                f"({error.strerror or error}); is the disk full?"
            ) from error
        except StoreError:
            # no room beside the copy: it must not keep what room there is
            standby.discard(self.path)
            raise
        try:
            yield name if follow else ""
            os.fsync(self.descriptor)
            file = checksum(self.descriptor)
            fresh = Journal.begin(path, self.sequence, file, follow=follow, name=name)
        except OSError as error:
            self.again()
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror or error}); nothing of this step was kept"
            ) from error
        except BaseException:
            self.again()
            raise
        self.journal.close()
        self.journal = fresh
        standby.discard(self.path)

    def checkpoint(self, *, follow: bool = True) -> None:
        """Bring everything into the file; nobody may read meanwhile.

        Parameters
        ----------
        follow : bool
            Whether changes are to follow.
        """
        with self.rewriting(follow=follow) as name:
            connection = kuzu.Connection(self.database)
            try:
                self.rewrite(connection, name)
            finally:
                connection.close()

    @staticmethod
    def rewrite(connection: kuzu.Connection, name: str) -> None:
        """Inside `rewriting`: say in the file what journal follows, and let Kùzu checkpoint."""
        execute(connection, SET_JOURNAL, {"journal": name})
        execute(connection, "CHECKPOINT")

    def reload(self) -> None:
        """After a checkpoint: Kùzu's memory of what was deleted before it may be wrong, the file is right."""
        with self.gate.committing():
            self.database.close()
            os.close(self.descriptor)
            beside(self.path, ".wal").unlink(missing_ok=True)
            self.load()

    def begin(self) -> None:
        """Before the first change: let the file say that a journal follows, so that a copy alone says so."""
        if self.journal is None or not self.journal.head.follow:
            with self.gate.committing():
                self.checkpoint()

    def commit(self, number: int, statements: Callable[[Transaction], object]) -> None:
        """Run statements as one transaction, which leaves the number in the file."""
        connection = kuzu.Connection(self.database)
        try:
            execute(connection, "BEGIN TRANSACTION")
            statements(Transaction(connection))
            execute(connection, SET_SEQUENCE, {"sequence": number})
            with self.gate.committing():
                try:
                    execute(connection, "COMMIT")
                except QueryError as error:
                    # the data is committed: a retry would apply it twice
                    if COMMITTED_ALL_THE_SAME not in str(error):
                        raise
            self.sequence = number
        finally:
            connection.close()

    def long_journal(self) -> bool:
        """Whether the journal should be brought into the file."""
        journal = self.journal
        if journal is None:
            return False
        size = self.path.stat().st_size
        return journal.changes >= JOURNAL_CHANGES or journal.size > max(JOURNAL, size // JOURNAL_SHARE)


def _replayed(replay: Replay, change: bytes, transaction: Transaction) -> None:
    replay(transaction, change)


_open: dict[Path, _Shared] = {}
_opening = threading.Lock()


class Engine:
    """A handle on a store's file.

    Parameters
    ----------
    path : Path
        The file.
    replay : callable
        Applies a change of the journal inside a transaction.
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
    DamagedStoreError
        If part of it is lost.
    """

    def __init__(
        self,
        path: Path,
        replay: Replay,
        *,
        read_only: bool = False,
        wait: float = 0.0,
    ) -> None:
        self.path = path.resolve()
        self._read_only = read_only
        self._shared: _Shared | None = None
        deadline = time.monotonic() + wait
        while self._shared is None:
            try:
                with _opening:
                    self._shared = self._join(self.path, replay, read_only=read_only)
            except StoreLockedError:
                if time.monotonic() >= deadline:
                    raise
                # asleep outside of _opening: other stores of this process open and close meanwhile
                time.sleep(LOCK_POLL)

    @staticmethod
    def _join(path: Path, replay: Replay, *, read_only: bool) -> _Shared:
        shared = _open.get(path)
        if shared is None:
            shared = _open[path] = (_first_reader if read_only else _first_writer)(path, replay)
        elif shared.read_only and not read_only:
            raise StoreError(f"{path} is open read-only in this process; close that before writing to it")
        shared.engines += 1
        return shared

    @property
    def _live(self) -> _Shared:
        if self._shared is None:
            raise StoreError(f"{self.path} was closed; open it again")
        return self._shared

    def _writable(self) -> _Shared:
        if self.read_only:
            raise StoreError(f"{self.path} is open read-only; open it for writing to change it")
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
        self, query: str, parameters: Parameters | None = None, batch: pa.Table | None = None
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
            Let it change the store. It is in the file when this returns, wholly or not at all.
        register : callable
            Makes memini's functions known on a connection; Kùzu keeps them as long as the database is open.

        Returns
        -------
        pyarrow.Table
            The result, of the last statement.

        Raises
        ------
        QueryError
            If Kùzu refuses it, or it would write and may not.
        """
        if write:
            return self._write_foreign(writing_statements(query), dict(parameters or {}), register)
        check_reading(query)
        shared = self._live
        with shared.gate.reading():
            connection = self.connect()
            try:
                self._register(shared, connection, register)
                connection.execute("BEGIN TRANSACTION READ ONLY")
                return execute(connection, query, parameters)
            except QueryError as error:
                # one is refused inside the transaction, the other because the file is open read-only
                if not any(words in str(error) for words in ("read-only transaction", "read-only database")):
                    raise
                raise QueryError(
                    "the query would change the store; allow it with write=True or --write"
                ) from error
            finally:
                connection.close()

    def _write_foreign(
        self, statements: list[str], parameters: Parameters, register: Callable[[kuzu.Connection], None]
    ) -> pa.Table:
        shared = self._writable()
        if not statements:
            raise QueryError("the query is empty; pass a statement")
        result: pa.Table = None
        with shared.writing, shared.gate.committing():
            with shared.rewriting() as name:
                connection = self.connect()
                try:
                    self._register(shared, connection, register)
                    for statement in statements:
                        known = parameters
                        if len(statements) > 1:
                            # Kùzu refuses a parameter that a statement does not name
                            named = set(NAMES.findall(statement))
                            known = {key: value for key, value in parameters.items() if key in named}
                        result = execute(connection, statement, known)
                    shared.rewrite(connection, name)
                finally:
                    connection.close()
            shared.reload()
        return result

    @staticmethod
    def _register(
        shared: _Shared, connection: kuzu.Connection, register: Callable[[kuzu.Connection], None]
    ) -> None:
        with shared.registering:
            if not shared.functions:
                register(connection)
                shared.functions = True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else writes inside, so that what is read stays as it is.

        Raises
        ------
        StoreError
            If the store is open read-only.
        """
        with self._writable().writing:
            yield

    def apply(self, change: bytes, statements: Callable[[Transaction], object]) -> None:
        """Make a change: all of it is there when this returns, or nothing where it raises.

        Parameters
        ----------
        change : bytes
            What `replay` takes.
        statements : callable
            What `replay` would do with it.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        shared = self._writable()
        with shared.writing:
            need_room(shared.path)
            shared.begin()
            journal = shared.journal
            assert journal is not None  # noqa: S101  begin made one
            number = shared.sequence + 1
            try:
                journal.append(number, change)
            except OSError as error:
                raise StoreError(
                    f"{journal.path} cannot be written ({error.strerror or error}); make room: nothing was "
                    "changed"
                ) from error
            try:
                shared.commit(number, statements)
            except BaseException:
                try:
                    journal.take_back(change)
                finally:
                    shared.again()
                raise
            journal.answer(number)
            if shared.long_journal():
                # what is in the journal is as safe as what is in the file: the next change tries again
                with shared.gate.committing(), suppress(StoreError):
                    shared.checkpoint()
                    shared.reload()

    def load(self, statements: Callable[[Transaction], object]) -> None:
        """Make a change that is too large to be journaled: when this returns, it is in the file.

        Parameters
        ----------
        statements : callable
            What is to be done; it may COPY.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        shared = self._writable()
        with shared.writing:
            need_room(shared.path)
            # the copy stands by before the first row: COPY writes into the file before it commits
            with shared.rewriting() as name:
                shared.commit(shared.sequence + 1, statements)
                with shared.gate.committing():
                    connection = self.connect()
                    try:
                        shared.rewrite(connection, name)
                    finally:
                        connection.close()
            shared.reload()

    def checkpoint(self) -> None:
        """Bring the journal into the file, so that the file is all of the store."""
        self._writable().settle()

    def state(self, *, deep: bool = False) -> JournalState:
        """What is in the file and what in the journal.

        Parameters
        ----------
        deep : bool
            Sum up the file, where it is not too large.
        """
        shared = self._live
        with shared.gate.reading():
            if shared.read_only:
                changes, sequence = 0, shared.mark().sequence
            else:
                changes, sequence = shared.journal.changes if shared.journal else 0, shared.sequence
            damage, summed = "", False
            written = read(beside(shared.path, ".journal")) if deep else None
            if written is not None:
                found = checksum(shared.descriptor, like=written.head.file)
                summed = found == written.head.file and found.size <= SUMMED
                if how := written.head.file.damage(found):
                    damage = f"{shared.path} is damaged: {how}"
        return JournalState(changes, sequence, damage, summed)

    def backup(self, target: Path) -> None:
        """Copy the store, as it is at this moment, into a file of its own; others read and write meanwhile.

        Parameters
        ----------
        target : Path
            The new file; it must not exist.

        Raises
        ------
        StoreError
            If it exists, or cannot be written.
        """
        shared = self._live
        if target.parent.resolve() == shared.path.parent and target.name.startswith(f"{shared.path.name}."):
            # it would be taken for the journal, or for what else stands beside the store
            raise StoreError(f"{target.name} is a name that belongs to {shared.path.name}; pass another one")
        if target.exists():
            raise StoreError(f"{target} exists; a backup writes over nothing: name another path")
        if not target.parent.is_dir():
            raise StoreError(f"folder {target.parent} does not exist; create it first")
        work = target.with_name(f".{target.name}.new")
        try:
            with shared.writing:
                shared.settle()
                standby.copy(shared.descriptor, work)
            try:
                # appears when it is whole, and never over another
                os.link(work, target)
            except FileExistsError:
                raise StoreError(
                    f"{target} exists; a backup writes over nothing: name another path"
                ) from None
            except OSError:
                # a disk without hard links, such as a stick; that nothing is there was looked at above
                work.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
        finally:
            work.unlink(missing_ok=True)

    def export(self, query: str) -> None:
        """Run EXPORT DATABASE, which changes nothing and takes no parameter."""
        shared = self._writable()
        with shared.writing, shared.gate.committing():
            shared.settle()  # so that nothing is left for Kùzu to bring in
            connection = self.connect()
            try:
                execute(connection, query)
            finally:
                connection.close()

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
        """The file is closed inside and still locked, so that another can be put in its place."""
        shared = self._live
        with shared.writing, shared.gate.committing():
            shared.settle()
            shared.stop()
            # all is in the file; the journal's checksum is of the one that goes
            beside(self.path, ".journal").unlink(missing_ok=True)
            try:
                yield
            finally:
                shared.start()

    def close(self) -> None:
        """Give the handle back; the last one on a path closes the database and the lock."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        with _opening:
            shared.engines -= 1
            if shared.engines:
                return
            del _open[shared.path]
            try:
                with shared.writing, shared.gate.committing():
                    if shared.worth_settling():
                        # what is in the journal is as safe as what is in the file: the next tries again
                        with suppress(StoreError):
                            shared.checkpoint(follow=False)
                    shared.stop()
            finally:
                if shared.lock is not None:
                    shared.lock.release()


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


def _first_writer(path: Path, replay: Replay) -> _Shared:
    lock = ProcessLock(path)
    with opening(path):
        lock.acquire(wait=0.0)
        try:
            clear_work(path)
            return _Shared(path, False, lock, replay)  # noqa: FBT003
        except BaseException:
            lock.release()
            raise


def _first_reader(path: Path, replay: Replay) -> _Shared:
    """Open for reading; where a crash left something to do, that is done first, as a writer."""
    try:
        return _locked_reader(path, replay)
    except UnlockableError:
        # where nobody can write, nobody has to be kept out
        return _Shared(path, True, None, replay)  # noqa: FBT003


def _locked_reader(path: Path, replay: Replay) -> _Shared:
    with opening(path):
        lock = ProcessLock(path)
        lock.acquire(wait=0.0, note=False)
        try:
            if _unclean(path):
                recovered = _Shared(path, False, None, replay)  # noqa: FBT003
                try:
                    recovered.settle()
                finally:
                    recovered.stop()
            return _Shared(path, True, None, replay)  # noqa: FBT003
        finally:
            lock.release(note=False)


def _unclean(path: Path) -> bool:
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


def recover(path: Path, replay: Replay) -> list[str]:
    """Go on with what is left of a damaged store.

    Parameters
    ----------
    path : Path
        The file.
    replay : callable
        As of `Engine`.

    Returns
    -------
    list of str
        What was lost; empty where nothing was. A copy of the journal lies beside the file.

    Raises
    ------
    StoreLockedError
        If a process has it open.
    NotAStoreError, DamagedStoreError
        If not even the file can be read.
    """
    path = path.resolve()
    lost: list[str] = []
    lock = ProcessLock(path)
    with opening(path):
        lock.acquire(wait=0.0)
        try:
            shared = _Shared(path, False, lock, replay, accepted=lost)  # noqa: FBT003
            try:
                if shared.journal is None:
                    shared.journal = Journal.begin(
                        beside(path, ".journal"), shared.sequence, checksum(shared.descriptor), follow=True
                    )
                shared.checkpoint(follow=False)
            finally:
                shared.stop()
        finally:
            lock.release()
    return lost
