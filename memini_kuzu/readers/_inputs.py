"""What the readers share: the settings of a call, decoding, and the one door to a valid Record."""

from __future__ import annotations

import codecs
import re
import reprlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, ParamSpec, TypedDict, Unpack

from memini_kuzu.errors import InputError, RecordError, TimeError
from memini_kuzu.records import PLAIN, Columns, Record
from memini_kuzu.text.markdown import UNNAMED
from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "TEXT_LIMIT",
    "Input",
    "NotUnderstoodError",
    "attempt",
    "brief",
    "check_text",
    "decode",
    "is_bytewise",
    "read_text",
    "show",
]

TEXT_LIMIT = 64 * 2**20
"""Bytes in one text document, at most: a document is held in memory whole, some ten times over."""

HEAD = 8192
"""Bytes at the start of a file that must hold no NUL for the file to count as text."""

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a text in UTF-16 begins where it says so itself."""

BASIC_DATE = 8
"""Digits of an ISO 8601 date without dashes, the only bare number that is a date."""

_DATED_NAME = re.compile(r"(\d{4})([-_.])(\d{2})\2(\d{2})(?!\d)")  # Logseq writes 2025_01_04

_P = ParamSpec("_P")

_SHOWN = reprlib.Repr()
_SHOWN.maxlevel = 1
_SHOWN.maxstring = _SHOWN.maxother = 80
_SHOWN.maxdict = _SHOWN.maxlist = 20


class Beside(TypedDict, total=False):
    """Fields of a `Record` that its reader makes, and that need no check."""

    speaker: str
    people: tuple[str, ...]
    lead: int
    names: tuple[str, ...]
    form: str
    aside: tuple[tuple[int, int], ...]
    links: tuple[tuple[str, int, int], ...]
    metadata: dict[str, str] | None


class NotUnderstoodError(RecordError):
    """A whole file that no reader makes records of; an error where it was named, a notice within a folder."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input, and what is known of its records before it is read.

    Parameters
    ----------
    name : str
        What messages call it.
    columns : Columns
        Where JSONL and CSV keep what.
    time : int or None
        The time that was set for all records, in milliseconds.
    source : str or None
        The source that was set for all records.
    encoding : str
        Of text; known to Python.
    key : str
        What the file is known by, the source of records that name none; empty for standard input.
    place : str
        Where the file lies, in full.
    modified : int or None
        When the file was last changed, in milliseconds.
    folder : Path or None
        Where the file lies, for what its neighbours tell of it; None for standard input.
    """

    name: str
    columns: Columns
    time: int | None
    source: str | None
    encoding: str
    key: str = ""
    place: str = ""
    modified: int | None = None
    folder: Path | None = None

    def record(
        self,
        text: object,
        *,
        time: object = None,
        source: object = None,
        title: object = None,
        id: object = None,  # noqa: A002 - the field's name
        line: int | None = None,
        **beside: Unpack[Beside],
    ) -> Record:
        """Check what a record says of itself and complete it.

        Parameters
        ----------
        text, time, source, title, id : object
            As they were read; None or blank where the record does not say.
        line : int or None
            Where it stands in the input.
        **beside
            What else there is to say of it; as in `Record`.

        Returns
        -------
        Record
            A record that can be stored.

        Raises
        ------
        RecordError
            If anything in it cannot be stored.
        """
        origin = self.name if line is None else f"{self.name}:{line}"
        if not isinstance(text, str):
            raise RecordError(origin, f"text {_kind(text)}; make it a string")
        if not text or text.isspace():
            # a row without a text is a fault of the file; a file without one may lie in any folder
            kind = NotUnderstoodError if line is None else RecordError
            raise kind(origin, "is empty; there is no text to remember")
        record = Record(
            text=text,
            time=self._time(time, origin),
            source=self.source if self.source is not None else _label("source", source, origin) or self.key,
            title=_label("title", title, origin),
            id=_label("id", id, origin),
            origin=origin,
            file=self.key,
            former=self._former(source, id),
            **beside,
        )
        for name in ("text", "source", "title", "id", "speaker"):
            _check_unicode(name, getattr(record, name), origin)
        for name in (*record.people, *record.names):
            _check_unicode("name", name, origin)
        return record

    @property
    def own(self) -> str:
        """What tells a file that is one document from others of its source."""
        return self.key if self.source is not None else self.key.rpartition("/")[2]

    def _former(self, source: object, own: object) -> tuple[str, str] | None:
        """What a document was known by when files were known by where they lay, or were named in a call."""
        if not self.key:
            return None
        if self.source is not None:
            return (self.source, self.name) if own == self.key else None
        return None if source else (self.place, own if isinstance(own, str) else "")

    def document(
        self,
        text: str,
        *,
        time: object = None,
        title: object = None,
        form: str = PLAIN,
        aside: tuple[tuple[int, int], ...] = (),
        links: tuple[tuple[str, int, int], ...] = (),
    ) -> Record:
        """The record of a file that is one document: its file's name is one of its names."""
        names = _names(self.key)
        return self.record(
            text, time=time, title=title, id=self.own, names=names, form=form, aside=aside, links=links
        )

    def dated(self, own: object) -> tuple[object, str]:
        """A time that `record` can read, and what was odd; nothing where it is none."""
        try:
            self._time(own, self.name)
        except RecordError as error:
            return None, error.reason
        return own, ""

    def _time(self, own: object, origin: str) -> int | None:
        if self.time is not None:
            return self.time
        if own is None or (isinstance(own, str) and not own.strip()):
            named = _DATED_NAME.match(self.key.rpartition("/")[2])
            if named is not None:
                with suppress(TimeError):  # a number that looks like a date
                    return to_millis("-".join(named.group(1, 3, 4)))
            if self.modified is None:
                return None
            try:
                return to_millis(from_millis(self.modified))
            except (TimeError, OverflowError):
                raise RecordError(
                    origin, "has no time, and its file's date lies outside 1970 to 2261"
                ) from None
        if isinstance(own, int | float) or (isinstance(own, str) and _is_number(own.strip())):
            raise RecordError(
                origin, f"time {show(own)} is a number; write it in ISO 8601: 2026-01-04T09:30:00"
            )
        if not isinstance(own, str | date):
            raise RecordError(origin, f"time {_kind(own)}; write it in ISO 8601: 2026-01-04")
        try:
            return to_millis(own)
        except TimeError as error:
            raise RecordError(origin, brief(error)) from None
        except OverflowError:  # year 1 or 9999 with an offset leaves what datetime can hold
            raise RecordError(origin, f"time {show(own)} lies outside 1970 to 2261; correct it") from None


def _names(file: str) -> tuple[str, ...]:
    """What the name of a file calls the document; nothing where it says nothing, as ``README`` and dates do.

    Examples
    --------
    >>> _names("places/Harbour House.md"), _names("README.md"), _names("2025-01-04.md")
    (('Harbour House',), (), ())
    """
    stem = file.rpartition("/")[2].rpartition(".")[0]
    named = stem.casefold() not in UNNAMED and any(map(str.isalpha, stem))
    return (stem,) if named else ()


def attempt(build: Callable[_P, Record], *args: _P.args, **kwargs: _P.kwargs) -> Record | RecordError:
    """What a call returns, or the error that it raises.

    The error is made anew: the one raised holds, by its traceback and context, the bytes that failed.
    """
    try:
        return build(*args, **kwargs)
    except RecordError as error:
        return RecordError(error.origin, error.reason)


def show(value: object) -> str:
    """A short repr of anything, however long or deep the value is."""
    try:
        return _SHOWN.repr(value)
    except ValueError:  # a whole number of more than 4300 digits
        return "(too long to show)"


def brief(error: object, limit: int = 200) -> str:
    r"""The message of an error on one line, of at most so many characters.

    Examples
    --------
    >>> brief(ValueError("no\n  luck"))
    'no luck'
    """
    message = " ".join(str(error).split())
    return message if len(message) <= limit else f"{message[:limit]}…"


def is_bytewise(encoding: str) -> bool:
    r"""Whether ASCII characters are single bytes, so that lines end at ``b"\n"`` and text has no NUL.

    Raises
    ------
    InputError
        If Python has no such text encoding.

    Examples
    --------
    >>> is_bytewise("latin-1"), is_bytewise("utf-16")
    (True, False)
    """
    try:
        return b"\na".decode(encoding, "replace") == "\na"
    except (LookupError, ValueError):
        raise InputError(
            f"encoding {encoding!r} is unknown; name one such as utf-8, latin-1 or cp1252"
        ) from None


def check_text(head: bytes, given: Input) -> None:
    """Raise RecordError if the first bytes of an input are not text."""
    at = head[:HEAD].find(b"\0")
    if at >= 0 and is_bytewise(given.encoding) and not head.startswith(UTF16):
        raise RecordError(
            given.name,
            f"is binary: a NUL at byte {at}; leave it out, or pass --encoding utf-16 if it is such text",
        )


def read_text(stream: BinaryIO, given: Input, head: bytes = b"", limit: int | None = None) -> bytes:
    """The bytes of a whole text document, `head` and the rest of the stream.

    Parameters
    ----------
    stream : BinaryIO
        What is read.
    given : Input
        Its encoding, and its name for errors.
    head : bytes
        What has been read of it already.
    limit : int or None
        How many bytes it may have; `TEXT_LIMIT` where nothing is said.

    Raises
    ------
    RecordError
        If it is binary or over the limit.
    """
    most = TEXT_LIMIT if limit is None else limit
    data = head + stream.read(max(0, most + 1 - len(head)))
    check_text(data, given)
    if len(data) > most:
        raise RecordError(given.name, f"is over {most // 2**20} MiB; split it into smaller documents")
    return data


def decode(data: bytes, encoding: str, origin: str, start: int = 0) -> str:
    """Text of bytes, without the byte-order mark at the start of a file.

    Parameters
    ----------
    data : bytes
        What to decode.
    encoding : str
        Its encoding.
    origin : str
        Where it stands, for the error.
    start : int
        The position of `data` in its file.

    Raises
    ------
    RecordError
        If it is not in that encoding; names the first byte that is not.
    """
    first = start == 0
    if first and data.startswith(codecs.BOM_UTF8):  # whatever the encoding: a latin-1 text has no such start
        start = len(codecs.BOM_UTF8)
        data = data[start:]
    elif first and data.startswith(UTF16):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        what = f"byte {start + error.start} (0x{data[error.start]:02x}) is not {encoding}"
    except (UnicodeError, LookupError) as error:
        what = f"is not {encoding} ({brief(error)})"
    else:
        return text.removeprefix("\ufeff") if first else text
    raise RecordError(origin, f"{what}; pass --encoding with the right one, such as --encoding latin-1")


def _label(name: str, value: object, origin: str) -> str:
    """A short field as text: a string, or the digits of a whole number."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # more than 4300 digits
            pass
    raise RecordError(origin, f"{name} {_kind(value)}; make it a string or a whole number")


def _check_unicode(name: str, value: str, origin: str) -> None:
    """Refuse half of a surrogate pair: JSON can write one, UTF-8 and therefore the store cannot."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        raise RecordError(
            origin, f"{name} holds half a character (\\u{code:04x}, position {error.start}); correct it"
        ) from None


def _is_number(text: str) -> bool:
    """Whether a time written as text is seconds or milliseconds since 1970, not a date."""
    return text.isdecimal() and len(text) != BASIC_DATE


def _kind(value: object) -> str:
    return "is null" if value is None else f"{show(value)} is of type {type(value).__name__}"
