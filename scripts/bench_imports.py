"""What a program pays before it does anything: CPU seconds of a new process, against a bare Python's."""

from __future__ import annotations

import resource
import subprocess
import sys

from bench_common import Row, compare

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
    for case, (arguments, goal) in CASES.items():
        _cpu_seconds(arguments)  # the first one compiles, and reads from the disk
        ours, floor = [], []
        for _ in range(runs):
            ours.append(_cpu_seconds(arguments))
            floor.append(_cpu_seconds(NOTHING))
        rows.append(
            compare("imports", case, 0, ours, floor, goal=goal, note="CPU seconds; floor: python -c pass")
        )
    return rows


def _cpu_seconds(arguments: tuple[str, ...]) -> float:
    """CPU seconds, the system's included, of a Python process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
