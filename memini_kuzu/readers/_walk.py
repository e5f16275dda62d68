"""Paths to records: which files are read, in which order, by which reader."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._converted import read_docx, read_epub, read_notebook, read_org, read_rst
from memini_kuzu.readers._documents import plain, read_html, read_markdown, read_pdf, read_plain
from memini_kuzu.readers._files import File, Listing, find_files
from memini_kuzu.readers._inputs import (
    TEXT_LIMIT,
    Input,
    attempt,
    decode,
    is_bytewise,
    read_text,
)
from memini_kuzu.readers._lines import LINE_LIMIT, is_json_object, json_records, read_csv, read_jsonl
from memini_kuzu.readers.conversations import (
    read_export,
    read_mail,
    read_mbox,
    read_subtitles,
    recognised,
)
from memini_kuzu.records import Columns, Item, Record, Skipped
from memini_kuzu.times import TimeLike, to_millis

__all__ = ["SUFFIXES", "list_files", "read", "read_stdin"]

_Reader = Callable[[BinaryIO, Input], Iterator[Item]]


def _single(build: Callable[[BinaryIO, Input], Record]) -> _Reader:
    """A reader of many records from one of a single record."""

    def reader(stream: BinaryIO, given: Input) -> Iterator[Item]:
        yield attempt(build, stream, given)

    return reader


def _several(read_all: _Reader) -> _Reader:
    """A reader that tells what is wrong with a file as an item, from one that raises it."""

    def reader(stream: BinaryIO, given: Input) -> Iterator[Item]:
        try:
            yield from read_all(stream, given)
        except RecordError as error:
            # made anew: the one raised holds, by its traceback, the bytes that failed
            failure = type(error)(error.origin, error.reason)
        else:
            return
        yield failure

    return reader


def _read_txt(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """A chat or a transcript, message by message; any other text is one document."""
    data = read_text(stream, given)
    text = decode(data, given.encoding, given.name)
    messages = recognised(data, text, given)
    yield from [plain(text, given)] if messages is None else messages


_READERS: dict[str, _Reader] = {
    ".txt": _several(_read_txt),
    ".md": _several(read_markdown),
    ".markdown": _several(read_markdown),
    ".html": _several(read_html),
    ".htm": _several(read_html),
    ".pdf": _single(read_pdf),
    ".jsonl": _several(read_jsonl),
    ".ndjson": _several(read_jsonl),
    ".csv": _several(read_csv),
    ".tsv": _several(read_csv),
    ".docx": _single(read_docx),
    ".epub": _single(read_epub),
    ".ipynb": _single(read_notebook),
    ".org": _single(read_org),
    ".rst": _single(read_rst),
    ".json": _several(read_export),
    ".eml": _several(read_mail),
    ".mbox": _several(read_mbox),
    ".srt": _several(read_subtitles),
    ".vtt": _several(read_subtitles),
}

UTF8 = "utf-8"

SUFFIXES = tuple(_READERS)
"""The types of file that are read, in lower case; case does not matter."""


def read(
    paths: Iterable[Path | str] | Listing,
    *,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    time: TimeLike | None = None,
    source: str | None = None,
    encoding: str | None = None,
) -> Iterator[Item]:
    r"""Read files and folders, each record as it comes.

    What `time`, `source` and `encoding` leave open, the ``.memini.toml`` of a folder may say of its files.

    Parameters
    ----------
    paths : iterable of Path or str, or Listing
        Files, folders, or ``-`` for standard input; or what `list_files` found.
    columns : Columns
        Where JSONL and CSV keep what. A column of a CSV file that is named here, other than by the usual
        name, must be there.
    time : datetime, date, str or None
        The time of every record, whatever the records say.
    source : str or None
        The source of every record, whatever the records say.
    encoding : str or None
        The encoding of text; by default utf-8. JSONL and CSV need one in which a line ends in one byte.

    Yields
    ------
    Record, RecordError, Notice or Skipped
        In order, a record, what is wrong with one (the caller skips it or stops), what was left out, or a
        file of a folder that gave none.

    Raises
    ------
    InputError
        If the time or the encoding is wrong, before anything is read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     notes = Path(folder, "notes.jsonl")
    ...     _ = notes.write_text('{"text": "Ada met Grace.", "time": "2026-01-04", "id": 7}\n{"text": 1}\n')
    ...     for item in read([notes], source="notes"):
    ...         print((item.text, item.time, item.id) if isinstance(item, Record) else item.reason)
    ('Ada met Grace.', 1767484800000, '7')
    text 1 is of type int; make it a string
    """
    given = _given(columns, time, source, encoding or UTF8)
    listing = paths if isinstance(paths, Listing) else list_files(paths)
    set_here = {"time": time, "source": source, "encoding": encoding}
    set_here = {name: value for name, value in set_here.items() if value is not None}
    listing.override(set_here)
    return _read(listing, given, frozenset(set_here))


def list_files(
    paths: Iterable[Path | str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    name: str | None = None,
) -> Listing:
    """The files that `read` would read; see `find_files` for the rules."""
    # A lone path is a slip that would otherwise read the files named by its letters.
    several = [paths] if isinstance(paths, str | Path) else paths
    return find_files(several, known=SUFFIXES, include=include, exclude=exclude, name=name)


def read_stdin(
    stream: BinaryIO,
    *,
    columns: Columns = Columns(),  # noqa: B008 - a frozen value
    time: TimeLike | None = None,
    source: str | None = None,
    encoding: str = UTF8,
) -> Iterator[Item]:
    r"""Read standard input: JSONL if its first line that is not blank is a JSON object, else one plain text.

    The first line decides, so that records are streamed, and so that a broken line further on is reported
    and does not turn the whole input into a text. There is no file date: a record without a time has None.

    Parameters
    ----------
    stream : BinaryIO
        Such as ``sys.stdin.buffer``.
    columns, time, source, encoding
        As in `read`.

    Yields
    ------
    Record, RecordError or Notice
        As in `read`; without a source of their own, records have none.

    Raises
    ------
    InputError
        If the time or the encoding is wrong, before anything is read.

    Examples
    --------
    >>> from io import BytesIO
    >>> [record.text for record in read_stdin(BytesIO(b'{"text": "Ada"}\n{"text": "Grace"}\n'))]
    ['Ada', 'Grace']
    >>> [record.text for record in read_stdin(BytesIO(b"Ada met\nGrace.\n"))]
    ['Ada met\nGrace.\n']
    """
    return _read_stdin(stream, _given(columns, time, source, encoding))


def _given(columns: Columns, time: TimeLike | None, source: str | None, encoding: str) -> Input:
    is_bytewise(encoding)  # raises for one that is unknown
    millis = None if time is None else to_millis(time)
    return Input(name="standard input", columns=columns, time=millis, source=source, encoding=encoding)


def _read(listing: Listing, given: Input, set_here: frozenset[str]) -> Iterator[Item]:
    for item in listing.items:
        if isinstance(item, Skipped):
            yield item
        elif not item.key:
            yield from _read_stdin(sys.stdin.buffer, given)
        elif item.named:
            yield from _read_file(item, given)
        else:
            of_folder = {
                name: value
                for name in ("time", "source", "encoding")
                if name not in set_here and (value := getattr(item.options, name)) is not None
            }
            yield from _remarks(item, _read_file(item, replace(given, **of_folder)))


def _remarks(file: File, items: Iterator[Item]) -> Iterator[Item]:
    """What is wrong with a whole file of a folder does not stop the others; what is wrong with a row may."""
    for item in items:
        if isinstance(item, RecordError) and item.origin == file.name:
            empty = item.reason.startswith("is empty")
            yield Skipped(file.key, item.reason if empty else f"not read: {item.reason}")
        else:
            yield item


def _read_stdin(stream: BinaryIO, given: Input) -> Iterator[Item]:
    try:
        head = [stream.readline(LINE_LIMIT + 1)]
        size = len(head[0])
        while head[-1] and not head[-1].strip() and size <= TEXT_LIMIT:
            head.append(stream.readline(LINE_LIMIT + 1))
            size += len(head[-1])
        if is_bytewise(given.encoding) and is_json_object(head[-1], given.encoding):
            again = iter(head)
            yield from json_records(lambda limit: next(again, None) or stream.readline(limit), given)
        else:
            yield attempt(read_plain, stream, given, b"".join(head))
    except OSError as error:
        yield RecordError(given.name, f"cannot be read: {error.strerror or error}")


def _read_file(file: File, given: Input) -> Iterator[Item]:
    reader = _READERS[".txt"] if file.text and not file.named else _READERS.get(file.path.suffix.lower())
    try:
        status = file.path.stat()
        if reader is None:
            yield RecordError(
                file.name, f"is of no known type; name one of {', '.join(SUFFIXES)}, or - for a pipe"
            )
        elif not S_ISREG(status.st_mode):
            yield RecordError(file.name, "is not a regular file; pass - to read a pipe")
        else:
            known = replace(
                given,
                name=file.name,
                key=file.key,
                place=file.path.resolve().as_posix(),
                modified=status.st_mtime_ns // 1_000_000,
                folder=file.path.parent,
            )
            with file.path.open("rb") as stream:
                yield from reader(stream, known)
    except FileNotFoundError:
        yield RecordError(file.name, "does not exist; check the path")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        yield RecordError(file.name, f"cannot be read: {getattr(error, 'strerror', None) or error}")
