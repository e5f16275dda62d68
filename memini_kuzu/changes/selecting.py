"""Part of a Parquet file of edges: those that an expression is true of, read by DuckDB without the rest.

The expression is SQL of the user's own. It is parsed as one expression, on a connection that reads these
files alone: no other file, no network, no extension, no variable of Python, and no setting can be changed.
"""

from __future__ import annotations

import importlib
import tempfile
from typing import TYPE_CHECKING, Any

from memini_kuzu.changes.events import MEMORY
from memini_kuzu.errors import InputError
from memini_kuzu.tables import EDGE_SCHEMA, EDGE_TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

__all__ = ["select_edges"]

CLOSED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY,
}

NAMED = """
SELECT edges.*, sources.name AS source_name, targets.name AS target_name
FROM edges
LEFT JOIN names AS sources ON sources.id = edges.source
LEFT JOIN names AS targets ON targets.id = edges.target
"""

ONCE = "SELECT id, min(name) AS name FROM entities GROUP BY id"
"""A name for each entity: an id may stand there with several."""


def select_edges(files: Sequence[Path], where: str, entities: Sequence[Path] = ()) -> pa.Table:
    """The edges that an expression is true of.

    Parameters
    ----------
    files : sequence of Path
        Parquet files with the columns of `tables.EDGE_SCHEMA`.
    where : str
        SQL, as DuckDB has it, over these columns; times are timestamps.
    entities : sequence of Path
        Parquet files with id and name, for the further columns source_name and target_name.

    Returns
    -------
    pyarrow.Table
        Those rows, with these columns.

    Raises
    ------
    InputError
        If DuckDB is not installed, the expression is none or asks for what it may not, or a file cannot be
        read.
    """
    try:
        duckdb = importlib.import_module("duckdb")
    except ModuleNotFoundError as error:
        raise InputError("--where needs DuckDB; install it with: pip install 'memini-kuzu[scale]'") from error
    with tempfile.TemporaryDirectory(prefix="memini-edges-") as spilled:
        connection = duckdb.connect(config=CLOSED | {"temp_directory": spilled})
        try:
            _confine(connection, [*files, *entities])
            edges = _edges(connection, files).create_view("edges")
            if entities:
                connection.read_parquet(list(map(str, entities))).create_view("entities")
                connection.sql(ONCE).create_view("names")
                edges = connection.sql(NAMED)
            return edges.filter(where).select(*EDGE_SCHEMA.names).to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"--where {where!r}: {_told(error)}") from error
        finally:
            connection.close()


def _confine(connection: Any, files: Sequence[Path]) -> None:
    connection.execute("SET allowed_paths = ?", [list(map(str, files))])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _edges(connection: Any, files: Sequence[Path]) -> Any:
    """The columns of edges, their times as timestamps: a fold elsewhere writes microseconds."""
    edges = connection.read_parquet(list(map(str, files)))
    types = dict(zip(edges.columns, map(str, edges.types), strict=True))
    if missing := [name for name in EDGE_SCHEMA.names if name not in types]:
        raise InputError(f"column {missing[0]!r} is missing; there are {', '.join(types)}")
    columns = [
        f"make_timestamp({name}) AS {name}" if types[name] == "BIGINT" and name in EDGE_TIMES else name
        for name in EDGE_SCHEMA.names
    ]
    return edges.project(", ".join(columns))


def _told(error: Exception) -> str:
    """The first line of what DuckDB says, which names what is wrong."""
    return str(error).partition("\n")[0]
