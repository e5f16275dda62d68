"""Queries that are not memini's own, run on an open file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from memini_kuzu.errors import QueryError
from memini_kuzu.store.engine.database import execute
from memini_kuzu.store.engine.foreign import (
    check_parameters,
    check_reading,
    refuse_lists_of_doubles,
    writing_statements,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import kuzu
    import pyarrow as pa

    from memini_kuzu.store.engine.database import Parameters
    from memini_kuzu.store.engine.open_file import OpenFile

    Register = Callable[[kuzu.Connection], None]

__all__ = ["read_foreign", "write_foreign"]


def read_foreign(
    shared: OpenFile, query: str, parameters: Parameters | None, *, files: bool, register: Register
) -> pa.Table:
    """Run a query that must not change the store; see `Engine.run_foreign`."""
    check_reading(query, files=files)
    check_parameters([query], parameters or {})
    with shared.reading():
        connection = shared.connect()
        try:
            _prepare(shared, connection, register)
            connection.execute("BEGIN TRANSACTION READ ONLY")
            return execute(connection, query, parameters)
        except QueryError as error:
            # the first comes from the transaction, the second from a file that is open read-only
            if not any(words in str(error) for words in ("read-only transaction", "read-only database")):
                raise
            raise QueryError(
                "the query would change the store; allow it with write=True or --write"
            ) from error
        finally:
            connection.close()


def write_foreign(
    shared: OpenFile, query: str, parameters: Parameters | None, register: Register
) -> pa.Table:
    """Run statements that may change the store, all of them or none; see `Engine.run_foreign`."""
    statements = writing_statements(query)
    if not statements:
        raise QueryError("the query is empty; pass a statement")
    used = dict(parameters or {})
    named = check_parameters(statements, used)
    result: pa.Table = None
    with shared.alone():
        with shared.rewriting() as name:
            connection = shared.connect()
            try:
                _prepare(shared, connection, register)
                for statement, names in zip(statements, named, strict=True):
                    # Kùzu refuses a parameter that a statement does not name
                    given = {key: value for key, value in used.items() if key in names}
                    shared.derived = None
                    result = execute(connection, statement, given)
                refuse_lists_of_doubles(partial(execute, connection))
                shared.rewrite(connection, name)
            finally:
                connection.close()
        shared.reload()
    return result


def _prepare(shared: OpenFile, connection: kuzu.Connection, register: Register) -> None:
    """Make a connection ready for queries that are not memini's own."""
    # Kùzu compares literals of other types with the bits of a column's least and greatest values
    connection.execute("CALL enable_zone_map=false")
    with shared.registering:
        if not shared.functions:
            register(connection)
            shared.functions = True
