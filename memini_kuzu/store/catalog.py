"""The tables of a store and their columns, read from schema/*.cypher, which declares them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from memini_kuzu.resources import folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["EMBEDDING", "Table", "all_statements", "read_table", "scripts", "statements", "table", "tables"]

EMBEDDING = "Embedding"
"""The table of vectors, created when an embedder is first used: its column's type holds their length."""

TYPES = {"STRING": pa.string(), "INT64": pa.int64(), "DOUBLE": pa.float64(), "TIMESTAMP": pa.timestamp("us")}

TABLE = re.compile(r"CREATE (NODE|REL) TABLE (\w+)\((.*)\)", re.DOTALL)

ADDED = re.compile(r"ALTER TABLE (\w+) ADD (\w+ \w+(?:\[\])?)")

DROPPED = re.compile(r"ALTER TABLE (\w+) DROP (\w+)")

COLUMN = re.compile(r"(\w+) (\w+)(\[\])?")

ENDS = {
    "ASSOCIATES": ("source", "target"),
    "MENTIONS": ("passage", "entity"),
    "OCCURS": ("term", "passage"),
}
"""The columns for the two end nodes of a relationship."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the store.

    Parameters
    ----------
    name : str
        Its name in Cypher.
    columns : pyarrow.Schema
        Of its rows. The first column of a node table is the primary key; the first two of a relationship
        table are the primary keys of its ends.
    ends : tuple of two str, or None
        The node tables that a relationship table joins.
    """

    name: str
    columns: pa.Schema
    ends: tuple[str, str] | None = None

    @property
    def keys(self) -> list[str]:
        """The columns that identify a row."""
        return list(self.columns.names[: 1 if self.ends is None else 2])

    @property
    def properties(self) -> list[str]:
        """The other columns."""
        return list(self.columns.names[len(self.keys) :])

    @property
    def holds_lists(self) -> bool:
        """Whether a column is a list: Kùzu may corrupt lists on update (see `engine.faults`)."""
        return any(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) for kind in self.columns.types)

    def cast(self, rows: pa.Table) -> pa.Table:
        """Rows with the columns of the table, in its order and types.

        Parameters
        ----------
        rows : pyarrow.Table
            Columns of the table may be missing; columns that it does not have are left out.
        """
        wanted = pa.schema([field for field in self.columns if field.name in rows.column_names])
        return rows.select(wanted.names).cast(wanted)


def statements(text: str) -> list[str]:
    r"""The statements of a .cypher file, comments left out.

    Parameters
    ----------
    text : str
        Statements that end in ``;``; a line that starts with ``//`` is a comment.

    Examples
    --------
    >>> statements("// one\nRETURN 1;\nRETURN 2;")
    ['RETURN 1', 'RETURN 2']
    """
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def scripts() -> dict[int, Path]:
    """The schema's files by their numbers, in order."""
    return {
        int(path.name[:4]): path for path in sorted(folder("schema").glob("[0-9][0-9][0-9][0-9]_*.cypher"))
    }


def all_statements() -> list[str]:
    """The statements of all the schema's files, in order.

    Examples
    --------
    >>> all_statements()[0].startswith("CREATE NODE TABLE")
    True
    """
    return [statement for path in scripts().values() for statement in statements(path.read_text())]


@functools.cache
def tables() -> dict[str, Table]:
    """The tables that the schema declares, by name.

    Examples
    --------
    >>> tables()["OCCURS"].columns.names, tables()["OCCURS"].ends
    (['term', 'passage', 'tf'], ('Term', 'Passage'))
    """
    found: dict[str, Table] = {}
    for statement in all_statements():
        if added := ADDED.fullmatch(statement):
            earlier = found[added[1]]
            found[added[1]] = Table(earlier.name, earlier.columns.append(_field(added[2])), earlier.ends)
        if dropped := DROPPED.fullmatch(statement):
            earlier = found[dropped[1]]
            left = [field for field in earlier.columns if field.name != dropped[2]]
            found[dropped[1]] = Table(earlier.name, pa.schema(left), earlier.ends)
        declared = TABLE.fullmatch(statement)
        if declared is None:
            continue
        kind, name, body = declared.groups()
        parts = [part.strip() for part in body.split(",")]
        ends = None
        fields = []
        if kind == "REL":
            source, target = re.fullmatch(r"FROM (\w+) TO (\w+)", parts.pop(0)).groups()  # type: ignore[union-attr]
            ends = (source, target)
            fields = [
                pa.field(column, found[end].columns.types[0])
                for column, end in zip(ENDS[name], ends, strict=True)
            ]
        fields += map(_field, parts)
        found[name] = Table(name, pa.schema(fields), ends)
    return found


def _field(declared: str) -> pa.Field:
    column, type_name, is_list = COLUMN.match(declared).groups()  # type: ignore[union-attr]
    return pa.field(column, pa.list_(TYPES[type_name]) if is_list else TYPES[type_name])


def table(name: str, dimension: int | None = None) -> Table:
    """A table of the store.

    Parameters
    ----------
    name : str
        Of the schema, or ``Embedding``.
    dimension : int, optional
        Of the vectors.

    Examples
    --------
    >>> table("Source").columns.names
    ['name', 'passages']
    >>> table("Embedding", 3).columns.field("vector").type
    FixedSizeListType(fixed_size_list<item: float>[3])
    """
    if name != EMBEDDING:
        return tables()[name]
    vector = pa.list_(pa.float32(), -1 if dimension is None else dimension)
    columns = pa.schema({"id": pa.int64(), "time": pa.timestamp("us"), "vector": vector})
    return Table(EMBEDDING, columns)


def read_table(read: Callable[..., pa.Table], name: str) -> pa.Table:
    """All rows of a table of the schema, with every column, in the order of their keys.

    Parameters
    ----------
    read : callable
        Executes a query.
    name : str
        The table.
    """
    declared = tables()[name]
    if declared.ends is None:
        pattern, returned = f"(n:{name})", [f"n.{column} AS {column}" for column in declared.columns.names]
    else:
        ends = [tables()[end] for end in declared.ends]
        pattern = f"(a:{ends[0].name})-[r:{name}]->(b:{ends[1].name})"
        of_ends = zip("ab", ends, declared.keys, strict=True)
        returned = [f"{variable}.{end.keys[0]} AS {column}" for variable, end, column in of_ends]
        returned += [f"r.{column} AS {column}" for column in declared.properties]
    rows = read(f"MATCH {pattern} RETURN {', '.join(returned)}")
    rows = rows.cast(declared.columns) if rows.num_rows else declared.columns.empty_table()
    return rows.sort_by([(key, "ascending") for key in declared.keys])
