"""The ways to print: one JSON value, tables and text for people, one line on standard error."""

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from memini_kuzu.errors import RecordError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["clean", "console", "day", "jsonable", "note", "plain", "show_json", "show_table"]

PIPE_WIDTH = 1_000_000
"""Columns where no terminal sets their number: nothing is wrapped or cut in a file."""

CONTROLS: dict[int, str] = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
CONTROLS |= dict.fromkeys(range(0x7F, 0xA0), "\ufffd")
"""Control characters and what shows in their place: a remembered text must not drive the terminal."""


def note(message: str) -> None:
    """Write one line to standard error, whatever the message holds."""
    typer.echo(f"memini: {clean(' '.join(message.split()))}", err=True)


def clean(text: str) -> str:
    r"""Text with its control characters made visible, for a terminal; lines and tabs stay.

    Examples
    --------
    >>> clean("red \x1b[31m alert")
    'red ␛[31m alert'
    """
    return text.translate(CONTROLS)


def console(*, stderr: bool = False) -> "Console":
    """Where `plain` text and tables are printed for people; no markup, and nothing cut off on a pipe."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.file.isatty():
        made.width = PIPE_WIDTH
    return made


def plain(text: str, style: str = "") -> "Text":
    """A piece of `clean` text in one of rich's styles."""
    from rich.text import Text

    return Text(clean(text), style=style)


def day(time: datetime) -> str:
    """A date for people; with the time of day where there is one.

    Examples
    --------
    >>> day(datetime(2026, 1, 4, tzinfo=UTC)), day(datetime(2026, 1, 4, 9, 30, tzinfo=UTC))
    ('2026-01-04', '2026-01-04 09:30')
    """
    return time.strftime("%Y-%m-%d" if time.time() == datetime.min.time() else "%Y-%m-%d %H:%M")


def show_table(columns: Sequence[str] | None, rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their headings, one line each: numbers to the right, dates as `day` writes them.

    Parameters
    ----------
    columns : sequence of str or None
        The headings; None for rows without.
    rows : iterable of sequences
        Values of any kind.
    """
    from rich.cells import cell_len
    from rich.text import Text

    # rich's own table takes half a millisecond a row, and a query may return many thousands
    rows = list(rows)
    lines = [[_cell(value) for value in row] for row in rows]
    if columns is not None:
        lines.insert(0, [_cell(name) for name in columns])
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    right = [bool(rows) and all(map(_is_number, column)) for column in zip(*rows, strict=True)] or [
        False
    ] * len(widths)
    texts = [
        "  ".join(
            " " * (width - cell_len(cell)) + cell if is_right else cell + " " * (width - cell_len(cell))
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    if columns is not None:
        console().print(Text(texts.pop(0), style="bold"), soft_wrap=True)
    if texts:
        typer.echo("\n".join(texts))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(jsonable(value), ensure_ascii=False)
    return clean(" ".join(text.split()))


def show_json(value: Any) -> None:
    """Print a value as JSON, and nothing else on standard output.

    Parameters
    ----------
    value : object
        What `jsonable` takes.
    """
    # where the stream has no UTF-8, JSON has its own way to write a character
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    typer.echo(json.dumps(jsonable(value), ensure_ascii=ascii_only, allow_nan=False, indent=2))


@singledispatch
def jsonable(value: Any) -> Any:
    """What JSON has for a value.

    Dataclasses and named tuples become objects, Arrow tables lists of objects, times ISO 8601 with their
    offset (one without is UTC, as Kùzu has it), NaN and the infinities null.

    Examples
    --------
    >>> jsonable({"at": datetime(2026, 1, 4, 9, 30), "in": (1, math.nan)})
    {'at': '2026-01-04T09:30:00+00:00', 'in': [1, None]}
    """
    if value is None:
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "to_pylist"):  # Arrow tables and arrays
        return jsonable(value.to_pylist())
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return jsonable(value.tolist())
    raise TypeError(f"a {type(value).__name__} has no form in JSON: {value!r}")


@jsonable.register(str)
@jsonable.register(int)
def _as_it_is(value: Any) -> Any:
    return value


@jsonable.register
def _from_float(value: float) -> Any:
    return value if math.isfinite(value) else None


@jsonable.register
def _from_datetime(value: datetime) -> Any:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


@jsonable.register
def _from_date(value: date) -> Any:
    return value.isoformat()


@jsonable.register
def _from_bytes(value: bytes) -> Any:
    return value.hex()


@jsonable.register(timedelta)
@jsonable.register(Decimal)
@jsonable.register(UUID)
@jsonable.register(Path)
def _from_text_form(value: Any) -> Any:
    return str(value)


@jsonable.register
def _from_record_error(value: RecordError) -> Any:
    return {"origin": value.origin, "reason": value.reason}


@jsonable.register(Mapping)
def _from_mapping(value: Mapping[Any, Any]) -> Any:
    return {str(key): jsonable(item) for key, item in value.items()}


@jsonable.register(list)
@jsonable.register(tuple)
@jsonable.register(set)
@jsonable.register(frozenset)
def _from_collection(value: Any) -> Any:
    if hasattr(value, "_asdict"):  # named tuples
        return jsonable(value._asdict())
    return [jsonable(item) for item in value]
