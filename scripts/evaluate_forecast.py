#!/usr/bin/env python3
"""Compare models of memory by how well they predict the next association of each source.

    python scripts/evaluate_forecast.py EVENTS.csv [--json FILE] [--no-spreading]

EVENTS has the columns source, target and time, optionally kind, and optionally split (train, valid, test;
without it the last tenth of the dates is the test span and the tenth before it the validation span). The
protocols, the models and the objectives stand in memini_kuzu/insight (forecast.py, fitting.py) and, beside
this script, in families.py and walks.py. Nothing is
chosen on the test span:

- the fast variable with κ free and the chains: likelihood of train + validation, after a quarter of burn-in;
- one exponential, power law, κ = 1 (and κ free once more, for comparison): MRR on the validation span;
- spreading: strengths as fitted by likelihood on the training span alone, coefficients on the validation
span.

JSON: a list of {"model", "mrr", "hits@1", "hits@10", "parameters"}, times in days. Models of the second,
published protocol, (source, kind, ?) and (?, kind, target), carry the prefix "triples: ".
"""

from __future__ import annotations

import argparse
import json
import sys
import time as clock
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import chain as chains
import families
import numpy as np
import walks
from scipy import optimize

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import TimeConstants, time_constants
from memini_kuzu.errors import MeminiError
from memini_kuzu.insight import fitting, likelihood
from memini_kuzu.insight.forecast import (
    Histories,
    Kernel,
    blocks,
    exponential,
    power_law,
    rank_all,
    recency,
    scores,
    two_exponentials,
)
from memini_kuzu.insight.streams import Stream, read_table, stream_from_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

SPLIT = "split"
VALID_FROM, TEST_FROM = 0.8, 0.9


@dataclass(frozen=True)
class Data:
    """A stream and its spans."""

    stream: Stream
    valid: Flags
    test: Flags


def read(path: Path) -> Data:
    """Read the file: codes for names, days for times, masks for the spans."""
    table = read_table(path)
    if "time" in table.column_names:
        table = table.sort_by("time")  # so that the rows keep their order in the stream
    stream = stream_from_arrow(table)
    if SPLIT in table.column_names:
        split = table[SPLIT].to_numpy(zero_copy_only=False).astype(str)
        return Data(stream, split == "valid", split == "test")
    steps = np.unique(stream.time)
    valid, test = steps[int(VALID_FROM * len(steps))], steps[int(TEST_FROM * len(steps))]
    return Data(stream, (stream.time >= valid) & (stream.time < test), stream.time >= test)


def choices(data: Data, past: Flags) -> likelihood.Choices:
    """The events to fit among those of a span, its first quarter being history only."""
    s = data.stream
    begin = float(np.quantile(np.unique(s.time[past]), fitting.BURN_IN))
    return likelihood.choices(
        s.source[past], s.target[past], s.time[past], s.amount[past], s.time[past] >= begin
    )


def tune(span: list[Histories], family: Callable[[Floats], Kernel], start: Floats) -> Floats:
    """Parameters with the best mean reciprocal rank on a span, by a simplex from a start."""

    def objective(theta: Floats) -> float:
        kernel = family(theta)
        return -float(np.mean(1 / rank_all(span, lambda piece: piece.strengths(kernel))))

    simplex = np.vstack([start, start + 0.5 * np.eye(len(start))])
    found = optimize.minimize(
        objective,
        start,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 1e-2, "fatol": 1e-6, "maxfev": 120},
    )
    return np.asarray(found.x)


class Table:
    """The rows, printed as they come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, model: str, rank: Floats, parameters: dict[str, float]) -> None:
        """Score a model and print its row."""
        rounded = {name: float(f"{value:.4g}") for name, value in parameters.items()}
        row = scores(rank)
        self.rows.append({"model": model, **row, "parameters": rounded})
        said = " ".join(f"{name}={value:g}" for name, value in rounded.items())
        print(f"{model:48} {row['mrr']:6.2f} {row['hits@1']:6.2f} {row['hits@10']:6.2f}  {said}", flush=True)


def of_fast_variable(parameters: Parameters) -> Kernel:
    """p_ff of these parameters."""
    return two_exponentials(*time_constants(parameters))


def named(parameters: Parameters) -> dict[str, float]:
    """Parameters under the symbols' names, with what they amount to."""
    found = time_constants(parameters)
    return {
        "tau_f": parameters.tau_fast,
        "tau_s": parameters.tau_slow,
        "C": parameters.coupling,
        "kappa": parameters.capacity,
        "T_fast": found.fast,
        "T_slow": found.slow,
        "share": found.slow_share,
    }


def compare_pairs(data: Data, table: Table) -> None:
    """The next-association protocol with pair strengths."""
    s = data.stream
    valid, test = (
        blocks(s.source, s.target, s.time, s.amount, span, n_candidates=s.n_entities)
        for span in (data.valid, data.test)
    )

    def add(model: str, kernel: Kernel, parameters: dict[str, float]) -> None:
        table.add(model, rank_all(test, lambda piece: piece.strengths(kernel)), parameters)

    began = clock.perf_counter()
    events = choices(data, ~data.test)
    fitted = fitting.fit(events)
    seconds = clock.perf_counter() - began
    found = fitted.time_constants

    add("count", np.ones_like, {})
    table.add("most recent, ties by count", rank_all(test, recency), {})
    theta = tune(valid, lambda x: exponential(float(np.exp(x[0]))), np.log([fitting.fit_exponential(events)]))
    add("one exponential", exponential(float(np.exp(theta[0]))), {"tau": float(np.exp(theta[0]))})
    theta = tune(valid, lambda x: power_law(float(np.exp(x[0]))), np.log([families.fit_power_law(events)]))
    add("power law", power_law(float(np.exp(theta[0]))), {"d": float(np.exp(theta[0]))})
    equal = families.fit_equal_capacities(events)
    start = np.log([equal.tau_fast, equal.tau_slow / equal.tau_fast, equal.coupling])
    theta = tune(valid, lambda x: of_fast_variable(families.equal_capacities(x)), start)
    tuned = families.equal_capacities(theta)
    add("fast variable, kappa = 1", of_fast_variable(tuned), named(tuned))

    def constants(x: Floats) -> TimeConstants:
        return TimeConstants(float(np.exp(x[0])), float(np.exp(x[1])), float(1 / (1 + np.exp(-x[2]))))

    start = np.log([found.fast, found.slow, found.slow_share / (1 - found.slow_share)])
    best = constants(tune(valid, lambda x: two_exponentials(*constants(x)), start))
    free = {"T_fast": best.fast, "T_slow": best.slow, "share": best.slow_share}
    add("fast variable, kappa free (validation MRR)", two_exponentials(*best), free)
    parameters = {**named(fitted.parameters), "seconds": seconds}
    add("fast variable, kappa free (likelihood)", two_exponentials(*found), parameters)
    defaults = Parameters()
    add("fast variable, default constants", of_fast_variable(defaults), named(defaults))
    for m in (3, 5):
        chain = families.fit_chain(events, m)
        kernel = partial(chains.respond, chain=chain)
        add(f"chain of {m} (likelihood)", kernel, asdict(chain))


def compare_triples(data: Data, table: Table, kernel: Kernel) -> None:
    """Strengths of (source, kind, target) in the published protocol."""
    s = data.stream
    n_kinds = 2 * s.n_kinds
    cue = np.concatenate([s.source * n_kinds + s.kind, s.target * n_kinds + s.kind + s.n_kinds])
    answer = np.concatenate([s.target, s.source])
    time, amount = np.tile(s.time, 2), np.tile(s.amount, 2)
    valid, test = (
        blocks(cue, answer, time, amount, np.tile(span, 2), n_candidates=s.n_entities)
        for span in (data.valid, data.test)
    )
    tau = float(np.exp(tune(valid, lambda x: exponential(float(np.exp(x[0]))), np.log([30.0]))[0]))
    rows: list[tuple[str, Kernel, dict[str, float]]] = [
        ("count", np.ones_like, {}),
        ("one exponential", exponential(tau), {"tau": tau}),
        ("fast variable, kappa free", kernel, {}),
    ]
    for model, one, parameters in rows:
        rank = rank_all(test, lambda piece, one=one: piece.strengths(one))  # type: ignore[misc]
        table.add(f"triples: {model}", rank, parameters)


def compare_spreading(data: Data, table: Table, kernel: Kernel, *, triples: bool) -> None:
    """Strengths and spreading activation in one linear score, in either protocol."""
    ask = walks.triple_questions if triples else walks.pair_questions
    names = walks.TRIPLE_SIGNALS if triples else walks.PAIR_SIGNALS
    valid, test = (np.unique(data.stream.time[span]) for span in (data.valid, data.test))
    prefix = "triples: " if triples else ""
    likely = walks.fit_coefficients(ask, data.stream, valid, kernel)
    refined = walks.refine_coefficients(ask, data.stream, valid, kernel, likely)
    both, known = walks.spread_ranks(ask, data.stream, test, kernel, [likely, refined])
    for label, coefficients, rank in zip(
        ("likelihood", "validation MRR"), (likely, refined), both, strict=True
    ):
        table.add(f"{prefix}spreading ({label})", rank, dict(zip(names, coefficients.tolist(), strict=True)))
    for label, mask in (("met before", known), ("never met", ~known)):
        table.add(f"{prefix}spreading, {label}", both[1][mask], {"share": float(mask.mean())})


def compare(data: Data, table: Table, *, spreading: bool) -> None:
    """All models in both protocols."""
    compare_pairs(data, table)
    # the coefficients are chosen on the validation span, so the strengths they weigh are not fitted to it
    kernel = two_exponentials(*fitting.fit(choices(data, ~data.test & ~data.valid)).time_constants)
    if spreading:
        compare_spreading(data, table, kernel, triples=False)
    if data.stream.n_kinds:
        compare_triples(data, table, kernel)
        if spreading:
            compare_spreading(data, table, kernel, triples=True)


def main() -> int:
    """Parse, compare, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("events", type=Path, help="source, target, time, and optionally kind, split")
    parser.add_argument("--json", type=Path, help="also write the table as JSON")
    parser.add_argument(
        "--no-spreading", action="store_true", help="pair strengths only: seconds, not minutes"
    )
    arguments = parser.parse_args()
    table = Table()
    try:
        data = read(arguments.events)
        print(f"{'model':48} {'MRR':>6} {'Hits@1':>6} {'Hits@10':>6}")
        compare(data, table, spreading=not arguments.no_spreading)
    except MeminiError as error:
        parser.error(str(error))
    if arguments.json:
        arguments.json.write_text(json.dumps(table.rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
