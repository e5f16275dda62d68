"""How values show in a notebook: plain HTML tables, which need nothing installed and fetch nothing.

Stored text is data: all of it is escaped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Shown", "Table", "facts", "table"]

MOST = 50
"""Rows of a table, at most."""


class Shown:
    """A dataclass that a notebook shows as a table of its fields."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return facts({field.name: getattr(self, field.name) for field in dataclasses.fields(self)})  # type: ignore[arg-type]


class Table(list[Any]):
    """A list of values of one dataclass that a notebook shows as a table; in all else it is a list."""

    def _repr_html_(self) -> str:
        return _each(self)


def facts(named: Mapping[str, Any]) -> str:
    """Names and values as a table of two columns.

    Parameters
    ----------
    named : mapping of str to object
        Values of any kind: numbers, text, dates, mappings, dataclasses and sequences of these.

    Examples
    --------
    >>> facts({"name": "<b>"})
    '<table><tr><th>name</th><td>&lt;b&gt;</td></tr></table>'
    """
    rows = [f"<tr><th>{escape(str(name))}</th><td>{_shown(value)}</td></tr>" for name, value in named.items()]
    return _table(rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under their headings.

    Parameters
    ----------
    columns : sequence of str
        The headings.
    rows : iterable of sequence
        Values of any kind, as of `facts`.

    Examples
    --------
    >>> table(["at"], [[datetime(2026, 1, 4)]])
    '<table><tr><th>at</th></tr><tr><td>2026-01-04</td></tr></table>'
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    cells = ("".join(f"<td>{_shown(value)}</td>" for value in row) for row in rows)
    return _table([f"<tr>{head}</tr>", *(f"<tr>{row}</tr>" for row in cells)])


def _table(rows: Sequence[str]) -> str:
    more = len(rows) - MOST - 1
    cut = [*rows[: MOST + 1], f"<tr><td>and {more:,} more</td></tr>"] if more > 0 else rows
    return f"<table>{''.join(cut)}</table>"


@singledispatch
def _shown(value: Any) -> str:
    """A value as HTML."""
    if value is None:
        return ""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return facts({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    return escape(str(value)).replace("\n", "<br>")


@_shown.register
def _date(value: datetime) -> str:
    return f"{value:%Y-%m-%d}" if value.time() == datetime.min.time() else f"{value:%Y-%m-%d %H:%M}"


@_shown.register
def _fraction(value: float) -> str:
    return f"{value:.4g}"


@_shown.register
def _whole(value: int) -> str:
    return f"{value:,}"


@_shown.register
def _truth(value: bool) -> str:  # noqa: FBT001 - a value to show
    return str(value)


@_shown.register(Mapping)
def _mapping(value: Mapping[str, Any]) -> str:
    return facts(value) if value else "none"


@_shown.register(list)
@_shown.register(tuple)
def _each(values: Sequence[Any]) -> str:
    """Values below each other; those of a dataclass with its fields as columns."""
    if not values:
        return "none"
    if dataclasses.is_dataclass(values[0]):
        columns = [field.name for field in dataclasses.fields(values[0])]
        return table(columns, ([getattr(value, name) for name in columns] for value in values))
    shown = [_shown(value) for value in values[:MOST]]
    if len(values) > MOST:
        shown.append(f"and {len(values) - MOST:,} more")
    return "<br>".join(shown)
