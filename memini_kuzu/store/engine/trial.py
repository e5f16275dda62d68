"""Reading a damaged file in another process first: Kùzu may crash the process that reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from memini_kuzu.errors import DamagedStoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["try_out"]

READ_ALL = """
import sys
import kuzu
database = kuzu.Database(sys.argv[1], read_only=True, buffer_pool_size=int(sys.argv[2]), max_db_size=1 << 40)
connection = kuzu.Connection(database)
def rows(query):
    result = connection.execute(query)
    while result.has_next():
        yield result.get_next()
    result.close()
for name, kind in list(rows("CALL show_tables() RETURN name, type")):
    ways = ["(e:`{}`)"] if kind == "NODE" else ["()-[e:`{}`]->()", "()<-[e:`{}`]-()"]
    for way in ways:
        for row in rows(f"MATCH {way.format(name)} RETURN e"):
            pass
connection.close()
database.close()
"""


def try_out(path: Path, pool: int) -> None:
    """Check that all rows of a file can be read.

    Parameters
    ----------
    path : Path
        The file, which must not be open anywhere and must have no log beside it.
    pool : int
        Bytes of page cache.

    Raises
    ------
    DamagedStoreError
        If it cannot.
    """
    done = subprocess.run(  # noqa: S603  this Python, and the code above
        [sys.executable, "-c", READ_ALL, str(path), str(pool)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    if done.returncode:
        raise DamagedStoreError(
            f"{path} is so damaged that it cannot be read any more; put a backup in its place"
        )
