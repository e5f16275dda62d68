#!/usr/bin/env python3
"""Draw the figures of the documentation.

    python scripts/draw_figures.py [--output FOLDER]

Written: entity.svg (`memini plot 'Mira Okafor'`), graph.svg (the same with --graph) and store.svg
(`memini plot`) from the sample notes, rivals.svg (`memini plot Heron --cue …`) from eight generated years,
and kernel.svg from the equations. reproduce_memini.py draws the sixth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from memini_kuzu import Memory, Parameters, Record
from memini_kuzu.dynamics import propagate, time_constants
from memini_kuzu.insight import graph_plot, plots
from memini_kuzu.times import DAY, to_millis

HERE = Path(__file__).parent
FIGURES = HERE.parent / "memini_kuzu" / "docs" / "figures"
ENTITY = "Mira Okafor"
NOW = "2025-09-30"

CUE = "Who is the chief engineer of the Heron works?"

GAP = 75
"""Days between two reports of the eight years, on the average."""

LEFT, FALSE, CAME = 1_500, 900, 1_550
"""Days: the last report on the first engineer at the latest, the false report, the first on the successor."""


def main() -> int:
    """Ingest and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=FIGURES, help="a folder")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Memory.open(Path(scratch) / "notes.memini") as memory:
        memory.ingest(HERE / "sample" / "notes")
        others = [one.target for one in memory.associations(ENTITY, now=NOW, k=4)]
        trajectories = [memory.trajectory(ENTITY, other, now=NOW) for other in others]
        plots.plot_trajectories(trajectories, folder / "entity.svg")
        graph_plot.plot_graph(memory.neighbourhood(ENTITY, now=NOW, k=40), folder / "graph.svg")
        plots.plot_store(memory.overview(now=NOW, days=60), folder / "store.svg")
    with tempfile.TemporaryDirectory() as scratch, Memory.open(Path(scratch) / "heron.memini") as memory:
        memory.add(reports())
        plots.plot_rivals(memory.rivals("Heron", CUE, now="2023-01-01", moments=400), folder / "rivals.svg")
    draw_kernel(folder / "kernel.svg")
    print(f"written to {folder}: entity.svg, graph.svg, store.svg, rivals.svg, kernel.svg")
    return 0


def reports() -> list[Record]:
    """Eight years of reports on who is chief engineer: one, a false report on another, and the successor."""
    rng = np.random.default_rng(4)
    first = np.cumsum(rng.exponential(GAP, 20))
    second = CAME + np.cumsum(np.append(0, rng.exponential(GAP, 18)))
    said = [("Ada Moreau", day) for day in first if day < LEFT]
    said += [("Carl Voss", float(FALSE))]
    said += [("Bruno Lindt", day) for day in second]
    start = to_millis("2015-01-01")
    return [
        Record(
            f"The chief engineer of the Heron works is {who}.", start + int(day) * DAY, "wire", id=str(number)
        )
        for number, (who, day) in enumerate(sorted(said, key=lambda each: each[1]))
    ]


def draw_kernel(path: Path) -> None:
    """What is left of one event over ten years: both variables, with the default κ and with κ = 1."""
    days = np.logspace(-2, np.log10(3650), 200)
    made, axes = plots.figure(1, 2, width=8.4, height=3.0)
    for panel, capacity in zip(axes[0], (Parameters().capacity, 1.0), strict=True):
        parameters = Parameters(capacity=capacity)
        fast, slow = propagate(np.ones_like(days), np.zeros_like(days), days, parameters)
        constants = time_constants(parameters)
        panel.loglog(days, fast, color=plots.COLOURS[0], label="fast, w_f")
        panel.loglog(days, slow, color=plots.COLOURS[1], label="slow, w_s")
        panel.set_ylim(1e-5, 2)
        panel.minorticks_off()  # most of the file's bytes
        panel.set_xlabel("days since the event")
        panel.set_title(
            f"κ = {capacity:.0f}: {constants.fast:.2g} and {constants.slow:.0f} days, "
            f"slow share {constants.slow_share:.1%}",
            loc="left",
        )
    axes[0, 0].set_ylabel("left of one event of 1")
    axes[0, 0].legend(loc="lower left", frameon=False)
    plots.save(made, path)


if __name__ == "__main__":
    sys.exit(main())
