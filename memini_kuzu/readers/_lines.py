"""JSONL and CSV: one record a line or row, streamed, each bad one reported and passed over."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._inputs import (
    HEAD,
    UTF16,
    Input,
    attempt,
    brief,
    check_text,
    decode,
    is_bytewise,
    show,
)
from memini_kuzu.records import Columns, as_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memini_kuzu.records import Item, Record

__all__ = ["LINE_LIMIT", "is_json_object", "json_records", "read_csv", "read_jsonl"]

LINE_LIMIT = 16 * 2**20
"""Bytes in a line of JSONL or CSV, at most: longer ones are passed over without being held in memory."""

DELIMITERS = ",;\t|"
"""What may part the columns of a table."""

CHUNK = 2**20
"""Bytes read at a time while passing over a line."""

_CARRIAGE_RETURN = re.compile(r"(?<=\r)(?!\n|\Z)")


class Line(NamedTuple):
    """A line of a file: its number from 1, the position of its first byte, its bytes or None if over-long."""

    number: int
    start: int
    data: bytes | None


def read_jsonl(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """Records of a JSONL file, which can seek."""
    yield from json_records(*_by_line(stream, given))


def json_records(readline: Callable[[int], bytes], given: Input) -> Iterator[Item]:
    """Records of JSON lines from whatever has a `readline`."""
    empty = True
    for line in _lines(readline):
        if line.data is None or line.data.strip():
            empty = False
            yield attempt(_json_record, line, given)
    if empty:
        yield RecordError(given.name, "is empty; there is no line to remember")


def is_json_object(line: bytes, encoding: str) -> bool:
    """Whether a line is a JSON object, or begins as one and goes on over the limit."""
    if len(line) > LINE_LIMIT:
        return line.lstrip().startswith(b"{")
    try:
        return isinstance(json.loads(decode(line, encoding, "")), dict)
    except (ValueError, RecursionError):  # RecordError is a ValueError
        return False


def read_csv(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """Records of a CSV file, which can seek; the first row names the columns."""
    yield from _csv_records(*_by_line(stream, given))


def _by_line(stream: BinaryIO, given: Input) -> tuple[Callable[[int], bytes], Input]:
    """What reads lines of bytes, and the input in the encoding that they are in.

    Where a line does not end in one byte, as in UTF-16, they are read as text and given on in UTF-8.
    """
    head = stream.read(HEAD)
    check_text(head, given)
    stream.seek(0)
    encoding = "utf-16" if head.startswith(UTF16) else given.encoding
    if is_bytewise(encoding):
        return stream.readline, given
    return _Recoded(stream, encoding, given.name).readline, replace(given, encoding="utf-8")


class _Recoded:
    """A stream of any encoding as lines of UTF-8; one chunk is in memory, and the line that it is part of."""

    def __init__(self, stream: BinaryIO, encoding: str, name: str) -> None:
        self._stream, self._encoding, self._name = stream, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ahead = bytearray()
        self._over = False

    def readline(self, limit: int) -> bytes:
        """At most so many bytes, up to the end of the line."""
        start = 0
        while (end := self._ahead.find(b"\n", start, limit) + 1) == 0:
            start = len(self._ahead)
            if start >= limit or self._over:
                end = limit
                break
            self._more()
        line = bytes(self._ahead[:end])
        del self._ahead[:end]
        return line

    def _more(self) -> None:
        data = self._stream.read(CHUNK)
        self._over = not data
        try:
            self._ahead += self._decoder.decode(data, final=self._over).encode()
        except UnicodeError as error:
            reason = f"is not {self._encoding} ({brief(error)}); convert it to utf-8"
            raise RecordError(self._name, reason) from None


def _lines(readline: Callable[[int], bytes]) -> Iterator[Line]:
    """Every line, at most LINE_LIMIT + 1 bytes in memory at a time."""
    number = start = 0
    while data := readline(LINE_LIMIT + 1):
        number += 1
        if len(data) <= LINE_LIMIT or data.endswith(b"\n"):
            yield Line(number, start, data)
            start += len(data)
            continue
        begin, start = start, start + len(data)
        while not data.endswith(b"\n") and (data := readline(CHUNK)):
            start += len(data)
        yield Line(number, begin, None)


def _decoded(line: Line, given: Input) -> str:
    origin = f"{given.name}:{line.number}"
    if line.data is None:
        raise RecordError(
            origin, f"the line is over {LINE_LIMIT // 2**20} MiB; split its text into several records"
        )
    return decode(line.data, given.encoding, origin, line.start)


def _json_record(line: Line, given: Input) -> Record:
    origin = f"{given.name}:{line.number}"
    text = _decoded(line, given)
    try:
        row = json.loads(
            text.rstrip("\r\n")
        )  # with its end, an unclosed string is called a control character
    except json.JSONDecodeError as error:
        raise RecordError(
            origin, f"is not JSON at column {error.colno} ({error.msg}); correct the line"
        ) from None
    except (ValueError, RecursionError):  # a number of over 4300 digits; brackets nested by the thousand
        raise RecordError(origin, "is JSON beyond what can be read (its numbers or its nesting)") from None
    if not isinstance(row, dict):
        raise RecordError(
            origin, f"{show(row)} is not an object; write each record as {{...}} on its own line"
        )
    metadata = _metadata(row.get(given.columns.metadata), given.columns.metadata, origin)
    return _row_record(row, given, line.number, metadata)


def _row_record(
    row: dict[str, object], given: Input, number: int, metadata: dict[str, str] | None = None
) -> Record:
    names = given.columns
    if names.text not in row:
        raise RecordError(f"{given.name}:{number}", _no_column(names.text, list(row)))
    return given.record(
        row[names.text],
        time=row.get(names.time),
        source=row.get(names.source),
        title=row.get(names.title),
        id=row.get(names.id),
        line=number,
        metadata=metadata,
    )


def _metadata(value: object, name: str, origin: str) -> dict[str, str] | None:
    """Names and values beside a text; what is no string is kept as its JSON, and null is nothing."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RecordError(origin, f"{name} {show(value)} is not an object; write {{...}}, or leave it out")
    return as_metadata(value)


def _no_column(name: str, columns: list[str]) -> str:
    return f"has no column {name!r}, only {show(columns)}; name the right one"


class _CsvText:
    """Lines for csv.reader, which ends for good at an exception: failures are kept aside instead."""

    def __init__(self, readline: Callable[[int], bytes], given: Input) -> None:
        self.number = 0
        self.failure: RecordError | None = None
        self._lines = _lines(readline)
        self._given = given
        self._ahead: deque[str] = deque()
        self.delimiter = _delimiter(self._header(), given.columns.text)

    def _header(self) -> str:
        """The first line that is not blank; what was read for it comes again."""
        read: list[str] = []
        for line in self:
            read.append(line)
            if line.strip():
                break
        self._ahead.extendleft(reversed(read))
        self.number = 0
        return read[-1] if read else ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._ahead:
            try:
                # tables that are saved for old Macs part their lines by a carriage return alone
                self._ahead.extend(_CARRIAGE_RETURN.split(_decoded(next(self._lines), self._given)))
            except RecordError as error:
                self.failure = self.failure or RecordError(error.origin, error.reason)
                self._ahead.append("\n")
        self.number += 1
        return self._ahead.popleft()


def _csv_records(readline: Callable[[int], bytes], given: Input) -> Iterator[Item]:
    rows = _rows(readline, given)
    _, header = next(rows, (0, RecordError(given.name, "is empty; there is no header that names columns")))
    if isinstance(header, RecordError):
        yield header
        return
    header = [name.strip() for name in header]
    if fault := _header_fault(header, given.columns):
        yield RecordError(given.name, fault)
        return
    empty = True
    for number, row in rows:
        empty = False
        if isinstance(row, RecordError):
            yield row
        elif len(row) != len(header):
            yield RecordError(
                f"{given.name}:{number}",
                f"has {len(row)} values under {len(header)} columns; quote a value that holds a comma",
            )
        else:
            named: dict[str, object] = dict(zip(header, row, strict=True))
            yield attempt(_row_record, named, given, number)
    if empty:
        yield RecordError(given.name, "has a header and no rows; there is nothing to remember")


def _delimiter(header: str, wanted: str) -> str:
    r"""What parts the columns of a table: the mark under which its header has the column of the text.

    Examples
    --------
    >>> _delimiter("time;text, or so;text", "text"), _delimiter("id,words", "text")
    (';', ',')
    """
    for delimiter in DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter), [])
        if wanted in (name.strip() for name in names):
            return delimiter
    return max(DELIMITERS, key=header.count)  # the first of equals


def _header_fault(header: list[str], columns: Columns) -> str | None:
    """What is wrong with a header, if anything."""
    usual = Columns()
    for field in Columns.__slots__:
        name = getattr(columns, field)
        # A column that somebody named and that is not there is a slip, not a record without a time.
        if name not in header and (field == "text" or name != getattr(usual, field)):
            return _no_column(name, header)
        if header.count(name) > 1:
            return f"has {header.count(name)} columns {name!r}; rename all but one"
    return None


def _rows(readline: Callable[[int], bytes], given: Input) -> Iterator[tuple[int, list[str] | RecordError]]:
    """Rows that are not blank, each with the number of its first line."""
    text = _CsvText(readline, given)
    # not strict, a quote left open swallows the rows after it unseen
    reader = csv.reader(text, strict=True, delimiter=text.delimiter)
    while True:
        number = text.number + 1
        row: list[str] | RecordError
        usual = csv.field_size_limit(LINE_LIMIT)  # one value for the process, 128 KiB: put back at once
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"is not CSV ({error}); double the quotes inside a quoted value"
            if "unexpected end" in str(error) or "field limit" in str(error):
                reason = f"opens a quote that is not closed up to line {text.number}; close it"
            row = RecordError(f"{given.name}:{number}", reason)
        finally:
            csv.field_size_limit(usual)
        if text.failure is not None:
            row, text.failure = text.failure, None
        if row:
            yield number, row
