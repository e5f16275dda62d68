#!/usr/bin/env python3
"""The toy experiment of the Memini paper's first versions, in its form.

One topic changes under the memory.

    python scripts/reproduce_memini.py [--output FOLDER]

Thirteen dated documents tell of a river whose dam is taken down and gives way to a park. Each pair of names
that a document holds is one co-occurrence event of amount 1: 124 events of 68 pairs, as in the paper; the
texts are ours. The same events go through three memories:

- Memini: the fast variable of `dynamics`, default parameters;
- a single timescale: the same fast variable without the slow one (C = 0), so that an event fades as
e^(-Δ/τ_f);
- uniform retention: every event counts 1 for good.

Three claims are checked on the numbers (the script fails where one does not hold): a new pair is usable at
once, repetition consolidates, what is told once fades. Written: reproduction.csv (the mean strength of each
class of pairs by day), reproduction-events.csv, reproduction.svg.

The retention ratio is the final mean strength of the old repeated pairs under Memini, divided by that under
the single timescale. It depends on how fast the single timescale forgets, so it is printed for several.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import respond
from memini_kuzu.insight import plots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIGURES = Path(__file__).parents[1] / "memini_kuzu" / "docs" / "figures"
"""Where the documentation has what this script writes."""

NAMES = (
    "Harlow Dam",
    "Aven River",
    "Mara Lindqvist",
    "Northfield Council",
    "Brightwater Trust",
    "Aven Meadows",
    "Kestrel Bridge",
    "Otto Brandt",
    "Pixley Mill",
    "Salmon Club",
    "Halden Bank",
    "Ida Moreau",
    "Quarry Lane",
    "Fenwick School",
    "Tern Works",
    "Lake Orrin",
    "Judge Alder",
    "Cowley Ferry",
    "Heron Festival",
)

TEXTS = """
2025-01-06
For a hundred years Harlow Dam has held the Aven River back. The engineer Mara Lindqvist now says that its
gates are worn out, and that somebody has to decide what becomes of it.

2025-01-15
Northfield Council heard Mara Lindqvist on the state of Harlow Dam. Below it the Aven River once drove
Pixley Mill, which has stood empty since the war.

2025-01-23
Brightwater Trust would rather see Harlow Dam gone. The Salmon Club agrees: no fish has passed up the Aven
River in living memory. Mara Lindqvist is to compare the costs.

2025-02-03
Repairing Harlow Dam would take a loan from Halden Bank that Northfield Council does not want. Brightwater
Trust offers to pay for freeing the Aven River instead.

2025-02-11
Mara Lindqvist and the ecologist Ida Moreau walked the Aven River for Brightwater Trust. Their report to
Northfield Council: without Harlow Dam, trout would be back within three years.

2025-02-22
Pupils of Fenwick School asked Northfield Council what becomes of Lake Orrin, the water behind Harlow Dam.
It will be the Aven River again, they were told.

2025-03-02
Mara Lindqvist has drawn up how Harlow Dam is to be opened: Tern Works cuts the gates, Quarry Lane is
closed for the lorries, and the Aven River runs free by summer.

2025-03-13
Judge Alder dismissed the last complaint against Northfield Council. Harlow Dam may be taken down as Mara
Lindqvist planned it, and Brightwater Trust pays.

2025-03-27
The gates are gone. Where the water stood, Brightwater Trust and Mara Lindqvist opened Aven Meadows today,
a park on both banks of the Aven River. Kestrel Bridge is to join the two.

2025-04-07
Otto Brandt, the first warden of Aven Meadows, showed Fenwick School where Kestrel Bridge will cross the
Aven River.

2025-04-14
Northfield Council chose a timber design for Kestrel Bridge. Otto Brandt had asked for one from which
visitors of Aven Meadows can watch the Aven River.

2025-04-21
Until Kestrel Bridge is up, Cowley Ferry takes visitors of Aven Meadows over the Aven River, says Otto
Brandt.

2025-04-28
Kestrel Bridge opened with the Heron Festival. Otto Brandt counted four thousand people in Aven Meadows.
"""

DOCUMENTS = tuple((block[:10], " ".join(block[10:].split())) for block in TEXTS.strip().split("\n\n"))
"""Dates and texts."""

END = "2025-05-05"
"""When the memories are compared: a week after the last document."""

TURN = 8
"""Documents before the topic turns."""

REPEATED = 4
"""Events from which on an old pair counts as repeated."""

TIMESCALES = (5.0, 10.0, 20.0, 31.0, 60.0)
"""Days for which the single timescale's ratio is printed; 31 is the best one on ICEWS14."""

MODELS = ("memini", "single timescale", "uniform retention")
CLASSES = ("old, repeated", "new", "old, told once")


@dataclass(frozen=True)
class Events:
    """Co-occurrence events.

    Parameters
    ----------
    pairs : list of tuple of two str
        Distinct pairs of names.
    pair : int64 (n_events,)
        Each event's pair.
    document : int64 (n_events,)
        Each event's document, from 0.
    day : float64 (n_events,)
        Days since the first document.
    """

    pairs: list[tuple[str, str]]
    pair: NDArray[np.int64]
    document: NDArray[np.int64]
    day: Floats


def days_since_start(written: str) -> float:
    """Days from the first document to a date."""
    return float((date.fromisoformat(written) - date.fromisoformat(DOCUMENTS[0][0])).days)


def co_occurrences() -> Events:
    """Every pair of names in every document."""
    found = [
        (tuple(sorted(two)), number)
        for number, (_, text) in enumerate(DOCUMENTS)
        for two in combinations([name for name in NAMES if name in text], 2)
    ]
    pairs = sorted({(pair[0], pair[1]) for pair, _ in found})
    place = {pair: number for number, pair in enumerate(pairs)}
    document = np.array([number for _, number in found])
    return Events(
        pairs,
        np.array([place[pair[0], pair[1]] for pair, _ in found]),
        document,
        np.array([days_since_start(DOCUMENTS[number][0]) for number in document]),
    )


def classes(events: Events) -> dict[str, NDArray[np.int64]]:
    """Pairs told of again and again before the turn, pairs born after it, pairs told of once before it."""
    size = len(events.pairs)
    count = np.bincount(events.pair, minlength=size)
    first = np.full(size, len(DOCUMENTS))
    np.minimum.at(first, events.pair, events.document)
    last = np.zeros(size, dtype=np.int64)
    np.maximum.at(last, events.pair, events.document)
    return {
        "old, repeated": np.flatnonzero((count >= REPEATED) & (last < TURN)),
        "new": np.flatnonzero((first >= TURN) & (count > 1)),
        "old, told once": np.flatnonzero((count == 1) & (last < TURN)),
    }


def strengths(
    events: Events, day: float, model: str, parameters: Parameters, tau: float
) -> tuple[Floats, Floats]:
    """Fast and slow variable of every pair at the end of a day; models without a slow one have 0 there."""
    past = events.day <= day
    lag = day - events.day[past]
    fast: Floats
    if model == "memini":
        fast, slow = respond(np.full(len(lag), parameters.impulse), lag, parameters)
    elif model == "single timescale":
        fast, slow = np.exp(-lag / tau), np.zeros(len(lag))
    else:
        fast, slow = np.ones(len(lag)), np.zeros(len(lag))
    size = len(events.pairs)
    sums = [np.bincount(events.pair[past], weights=values, minlength=size) for values in (fast, slow)]
    return np.asarray(sums[0], dtype=np.float64), np.asarray(sums[1], dtype=np.float64)


def check(claim: str, *, holds: bool) -> None:
    """Print a claim with its verdict, and end the script where it does not hold."""
    print(f"{'holds' if holds else 'FAILS'}: {claim}")
    if not holds:
        raise SystemExit(1)


def check_claims(events: Events, groups: dict[str, NDArray[np.int64]], parameters: Parameters) -> None:
    """The three qualitative claims of the paper, on the numbers."""
    old, once = groups["old, repeated"], groups["old, told once"]
    end = days_since_start(END)
    birth = days_since_start(DOCUMENTS[TURN][0])
    pair = events.pairs.index(("Aven Meadows", "Kestrel Bridge"))

    memini, _ = strengths(events, birth, "memini", parameters, parameters.tau_fast)
    uniform, _ = strengths(events, birth, "uniform retention", parameters, parameters.tau_fast)
    check(
        f"a new pair is usable at once: told of first on {DOCUMENTS[TURN][0]}, Aven Meadows - Kestrel "
        "Bridge has "
        f"strength {memini[pair]:.2f} that day, above each old repeated pair (at most "
        f"{memini[old].max():.2f}); under "
        f"uniform retention it is below all of them ({uniform[pair]:.0f} against {uniform[old].min():.0f} "
        "or more)",
        holds=bool(memini[pair] > memini[old].max() and uniform[pair] < uniform[old].min()),
    )
    fast, slow = strengths(events, end, "memini", parameters, parameters.tau_fast)
    single, _ = strengths(events, end, "single timescale", parameters, parameters.tau_fast)
    check(
        f"repetition consolidates: on {END} old repeated pairs hold {slow[old].mean():.3f} in the slow "
        "variable, pairs "
        f"told once {slow[once].mean():.3f}; their strength is {fast[old].mean():.4f}, with a single "
        "timescale "
        f"{single[old].mean():.2g}",
        holds=bool(slow[old].min() > slow[once].max() and fast[old].mean() > 10 * single[old].mean()),
    )
    kept, _ = strengths(events, end, "uniform retention", parameters, parameters.tau_fast)
    check(
        f"what is told once fades: old pairs told once keep {fast[once].mean():.2%} of their strength, and "
        "none as much "
        f"as any old repeated pair (at least {fast[old].min():.2%}); uniform retention keeps "
        f"{kept[once].mean():.0%}",
        holds=bool(fast[once].max() < min(0.05, fast[old].min()) and kept[once].min() == 1),
    )


def print_table(events: Events, groups: dict[str, NDArray[np.int64]], parameters: Parameters) -> None:
    """Final mean strengths, and the retention ratio by what the single timescale is."""
    end = days_since_start(END)
    print(f"\n{'mean strength on ' + END:24}" + "".join(f"{name:>20}" for name in MODELS))
    for label, group in groups.items():
        means = [
            strengths(events, end, model, parameters, parameters.tau_fast)[0][group].mean()
            for model in MODELS
        ]
        print(f"{f'{label} ({len(group)})':24}" + "".join(f"{mean:20.3g}" for mean in means))
    old = groups["old, repeated"]
    print(f"\n{'retention ratio of old repeated pairs':40}{'on ' + END:>16}{'a year later':>16}")
    for tau in TIMESCALES:
        ratios = [
            strengths(events, day, "memini", parameters, tau)[0][old].mean()
            / strengths(events, day, "single timescale", parameters, tau)[0][old].mean()
            for day in (end, end + 365)
        ]
        print(
            f"{f'Memini to one timescale of {tau:.0f} days':40}"
            + "".join(f"{ratio:16.3g}" for ratio in ratios)
        )


def write_csv(folder: Path, events: Events, table: dict[tuple[str, str], Floats], days: Floats) -> None:
    """The events, and the mean strengths behind the picture."""
    with (folder / "reproduction-events.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["document", "date", "a", "b"])
        for pair, document in zip(events.pair, events.document, strict=True):
            writer.writerow([document + 1, DOCUMENTS[document][0], *events.pairs[pair]])
    with (folder / "reproduction.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["day", *(f"{model}: {label}" for model, label in table)])
        for number, day in enumerate(days):
            writer.writerow([f"{day:g}", *(f"{values[number]:.6g}" for values in table.values())])


def draw(folder: Path, table: dict[tuple[str, str], Floats], days: Floats) -> None:
    """One panel a model: the mean strength of each class of pairs."""
    made, axes = plots.figure(1, len(MODELS), width=10.5, height=3.3)
    for panel, model in zip(axes[0], MODELS, strict=True):
        for label, colour in zip(CLASSES, plots.COLOURS, strict=False):
            panel.plot(days, table[model, label], color=colour, linewidth=1.4, label=label)
        for document, (written, _) in enumerate(DOCUMENTS):
            panel.plot(
                days_since_start(written),
                -0.04,
                "|",
                color=plots.COLOURS[0] if document < TURN else plots.COLOURS[1],
                transform=panel.get_xaxis_transform(),
                clip_on=False,
            )
        panel.set_title(model[0].upper() + model[1:], loc="left", fontsize=10)
        panel.tick_params(axis="x", pad=9)
        panel.set_xlabel("days since the first document")
        if model != "uniform retention":
            panel.set_yscale("log")
            panel.set_ylim(1e-4, 5)
    axes[0, 0].set_ylabel("mean strength of a pair")
    axes[0, -1].legend(loc="upper left", fontsize=8, frameon=False)
    plots.save(made, folder / "reproduction.svg")


def main() -> int:
    """Run, check, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=FIGURES, help="a folder")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    parameters = Parameters()
    events = co_occurrences()
    groups = classes(events)
    print(f"{len(DOCUMENTS)} documents, {len(events.pair)} co-occurrence events, {len(events.pairs)} pairs")
    print(f"{parameters}\n")
    check_claims(events, groups, parameters)
    print_table(events, groups, parameters)
    # two moments a document's day: just before it, and with it
    days = np.unique(np.concatenate([np.arange(days_since_start(END) + 1), np.unique(events.day)[1:] - 1e-3]))
    table = {
        (model, label): np.array(
            [
                strengths(events, day, model, parameters, parameters.tau_fast)[0][groups[label]].mean()
                for day in days
            ]
        )
        for model in MODELS
        for label in CLASSES
    }
    write_csv(folder, events, table, days)
    draw(folder, table, days)
    print(f"\nwritten to {folder}: reproduction.csv, reproduction-events.csv, reproduction.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
