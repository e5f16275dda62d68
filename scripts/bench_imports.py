"""What a program pays before it does anything: CPU seconds of a new process, against a bare Python's."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from bench_common import Row, compare, process_seconds

CASES = {
    "import memini_kuzu": (("-c", "import memini_kuzu"), "≤ 0.15 s"),
    "memini --version": (("-m", "memini_kuzu", "--version"), "≤ 0.25 s"),
    "memini --help": (("-m", "memini_kuzu", "--help"), "≤ 0.25 s"),
}
"""Arguments of Python, and the goal."""

NOTHING = ("-c", "pass")


def imports(runs: int) -> list[Row]:
    """Import the package and ask the command line for help, each in processes of their own."""
    rows = []
    with tempfile.TemporaryDirectory() as compiled:
        took = partial(process_seconds, compiled=Path(compiled))
        for case, (arguments, goal) in CASES.items():
            took(*arguments)  # the first one compiles, and reads from the disk
            ours, floor = [], []
            for _ in range(runs):
                ours.append(took(*arguments)[0])
                floor.append(took(*NOTHING)[0])
            note = "CPU seconds; floor: python -c pass"
            rows.append(compare("imports", case, 0, ours, floor, goal=goal, note=note))
    return rows
