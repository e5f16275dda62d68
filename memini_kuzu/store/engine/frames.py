"""Kùzu looks for data frames of pandas and polars only where these are loaded.

Of a table that it is to read, Kùzu first asks whether it is a data frame, and imports both packages for that
where they are installed: 0.25 s, 50 MB, and a handler of SIGINT that is not Python's (`faults`). But nothing
is a data frame of a package that is not loaded. Whether a package is there Kùzu asks
`importlib.util.find_spec`, which it looks up once: so it is given one that knows only of those that are
loaded. All others keep Python's.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import TYPE_CHECKING

import kuzu
import pyarrow as pa

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["spare_frames"]

PACKAGES = frozenset({"pandas", "polars"})

_python_find_spec = importlib.util.find_spec

_asking = threading.Lock()

_asks: int | None = None
"""The thread that has Kùzu look it up, for as long as that takes."""

_known = False
"""Whether Kùzu has looked it up."""


def _find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
    """As `importlib.util.find_spec`, but of `PACKAGES` only those are there that are loaded."""
    others = _asks not in {None, threading.get_ident()}
    if name in PACKAGES and name not in sys.modules and not others:
        return None
    return _python_find_spec(name, package)


def spare_frames(connection: kuzu.Connection) -> None:
    """Before Kùzu reads the first Arrow table of the process: let it import no pandas and no polars for that.

    Where Kùzu has read one before, for somebody else, this changes nothing.

    Parameters
    ----------
    connection : kuzu.Connection
        An open one; nothing is executed on it.
    """
    global _asks, _known  # noqa: PLW0603 - Kùzu has one of it a process
    with _asking:
        if _known:
            return
        batch = pa.table({"one": [1]})
        _asks = threading.get_ident()
        importlib.util.find_spec = _find_spec
        try:
            # Kùzu looks up the name `batch` in this frame
            kuzu.PreparedStatement(connection, "LOAD FROM batch RETURN one")
        finally:
            importlib.util.find_spec = _python_find_spec
            _asks, _known = None, True
        del batch
