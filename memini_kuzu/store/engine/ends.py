"""Where a store's file ends: Kùzu loses pages at its end that became free (see `faults`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import kuzu

from memini_kuzu.store.engine.checksum import PAGE
from memini_kuzu.store.engine.database import execute

if TYPE_CHECKING:
    from memini_kuzu.store.engine.open_file import OpenFile

__all__ = ["cut_off"]

COUNTED = "CALL file_info() RETURN num_pages AS pages"

LISTED = "CALL fsm_info() RETURN start_page_idx + num_pages AS pages"


def cut_off(file: OpenFile) -> None:
    """After a checkpoint, give back the end of the file that Kùzu does not count any longer.

    Parameters
    ----------
    file : OpenFile
        It is opened again where there is something to cut off.
    """
    counted, size = _bytes(file.database, COUNTED), os.fstat(file.descriptor).st_size
    if counted >= size:
        return
    file.reload()
    # what the file lists as free has to stay: Kùzu will write there
    kept = max(counted, _bytes(file.database, LISTED))
    if kept < size:
        # by its path: closing another descriptor would release Kùzu's lock on the file
        os.truncate(file.path, kept)
        file.reload()


def _bytes(database: kuzu.Database, query: str) -> int:
    connection = kuzu.Connection(database)
    try:
        table = execute(connection, query)
    finally:
        connection.close()
    return PAGE * max(table["pages"].to_pylist() if table.num_rows else [0])
