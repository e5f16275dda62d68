"""Checks of user queries: what they may do."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from memini_kuzu.errors import QueryError
from memini_kuzu.store.engine.database import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pyarrow as pa

__all__ = ["check_parameters", "check_reading", "refuse_lists_of_doubles", "writing_statements"]

LOSSY = re.compile(r"\b(?:DOUBLE|FLOAT)\[\]")
"""Types of columns of which Kùzu loses values when it compresses them (`faults`)."""

QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|//[^\n]*|/\*.*?\*/", re.DOTALL)
"""Strings, quoted names and comments: semicolons inside them separate no statements."""

SEPARATOR = re.compile(r";\s*\S")

READING = re.compile(
    r"\s*(?:(?:EXPLAIN|PROFILE)\s+(?:LOGICAL\s+)?)?(?:MATCH|OPTIONAL|UNWIND|WITH|RETURN|CALL|LOAD\s+(?:WITH|FROM))\b",
    re.IGNORECASE,
)
"""Beginnings of a reading query. COPY … TO and EXPORT are not reading: they may overwrite any file."""

SPACE = r"[^!-~\w]*"
"""What may stand between words: to Kùzu more characters are white space than to Python, U+180E for one."""

SETTING = re.compile(rf"\bCALL\b{SPACE}\w*{SPACE}=", re.IGNORECASE)
"""Settings such as ``CALL auto_checkpoint = true``. They apply to the whole database, and this one would let
Kùzu checkpoint without a standby copy of the file."""

SCAN = re.compile(rf"\bCALL\b{SPACE}(?:(?:READ_\w+|\w+_SCAN|FILE_INFO)\b|\()", re.IGNORECASE)
"""Functions behind LOAD FROM, which end the process where they are called by name; quotes may hide it."""

FILES = re.compile(rf"\bLOAD\b{SPACE}(?:WITH|FROM)\b", re.IGNORECASE)
"""What reads files of this machine, or of the network where an extension is loaded."""

PARAMETER = re.compile(r"\$(\w+)")

CONTROL = re.compile(r"\s*(?:BEGIN|COMMIT|ROLLBACK|CHECKPOINT)\b", re.IGNORECASE)
"""Transaction control, which is refused: every query is a transaction of its own."""


def check_reading(query: str, *, files: bool = False) -> None:
    """Refuse a query that could change something although it runs in a read-only transaction.

    Parameters
    ----------
    query : str
        Cypher.
    files : bool
        Let it read files too.

    Raises
    ------
    QueryError
        If it is not one reading statement.

    Examples
    --------
    >>> check_reading("MATCH (e:Entity) RETURN e.name")
    """
    code = QUOTED.sub(" ", query)
    if SEPARATOR.search(code):
        # a COMMIT would end the read-only transaction, and later statements could write
        raise QueryError("a reading query is one statement; run them one by one, or allow writing")
    _refuse_scans(code)
    if FILES.search(code) and not files:
        raise QueryError(
            "a query reads no files; if it is your own, allow LOAD FROM with files=True or --allow-files"
        )
    if SETTING.search(code):
        raise QueryError(
            "a reading query changes no setting of the engine; read one with "
            "CALL current_setting('threads') RETURN *"
        )
    if not READING.match(code):
        raise QueryError(
            "a reading query begins with MATCH, OPTIONAL MATCH, UNWIND, WITH, RETURN or CALL; "
            "allow anything else with write=True or --write"
        )


def writing_statements(query: str) -> list[str]:
    """The statements of a query that may write, to be run one by one: Kùzu may crash on several at once.

    Parameters
    ----------
    query : str
        Cypher; statements are separated by semicolons.

    Raises
    ------
    QueryError
        If one changes a setting, or begins or ends a transaction.

    Examples
    --------
    >>> writing_statements("CREATE (:Note {text: 'a;b'}); MATCH (n:Note) DELETE n;")
    ["CREATE (:Note {text: 'a;b'})", 'MATCH (n:Note) DELETE n']
    """
    # of the same length as the query, so that positions agree
    code = QUOTED.sub(lambda found: " " * len(found[0]), query)
    bounds = [-1, *(position for position, letter in enumerate(code) if letter == ";"), len(code)]
    found = []
    for begin, end in itertools.pairwise(bounds):
        if not code[begin + 1 : end].strip() and not query[begin + 1 : end].strip():
            continue
        _refuse_scans(code[begin + 1 : end])
        if SETTING.search(code[begin + 1 : end]):
            raise QueryError(
                "a query changes no setting of the engine: it would hold for all who have the store open"
            )
        if CONTROL.match(code[begin + 1 : end]):
            raise QueryError(
                "a query is a transaction of its own, however many statements it has; leave BEGIN, COMMIT, "
                "ROLLBACK and CHECKPOINT out"
            )
        found.append(query[begin + 1 : end].strip())
    return found


def check_parameters(statements: Sequence[str], given: Collection[str]) -> list[set[str]]:
    """The names of each statement's parameters, all of which have a value: Kùzu takes what has none for null.

    Parameters
    ----------
    statements : sequence of str
        Cypher.
    given : collection of str
        The names of the values.

    Raises
    ------
    QueryError
        If a parameter has no value, or a value no parameter.

    Examples
    --------
    >>> check_parameters(["RETURN $name, '$5'"], {"name"})
    [{'name'}]
    """
    named = [set(PARAMETER.findall(QUOTED.sub(" ", statement))) for statement in statements]
    if missing := sorted(set().union(*named).difference(given)):
        raise QueryError(
            f"the query names ${missing[0]}, and no value is given; pass parameters={{{missing[0]!r}: …}} "
            f"or --param {missing[0]}=VALUE"
        )
    if strange := sorted(set(given).difference(*named), key=str):
        raise QueryError(f"the query names no ${strange[0]}; leave its value out, or check the name")
    return named


def refuse_lists_of_doubles(run: Callable[[str], pa.Table]) -> None:
    """Refuse tables that Kùzu would not keep whole.

    Parameters
    ----------
    run : callable
        Executes a query.

    Raises
    ------
    QueryError
        If a column holds lists of doubles.
    """
    for table in run("CALL show_tables() RETURN name AS name")["name"].to_pylist():
        columns = run(f"CALL table_info('{escaped(table)}') RETURN name AS name, type AS type")
        for column in columns.to_pylist():
            if LOSSY.search(column["type"]):
                raise QueryError(
                    f"column {column['name']} of table {table} holds lists of doubles, {column['type']}, of "
                    "which Kùzu loses values; use arrays such as DOUBLE[3], or a row for each value"
                )


def _refuse_scans(code: str) -> None:
    if SCAN.search(code):
        raise QueryError(
            "Kùzu's functions that read files cannot be called; write LOAD FROM 'file.csv', and the names of "
            "other functions without quotes"
        )
