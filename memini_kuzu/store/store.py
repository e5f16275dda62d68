"""An open store: reading it, and applying changes to it."""

from __future__ import annotations

import math
import runpy
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from memini_kuzu.config import Parameters
from memini_kuzu.errors import NotAStoreError
from memini_kuzu.plugins import refuse_callbacks
from memini_kuzu.resources import folder
from memini_kuzu.store import rewriting, schema
from memini_kuzu.store import view as seeing
from memini_kuzu.store.change import Change, together, write
from memini_kuzu.store.engine import (
    Engine,
    JournalState,
    OldStoreError,
    Step,
    recover,
)
from memini_kuzu.store.filters import Filter
from memini_kuzu.store.in_file import InFile
from memini_kuzu.store.model import Held, InMemory, Seen, Then
from memini_kuzu.store.selection import Selections
from memini_kuzu.store.sums import Sums, sums_in
from memini_kuzu.store.view import View
from memini_kuzu.tables import EDGE_SCHEMA, column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from memini_kuzu.store.lookup import Lookup
    from memini_kuzu.store.model import Model

__all__ = [
    "Store",
    "recover_store",
]

ADVANCED = "advanced"
"""Key in MeminiMeta: the latest date to which associations were brought without evidence of that date, by a
maintenance pass here or elsewhere. What is stored of them says nothing of how they were before."""

READ_EDGES = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
RETURN a.id AS source, b.id AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events,
    e.first_seen AS first_seen, e.last_seen AS last_seen
"""

COUNTS = {
    "entities": "MATCH (n:Entity) RETURN count(*) AS n",
    "associations": "MATCH ()-[e:ASSOCIATES]->() RETURN count(*) AS n",
    "passages": "MATCH (n:Passage) RETURN count(*) AS n",
    "documents": "MATCH (n:Document) RETURN count(*) AS n",
    "sources": "MATCH (n:Source) RETURN count(*) AS n",
    "mentions": "MATCH ()-[e:MENTIONS]->() RETURN count(*) AS n",
    "loads": "MATCH (n:Load) RETURN count(*) AS n",
    "aliases": "MATCH (n:Alias) RETURN count(*) AS n",
}

SWAP_FIXED = 0.15
"""Seconds that a table swap takes at least; like the next four, fitted to bench.py writes."""

SWAP_PER_EDGE = 4e-6
"""Seconds per edge of reading all, swapping, and copying the file (4.0 s at a million)."""

IN_PLACE_FIXED = 0.05
"""Seconds that looking up and updating a few edges takes."""

IN_PLACE_PER_EDGE = 1e-4
"""Seconds per edge of a batch written in place into a small store (0.13 s for 1,000 into 10,000)."""

IN_PLACE_GROWTH = 1.5e-10
"""Seconds more per new and stored edge (12 s for 50,000 into a million, 5.6 s into 100,000)."""


SIZE_LASTS = 60.0
"""Seconds for which a count of nodes is accurate enough to choose a query plan by."""


SENTENCES = 1 << 16
"""Bytes of a change up to which those who tell it wait for it: larger ones come in bulk."""


NOBODY = np.zeros(0, dtype=np.int64)
"""The ids of no entity."""


class Store:
    """An open store file.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Create it if it does not exist.
    parameters : Parameters, optional
        The dynamics of a new store; an existing one keeps its own.
    read_only : bool
        Open without the right to write.
    wait : float
        Seconds to wait for another process to close it.
    share : float
        The part of the machine's memory that its caches may reckon with.

    Raises
    ------
    NotAStoreError
        If the path holds something else, or nothing and `create` is false.
    StoreLockedError
        If another process has it open.
    SchemaVersionError
        If a newer memini wrote it.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        parameters: Parameters | None = None,
        read_only: bool = False,
        wait: float = 0.0,
        share: float = 1.0,
    ) -> None:
        if not path.exists():
            if not create or read_only:
                raise NotAStoreError(f"there is no store at {path}; make one with: memini init --db {path}")
            schema.create(path, parameters or Parameters(), wait=wait)
        elif path.is_dir():
            raise NotAStoreError(f"{path} is a folder; name the store's file")
        try:
            self._engine = Engine(path, _replay, read_only=read_only, wait=wait, share=share)
        except OldStoreError:
            schema.migrate(path, wait=wait)
            self._engine = Engine(path, _replay, read_only=read_only, wait=wait, share=share)
        try:
            if schema.schema_version(self._engine.read, path) < schema.latest_version():
                if not read_only:
                    self._engine.checkpoint()
                self._engine.close()
                schema.migrate(path, wait=wait)
                self._engine = Engine(path, _replay, read_only=read_only, wait=wait, share=share)
            self.meta = schema.read_meta(self._engine.read, path)
        except BaseException:
            self._engine.close()
            raise
        self._sizes: dict[str, tuple[int, float]] = {}
        self._latest: tuple[int, int] | None = None
        self._dropped: tuple[int, NDArray[np.int64]] = (-1, NOBODY)
        self._held = Held(share)
        self._selections = Selections()
        self.parameters = Parameters.from_json(self.meta["parameters"])

    @property
    def path(self) -> Path:
        """The file."""
        return self._engine.path

    @property
    def read_only(self) -> bool:
        """Whether writing is refused."""
        return self._engine.read_only

    def close(self) -> None:
        """Close the file."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def read(
        self, query: str, parameters: Mapping[str, Any] | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Run one of memini's own reading queries; ``LOAD FROM batch`` reads the Arrow table."""
        refuse_callbacks()
        return self._engine.read(query, parameters, batch)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see one committed state."""
        refuse_callbacks()
        with self._engine.snapshot():
            yield

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """A change to build inside the block, from what is read there; it is applied at its end.

        No other thread writes meanwhile. The file is not written before the end, so an exception inside
        leaves the store unchanged.

        Yields
        ------
        Change
            An empty one.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        refuse_callbacks()
        with self._engine.writing():
            model = self._held.model(self._engine, self.sums)
            began = time.perf_counter()
            change = Change()
            yield change
            size = self.apply(change)
            if model is None and size <= SENTENCES:
                self._held.spend(time.perf_counter() - began)

    def apply(self, change: Change) -> int:
        """Apply a change atomically: it is durable when this returns; if this raises, nothing is changed.

        Parameters
        ----------
        change : Change
            The change.

        Returns
        -------
        int
            Its bytes, or those of its rows where it is too large for the journal.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        if change.empty:
            return 0
        if change.large:
            follow = partial(self._held.after, change=change)
            self._engine.load(partial(write, change=change), follow, settled=change.appends)
            return change.nbytes
        packed = change.pack()
        self._engine.apply(packed, partial(self._held.after, change=change), soon=change.adds)
        return len(packed)

    def journal(self, *, deep: bool = False) -> JournalState:
        """How many changes are in the file and in the journal; `deep` verifies the file's checksum."""
        return self._engine.state(deep=deep)

    def backup(self, target: Path) -> None:
        """Copy the store's current state into another file; see `Engine.backup`."""
        self._engine.backup(target)

    def query(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        write: bool = False,
        files: bool = False,
    ) -> pa.Table:
        """Run a user's Cypher, with the functions of ``udfs/`` registered; see `Memory.cypher`."""
        refuse_callbacks()
        return self._engine.run_foreign(
            query, parameters, write=write, files=files, register=_register_functions
        )

    def rewrite(self, parameters: Parameters, edges: pa.Table | None = None, amounts: float = 1.0) -> None:
        """Replace the file by a new one, atomically.

        Parameters
        ----------
        parameters : Parameters
            Those of the new file.
        edges : pyarrow.Table, optional
            Its associations, `tables.EDGE_SCHEMA`; the same as before by default.
        amounts : float
            Factor for the amounts in the ledgers.

        Raises
        ------
        StoreError
            If the store cannot be written, is open twice in this process, or holds what cannot be copied.
        """
        rewriting.rewrite(self._engine, parameters, edges, amounts)
        self.meta = self.stored_meta()
        self.parameters = parameters

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Inside, no other thread writes, and this is the only handle on the file in this process."""
        with self._engine.exclusive():
            yield

    def set_meta(self, key: str, value: str) -> None:
        """Set one entry of MeminiMeta."""
        with self.changing() as change:
            change.set_meta({key: value}, self.stored_meta())
        self.meta[key] = value

    def note_advance(self, change: Change, time: int) -> None:
        """Put into a change that it brings associations to a date, milliseconds since 1970."""
        meta = self.stored_meta()
        if time > _advanced(meta):
            change.set_meta({ADVANCED: str(time)}, meta)

    def stored_meta(self) -> dict[str, str]:
        """MeminiMeta as it is stored now."""
        model = self.model
        return schema.read_meta(self._engine.read, self.path) if model is None else dict(model.meta)

    def sums(self, view: View | None = None) -> Sums:
        """The number of passages, their average length, and their languages, of all or of those seen."""
        if view is not None:
            return seeing.sums(self, view)
        return sums_in(self.stored_meta())

    def view(self, now: int, asked: Filter | None = None) -> View | None:
        """What a question sees at a time, in milliseconds since 1970; None where that is all there is."""
        if asked is None:
            return View(from_millis(now)) if self.looks_back(now) else None
        with self._engine.snapshot() as state:
            return View(from_millis(now), self._selections.get(self.read, state, asked).until(now))

    @contextmanager
    def lookup(self, now: int, asked: Filter | None = None, *, vectors: bool = False) -> Iterator[Lookup]:
        """What recall looks up; all of it is of one state.

        Parameters
        ----------
        now : int
            The time of the question, in milliseconds since 1970.
        asked : Filter, optional
            Selects what is seen.
        vectors : bool
            Whether vectors are read of the file inside, which have to be of the same state.

        Yields
        ------
        Lookup
            To be used inside.
        """
        with self.snapshot() if vectors else nullcontext():
            found = self._in_memory(now, asked)
            if found is not None:
                yield found
                return
        with self.snapshot(), self._held.asking():
            yield InFile(self, now, self.view(now, asked))

    def _in_memory(self, now: int, asked: Filter | None) -> InMemory | None:
        """What recall looks up, where all of it is held; see `lookup`."""
        model = self._held.model(self._engine, self.sums)
        if model is None:
            return None
        if asked is None and max(model.latest, _advanced(model.meta)) <= now:
            return InMemory(model, now, self.parameters)
        # the past needs the events of all documents
        every = asked or Filter()
        selected = model.selections.get(model, every, self.parameters)
        if selected is None:
            # events are read from the file, in a state of both
            with self._engine.snapshot():
                model = self.model
                if model is None or (asked is None and not model.selections.may_hold(model)):
                    return None
                selected = model.selections.read(self.read, model, every, self.parameters)
        if selected is None:
            return None
        return (Then if asked is None else Seen)(model, selected, now, self.parameters)

    @property
    def model(self) -> Model | None:
        """The read model of the current state, where it is held."""
        model: Model | None = self._engine.derived
        return model

    def hold(self) -> Model:
        """Hold the read model from now on, whatever that takes; it is given as of the current state."""
        return self._held.hold(self._engine)

    def dropped(self) -> NDArray[np.int64]:
        """The ids of the entities that people have dropped: no answer shows them."""
        with self._engine.snapshot() as state:
            known, ids = self._dropped
            if known != state:
                rows = self.read("MATCH (d:Dropped) RETURN d.entity AS id")
                ids = column(rows, "id") if rows.num_rows else NOBODY
                self._dropped = state, ids
            return ids

    def first_seen(self) -> int | None:
        """The date of the earliest evidence in milliseconds since 1970; None in an empty store."""
        return self._date("min(e.first_seen)")

    def last_seen(self) -> int | None:
        """The date of the latest evidence in milliseconds since 1970; None in an empty store."""
        return self._date("max(e.last_seen)")

    def _date(self, aggregate: str) -> int | None:
        dates = self.read(f"MATCH (e:Entity) RETURN {aggregate} AS date").drop_null()
        return int(column(dates, "date")[0]) if dates.num_rows else None

    def looks_back(self, now: int) -> bool:
        """Whether the store holds anything that is of a later date, in milliseconds since 1970."""
        with self._engine.snapshot() as state:
            # a local value: another thread may put that of another state in its place
            latest = self._latest
            if latest is None or latest[0] != state:
                dates = self.read("MATCH (p:Passage) RETURN max(p.time) AS date").drop_null()
                told = int(column(dates, "date")[0]) if dates.num_rows else None
                found = [date for date in (told, self.last_seen()) if date is not None]
                latest = self._latest = state, max(*found, _advanced(self.stored_meta()), 0)
            return latest[1] > now

    def size(self, label: str) -> int:
        """The number of nodes of a label, counted once a minute: it only serves to choose a query plan."""
        now = time.monotonic()
        size, counted = self._sizes.get(label, (0, -math.inf))
        if now - counted > SIZE_LASTS:
            size = int(self.read(f"MATCH (n:{label}) RETURN count(*) AS n")["n"][0].as_py())
            self._sizes[label] = (size, now)
        return size

    def count(self, table: str) -> int:
        """The number of rows of a table, by its name in `COUNTS`."""
        return int(self.read(COUNTS[table])["n"][0].as_py())

    def read_edges(self) -> pa.Table:
        """All associations as they are stored; `tables.EDGE_SCHEMA`."""
        return _as_edges(self.read(READ_EDGES))

    def prefers_swap(self, changed: int, total: int) -> bool:
        """Whether writing edges by replacing the whole table is cheaper than writing them in place.

        Parameters
        ----------
        changed : int
            Edges to write.
        total : int
            Edges in the store.

        Notes
        -----
        In place costs ``IN_PLACE_FIXED + changed * (IN_PLACE_PER_EDGE + total * IN_PLACE_GROWTH)`` seconds, a
        swap ``SWAP_FIXED + (total + changed) * SWAP_PER_EDGE``. The break-even lies near 1,000 edges in an
        empty store, 4,500 at a hundred thousand, 17,000 at a million and, by extrapolation, 25,000 at ten.

        Examples
        --------
        >>> Store.prefers_swap(None, changed=400, total=1_000_000)
        False
        >>> Store.prefers_swap(None, changed=50_000, total=1_000_000)
        True
        """
        in_place = IN_PLACE_FIXED + changed * (IN_PLACE_PER_EDGE + total * IN_PLACE_GROWTH)
        swap = SWAP_FIXED + (total + changed) * SWAP_PER_EDGE
        return swap < in_place


def _replay(changes: Sequence[bytes]) -> list[Step]:
    """What changes of the journal do to the file."""
    return [
        Step(number, partial(write, change=change))
        for number, change in together(list(map(Change.unpack, changes)))
    ]


def recover_store(path: Path) -> list[str]:
    """Recover what can be read of a damaged store.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        Descriptions of the losses; empty if nothing was lost.

    Raises
    ------
    StoreLockedError
        If a process has it open.
    NotAStoreError, DamagedStoreError
        If the file itself cannot be read.
    """
    if not path.is_file():
        raise NotAStoreError(f"there is no store at {path}")
    return recover(path, _replay)


def _advanced(meta: Mapping[str, Any]) -> int:
    return int(meta.get(ADVANCED, 0))


def _as_edges(table: pa.Table) -> pa.Table:
    return table if table.num_columns else EDGE_SCHEMA.empty_table()


def _register_functions(connection: Any) -> None:
    """Make the Python functions of udfs/ callable on this connection."""
    for path in sorted(folder("udfs").glob("*.py")):
        runpy.run_path(str(path))["register"](connection)
