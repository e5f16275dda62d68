"""What a query that is not memini's own may do."""

from __future__ import annotations

import itertools
import re

from memini_kuzu.errors import QueryError

__all__ = ["check_reading", "writing_statements"]

QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|//[^\n]*|/\*.*?\*/", re.DOTALL)
"""What a semicolon inside does not count in: strings, quoted names and comments."""

SEPARATOR = re.compile(r";\s*\S")

READING = re.compile(
    r"\s*(?:(?:EXPLAIN|PROFILE)\s+(?:LOGICAL\s+)?)?(?:MATCH|OPTIONAL|UNWIND|WITH|RETURN|CALL|LOAD\s+(?:WITH|FROM))\b",
    re.IGNORECASE,
)
"""How a reading query begins. COPY … TO and EXPORT change no store, but write over any file, this one too."""

SETTING = re.compile(r"\bCALL\b\s*\w*\s*=", re.IGNORECASE)
"""``CALL auto_checkpoint = true`` and its like: they hold for the whole database, and this one would let Kùzu
checkpoint while no copy of the file stands by."""

CONTROL = re.compile(r"\s*(?:BEGIN|COMMIT|ROLLBACK|CHECKPOINT)\b", re.IGNORECASE)
"""Every query is a transaction of its own."""


def check_reading(query: str) -> None:
    """Refuse what the read-only transaction, in which a user's query runs, would not.

    Parameters
    ----------
    query : str
        Cypher.

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
        # a COMMIT among them would end the transaction that the rest relies on
        raise QueryError("a reading query is one statement; run them one by one, or allow writing")
    if SETTING.search(code):
        raise QueryError(
            "a reading query changes no setting of the engine; read one with "
            "CALL current_setting('threads') RETURN *"
        )
    if not READING.match(code):
        raise QueryError(
            "a reading query begins with MATCH, OPTIONAL MATCH, UNWIND, WITH, RETURN, CALL or LOAD FROM; "
            "allow anything else with write=True or --write"
        )


def writing_statements(query: str) -> list[str]:
    """The statements of a query that may write, one by one: Kùzu does not survive some of them together.

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
    # as long as the query, so that the places agree
    code = QUOTED.sub(lambda found: " " * len(found[0]), query)
    bounds = [-1, *(place for place, letter in enumerate(code) if letter == ";"), len(code)]
    found = []
    for begin, end in itertools.pairwise(bounds):
        if not code[begin + 1 : end].strip() and not query[begin + 1 : end].strip():
            continue
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
