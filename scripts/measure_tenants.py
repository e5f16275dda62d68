"""What many open stores of one sentence cost: memory, disk, and the time to open and close one.

    python scripts/measure_tenants.py --stores 100

Memory is the resident memory of the process, beyond that of the first store, while all are open and after all
are closed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from memini_kuzu import Memory, RuleExtractor


def resident() -> int:
    """Bytes of resident memory."""
    return int(psutil.Process().memory_info().rss)


def measure(folder: Path, stores: int) -> dict[str, float]:
    """Make the stores, open all of them, close all of them."""
    paths = [folder / f"{number}.memini" for number in range(stores)]
    for path in paths:
        with Memory.open(path, extractor=RuleExtractor()) as memory:
            memory.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01")
    before = resident()
    opened, opening, closing = [], [], []
    for path in paths:
        begun = time.perf_counter()
        opened.append(Memory.open(path, extractor=RuleExtractor()))
        opening.append(time.perf_counter() - begun)
    during = resident()
    for memory in opened:
        begun = time.perf_counter()
        memory.close()
        closing.append(time.perf_counter() - begun)
    return {
        "MB a store, open": (during - before) / stores / 1e6,
        "MB a store, closed": (resident() - before) / stores / 1e6,
        "MB a store on disk": sum(file.stat().st_size for file in folder.iterdir()) / stores / 1e6,
        "ms to open": statistics.median(opening) * 1000,
        "ms to close": statistics.median(closing) * 1000,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measure(Path(folder), arguments.stores).items():
            print(f"{name:20} {value:8.1f}")


if __name__ == "__main__":
    main()
