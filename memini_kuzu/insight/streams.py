"""Event streams for fitting and forecasting: a table of dated events becomes integer codes and days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, json, parquet

from memini_kuzu.errors import InputError
from memini_kuzu.readers.tabular import times
from memini_kuzu.tables import column
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from memini_kuzu.store.ledger import Ledger

__all__ = ["Stream", "read_stream", "read_table", "stream_from_arrow", "stream_from_ledger"]

READERS = {
    ".csv": csv.read_csv,
    ".jsonl": json.read_json,
    ".ndjson": json.read_json,
    ".parquet": parquet.read_table,
}

REQUIRED = ("source", "target", "time")


@dataclass(frozen=True, slots=True)
class Stream:
    """Dated events as codes, in order of time.

    Parameters
    ----------
    source, target : int64 (n_events,)
        Codes from 0; sources and targets share one numbering.
    time : float64 (n_events,)
        Days since 1970.
    amount : float64 (n_events,)
        What each event weighs, > 0.
    kind : int64 (n_events,)
        Codes from 0; 0 everywhere in a stream without kinds.
    n_entities, n_kinds : int
        How many there are; a stream without kinds has 0.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    time: NDArray[np.float64]
    amount: NDArray[np.float64]
    kind: NDArray[np.int64]
    n_entities: int
    n_kinds: int

    def __len__(self) -> int:
        return len(self.source)


def read_table(path: Path) -> pa.Table:
    r"""Read a file of events.

    Parameters
    ----------
    path : Path
        .csv, .parquet, .jsonl or .ndjson.

    Raises
    ------
    InputError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "events.csv"
    >>> _ = path.write_text("source,target,time\nAda,Paris,2026-01-04\n")
    >>> read_table(path).num_rows
    1
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is none of {', '.join(READERS)}; convert it, or rename it")
    try:
        table: pa.Table = reader(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return table


def read_stream(path: Path) -> Stream:
    r"""Read a file of events as a stream; see `stream_from_arrow`.

    Raises
    ------
    InputError
        If it cannot be read, or a column is missing or wrong.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "events.csv"
    >>> _ = path.write_text("source,target,time\nAda,Paris,2026-01-05\nAda,Rome,2026-01-04\n")
    >>> stream = read_stream(path)
    >>> stream.time - stream.time[0], stream.n_entities
    (array([0., 1.]), 3)
    """
    try:
        return stream_from_arrow(read_table(path))
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error


def stream_from_arrow(table: pa.Table) -> Stream:
    """A table of events as a stream, sorted by time.

    Parameters
    ----------
    table : pyarrow.Table
        Columns source, target (any type), time (as `Memory.load_events` reads it), and optionally amount and
        kind.

    Raises
    ------
    InputError
        If a column is missing, holds nulls or is of the wrong type, or there is no event.

    Examples
    --------
    >>> stream_from_arrow(pa.table({"source": [1], "target": [2], "time": ["2026-01-04"]})).n_entities
    2
    """
    for name in REQUIRED:
        if name not in table.column_names:
            raise InputError(f"column {name!r} is missing; there are {', '.join(table.column_names)}")
        if table[name].null_count:
            raise InputError(f"column {name!r} holds {table[name].null_count} nulls; drop these rows")
    if not table.num_rows:
        raise InputError("there is no event; pass a table with at least one row")
    time = times(table["time"], "time")
    order = np.argsort(time, kind="stable")
    time, table = time[order], table.take(pa.array(order))
    names = pc.unique(
        pa.chunked_array(
            [*table["source"].cast(pa.string()).chunks, *table["target"].cast(pa.string()).chunks]
        )
    )
    source, target = (_codes(table[name].cast(pa.string()), names) for name in ("source", "target"))
    amount = _amounts(table)
    kind, n_kinds = np.zeros(len(source), dtype=np.int64), 0
    if "kind" in table.column_names:
        kinds = pc.unique(table["kind"])
        kind, n_kinds = _codes(table["kind"], kinds), len(kinds)
    return Stream(source, target, time / DAY, amount, kind, len(names), n_kinds)


def stream_from_ledger(ledger: Ledger, impulse: float) -> Stream:
    """The events of a store's documents and loads as a stream.

    Parameters
    ----------
    ledger : Ledger
        Events.
    impulse : float
        b, which their amounts include.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> from memini_kuzu.store.ledger import Ledger
    >>> one = np.array([5])
    >>> stream_from_ledger(Ledger(one, one, one + 1, np.array([2.0]), one * 0, one * 0), 2.0).amount
    array([1.])
    """
    if not len(ledger):
        raise InputError("the store holds no events; ingest documents, load events, or pass a file of events")
    ids, codes = np.unique(np.concatenate([ledger.source, ledger.target]), return_inverse=True)
    source, target = codes[: len(ledger)], codes[len(ledger) :]
    return Stream(
        source, target, ledger.time / DAY, ledger.amount / impulse, np.zeros_like(source), len(ids), 0
    )


def _amounts(table: pa.Table) -> NDArray[np.float64]:
    if "amount" not in table.column_names:
        return np.ones(table.num_rows)
    try:
        amount = column(pa.table({"amount": table["amount"].cast(pa.float64())}), "amount")
    except pa.ArrowException as error:
        raise InputError(f"column 'amount' holds no numbers: {error}") from error
    bad = ~(np.isfinite(amount) & (amount > 0))
    if bad.any():
        raise InputError(f"amount = {amount[bad][0]}; pass finite amounts above 0")
    return amount


def _codes(values: pa.ChunkedArray, names: pa.Array) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = pc.index_in(values, value_set=names).to_numpy().astype(np.int64)
    return codes
