#!/usr/bin/env python3
"""Draw the README's pictures of a store, from the sample notes.

    python scripts/draw_figures.py [--output FOLDER]

Written: entity.png (`memini plot 'Mira Okafor'`) and store.png (`memini plot`). reproduce_memini.py draws the
third.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from memini_kuzu import Memory
from memini_kuzu.insight import plots

HERE = Path(__file__).parent
ENTITY = "Mira Okafor"
NOW = "2025-09-30"


def main() -> int:
    """Ingest and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=HERE / "figures", help="a folder")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Memory.open(Path(scratch) / "notes.memini") as memory:
        memory.ingest(HERE / "sample" / "notes")
        others = [one.target for one in memory.associations(ENTITY, now=NOW, k=4)]
        trajectories = [memory.trajectory(ENTITY, other, now=NOW) for other in others]
        plots.plot_trajectories(trajectories, folder / "entity.png")
        plots.plot_store(memory.overview(now=NOW, days=60), folder / "store.png")
    print(f"written to {folder}: entity.png, store.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
