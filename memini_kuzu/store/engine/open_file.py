"""A store's file open in this process: its journal, its checkpoints, its recovery."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import uuid
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import kuzu

from memini_kuzu.errors import DamagedStoreError, NotAStoreError, QueryError, StoreError
from memini_kuzu.store.engine import standby
from memini_kuzu.store.engine.checksum import checksum, sum_file
from memini_kuzu.store.engine.database import (
    Transaction,
    close_database,
    execute,
    need_room,
    open_database,
    pool,
)
from memini_kuzu.store.engine.files import stamp
from memini_kuzu.store.engine.gate import Gate
from memini_kuzu.store.engine.journal import Journal, Written, read
from memini_kuzu.store.engine.lock import ProcessLock
from memini_kuzu.store.engine.standby import beside
from memini_kuzu.store.engine.state import Mark, OldStoreError, changes
from memini_kuzu.store.engine.trial import try_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


__all__ = [
    "OpenFile",
    "Replay",
]


COMMITTED_DESPITE_ERROR = "Timeout waiting for active transactions to leave the system before checkpointing"
"""Kùzu's error after a commit whose checkpoint timed out."""


JOURNAL = 8 << 20
"""Bytes of the journal from which it is checkpointed."""


JOURNAL_SHARE = 16
"""A journal may grow to one part in this many of a large file, because a checkpoint copies the file."""


JOURNAL_CHANGES = 250
"""Changes in the journal from which it is checkpointed: applying one takes some hundredths of a second."""


SMALL = 256 << 20
"""Bytes up to which copying the file costs almost nothing, so that closing it always checkpoints."""


CHANGE = 0.05
"""Seconds to apply one change of the journal when the store is opened."""


REWRITE = 2.5e-9
"""Seconds that a checkpoint takes per byte of the file, including the standby copy."""


EMPTY_LOG = 64
"""Bytes of a log without changes: registering functions creates one."""


READ_MARK = "MATCH (m:MeminiJournal {id: 0}) RETURN m.sequence AS sequence, m.journal AS journal"


SET_SEQUENCE = "MATCH (m:MeminiJournal {id: 0}) SET m.sequence = $sequence"


SET_JOURNAL = "MATCH (m:MeminiJournal {id: 0}) SET m.journal = $journal"


RECOVER = "or go on with what is left: memini recover --db {path}"


Replay = Callable[[Transaction, bytes], object]


@dataclass
class OpenFile:
    """The state that all engines on one path share in this process.

    `derived` is what the caller holds in memory of the file's current state, and drops where it is unknown:
    it is None after every change that `commit` is not told how to follow.
    """

    path: Path
    read_only: bool
    lock: ProcessLock | None
    replay: Replay
    share: float = 1.0
    accepted: list[str] | None = None
    database: kuzu.Database = field(init=False)
    descriptor: int = field(init=False)
    journal: Journal | None = field(init=False, default=None)
    sequence: int = field(init=False, default=0)
    broken: str = field(init=False, default="")
    foreign: bool = field(init=False, default=False)
    derived: Any = None
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
        self.database = open_database(self.path, read_only=self.read_only, share=self.share)
        # open as long as the database: closing it would release Kùzu's lock on the file
        self.descriptor = os.open(self.path, os.O_RDONLY)

    def start(self) -> None:
        """Open the database and apply the journal."""
        self.derived = None
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
                # an older memini had no journal: only the log holds its last changes
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
        """Refuse a file that another program has open in Kùzu, before anything beside it is changed."""
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
        """Report a loss: raise, or record it where losses are accepted."""
        if self.accepted is None:
            raise DamagedStoreError(f"{what}; {RECOVER.format(path=self.path)}")
        self.accepted.append(what)

    def written(self) -> Written | None:
        """Restore the standby copy if a rewrite was interrupted, check the file, and read the journal."""
        path = beside(self.path, ".journal")
        self.broken, self.foreign = "", False
        try:
            written = read(path)
        except DamagedStoreError as error:
            self.broken = f"{error}. Put a backup in its place"
            written = None
            if beside(self.path, ".standby").exists():
                # the file may be half rewritten, so it must not be opened
                self.damaged(self.broken)
                self.broken = ""
        if self.accepted is not None and path.exists():
            shutil.copyfile(path, beside(self.path, f".journal.{stamp()}"))
        if written is None:
            return None
        if written.rewriting is not None and not standby.restore(self.path, written.rewriting):
            self.damaged(
                f"{self.path} was being rewritten when its process ended, and the copy of it, "
                f"{beside(self.path, '.standby').name}, is missing or damaged: remove {path.name}, and put "
                "a backup in the file's place"
            )
        written = self.checked(written)
        if written.answered > written.last:
            self.broken = (
                f"the journal of {self.path} is damaged: {changes(written.last + 1, written.answered)} of "
                f"{written.answered} cannot be read. Put a backup in its place"
            )
        return written

    def checked(self, written: Written) -> Written:
        """Compare the file with its checksum: refuse a damaged one, note one that another program wrote."""
        expected = written.rewriting or written.head.file
        try:
            found = sum_file(self.path, like=expected)
        except FileNotFoundError:
            raise NotAStoreError(f"{self.path} is missing, and only its journal is there") from None
        if damage := expected.damage(found):
            self.damaged(f"{self.path} is damaged: {damage}. Put a backup in its place")
            if found._replace(header=expected.header) == expected:
                # only the header is damaged, and the journal has a copy of it
                with self.path.open("rb+") as file:
                    file.write(expected.header)
                    file.flush()
                    os.fsync(file.fileno())
                found = expected
        self.foreign = not damage and found != expected
        # the checksum for later standby copies
        return replace(written, head=written.head._replace(file=found))

    def set_log_aside(self, written: Written | None) -> Path | None:
        """Move the log away, because Kùzu would replay it; a log of memini's own changes is deleted.

        The journal has all changes of memini; the log of another program is kept under another name.
        """
        log = beside(self.path, ".wal")
        if not log.exists():
            return None
        ours = written is not None and (written.head.follow or written.rewriting is not None)
        if ours or log.stat().st_size <= EMPTY_LOG:
            log.unlink()
            return None
        return log.replace(beside(self.path, f".wal.{stamp()}"))

    def mark(self) -> Mark:
        """The file's row of MeminiJournal."""
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
                aside = path.replace(beside(self.path, f".journal.{stamp()}"))
                warnings.warn(
                    f"{self.path} is complete without the journal beside it, which is "
                    f"{'damaged' if self.broken else 'of another state of it'}: that is {aside.name} now",
                    stacklevel=2,
                )
                written = None
            elif self.foreign:
                self.warn_foreign()
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
            self.warn_foreign()
        self.journal = Journal(path, written)
        for record in written.records:
            if record.number > self.sequence:
                self.commit(record.number, partial(replayed, self.replay, record.change))

    def warn_foreign(self) -> None:
        """Warn that another program has written or replaced the file, which may or may not be sound."""
        warnings.warn(
            f"{self.path} is not as memini left it: another program wrote it, or another file was put in its "
            "place; look whether it is sound: memini doctor --deep",
            stacklevel=2,
        )

    def join_readers(self) -> None:
        """Open the database for reading; the file must hold all changes."""
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
                self.warn_foreign()
        except BaseException:
            self.stop()
            raise

    # --- closing ---

    def stop(self) -> None:
        """Close the database; journaled changes stay in the journal."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        if not self.database.is_closed:
            close_database(self.database)
            os.close(self.descriptor)
            if not self.read_only:
                # the journal has all changes of Kùzu's log
                beside(self.path, ".wal").unlink(missing_ok=True)

    def reopen(self) -> None:
        """Open the file and the journal again, in their state before the failed step."""
        with self.gate.committing():
            self.stop()
            self.start()

    def settle(self) -> None:
        """Checkpoint all journaled changes, so that the file alone is the whole store."""
        with self.writing, self.gate.committing():
            if self.journal is not None and self.journal.head.follow:
                self.checkpoint(follow=False)
                self.reload()

    def worth_settling(self) -> bool:
        """Whether a checkpoint now takes less time than applying the journal when the store is opened."""
        if self.journal is None or not self.journal.head.follow or self.database.is_closed:
            return False
        size = self.path.stat().st_size
        return size < SMALL or self.journal.changes * CHANGE > size * REWRITE

    # --- writing ---

    @contextmanager
    def rewriting(self, *, follow: bool = True) -> Iterator[str]:
        """Let Kùzu rewrite the file inside; if that fails, the store is unchanged.

        Parameters
        ----------
        follow : bool
            Whether changes will follow in the journal.

        Yields
        ------
        str
            The name of the next journal, to be written into the file. It is new each time, so that a file and
            a journal of different times, or of different copies of a store, are detected.
        """
        name = str(uuid.uuid4())
        path = beside(self.path, ".journal")
        try:
            if self.journal is None:
                self.journal = Journal.begin(path, self.sequence, checksum(self.descriptor), follow=False)
            # the file does not change between two checkpoints, so the journal's checksum is current
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
            # no space left beside the copy: free what the copy takes
            standby.discard(self.path)
            raise
        try:
            yield name if follow else ""
            os.fsync(self.descriptor)
            file = checksum(self.descriptor)
            fresh = Journal.begin(path, self.sequence, file, follow=follow, name=name)
        except OSError as error:
            self.reopen()
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror or error}); nothing of this step was kept"
            ) from error
        except BaseException:
            self.reopen()
            raise
        self.journal.close()
        self.journal = fresh
        standby.discard(self.path)

    def checkpoint(self, *, follow: bool = True) -> None:
        """Checkpoint all changes into the file; no thread may read meanwhile.

        Parameters
        ----------
        follow : bool
            Whether changes will follow in the journal.
        """
        with self.rewriting(follow=follow) as name:
            connection = kuzu.Connection(self.database)
            try:
                self.rewrite(connection, name)
            finally:
                connection.close()

    @staticmethod
    def rewrite(connection: kuzu.Connection, name: str) -> None:
        """Inside `rewriting`: write the name of the next journal into the file, and checkpoint."""
        execute(connection, SET_JOURNAL, {"journal": name})
        execute(connection, "CHECKPOINT")

    def reload(self) -> None:
        """Open the file again after a checkpoint: Kùzu's state in memory may be wrong after deletions."""
        with self.gate.committing():
            self.database.close()
            os.close(self.descriptor)
            beside(self.path, ".wal").unlink(missing_ok=True)
            self.load()

    def begin(self) -> None:
        """Before the first change: name the journal in the file, so that a copy without it is detected."""
        if self.journal is None or not self.journal.head.follow:
            with self.gate.committing():
                self.checkpoint()

    def commit(
        self,
        number: int,
        statements: Callable[[Transaction], object],
        follow: Callable[[Any], Any] = lambda _: None,
    ) -> None:
        """Run statements as one transaction, which also stores the change's number.

        Parameters
        ----------
        number : int
            Of the change.
        statements : callable
            What to do.
        follow : callable
            Gives what is `derived` of the state after it from that of the state before.
        """
        connection = kuzu.Connection(self.database)
        try:
            execute(connection, "BEGIN TRANSACTION")
            statements(Transaction(connection))
            execute(connection, SET_SEQUENCE, {"sequence": number})
            with self.gate.committing():
                derived = None if self.derived is None else follow(self.derived)
                try:
                    execute(connection, "COMMIT")
                except QueryError as error:
                    # the data is committed: a retry would apply it twice
                    if COMMITTED_DESPITE_ERROR not in str(error):
                        raise
                self.derived = derived
            self.sequence = number
        finally:
            connection.close()

    def long_journal(self) -> bool:
        """Whether the journal should be checkpointed."""
        journal = self.journal
        if journal is None:
            return False
        size = self.path.stat().st_size
        return journal.changes >= JOURNAL_CHANGES or journal.size > max(JOURNAL, size // JOURNAL_SHARE)


def replayed(replay: Replay, change: bytes, transaction: Transaction) -> None:
    replay(transaction, change)
