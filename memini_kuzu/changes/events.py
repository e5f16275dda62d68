"""Event streams: (source, target, time[, amount]) rows by the million, folded into associations.

read → identify → fold → write. Batches are read one after the other; each distinct name is brought to its
entity once; the fold is DuckDB's where the extra ``scale`` is installed (it spills to disk) and numpy's
otherwise; what it gives goes into the store in one change, with the events themselves, unless they are not to
be kept, and the record of the files that they came from. Superposition makes the order of events, batches and
files indifferent.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.folding import fold, require_ibis
from memini_kuzu.changes.kept import Aside, check_kinds, putting_aside
from memini_kuzu.dynamics.edges import associate, concatenate, redirect_edges, superpose
from memini_kuzu.errors import InputError, RecordError
from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.notebook import Shown
from memini_kuzu.readers.tabular import event_batches
from memini_kuzu.store.associations import write_edges
from memini_kuzu.store.known import read_moved
from memini_kuzu.store.labels import NO_VOTES
from memini_kuzu.store.ledger import Ledger
from memini_kuzu.store.loads import create_parts, known_loads, new_kinds
from memini_kuzu.store.writing import alter_entities
from memini_kuzu.tables import Edges, distinct, edges_from_arrow, positions, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.records import EventColumns
    from memini_kuzu.store import Store

__all__ = ["EventsReport", "Names", "digest", "endpoints", "load_events"]

COMMIT = 20_000_000
"""Events after which the files read so far are written: a write may rewrite all edges."""

PARTIAL = 4_000_000
"""Rows of partial sums that numpy's fold keeps before it adds them up."""

MEMORY = "2GB"
"""What DuckDB may use before it spills to disk."""


@dataclass(slots=True)
class EventsReport(Shown):
    """What a load of events did.

    Parameters
    ----------
    events : int
        Rows that were folded.
    associations : int
        Pairs that they made or strengthened.
    entities : int
        Entities that are new.
    loaded, known : list of str
        Files that were loaded, and those that had been before and were left out.
    """

    events: int = 0
    associations: int = 0
    entities: int = 0
    loaded: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


class _Fold(Protocol):
    """Takes events batch by batch and gives their associations."""

    def add(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        amount: NDArray[np.float64],
        time: NDArray[np.int64],
    ) -> None: ...

    def finish(self) -> Edges: ...

    def close(self) -> None: ...


class _NumpyFold:
    """Partial sums in memory, added up whenever there are many: about as many rows as there are pairs."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._sum = Edges.empty()
        self._parts: list[Edges] = []

    def add(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        amount: NDArray[np.float64],
        time: NDArray[np.int64],
    ) -> None:
        self._parts.append(associate(source, target, amount, time, self._parameters))
        if sum(map(len, self._parts)) > max(PARTIAL, len(self._sum)):
            self._sum = self.finish()

    def finish(self) -> Edges:
        parts, self._parts = self._parts, []
        if not parts:
            return self._sum
        return superpose(concatenate(self._sum, *parts), self._parameters)

    def close(self) -> None:
        """Nothing is held but memory."""


class _DuckFold:
    """A table of events in a temporary DuckDB file, folded by `folding.fold`."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._folder = tempfile.TemporaryDirectory(prefix="memini-events-")
        with self._with_room():
            self._backend = require_ibis().duckdb.connect(
                str(Path(self._folder.name) / "events.duckdb"), memory_limit=MEMORY
            )
            self._backend.raw_sql("SET enable_progress_bar = false")  # the caller has its own
            self._backend.raw_sql(
                "CREATE TABLE events (source BIGINT, target BIGINT, amount DOUBLE, time BIGINT)"
            )

    def _with_room(self) -> AbstractContextManager[None]:
        return putting_aside(self._folder.name, importlib.import_module("duckdb").IOException)

    def add(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        amount: NDArray[np.float64],
        time: NDArray[np.int64],
    ) -> None:
        batch = pa.table({"source": source, "target": target, "amount": amount, "time": time})
        with self._with_room():
            self._backend.con.register("batch", batch)
            self._backend.con.execute("INSERT INTO events SELECT * FROM batch")
            self._backend.con.unregister("batch")

    def finish(self) -> Edges:
        with self._with_room():
            return edges_from_arrow(fold(self._backend.table("events"), self._parameters).to_pyarrow())

    def close(self) -> None:
        self._backend.disconnect()
        self._folder.cleanup()


class NamelessError(InputError):
    """A name holds nothing to know an entity by."""

    def __init__(self, name: str) -> None:
        super().__init__(f"name {name!r} holds no letter or digit; leave the row out or name the entity")
        self.name = name


class Names:
    """Entities of endpoints: each distinct name is brought to its key and id once, and shown as it was given.

    An alias is brought to the id that it would have by itself; what it stands for is looked up when the edges
    are written (`associations.redirect_edges`).
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._entities: dict[int, tuple[str, str]] = {}

    def identify(self, values: pa.ChunkedArray) -> NDArray[np.int64]:
        """Entity ids of names, or of integers, which are ids already.

        Raises
        ------
        InputError
            If a name has no letter or digit, or the column is neither text nor integers.
        """
        if pa.types.is_integer(values.type):
            try:
                return np.asarray(values.cast(pa.int64()).to_numpy(), dtype=np.int64)
            except pa.ArrowInvalid as error:
                raise InputError(f"ids are signed integers of 64 bits: {error}") from error
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise InputError(f"endpoints are {values.type}; pass names as text, or ids as integers")
        encoded = values.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        names = encoded.dictionary.to_pylist()
        of_name = np.array([self._identify(name) for name in names], dtype=np.int64)
        return of_name[np.asarray(encoded.indices.to_numpy(), dtype=np.int64)]

    def _identify(self, name: str) -> int:
        known = self._ids.get(name)
        if known is not None:
            return known
        key = canonical(name)
        if not key:
            raise NamelessError(name)
        identity = self._ids[name] = stable_id(key)
        self._entities.setdefault(identity, (key, name))
        return identity

    def learn(self, ids: Iterable[int], names: Iterable[str]) -> None:
        """Take names for entities that were identified elsewhere."""
        for identity, name in zip(ids, names, strict=True):
            self._entities.setdefault(identity, (canonical(name), name))

    def table(self, ids: NDArray[np.int64], first: pa.Array, last: pa.Array) -> pa.Table:
        """These entities, every column but the label; one without a name is called by its number."""
        named = [self._entities.get(identity) or (str(identity), str(identity)) for identity in ids.tolist()]
        zeros = np.zeros(len(ids), dtype=np.int64)
        return pa.table(
            {
                "id": ids,
                "key": pa.array([key for key, _ in named], pa.string()),
                "name": pa.array([name for _, name in named], pa.string()),
                "first_seen": first,
                "last_seen": last,
                "mentions": zeros,
                "headings": zeros,
                "votes": pa.array([NO_VOTES] * len(ids), pa.string()),
            }
        )


def digest(path: Path) -> str:
    """What a file is known by: a hash of its bytes.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; name a .parquet, .csv, .tsv, .jsonl or .arrow file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def load_events(
    store: Store,
    sources: Iterable[Any],
    *,
    columns: EventColumns,
    now: int,
    both: bool = False,
    keep_events: bool = True,
    progress: Callable[[int], None] = lambda _events: None,
) -> EventsReport:
    """Load event tables; see `Memory.load_events`. Events later than `now` are refused."""
    check_kinds(columns.kind, keep=keep_events)
    loader = _Loader(store, columns, now, both=both, keep=keep_events, progress=progress)
    try:
        for item in sources:
            loader.load(item)
        loader.commit()
    finally:
        loader.close()
    return loader.report


class _Loader:
    """Files on their way into the store: folded together until they are written together."""

    def __init__(
        self,
        store: Store,
        columns: EventColumns,
        now: int,
        *,
        both: bool,
        keep: bool,
        progress: Callable[[int], None],
    ) -> None:
        self.report = EventsReport()
        self._store, self._columns, self._now = store, columns, now
        self._both, self._keep, self._progress = both, keep, progress
        self._names = Names()
        self._fold: _Fold | None = None
        self._aside: Aside | None = None
        self._pending: list[tuple[str, str, int]] = []
        self._read = 0

    def load(self, item: Any) -> None:
        """Fold a source in, unless it was loaded before; write when that is enough."""
        path = Path(item) if isinstance(item, str | Path) else None
        label = "a table" if path is None else str(path)
        identity = uuid.uuid4().hex if path is None else digest(path)
        if identity in {known for known, *_ in self._pending} or known_loads(self._store.read, [identity]):
            self.report.known.append(label)
            return
        if self._fold is None:
            self._fold = _new_fold(self._store.parameters)
            self._aside = Aside() if self._keep else None
        rows = 0
        for batch in event_batches(item, path, self._columns, label=label, now=self._now):
            source, target = (self._identified(ends, label, rows) for ends in (batch.source, batch.target))
            amount = batch.amount * self._store.parameters.impulse
            self._fold.add(source, target, amount, batch.time)
            if self._both:
                self._fold.add(target, source, amount, batch.time)
            if self._aside is not None:
                kind = self._aside.kinds(batch.kind, len(amount))
                # who owns them is decided where they are put aside
                events = Ledger(source, source, target, amount, batch.time, kind)
                back = Ledger(target, target, source, amount, batch.time, kind)
                self._aside.add(identity, events.join(back) if self._both else events)
            rows += len(amount)
            self._read += len(amount)
            self._progress(self._read)
        if self._aside is not None:
            self._aside.finish(identity)
        self._pending.append((identity, label, rows))
        is_full = self._aside is not None and self._aside.half_full
        if is_full or sum(count for *_, count in self._pending) >= COMMIT:
            self.commit()

    def _identified(self, values: pa.ChunkedArray, label: str, before: int) -> NDArray[np.int64]:
        """Entity ids of a column, of which so many rows came before."""
        try:
            return self._names.identify(values)
        except NamelessError as error:
            row = before + pc.index(values, error.name).as_py() + 1
            raise RecordError(f"{label}, row {row}", str(error)) from None

    def commit(self) -> None:
        """Write what some files gave, and that they are loaded, in one change."""
        if self._fold is None or not self._pending:
            return
        edges = self._fold.finish()
        identities, labels, counts = (list(values) for values in zip(*self._pending, strict=True))
        with self._store.changing() as change:
            moved = read_moved(self._store.read)
            edges = redirect_edges(edges, moved, self._store.parameters)
            named = endpoints(self._names, edges)
            new = alter_entities(change, self._store, named)
            write_edges(self._store, change, edges)
            change.create("Load", pa.table({"id": identities, "source": labels, "events": counts}))
            if self._aside is not None:
                parts, kinds = self._aside.parts(moved)
                create_parts(change, parts)
                change.create("Kind", new_kinds(self._store.read, kinds))
        self.close()
        self._pending = []
        self.report.entities += new
        self.report.events += sum(counts)
        self.report.associations += len(edges)
        self.report.loaded += labels

    def close(self) -> None:
        """Let go of what the fold holds."""
        if self._fold is not None:
            self._fold.close()
            self._fold = None
        if self._aside is not None:
            self._aside.close()
            self._aside = None


def _new_fold(parameters: Parameters) -> _Fold:
    if importlib.util.find_spec("ibis") and importlib.util.find_spec("duckdb"):
        return _DuckFold(parameters)
    return _NumpyFold(parameters)


def endpoints(names: Names, edges: Edges) -> pa.Table:
    """The entities of edges as `writing.alter_entities` takes them, seen as long as their edges."""
    ids = distinct(edges.source, edges.target)
    rows = np.concatenate([positions(edges.source, ids), positions(edges.target, ids)])
    first = np.full(len(ids), np.iinfo(np.int64).max)
    last = np.zeros(len(ids), dtype=np.int64)
    np.minimum.at(first, rows, np.tile(edges.first_seen, 2))
    np.maximum.at(last, rows, np.tile(edges.last_seen, 2))
    return names.table(ids, timestamps(first), timestamps(last))
