"""Safe access to a store's file: locking, durable changes, and recovery after a crash.

- A change is on disk, in the journal, before it is applied, and applied before the call returns (`apply`): to
  the file, or to what is held in memory of it and a moment later to the file (`behind`).
- Whoever uses the file finds in it all that was told.
- Kùzu's own log is never replayed: opening starts from the last checkpoint and applies the rest of the
  journal.
- A change that is not journaled, because it is large or the user's own Cypher, is checkpointed before the
  call returns.
- Kùzu rewrites the file only while a standby copy exists. The rewrite ends when an empty journal replaces the
  old one, atomically.
- A failed step is not rolled back in place: the file is opened again in its earlier state.
- Readers write nothing, and open only a file that needs no recovery.

Two more rules follow from faults of Kùzu (`faults`): one `Database` per path and process, and no reader
during a commit.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from memini_kuzu.errors import StoreError, StoreLockedError
from memini_kuzu.store.engine import standby
from memini_kuzu.store.engine.behind import LARGEST, Told
from memini_kuzu.store.engine.checksum import SUMMED, checksum
from memini_kuzu.store.engine.database import Parameters, Transaction, execute, need_room
from memini_kuzu.store.engine.journal import read
from memini_kuzu.store.engine.queries import read_foreign, write_foreign
from memini_kuzu.store.engine.recovery import first_reader, first_writer
from memini_kuzu.store.engine.standby import beside
from memini_kuzu.store.engine.state import JournalState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import kuzu
    import pyarrow as pa

    from memini_kuzu.store.engine.open_file import OpenFile
    from memini_kuzu.store.engine.replay import Replay

__all__ = ["Engine"]

LOCK_POLL = 0.05
"""Seconds between two attempts at a lock that another process holds."""

_open: dict[Path, OpenFile] = {}

_turns: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()
"""A file is opened or closed by one thread at a time; other files meanwhile by others."""

_turns_changing = threading.Lock()


_of_parent: list[OpenFile] = []
"""In a fork, what the parent has open. It is kept: Kùzu ends threads with it that are not in this process."""


def _after_fork() -> None:
    for shared in _open.values():
        shared.forked = True
        _of_parent.append(shared)
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)


def _turn(path: Path) -> threading.Lock:
    """The lock of those who open or close a file; it lasts as long as one of them has it."""
    with _turns_changing:
        turn = _turns.get(path)
        if turn is None:
            turn = _turns[path] = threading.Lock()
        return turn


class Engine:
    """A handle on a store's file.

    Parameters
    ----------
    path : Path
        The file.
    replay : callable
        Applies changes of the journal inside a transaction.
    read_only : bool
        Open it without the right to write; several processes may do so at once.
    wait : float
        Seconds to wait for another process to close it.
    share : float
        The part of the machine's memory that it may reckon with; of several handles on a path, that of the
        first counts.

    Raises
    ------
    StoreLockedError
        If another process has it open.
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
        share: float = 1.0,
    ) -> None:
        self.path = path.resolve()
        self._read_only = read_only
        self._shared: OpenFile | None = None
        self._turn = _turn(self.path)
        deadline = time.monotonic() + wait
        while self._shared is None:
            try:
                with self._turn:
                    self._shared = self._join(self.path, replay, read_only=read_only, share=share)
            except StoreLockedError:
                if time.monotonic() >= deadline:
                    raise
                # sleep without the lock: who has the file in this process may close it meanwhile
                time.sleep(LOCK_POLL)

    @staticmethod
    def _join(path: Path, replay: Replay, *, read_only: bool, share: float) -> OpenFile:
        shared = _open.get(path)
        if shared is None:
            shared = _open[path] = (first_reader if read_only else first_writer)(path, replay, share)
        elif shared.read_only and not read_only:
            raise StoreError(f"{path} is open read-only in this process; close that before writing to it")
        shared.engines += 1
        return shared

    @property
    def _live(self) -> OpenFile:
        if self._shared is None:
            raise StoreError(f"{self.path} was closed; open it again")
        if self._shared.forked:
            # both would write to the same place of the journal, and wait for threads that only one has
            raise StoreError(
                f"{self.path} was opened before this process was forked, and only the other one may use it; "
                "start processes with spawn, or open the store in the one that uses it"
            )
        return self._shared

    def _writable(self) -> OpenFile:
        if self.read_only:
            raise StoreError(f"{self.path} is open read-only; open it for writing to change it")
        return self._live

    @property
    def read_only(self) -> bool:
        """Whether writing is refused, by this handle or by all of the process."""
        return self._read_only or self._live.read_only

    def connect(self) -> kuzu.Connection:
        """A new connection to the shared database."""
        return self._live.connect()

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
        with self._live.reading():
            connection = self.connect()
            try:
                return execute(connection, query, parameters, batch)
            finally:
                connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """All reads inside see one state of the store; yields its number.

        The number changes with every commit, and only then: this process alone writes the file, or no process
        does while it is open read-only.
        """
        shared = self._live
        with shared.reading():
            yield shared.gate.commits

    def run_foreign(
        self,
        query: str,
        parameters: Parameters | None,
        *,
        write: bool,
        files: bool,
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
            Let it change the store. It is then checkpointed when this returns, all of it or nothing.
        files : bool
            Let it read files, as one that writes may.
        register : callable
            Registers memini's functions on a connection; Kùzu keeps them as long as the database is open.

        Returns
        -------
        pyarrow.Table
            The result of the last statement.

        Raises
        ------
        QueryError
            If Kùzu refuses it, or it writes without `write`.
        """
        if write:
            return write_foreign(self._writable(), query, parameters, register)
        return read_foreign(self._live, query, parameters, files=files, register=register)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """No other thread writes inside, so that what is read stays valid.

        Raises
        ------
        StoreError
            If the store is open read-only.
        """
        with self._writable().writing:
            yield

    @property
    def derived(self) -> Any:
        """What is held in memory of the file's current state; None where nothing is."""
        return self._live.derived

    def hold(self, derived: Any) -> None:
        """Hold what was derived from the file, inside the `snapshot` in which it was read."""
        self._live.derived = derived

    def apply(
        self, change: bytes, follow: Callable[[Any], Any] = lambda _: None, *, soon: bool = False
    ) -> None:
        """Apply a change atomically: it is durable when this returns; if this raises, nothing is changed.

        Parameters
        ----------
        change : bytes
            The change in the form that `replay` accepts.
        follow : callable
            Gives what is `derived` of the state after the change from that of the state before; None where
            it cannot.
        soon : bool
            Whether the file may get it after this returns: Kùzu must not be able to refuse it.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        shared = self._writable()
        with shared.writing:
            need_room(shared.path)
            shared.begin()
            soon = soon and len(change) <= LARGEST
            if not soon:
                shared.bring_in()
            told = Told(shared.told + 1, change)
            shared.write_down(told)
            try:
                if soon:
                    shared.tell(told, follow)
                else:
                    shared.write([told], follow)
            except BaseException:
                shared.take_back(told)
                raise
            shared.answer(told)

    def load(
        self,
        statements: Callable[[Transaction], object],
        follow: Callable[[Any], Any] = lambda _: None,
        *,
        settled: bool = False,
    ) -> None:
        """Apply a change that is too large for the journal; it is checkpointed when this returns.

        Parameters
        ----------
        statements : callable
            Applies it; it may use COPY.
        follow : callable
            As for `apply`.
        settled : bool
            Checkpoint what came before, too: only then may COPY go into a node table that exists.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        shared = self._writable()
        with shared.writing:
            shared.bring_in()
            need_room(shared.path)
            if settled:
                shared.settle()
            # the standby copy is made before the first row: COPY writes into the file before it commits
            with shared.rewriting() as name:
                shared.commit(shared.sequence + 1, statements, follow)
                with shared.gate.committing():
                    connection = self.connect()
                    try:
                        shared.rewrite(connection, name)
                    finally:
                        connection.close()
            shared.reload()

    def checkpoint(self) -> None:
        """Write all journaled changes into the file, so that the file alone is the whole store."""
        self._writable().settle()

    def state(self, *, deep: bool = False) -> JournalState:
        """The numbers of changes in the file and in the journal.

        Parameters
        ----------
        deep : bool
            Verify the checksum of the file, if it is not too large.
        """
        shared = self._live
        with shared.reading():
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
        """Copy the store's current state into another file; readers need not wait meanwhile.

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
            # it could be taken for the journal or another file beside the store
            raise StoreError(f"{target.name} is a name that belongs to {shared.path.name}; pass another one")
        # until it has appeared: another backup of this name would write into the same file before it does
        with shared.writing:
            try:
                there = target.exists()
            except OSError as error:  # its name is too long
                raise StoreError(f"{target} cannot be written: {error.strerror}") from error
            if there:
                raise StoreError(f"{target} exists; a backup writes over nothing: name another path")
            if not target.parent.is_dir():
                raise StoreError(f"folder {target.parent} does not exist; create it first")
            with standby.appearing(target) as work:
                shared.settle()
                standby.copy(shared.descriptor, work)

    def export(self, query: str) -> None:
        """Run EXPORT DATABASE, which changes nothing and accepts no parameter."""
        shared = self._writable()
        with shared.alone():
            shared.settle()  # so that Kùzu has nothing to checkpoint
            connection = self.connect()
            try:
                execute(connection, query)
            finally:
                connection.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Inside, no other thread writes, and this is the only handle on the file in this process.

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
            # what was told is in the file, so that its size is that of the whole store
            shared.settle()
            yield

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Inside, the file is closed but still locked, so that another file can replace it."""
        shared = self._live
        with shared.alone():
            shared.settle()
            shared.stop()
            # the file holds all changes; the journal has the checksum of the file to be replaced
            beside(self.path, ".journal").unlink(missing_ok=True)
            try:
                yield
            finally:
                shared.start()

    def close(self) -> None:
        """Close the handle; the last one on a path closes the database and releases the lock."""
        shared, self._shared = self._shared, None
        if shared is None or shared.forked:
            return
        with self._turn:
            shared.engines -= 1
            if shared.engines:
                return
            del _open[shared.path]
            try:
                with shared.alone():
                    if shared.worth_settling():
                        # a failure loses nothing: the journal is durable, and the next close tries again
                        with suppress(StoreError):
                            shared.checkpoint(follow=False)
            finally:
                try:
                    # also where the above was interrupted: nobody else will close it
                    with shared.writing, shared.behind.still(), shared.gate.committing():
                        shared.stop()
                finally:
                    if shared.lock is not None:
                        shared.lock.release()
