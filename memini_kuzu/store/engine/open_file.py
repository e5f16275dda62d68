"""A store's file open in this process: its journal, its checkpoints, its recovery."""

from __future__ import annotations

import os
import threading
import uuid
import warnings
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import kuzu

from memini_kuzu.errors import NotAStoreError, QueryError, StoreError
from memini_kuzu.store.engine import checkpoints, standby
from memini_kuzu.store.engine.behind import MOST, Told, WriteBehind
from memini_kuzu.store.engine.checksum import checksum
from memini_kuzu.store.engine.database import (
    Transaction,
    close_database,
    execute,
    need_room,
    open_database,
    pool,
)
from memini_kuzu.store.engine.ends import cut_off
from memini_kuzu.store.engine.found import Found
from memini_kuzu.store.engine.gate import Gate
from memini_kuzu.store.engine.journal import Journal, Written
from memini_kuzu.store.engine.rest import Rest, watch
from memini_kuzu.store.engine.standby import beside
from memini_kuzu.store.engine.state import Mark, OldStoreError
from memini_kuzu.store.engine.trial import try_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from memini_kuzu.store.engine.lock import ProcessLock
    from memini_kuzu.store.engine.replay import Replay

__all__ = ["OpenFile"]

COMMITTED_DESPITE_ERROR = "Timeout waiting for active transactions to leave the system before checkpointing"
"""Kùzu's error after a commit whose checkpoint timed out."""

READ_MARK = "MATCH (m:MeminiJournal {id: 0}) RETURN m.sequence AS sequence, m.journal AS journal"

SET_SEQUENCE = "MATCH (m:MeminiJournal {id: 0}) SET m.sequence = $sequence"

SET_JOURNAL = "MATCH (m:MeminiJournal {id: 0}) SET m.journal = $journal"


@dataclass
class OpenFile:
    """The state that all engines on one path share in this process.

    `derived` is what the caller holds in memory of the current state, and drops where it is unknown: it is
    None after every change that `commit` is not told how to follow. While it is held, small changes are in
    the journal and in it first, and in the file a moment later (`behind`): who reads the file, or does
    anything else with it, brings them in before (`bring_in`, `reading`).

    Locks are taken in this order: `writing`, that of `behind`, `gate`.
    """

    path: Path
    read_only: bool
    lock: ProcessLock | None
    replay: Replay
    share: float = 1.0
    losses: list[str] | None = None
    database: kuzu.Database = field(init=False)
    descriptor: int = field(init=False)
    journal: Journal | None = field(init=False, default=None)
    sequence: int = field(init=False, default=0)
    found: Found = field(init=False)
    derived: Any = None
    engines: int = 0
    forked: bool = False
    functions: bool = False
    gate: Gate = field(default_factory=Gate)
    registering: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.RLock = field(default_factory=threading.RLock)
    behind: WriteBehind = field(init=False)
    rest: Rest = field(init=False)
    failed: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.found = Found(self.path, self.losses)
        self.behind = WriteBehind(self.write, self.work)
        self.rest = Rest(self)
        if self.read_only:
            self.join_readers()
        else:
            self.start()
            watch(self.rest)

    # --- opening ---

    def load(self) -> None:
        """Open the database as the last checkpoint left it."""
        self.functions = False
        if not self.path.exists():
            # Kùzu would make an empty database there
            raise NotAStoreError(f"{self.path} is gone; put it back, or name another path")
        self.database = open_database(self.path, read_only=self.read_only, share=self.share)
        try:
            # open as long as the database: closing it would release Kùzu's lock on the file
            self.descriptor = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            # both are open or neither: the number of the one before may be another file's by now
            close_database(self.database)
            raise StoreError(f"{self.path} cannot be opened: {error.strerror or error}") from error

    def start(self) -> None:
        """Open the database and apply the journal."""
        self.found.refuse_others()
        written = self.found.written()
        log = self.found.set_log_aside(written)
        if self.found.accepted:
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
        self.sequence = mark.sequence
        written = self.found.fitting(written, mark)
        self.journal = None if written is None else Journal(beside(self.path, ".journal"), written)
        records = [] if written is None else [one for one in written.records if one.number > mark.sequence]
        for start in range(0, len(records), MOST):
            self.follow_all([Told(*record) for record in records[start : start + MOST]])

    def follow_all(self, told: Sequence[Told]) -> None:
        """Apply changes of the journal; one that Kùzu refuses is a loss."""
        try:
            self.write(told)
        except QueryError as error:
            if len(told) > 1:
                for each in told:
                    if each.number > self.sequence:
                        self.follow_all([each])
                return
            self.found.damaged(f"change {told[0].number} of {self.path} cannot be applied: {error}")

    def join_readers(self) -> None:
        """Open the database for reading; the file must hold all changes."""
        self.found.written()
        self.load()
        try:
            if self.mark().journal:
                self.found.damaged(
                    self.found.broken
                    or f"{self.path} was copied while it was open, or without its journal. Copy both while "
                    "no process has it open, or make copies with `memini backup`"
                )
            if self.found.foreign:
                self.found.warn_foreign()
        except BaseException:
            self.stop()
            raise

    # --- closing ---

    def stop(self) -> None:
        """Close the database; journaled changes stay in the journal."""
        # not when this is collected: it may be large, and threads and callbacks lead back here
        self.derived = None
        self.behind.clear()
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        if self.rest.resting or not self.database.is_closed:
            self.rest.resting = False
            close_database(self.database)
            os.close(self.descriptor)
            if not self.read_only:
                # the journal has all changes of Kùzu's log
                beside(self.path, ".wal").unlink(missing_ok=True)

    def reopen(self) -> None:
        """Open the file and the journal again, in their state before the failed step."""
        with self.behind.still(), self.gate.committing():
            self.stop()
            self.start()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other thread reads or writes, and all changes are in the file."""
        with self.writing:
            self.bring_in()
            with self.gate.committing():
                yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Inside, the file has all changes, and gets no others."""
        with ExitStack() as stack:
            self.bring_in()
            stack.enter_context(self.gate.reading())
            if self.behind.waits or self.rest.resting:
                # another change came between, or a rest began: this time writers wait
                stack.close()
                with self.writing:
                    self.bring_in()
                    stack.enter_context(self.gate.reading())
            yield

    def bring_in(self) -> None:
        """Open the file if it rests; write into it what only the journal has. A thread that reads has none.

        Raises
        ------
        StoreError
            If the file can neither be written nor opened again: no change is lost, the journal has them.
        """
        self.rest.end()
        if not self.behind.waits:
            return
        try:
            self.behind.flush()
        except BaseException as error:
            with self.writing:
                # another thread may have opened the file again
                first = self.behind.waits
                if first:
                    self.reopen()
            if not isinstance(error, StoreError):
                raise
            if first:
                warnings.warn(
                    f"{self.path} was opened again, with nothing lost, since: {error}", stacklevel=2
                )

    def work(self) -> None:
        """What is done while nobody waits: bring changes in, and checkpoint a long journal."""
        try:
            # a reader may have brought them in: a file that rests by now is left alone
            if self.behind.waits:
                self.bring_in()
            with self.writing:
                self.trim()
        except StoreError as error:
            # whoever uses the store next is told
            self.failed = str(error)

    def trim(self) -> None:
        """Checkpoint the journal if it is long."""
        if self.long_journal():
            # a failure loses nothing: the journal is durable, and the next change tries again
            with self.alone(), suppress(StoreError):
                self.checkpoint()
                self.reload()

    def settle(self) -> None:
        """Checkpoint all journaled changes, so that the file alone is the whole store."""
        with self.alone():
            if self.journal is not None and self.journal.head.follow:
                self.checkpoint(follow=False)
                self.reload()

    def worth_settling(self) -> bool:
        """Whether a checkpoint now takes less time than applying the journal when the store is opened."""
        if self.journal is None or not self.journal.head.follow or self.database.is_closed:
            return False
        return checkpoints.pays(self.journal, self.size)

    def long_to_apply(self) -> bool:
        """Whether applying the journal takes longer than a checkpoint."""
        return self.journal is not None and checkpoints.long_to_apply(self.journal, self.size)

    def connect(self) -> kuzu.Connection:
        """A new connection to the database.

        Raises
        ------
        StoreError
            If it is closed.
        """
        if self.database.is_closed:
            why = self.failed or "it was closed meanwhile, or could not be opened again"
            raise StoreError(f"{self.path} is not open: {why}; open it again")
        return kuzu.Connection(self.database)

    @property
    def size(self) -> int:
        """Bytes of the file, wherever it is by now."""
        return os.fstat(self.descriptor).st_size

    # --- writing ---

    @property
    def moved(self) -> bool:
        """Whether another file is at the path by now, or none: what is written would not be found there."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self.descriptor))
        except OSError:
            return True

    def stay(self) -> None:
        """Refuse to write a file that is not at its path any longer.

        Raises
        ------
        StoreError
            If it is not.
        """
        if self.moved:
            raise StoreError(
                f"{self.path} was moved, removed or replaced while it was open: nothing was changed; put it "
                "back, or close the store and open it where it is now"
            )

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
        self.stay()
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
            cut_off(self)
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
        if self.moved:
            # while it rests another one may take its place
            self.rest.end()
            self.stay()
        if self.journal is None or not self.journal.head.follow:
            self.rest.end()
            with self.gate.committing():
                self.checkpoint()

    def write_down(self, told: Told) -> None:
        """Write a change into the journal, durably, or nothing."""
        assert self.journal is not None  # noqa: S101  begin made one
        try:
            self.journal.append(told.number, told.change)
        except OSError as error:
            raise StoreError(
                f"{self.journal.path} cannot be written ({error.strerror or error}); make room: nothing was "
                "changed"
            ) from error

    def take_back(self, told: Told) -> None:
        """After a failure, leave a change out that the journal has; but not one that was told already."""
        with self.behind.still():
            if self.told >= told.number:
                return
            assert self.journal is not None  # noqa: S101  begin made one
            try:
                self.journal.take_back(told.change)
            finally:
                self.reopen()

    def answer(self, told: Told) -> None:
        """Note that a change is acknowledged."""
        assert self.journal is not None  # noqa: S101  begin made one
        # a failure loses nothing: the change is on disk, and the next answer tells of it too
        with suppress(OSError):
            self.journal.answer(told.number)
        if not self.behind.waits:
            self.trim()

    @property
    def told(self) -> int:
        """The number of the last change, in the file or in the journal alone."""
        return self.behind.last or self.sequence

    def write(self, told: Sequence[Told], follow: Callable[[Any], Any] = lambda derived: derived) -> None:
        """Write changes that the journal has into the file.

        Parameters
        ----------
        told : sequence of Told
            The changes, in their order.
        follow : callable
            As for `commit`; without it, what is `derived` has the changes already.
        """
        done = 0
        for step in self.replay([each.change for each in told]):
            done += step.changes
            self.commit(told[done - 1].number, step.statements, follow)

    def tell(self, told: Told, follow: Callable[[Any], Any]) -> None:
        """Apply a small change that the journal has: in memory now, where all is held, and in the file soon.

        Parameters
        ----------
        told : Told
            The change.
        follow : callable
            As for `commit`.
        """
        derived = None if self.derived is None else follow(self.derived)
        if derived is None or self.behind.full:
            self.bring_in()
        # a file that had to be opened again has it by now
        if self.sequence >= told.number:
            return
        if derived is None:
            self.write([told], lambda _: None)
            return
        with self.gate.committing():
            self.derived = derived
            self.behind.add(told)

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
        return self.journal is not None and checkpoints.due(self.journal, self.size)
