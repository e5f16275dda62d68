"""A question put to a store from the command line: what the whole process takes, its start included."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from bench_common import Row, compare, process_seconds
from bench_loop import fill, sentences

OPEN = """
import sys
import kuzu, numpy, pyarrow.compute
kuzu.Database(sys.argv[1], read_only=True, buffer_pool_size=1 << 28, max_db_size=1 << 40)
"""
"""The least that a process can do that reads a store."""


def cold(passages: int, runs: int) -> list[Row]:
    """`memini recall` on so many passages, in a process of its own each time."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "cold.memini"
        told = sentences(passages)
        fill(path, told)
        _, question = told[0]
        recall, floor = ("-m", "memini_kuzu", "recall", "--db", str(path), question), ("-c", OPEN, str(path))
        took = partial(process_seconds, compiled=Path(place) / "compiled")
        # the first ones compile, and read from the disk
        for arguments in (recall, floor):
            took(*arguments)
        seconds = [(*took(*recall), *took(*floor)) for _ in range(runs)]
    cpu, elapsed, least_cpu, least_elapsed = (list(column) for column in zip(*seconds, strict=True))
    note = "floor: NumPy, Arrow and Kùzu imported, and the file opened"
    return [
        compare("cold", "CPU", passages, cpu, least_cpu, note=note),
        compare("cold", "elapsed", passages, elapsed, least_elapsed, goal="≤ 0.7 s", note=note),
    ]
