"""The errors that memini raises.

Every message names the value that was wrong and what to do about it::

    MeminiError
    ├── InputError (ValueError)         a value from outside is wrong; nothing was changed
    │   ├── ParameterError              of the dynamics: τ_f, τ_s, C, κ, b
    │   ├── TimeError                   a date that cannot be read, or lies where no date may
    │   └── RecordError                 one record of an input file; names the file and the line
    ├── UnknownEntityError (LookupError)  no entity of that name, nor an alias, nor one like it
    └── StoreError (RuntimeError)       the file, not the input
        ├── NotAStoreError              the path holds something else, or nothing
        ├── SchemaVersionError          written by a newer memini
        ├── StoreLockedError            another process has it; names its pid
        ├── DamagedStoreError           part of the store is lost; says what
        └── QueryError                  Kùzu refused a Cypher query
"""

from __future__ import annotations

__all__ = [
    "DamagedStoreError",
    "InputError",
    "MeminiError",
    "NotAStoreError",
    "ParameterError",
    "QueryError",
    "RecordError",
    "SchemaVersionError",
    "StoreError",
    "StoreLockedError",
    "TimeError",
    "UnknownEntityError",
]


class MeminiError(Exception):
    """Base of every error that memini raises on purpose."""


class InputError(MeminiError, ValueError):
    """A value from outside is wrong; nothing was changed."""


class ParameterError(InputError):
    """A parameter of the dynamics is outside its range."""


class TimeError(InputError):
    """A date cannot be read, or lies where no date may lie."""


class RecordError(InputError):
    """One record of an input is wrong.

    Parameters
    ----------
    origin : str
        Where the record stands, such as ``notes.jsonl:17``.
    reason : str
        What is wrong with it and what to do.
    """

    def __init__(self, origin: str, reason: str) -> None:
        super().__init__(f"{origin}: {reason}")
        self.origin = origin
        self.reason = reason


class UnknownEntityError(MeminiError, LookupError):
    """No entity has that name, nor an alias, nor one like it."""


class StoreError(MeminiError, RuntimeError):
    """The store's file cannot do what was asked."""


class NotAStoreError(StoreError):
    """The path holds something that is not a memini store, or nothing."""


class SchemaVersionError(StoreError):
    """The store was written by a newer memini."""


class StoreLockedError(StoreError):
    """Another process has the store open.

    Parameters
    ----------
    message : str
        What to tell the user.
    pid : int or None
        The process that holds the lock, where it is known.
    """

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class DamagedStoreError(StoreError):
    """Part of the store is lost or damaged; the message says what, and how to go on without it."""


class QueryError(StoreError):
    """Kùzu refused a query."""
