"""What a program pays before it does anything: CPU seconds of a new process, against a bare Python's."""

from __future__ import annotations

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
    for case, (arguments, goal) in CASES.items():
        process_seconds(*arguments)  # the first one compiles, and reads from the disk
        ours, floor = [], []
        for _ in range(runs):
            ours.append(process_seconds(*arguments)[0])
            floor.append(process_seconds(*NOTHING)[0])
        rows.append(
            compare("imports", case, 0, ours, floor, goal=goal, note="CPU seconds; floor: python -c pass")
        )
    return rows
