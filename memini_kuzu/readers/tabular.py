"""Tables of events, from files and from memory: read in batches, checked, and handed on as columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from memini_kuzu.errors import InputError, RecordError, TimeError
from memini_kuzu.tables import TIMESTAMP
from memini_kuzu.times import DAY, MILLIS, SECONDS, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from memini_kuzu.records import EventColumns

__all__ = ["LAST", "EventBatch", "event_batches", "times"]

ROWS = 1_000_000
"""Rows of a batch: what is in memory at a time, some 100 MB."""

BLOCK = 1 << 26
"""Bytes of text that are read at a time."""

LAST = MILLIS * MILLIS / SECONDS
"""Numbers from which a time is too large for milliseconds: microseconds begin here, also in March 1973."""

EPOCH = r"^\d{9,}(\.\d+)?$"
"""Text that holds such a number; dates without hyphens have eight digits."""

SLACK = DAY
"""How far ahead of the clock an event may be dated, for clocks and time zones that disagree."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Some rows of an event table, checked.

    Parameters
    ----------
    source, target : pyarrow.ChunkedArray (n,)
        Names (``large_string``) or integer ids, without nulls.
    amount : float64 (n,)
        Above 0; 1 where the table has none.
    time : int64 (n,)
        Milliseconds since 1970.
    kind : pyarrow.ChunkedArray (n,) or None
        Text; None where the table has none.
    """

    source: pa.ChunkedArray
    target: pa.ChunkedArray
    amount: NDArray[np.float64]
    time: NDArray[np.int64]
    kind: pa.ChunkedArray | None


def event_batches(
    item: Any, path: Path | None, columns: EventColumns, *, label: str, now: int
) -> Iterator[EventBatch]:
    """The events of a source, a million rows at a time.

    Parameters
    ----------
    item : object
        A table, where `path` is None.
    path : Path or None
        A file.
    columns : EventColumns
        What the columns are called.
    label : str
        What errors call the source.
    now : int
        The present in milliseconds since 1970.

    Yields
    ------
    EventBatch
        In the order of the rows.

    Raises
    ------
    RecordError
        At the first bad row; names it.
    InputError
        If the source cannot be read or lacks a column.
    """
    rows = 0
    for table in _slices(item, path, columns):
        yield _Checked(table, columns, label, rows, now).batch()
        rows += table.num_rows


def _slices(item: Any, path: Path | None, columns: EventColumns) -> Iterator[pa.Table]:
    """The rows of a source, a million at a time."""
    try:
        for batch in _reader(item, path, columns):
            for start in range(0, batch.num_rows, ROWS):
                yield pa.table(batch.slice(start, ROWS))
    except (pa.ArrowException, OSError) as error:  # a damaged page of Parquet is an OSError
        raise InputError(f"{path or 'the table'} cannot be read: {error}") from error


def _reader(item: Any, path: Path | None, columns: EventColumns) -> Iterable[Any]:
    if path is not None:
        return _file(path, columns)
    if isinstance(item, pa.Table | pa.RecordBatch):
        return [item]
    if hasattr(item, "__arrow_c_stream__"):
        reader: Iterable[Any] = pa.RecordBatchReader.from_stream(item)
        return reader
    raise InputError(f"a {type(item).__name__} is no table; pass a path, or what has Arrow's stream protocol")


def _file(path: Path, columns: EventColumns) -> Iterable[Any]:
    kind = path.suffix.lower()
    batches: Iterable[Any]
    if kind == ".parquet":
        file = pq.ParquetFile(path)
        wanted = [name for name in file.schema_arrow.names if name in _wanted(columns)]
        batches = file.iter_batches(ROWS, columns=wanted)
    elif kind in {".csv", ".tsv"}:
        batches = _csv(path, columns, "\t" if kind == ".tsv" else ",")
    elif kind in {".jsonl", ".ndjson"}:
        batches = _jsonl(path, columns)
    elif kind in {".arrow", ".feather"}:
        stored = pa.ipc.open_file(path)
        batches = (stored.get_batch(number) for number in range(stored.num_record_batches))
    else:
        raise InputError(
            f"{path} has an unknown suffix; events are read from .parquet, .csv, .tsv, .jsonl and .arrow"
        )
    return batches


def _wanted(columns: EventColumns) -> list[str]:
    return [columns.source, columns.target, columns.time, columns.amount or "amount", columns.kind or "kind"]


def _refuse_doubles(names: list[str], columns: EventColumns, label: str) -> None:
    """Of two columns of one name a reader would take either."""
    for name in _wanted(columns):
        if names.count(name) > 1:
            raise InputError(f"{label} has {names.count(name)} columns {name!r}; rename all but one")


def _csv(path: Path, columns: EventColumns, delimiter: str) -> Iterable[Any]:
    """Every column as text but the amount: types guessed from the first block fail on a later one."""
    with path.open("rb") as file:
        header = pa.csv.open_csv(file, parse_options=pa.csv.ParseOptions(delimiter=delimiter)).schema.names
    _refuse_doubles(header, columns, str(path))
    text = dict.fromkeys((columns.source, columns.target, columns.time, columns.kind or "kind"), pa.string())
    types = text | {columns.amount or "amount": pa.float64()}
    included = [name for name in _wanted(columns) if name in header]
    reader: Iterable[Any] = pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=1 << 26),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(column_types=types, include_columns=included),
    )
    return reader


def _jsonl(path: Path, columns: EventColumns) -> Iterable[Any]:
    """Fields by their names, in whichever line they stand; an event that says no amount counts 1.

    Which fields hold numbers, the first line tells.
    """
    amount, kind = columns.amount or "amount", columns.kind or "kind"
    with path.open(encoding="utf-8-sig") as file:
        try:
            first = dict(json.loads(file.readline() or "{}"))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{path}, row 1 is no JSON object ({error}); put one event on each line"
            ) from error
    numbers = {bool: pa.string(), int: pa.int64(), float: pa.float64()}
    names = [columns.source, columns.target, columns.time, kind]
    types = [(name, numbers.get(type(first.get(name)), pa.string())) for name in names]
    schema = pa.schema([*types, (amount, pa.float64())])
    reader = pa.json.open_json(
        path,
        read_options=pa.json.ReadOptions(block_size=1 << 26),
        parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    for rows in reader:
        batch = rows
        if columns.kind is None and batch[kind].null_count == len(batch):
            batch = batch.drop_columns([kind])
        if columns.amount is None:
            place = batch.schema.get_field_index(amount)
            batch = batch.set_column(place, amount, pc.fill_null(batch[amount], 1.0))
        yield batch


@dataclass(frozen=True, slots=True)
class _Checked:
    """Rows of a table on their way through the checks; `before` of its rows came earlier."""

    table: pa.Table
    columns: EventColumns
    label: str
    before: int
    now: int

    def batch(self) -> EventBatch:
        columns, table = self.columns, self.table
        _refuse_doubles(table.column_names, columns, self.label)
        for name in (
            columns.source,
            columns.target,
            columns.time,
            *filter(None, [columns.amount, columns.kind]),
        ):
            if name not in table.column_names:
                raise InputError(
                    f"{self.label} has no column {name!r}; it has {', '.join(table.column_names)}: say which "
                    "column is what"
                )
            self._refuse_empty(name)
        for name in (columns.source, columns.target, columns.time):
            values = _plain(table[name])
            if _is_text(values.type):  # in CSV nothing is empty text
                self._refuse(pc.equal(values, "").to_numpy(), f"column {name!r} is empty; leave the row out")
        return EventBatch(
            _plain(table[columns.source]),
            _plain(table[columns.target]),
            self._amounts(),
            self._dates(),
            self._kinds(),
        )

    def _refuse_empty(self, name: str) -> None:
        self._refuse(self.table[name].is_null().to_numpy(), f"column {name!r} is empty; leave the row out")

    def _kinds(self) -> pa.ChunkedArray | None:
        name = self.columns.kind or "kind"
        if name not in self.table.column_names:
            return None
        self._refuse_empty(name)
        values = _plain(self.table[name])
        try:
            return values.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"{self.label}: column {name!r} holds no kinds: {error}") from error

    def _refuse(self, bad: NDArray[np.bool_], reason: str) -> None:
        if bad.any():
            raise RecordError(f"{self.label}, row {self.before + int(np.argmax(bad)) + 1}", reason)

    def _dates(self) -> NDArray[np.int64]:
        try:
            time = times(self.table[self.columns.time], self.columns.time, self.before)
        except TimeError as error:
            raise TimeError(f"{self.label}, {error}") from None
        for bad, why in ((time < 0, "before 1970"), (time > self.now + SLACK, "after now")):
            if bad.any():
                date = _date(int(time[int(np.argmax(bad))]))
                self._refuse(bad, f"is dated {date}, {why}; correct its time, or set now with --now")
        return time

    def _amounts(self) -> NDArray[np.float64]:
        name = self.columns.amount or "amount"
        if name not in self.table.column_names:
            return np.ones(self.table.num_rows)
        try:
            values = pc.fill_null(self.table[name].cast(pa.float64()), np.nan)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"{self.label}: column {name!r} holds no numbers: {error}") from error
        amount = np.array(values.to_numpy(), dtype=np.float64)
        self._refuse(~(np.isfinite(amount) & (amount > 0)), f"column {name!r} is no finite number above 0")
        return amount


def _date(millis: int) -> str:
    try:
        return f"{from_millis(millis):%Y-%m-%d %H:%M}"
    except OverflowError:  # infinity is a timestamp to DuckDB and PostgreSQL, a year before Christ to many
        return "outside the years 1 to 9999"


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without dictionaries, and with text of one type, whichever a library has for it."""
    if pa.types.is_dictionary(values.type):
        kind = values.type.value_type
        if _is_text(kind):  # what Arrow can look up by position in every version
            kind = pa.large_string()
        decoded = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in values.chunks]
        values = pa.chunked_array(decoded, kind)
    return values.cast(pa.large_string()) if _is_text(values.type) else values


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _since_1970(values: pa.ChunkedArray, name: str, before: int) -> NDArray[np.int64]:
    """Numbers as milliseconds since 1970: from `SECONDS` they are seconds, from `MILLIS` milliseconds."""
    number = values.cast(pa.float64(), safe=False).to_numpy()
    bad = ~((number >= SECONDS) & (number < LAST))
    if bad.any():
        raise TimeError(
            f"row {before + int(np.argmax(bad)) + 1}: column {name!r} holds {number[bad][0]:g}; numbers are "
            f"seconds since 1970 (from {SECONDS:g}, in 1973) or milliseconds (from {MILLIS:g}): convert it "
            "to timestamps, dates or ISO 8601 text"
        )
    millis = np.floor(np.where(number < MILLIS, number * 1000, number))
    return np.asarray(millis, dtype=np.int64)


def _instants(values: pa.ChunkedArray, name: str) -> NDArray[np.int64]:
    """Dates or timestamps as milliseconds since 1970: an offset is dropped, the instant kept."""
    # not safe, nanoseconds are cut off; but a larger unit could overflow unseen
    cut = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
    try:
        micros = values.cast(TIMESTAMP, safe=not cut).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise TimeError(f"column {name!r} holds a time too far from 1970 ({error}); correct it") from error
    return np.asarray(np.floor_divide(micros.to_numpy(), 1000), dtype=np.int64)


def times(values: pa.ChunkedArray, name: str, before: int = 0) -> NDArray[np.int64]:
    """A column of times without nulls as milliseconds since 1970, UTC; finer digits are cut off.

    Parameters
    ----------
    values : pyarrow.ChunkedArray (n,)
        The column.
    name : str
        What errors call it.
    before : int
        How many rows came before these, for the row that an error names.

    Raises
    ------
    TimeError
        If it holds what is no time, or numbers that are neither seconds nor milliseconds since 1970.

    Examples
    --------
    >>> times(pa.chunked_array([[1_735_689_600, 1_735_689_601]]), "time").tolist()
    [1735689600000, 1735689601000]
    """
    values = _plain(values)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return _since_1970(values, name, before)
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return _instants(values, name)
    if not pa.types.is_large_string(values.type):
        raise TimeError(
            f"column {name!r} is {values.type}; times are timestamps, dates, ISO 8601 text or numbers of "
            "seconds or milliseconds since 1970: convert it"
        )
    if pc.all(pc.match_substring_regex(values, EPOCH)).as_py():
        return _since_1970(values, name, before)
    try:
        micros = values.cast(TIMESTAMP).cast(pa.int64())
        return np.asarray(np.floor_divide(micros.to_numpy(), 1000), dtype=np.int64)
    except pa.ArrowInvalid:
        # offsets, or dates that are none: the reader of all other dates knows, once for each distinct text
        encoded = values.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        millis = np.empty(len(encoded.dictionary), dtype=np.int64)
        of = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
        for place, text in enumerate(encoded.dictionary.to_pylist()):
            try:
                millis[place] = to_millis(text)
            except TimeError as error:
                raise TimeError(f"row {before + int(np.argmax(of == place)) + 1}: {error}") from None
        return millis[of]
