"""Looking after a memory: what it forgets, where it lies."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from memini_kuzu import changes
from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.memory.opening import OpenMemory
from memini_kuzu.store import Store, recover_store
from memini_kuzu.store.documents import resolved
from memini_kuzu.times import TimeLike, to_millis

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from memini_kuzu.changes.compaction import CompactReport
    from memini_kuzu.changes.consolidation import MaintenanceReport
    from memini_kuzu.changes.merging import MergeReport
    from memini_kuzu.changes.retune import RetuneReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.config import Parameters


__all__ = ["Keeping"]


class Keeping(OpenMemory):
    """The calls that look after what is there."""

    def consolidate(
        self,
        *,
        now: TimeLike | None = None,
        threshold: float = FORGET_BELOW,
        keep: int | None = None,
        dry_run: bool = False,
    ) -> MaintenanceReport:
        """The maintenance pass: bring every association to one date, and forget what is spent.

        Never needed for correctness; it keeps the file small. What is dropped stays in the ledgers of the
        documents that gave it, like their passages: new evidence starts the association anew, and `retune`
        computes all associations from the ledgers.

        Parameters
        ----------
        now : datetime, date or str, optional
            The date; the present by default.
        threshold : float
            Forget where both variables are below it.
        keep : int, optional
            A budget: of the associations that the threshold leaves, keep so many at most, those with the
            largest w_f at `now` (with later evidence: at its date). Where w_f ties, the smaller id of the
            source is kept, then of the target. No budget by default.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        MaintenanceReport
            What was done, or would be.

        Raises
        ------
        InputError
            If the threshold is negative or NaN, or `keep` is negative.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2020-03-01")
        ...     memory.consolidate(now="2026-03-01").forgotten
        2
        """
        return changes.consolidation.consolidate(
            self._store, now=self._now(now), threshold=threshold, keep=keep, dry_run=dry_run
        )

    @override
    def forget(
        self,
        *,
        id: str | None = None,
        source: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        entity: str | None = None,
        association: tuple[str, str] | None = None,
        dry_run: bool = False,
    ) -> ForgetReport:
        scope = changes.scope.Scope(
            documents=None if id is None else (resolved(self._store, id),),
            source=source,
            since=None if since is None else to_millis(since),
            until=None if until is None else to_millis(until),
            entity=None if entity is None else self._resolve(entity, dropped=True)[0],
            pair=None
            if association is None
            else (
                self._resolve(association[0], dropped=True)[0],
                self._resolve(association[1], dropped=True)[0],
            ),
        )
        return changes.forgetting.forget(self._store, scope, dry_run=dry_run)

    def retune(self, parameters: Parameters) -> RetuneReport:
        """Give the store other parameters, exactly as if it had had them from the start.

        Parameters
        ----------
        parameters : Parameters
            Such as `fit` returns.

        Returns
        -------
        RetuneReport
            What was done.

        Raises
        ------
        InputError
            If the store holds associations with events that were not kept; nothing is changed.
        StoreError
            If the store is open read-only, or twice in this process.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> from memini_kuzu.config import Parameters
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.retune(Parameters(tau_fast=1.0))
        ...     round(memory.associations("Ada Lovelace", now="2026-03-02")[0].strength, 3)
        0.204
        """
        return changes.retune.retune(self._store, parameters)

    def compact(self) -> CompactReport:
        """Write the file anew, without the space that it does not use.

        A store that grew by small changes has free pages, and bytes of what was forgotten may still be in
        them. The new file replaces the old one in one step, and holds the same to the last bit. It needs room
        for itself and for all tables as Parquet beside the old one, and as long as it takes, nobody else can
        use the store.

        Returns
        -------
        CompactReport
            Bytes before and after.

        Raises
        ------
        StoreError
            If the store is open read-only, or twice in this process, or the disk is full, or there are macros
            or indexes that memini did not make; nothing is changed.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     report = memory.compact()
        ...     report.after < report.before, memory.recall("Babbage").passages[0].text
        (True, 'Ada Lovelace met Charles Babbage.')
        """
        return changes.compaction.compact(self._store)

    def export(self, folder: Path | str) -> dict[str, int]:
        """Write everything as a folder of Parquet files, exact to the bit.

        Parameters
        ----------
        folder : Path or str
            New, or empty.

        Returns
        -------
        dict of str to int
            Rows of each file.

        Raises
        ------
        InputError
            If the folder holds something.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     memory.export(folder / "exported")["edges"]
        2
        >>> with Memory.import_(folder / "b.memini", folder / "exported") as copy:
        ...     copy.stats().associations
        2
        """
        return changes.exchange.export_store(self._store, Path(folder))

    @classmethod
    def import_(cls, path: Path | str, folder: Path | str) -> Self:
        """Make a store of what `export` wrote, and open it.

        Parameters
        ----------
        path : Path or str
            The new store's file; it must not exist.
        folder : Path or str
            The export.

        Returns
        -------
        Memory
            To be closed; it is a context manager.

        Raises
        ------
        StoreError
            If there is a store at `path`.
        InputError
            If the folder is no export.
        """
        changes.exchange.import_store(Path(path), Path(folder))
        return cls.open(path, create=False)

    def merge(self, other: Path | str, *, skip_known: bool = False) -> MergeReport:
        """Add all that another store holds: one memory that has seen what both have seen.

        Parameters
        ----------
        other : Path or str
            The other store's file; it is only read. Its parameters must be the same.
        skip_known : bool
            Leave out documents that both have; otherwise they are refused, for they would count twice.

        Returns
        -------
        MergeReport
            What it brought.

        Raises
        ------
        InputError
            If the parameters differ, or both have loaded the same events or hold the same documents.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01", source="a")
        >>> with Memory.open(folder / "b.memini") as memory:
        ...     _ = memory.remember("Ada met Grace.", time="2026-03-02", source="b")
        ...     _ = memory.merge(folder / "a.memini")
        ...     memory.stats().documents
        2
        """
        with Store(Path(other), read_only=True) as theirs:
            return changes.merging.merge(self._store, theirs, skip_known=skip_known)

    @override
    def backup(self, dest: PurePath | str) -> Path:
        target = Path(dest)
        self._store.backup(target)
        return target

    @staticmethod
    def recover(path: Path | str) -> list[str]:
        """Go on with what is left of a store that says, when it is opened, that part of it is lost.

        Parameters
        ----------
        path : Path or str
            The file; nobody may have it open. A copy of its journal is kept beside it.

        Returns
        -------
        list of str
            What was lost; empty where nothing was. After it the store opens again.

        Raises
        ------
        StoreError
            If not even the file can be read, or somebody has it open.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> path = Path(tempfile.mkdtemp()) / "a.memini"
        >>> Memory.open(path).close()
        >>> Memory.recover(path)
        []
        """
        return recover_store(Path(path))

    def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        write: bool = False,
        files: bool = False,
    ) -> pa.Table:
        """Run Cypher on the store, with `memini_key` and `memini_id` beside the macros that are in the file.

        Parameters
        ----------
        query : str
            Any Cypher; one statement unless `write`.
        parameters : mapping, optional
            Values of its ``$names``.
        write : bool
            Let it change the store; otherwise a query that would is refused.
        files : bool
            Let it read files with LOAD FROM; one that may write may do so anyway.

        Returns
        -------
        pyarrow.Table
            The result.

        Raises
        ------
        QueryError
            If Kùzu refuses it.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.cypher("RETURN memini_key($name) AS key", {"name": "The Café"}).to_pylist()
        [{'key': 'cafe'}]
        """
        return self._store.query(query, parameters, write=write, files=files)
