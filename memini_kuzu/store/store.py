"""A store: what is read of it, and how a change gets into it."""

from __future__ import annotations

import math
import runpy
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.config import Parameters
from memini_kuzu.errors import NotAStoreError
from memini_kuzu.plugins import refuse_callbacks
from memini_kuzu.resources import folder
from memini_kuzu.store import past, rewriting, schema
from memini_kuzu.store.adjacency import Adjacency, read_adjacency
from memini_kuzu.store.change import Change, write
from memini_kuzu.store.engine import (
    Engine,
    JournalState,
    OldStoreError,
    Transaction,
    memory,
    recover,
)
from memini_kuzu.store.languages import languages_in
from memini_kuzu.tables import EDGE_SCHEMA, column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["Store", "Sums", "recover_store"]

READ_EDGES = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
RETURN a.id AS source, b.id AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events,
    e.first_seen AS first_seen, e.last_seen AS last_seen
"""

READ_EDGES_BETWEEN = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
WHERE a.id IN $ids AND b.id IN $ids
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
"""Seconds that a table swap takes however small the table; like the next four, fitted to bench.py writes."""

SWAP_PER_EDGE = 4e-6
"""Seconds per edge of reading all, swapping, and copying the file (4.0 s at a million)."""

IN_PLACE_FIXED = 0.05
"""Seconds that looking up and updating a few edges takes."""

IN_PLACE_PER_EDGE = 1e-4
"""Seconds per edge of a batch written in place into a small store (0.13 s for 1,000 into 10,000)."""

IN_PLACE_GROWTH = 1.5e-10
"""Seconds more for every edge and edge that is there (12 s for 50,000 into a million, 5.6 s into 100,000)."""


SIZE_LASTS = 60.0
"""Seconds for which a count of nodes is good enough to choose by."""


ADJACENCY_FIXED = 0.05
"""Seconds that reading all associations into memory takes however few there are."""

ADJACENCY_PER_EDGE = 1e-6
"""Seconds per edge of reading all associations into memory (9 s at ten million)."""

ADJACENCY_BYTES = 250
"""Bytes an edge while all are read; 50 stay."""

ADJACENCY_SHARE = 8
"""Associations stay in the file where reading them would take more than this part of the machine's memory."""


class Sums(NamedTuple):
    """Sums over all passages, which the lexical score needs.

    Parameters
    ----------
    passages : int
        How many there are.
    average : float
        Terms of one on average.
    languages : frozenset of str
        Those that they are in.
    """

    passages: int
    average: float
    languages: frozenset[str]


@dataclass(slots=True)
class _Asked:
    """What was asked of the file's associations in one state of it.

    Parameters
    ----------
    state : int
        As `Engine.snapshot` numbers them.
    seconds : float
        What the hops took.
    edges : int or None
        How many associations there are, once counted.
    held : Adjacency or None
        All of them, once read.
    """

    state: int
    seconds: float = 0.0
    edges: int | None = None
    held: Adjacency | None = None


class Store:
    """An open store file.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Make it where it does not exist.
    parameters : Parameters, optional
        The dynamics of a store that is made; an existing one keeps its own.
    read_only : bool
        Open without the right to write.
    wait : float
        Seconds to wait for another process to close it.

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
    ) -> None:
        if not path.exists():
            if not create or read_only:
                raise NotAStoreError(f"there is no store at {path}; make one with: memini init --db {path}")
            schema.create(path, parameters or Parameters(), wait=wait)
        elif path.is_dir():
            raise NotAStoreError(f"{path} is a folder; name the store's file")
        try:
            self._engine = Engine(path, _replay, read_only=read_only, wait=wait)
        except OldStoreError:
            schema.migrate(path, wait=wait)
            self._engine = Engine(path, _replay, read_only=read_only, wait=wait)
        try:
            if schema.schema_version(self._engine.read, path) < schema.latest_version():
                if not read_only:
                    self._engine.checkpoint()
                self._engine.close()
                schema.migrate(path, wait=wait)
                self._engine = Engine(path, _replay, read_only=read_only, wait=wait)
            self.meta = schema.read_meta(self._engine.read, path)
        except BaseException:
            self._engine.close()
            raise
        self._sizes: dict[str, tuple[int, float]] = {}
        self._latest: tuple[int, int] | None = None
        self._asked = _Asked(state=-1)
        self._holding = threading.Lock()
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
        """All that is read inside is of one committed state."""
        refuse_callbacks()
        with self._engine.snapshot():
            yield

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """A change to be put together inside, from what is read there; it is applied at the end.

        Nobody else writes meanwhile, and the file is not touched: who raises inside has changed nothing.

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
            change = Change()
            yield change
            self.apply(change)

    def apply(self, change: Change) -> None:
        """Make a change: all of it is there, and safe, when this returns, or nothing where it raises.

        Parameters
        ----------
        change : Change
            What is to be done.

        Raises
        ------
        StoreError
            If the store is open read-only, or the disk is full.
        """
        if change.empty:
            return
        if change.large:
            self._engine.load(partial(write, change=change))
        else:
            self._engine.apply(change.pack(), partial(write, change=change))

    def journal(self, *, deep: bool = False) -> JournalState:
        """What is in the file and what in the journal beside it; `deep` sums the file up."""
        return self._engine.state(deep=deep)

    def backup(self, target: Path) -> None:
        """Copy the store, as it is at this moment, into a file of its own; see `Engine.backup`."""
        self._engine.backup(target)

    def query(
        self, query: str, parameters: Mapping[str, Any] | None = None, *, write: bool = False
    ) -> pa.Table:
        """Run a user's Cypher, with the functions of ``udfs/`` at hand.

        Parameters
        ----------
        query : str
            Any Cypher.
        parameters : mapping, optional
            Values of its ``$names``.
        write : bool
            Let it change the store; otherwise a query that would is refused.

        Returns
        -------
        pyarrow.Table
            The result.

        Raises
        ------
        QueryError
            If Kùzu refuses it.
        """
        refuse_callbacks()
        return self._engine.run_foreign(query, parameters, write=write, register=_register_functions)

    def rewrite(self, parameters: Parameters, edges: pa.Table, amounts: float) -> None:
        """Put a file with other parameters in this one's place, in one step that a crash cannot halve.

        Parameters
        ----------
        parameters : Parameters
            Those of the new file.
        edges : pyarrow.Table
            Its associations; `tables.EDGE_SCHEMA`.
        amounts : float
            What the amounts in the ledgers are multiplied with.

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
        """Nobody else writes inside, and no other handle of this process is on the file."""
        with self._engine.exclusive():
            yield

    def set_meta(self, key: str, value: str) -> None:
        """Record something that the store knows of itself."""
        with self.changing() as change:
            change.set_meta({key: value}, self.stored_meta())
        self.meta[key] = value

    def stored_meta(self) -> dict[str, str]:
        """What the store knows of itself, as it stands in the file now."""
        return schema.read_meta(self._engine.read, self.path)

    def sums(self, until: datetime | None = None) -> Sums:
        """How many passages there are, or were at a time, how long on average, and in which languages."""
        if until is None:
            meta = self.stored_meta()
            passages, words = int(meta.get("passages", 0)), int(meta.get("words", 0))
            languages = frozenset(languages_in(meta))
        else:
            passages, words, languages = past.sum_passages(self, until)
        return Sums(passages, words / passages if passages else 1.0, languages)

    def first_seen(self) -> int | None:
        """The date of the earliest evidence in milliseconds since 1970; None in an empty store."""
        return self._date("min(e.first_seen)")

    def last_seen(self) -> int | None:
        """The date of the latest evidence in milliseconds since 1970; None in an empty store."""
        return self._date("max(e.last_seen)")

    def _date(self, aggregate: str) -> int | None:
        dates = self.read(f"MATCH (e:Entity) RETURN {aggregate} AS date").filter(
            pc.is_valid(pc.field("date"))
        )
        return int(column(dates, "date")[0]) if dates.num_rows else None

    def looks_back(self, now: int) -> bool:
        """Whether the store holds anything that is later than this, in milliseconds since 1970."""
        with self._engine.snapshot() as state:
            if self._latest is None or self._latest[0] != state:
                dates = self.read("MATCH (p:Passage) RETURN max(p.time) AS date").filter(
                    pc.is_valid(pc.field("date"))
                )
                told = int(column(dates, "date")[0]) if dates.num_rows else None
                self._latest = (
                    state,
                    max((each for each in (told, self.last_seen()) if each is not None), default=now),
                )
            return self._latest[1] > now

    def size(self, label: str) -> int:
        """How many nodes of a label there are; counted once a minute, to choose between ways of reading."""
        now = time.monotonic()
        size, counted = self._sizes.get(label, (0, -math.inf))
        if now - counted > SIZE_LASTS:
            size = int(self.read(f"MATCH (n:{label}) RETURN count(*) AS n")["n"][0].as_py())
            self._sizes[label] = (size, now)
        return size

    def adjacency(self) -> Adjacency | None:
        """The associations in memory, as they are in the file; None where asking the file is cheaper.

        They are read when the hops asked of the file since the last commit have taken as long as reading all
        would: whatever comes, no more than twice the time is spent that foresight would have spent. A commit
        makes what was read stale. Where they would fill memory (`ADJACENCY_SHARE`) they are not read.
        """
        with self._engine.snapshot() as state:
            # what another thread is just reading is not waited for
            if not self._holding.acquire(blocking=False):
                return None
            try:
                if self._asked.state != state:
                    self._asked = _Asked(state)
                asked = self._asked
                if asked.held is None and asked.seconds > ADJACENCY_FIXED:
                    if asked.edges is None:
                        asked.edges = self.count("associations")
                    if (
                        asked.seconds > ADJACENCY_FIXED + asked.edges * ADJACENCY_PER_EDGE
                        and asked.edges * ADJACENCY_BYTES * ADJACENCY_SHARE < memory()
                    ):
                        asked.held = read_adjacency(self.read)
                return asked.held
            finally:
                self._holding.release()

    @contextmanager
    def hopping(self) -> Iterator[None]:
        """Count the time spent inside as spent on asking the file for associations."""
        began = time.perf_counter()
        yield
        with self._holding:
            self._asked.seconds += time.perf_counter() - began

    def count(self, table: str) -> int:
        """How many rows there are of what `COUNTS` names."""
        return int(self.read(COUNTS[table])["n"][0].as_py())

    def read_edges(self) -> pa.Table:
        """All associations as they are stored; `tables.EDGE_SCHEMA`."""
        return _as_edges(self.read(READ_EDGES))

    def read_edges_between(self, ids: Sequence[int]) -> pa.Table:
        """The associations among these entities; `tables.EDGE_SCHEMA`."""
        if not ids:
            return EDGE_SCHEMA.empty_table()
        return _as_edges(self.read(READ_EDGES_BETWEEN, {"ids": list(ids)}))

    def prefers_swap(self, changed: int, total: int) -> bool:
        """Whether writing so many edges into so many is cheaper by swapping the table than in place.

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


def _replay(transaction: Transaction, change: bytes) -> None:
    """Apply a change of the journal."""
    write(transaction, Change.unpack(change))


def recover_store(path: Path) -> list[str]:
    """Go on with what is left of a damaged store.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        What was lost; empty where nothing was.

    Raises
    ------
    StoreLockedError
        If a process has it open.
    NotAStoreError, DamagedStoreError
        If not even the file can be read.
    """
    if not path.is_file():
        raise NotAStoreError(f"there is no store at {path}")
    return recover(path, _replay)


def _as_edges(table: pa.Table) -> pa.Table:
    return table if table.num_columns else EDGE_SCHEMA.empty_table()


def _register_functions(connection: Any) -> None:
    """Make the Python functions of udfs/ callable on this connection."""
    for path in sorted(folder("udfs").glob("*.py")):
        runpy.run_path(str(path))["register"](connection)
