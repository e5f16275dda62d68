#!/usr/bin/env python3
"""Compare what is worth keeping: a memory with a budget, and the next associations that it still knows.

    python scripts/evaluate_budget.py ICEWS_FOLDER [--json FILE]

ICEWS_FOLDER holds events.csv, as scripts/evaluate_forecast.py reads it. The memory takes in one day after
the other. At the end of each day it keeps a share of all associations that the whole stream has, and drops
the others with all that it knew of them: if one occurs again, it starts anew. On every day of the test span,
before its events are revealed, each source that acts ranks all candidates by w_f (default parameters) among
what was kept; dropped candidates share the last places with those never seen
(memini_kuzu/insight/forecast.py: filtered ranks, the mean rank on ties). Scored are

- MRR over the distinct (source, target, day) of the test span;
- kept: of those questions whose pair was seen before, the share whose pair was still in the memory.

An event counts as a use of its pair. Policies, which differ only in what is kept:

- w_f, w_s: the largest fast or slow variable, `Memory.consolidate(keep=N)` being the first;
- w_f, the past comes back: a pair that occurs again has what it would have had without the budget, as the
  ledgers of documents could give it;
- one exponential: the largest sum of e^(-age / 31 d) over the uses, LRFU with the time constant that
  evaluate_forecast.py chooses on the validation span;
- LRU, LFU: the latest use, the most uses since it was taken in;
- SIEVE, S3-FIFO, ARC, 2Q, W-TinyLFU: libcachesim's, with its defaults, asked event by event (`pip install
  libcachesim`; without it these rows are left out). They decide at each event, not at the end of the day. All
  but SIEVE also remember something of what they dropped, beyond the budget: S3-FIFO, ARC and 2Q the names of
  half as many to as many pairs, W-TinyLFU a sketch of how often each was used;
- Belady: the soonest next use, which only a memory that sees the future knows: the limit.

Where a policy ties, the pair that was used last is kept, then the one whose first event is earlier. The
differences from w_f come with 95 % intervals over days of the test span, drawn with replacement. JSON: a list
of {"policy", "share", "edges", "mrr", "kept", "mrr_difference", "interval"}.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from evaluate_forecast import Data, read
from scipy import sparse

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import MeminiError
from memini_kuzu.insight.forecast import Histories, ranks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

SHARES = (0.05, 0.1, 0.25)
TAU = 31.0
"""Days."""

PAST_RETURNS = "w_f, the past comes back"

SAMPLES = 2_000
"""Bootstrap samples of an interval."""

FROM_LIBRARY = {"SIEVE": "Sieve", "S3-FIFO": "S3FIFO", "ARC": "ARC", "2Q": "TwoQ", "W-TinyLFU": "WTinyLFU"}
"""Policies, and their classes in libcachesim."""


@dataclass(frozen=True)
class Days:
    """A stream as pairs and days.

    Parameters
    ----------
    pair : int64 (n_events,)
        Numbers of the pairs, by first event.
    amount : float64 (n_events,)
        What each event weighs.
    bounds : int64 (n_days + 1,)
        Where the events of each day begin.
    time : float64 (n_days,)
        Days since 1970.
    test : bool (n_events,)
        Events of the test span.
    source : int64 (n_pairs,)
        Code of each pair's source.
    following : int64 (n_events,)
        The number of the day of the pair's next event on a later day; n_days where there is none.
    n_entities : int
        How many candidates there are.
    """

    pair: Ints
    amount: Floats
    bounds: Ints
    time: Floats
    test: Flags
    source: Ints
    following: Ints
    n_entities: int


def by_day(data: Data) -> Days:
    """Lay a stream out by pairs and days."""
    s = data.stream
    _, first, code = np.unique(s.source * s.n_entities + s.target, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    pair = place[code]
    time, day = np.unique(s.time, return_inverse=True)
    # the uses of each pair, one a day, and the day of the one that follows
    uses = np.unique(pair * len(time) + day)
    next_day = np.append(uses[1:] % len(time), 0)
    next_day[np.append(uses[1:] // len(time) != uses[:-1] // len(time), True)] = len(time)
    return Days(
        pair,
        s.amount,
        np.searchsorted(day, np.arange(len(time) + 1)),
        time,
        data.test,
        s.source[np.sort(first)],
        next_day[np.searchsorted(uses, pair * len(time) + day)],
        s.n_entities,
    )


@dataclass
class State:
    """What a memory with a budget knows of each pair.

    Parameters
    ----------
    fast, slow : float64 (n_pairs,)
        The two variables.
    trace : float64 (n_pairs,)
        The sum of exponentials.
    count, last, following : int64 (n_pairs,)
        Uses, the day of the latest, and the day of the next.
    held : bool (n_pairs,)
        Whether it is in the memory.
    """

    fast: Floats
    slow: Floats
    trace: Floats
    count: Ints
    last: Ints
    following: Ints
    held: Flags

    @classmethod
    def empty(cls, n: int) -> State:
        """Nothing is known."""
        fast, slow, trace = np.zeros((3, n))
        count, last, following = np.zeros((3, n), dtype=np.int64)
        return cls(fast, slow, trace, count, last, following, np.zeros(n, dtype=np.bool_))

    def pass_days(self, days: float, parameters: Parameters) -> None:
        """Let time go by."""
        self.fast, self.slow = propagate(self.fast, self.slow, np.float64(days), parameters)
        self.trace *= np.exp(-days / TAU)

    def use(self, pair: Ints, amount: Floats, following: Ints, day: int) -> None:
        """Take in the events of a day."""
        np.add.at(self.fast, pair, amount)
        np.add.at(self.trace, pair, amount)
        np.add.at(self.count, pair, 1)
        self.last[pair] = day
        self.following[pair] = following
        self.held[pair] = True

    def drop(self, pairs: Flags, *, past_returns: bool) -> None:
        """Drop pairs, and all that was known of them unless it is to come back with them."""
        self.held[pairs] = False
        if not past_returns:
            for values in (self.fast, self.slow, self.trace, self.count):
                values[pairs] = 0


class Policy(Protocol):
    """Says at the end of a day what is kept."""

    def __call__(self, state: State, events: Ints) -> Flags:
        """Which pairs stay: bool (n_pairs,); `events` are the pairs of the day's events, in order."""


def largest(value: Callable[[State], Floats | Ints], keep: int) -> Policy:
    """Keep the pairs with the largest values."""

    def policy(state: State, events: Ints) -> Flags:
        del events
        rows = np.flatnonzero(state.held)
        order = np.lexsort((-state.last[rows], -value(state)[rows]))  # which is stable
        kept = np.zeros(len(state.held), dtype=np.bool_)
        kept[rows[order[:keep]]] = True
        return kept

    return policy


class Cache:
    """Keep what a cache of libcachesim holds.

    Parameters
    ----------
    library : module
        libcachesim.
    name : str
        The class.
    keep : int
        Its size.
    """

    def __init__(self, library: Any, name: str, keep: int) -> None:
        self._cache = getattr(library, name)(cache_size=keep)
        self._request = library.Request()
        self._request.obj_size = 1

    def __call__(self, state: State, events: Ints) -> Flags:
        """Use the day's pairs one by one; which are there at its end."""
        for pair in events.tolist():
            self._request.obj_id = pair
            self._cache.get(self._request)
        kept = np.zeros(len(state.held), dtype=np.bool_)
        for pair in np.flatnonzero(state.held).tolist():
            self._request.obj_id = pair
            kept[pair] = self._cache.find(self._request, update_cache=False) is not None
        return kept


def policies(keep: int, library: Any) -> dict[str, Policy]:
    """All policies at one size, w_f first."""
    found = {
        "w_f": largest(lambda state: state.fast, keep),
        PAST_RETURNS: largest(lambda state: state.fast, keep),
        f"one exponential, {TAU:g} d (LRFU)": largest(lambda state: state.trace, keep),
        "most recent (LRU)": largest(lambda state: state.last, keep),
        "count (LFU)": largest(lambda state: state.count, keep),
        "w_s": largest(lambda state: state.slow, keep),
    }
    if library is not None:
        found |= {name: Cache(library, known, keep) for name, known in FROM_LIBRARY.items()}
    return found | {"Belady": largest(lambda state: -state.following, keep)}


@dataclass(frozen=True)
class Answers:
    """How the questions of each day of the test span were answered.

    Parameters
    ----------
    reciprocal : float64 (n_test_days,)
        The sum of the reciprocal ranks.
    asked, seen, kept : int64 (n_test_days,)
        Questions, those whose pair was seen before, and those whose pair was held.
    """

    reciprocal: Floats
    asked: Ints
    seen: Ints
    kept: Ints


def play(days: Days, policy: Policy, parameters: Parameters, *, past_returns: bool = False) -> Answers:
    """Let a memory with a budget see the stream, and ask it on every day of the test span."""
    state = State.empty(len(days.source))
    seen = np.zeros(len(days.source), dtype=np.bool_)
    rows = []
    for day in range(len(days.time)):
        events = slice(days.bounds[day], days.bounds[day + 1])
        if day:
            state.pass_days(days.time[day] - days.time[day - 1], parameters)
        asked = np.unique(days.pair[events][days.test[events]])
        if len(asked):
            reciprocal = float((1 / _ranks(days, state, asked)).sum())
            rows.append((reciprocal, len(asked), int(seen[asked].sum()), int(state.held[asked].sum())))
        state.use(days.pair[events], days.amount[events], days.following[events], day)
        seen[days.pair[events]] = True
        state.drop(state.held & ~policy(state, days.pair[events]), past_returns=past_returns)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Answers(*columns)


def _ranks(days: Days, state: State, asked: Ints) -> Floats:
    """The ranks of the pairs asked for, by w_f among the pairs that are held."""
    sources, group_of_truth = np.unique(days.source[asked], return_inverse=True)
    acts = np.zeros(days.n_entities, dtype=np.bool_)
    acts[sources] = True
    rows = np.flatnonzero(state.held & acts[days.source])
    group = np.searchsorted(sources, days.source[rows])
    is_true = np.isin(rows, asked)
    questions = Histories(
        n_true=np.bincount(group_of_truth, minlength=len(sources)),
        n_true_known=np.bincount(group[is_true], minlength=len(sources)),
        group=group,
        is_true=is_true,
        events=sparse.csr_array((len(rows), 0)),
        lags=np.empty(0),
        last_lag=np.empty(0),
        n_candidates=days.n_entities,
    )
    return ranks(questions, state.fast[rows])


def difference(one: Answers, other: Answers) -> tuple[float, tuple[float, float]]:
    """How much greater the MRR of the one is, in points, and the 95 % interval over days."""
    drawn = np.random.default_rng(0).integers(0, len(one.asked), (SAMPLES, len(one.asked)))
    gain = one.reciprocal - other.reciprocal
    samples = 100 * gain[drawn].sum(axis=1) / one.asked[drawn].sum(axis=1)
    low, high = np.quantile(samples, [0.025, 0.975])
    return 100 * float(gain.sum() / one.asked.sum()), (float(low), float(high))


def compare(data: Data, library: Any) -> list[dict[str, Any]]:
    """All policies at all sizes, printed as they come."""
    days, parameters, table = by_day(data), Parameters(), []
    total = len(days.source)
    print(f"{'keep by':28} {'share':>6} {'edges':>6} {'MRR':>6} {'kept':>6}  MRR less that of w_f")
    for share in (*SHARES, 1.0):
        keep = round(share * total)
        best: Answers | None = None
        for name, policy in policies(keep, library if share < 1 else None).items():
            found = play(days, policy, parameters, past_returns=name == PAST_RETURNS)
            best = best or found
            gain, (low, high) = difference(found, best)
            mrr = 100 * found.reciprocal.sum() / found.asked.sum()
            kept = 100 * found.kept.sum() / found.seen.sum()
            row = {
                "policy": name,
                "share": share,
                "edges": keep,
                "mrr": round(float(mrr), 2),
                "kept": round(float(kept), 1),
                "mrr_difference": round(gain, 2),
                "interval": [round(low, 2), round(high, 2)],
            }
            table.append(row)
            said = f"{gain:+.2f} [{low:+.2f}, {high:+.2f}]"
            print(f"{name:28} {share:6.0%} {keep:6} {mrr:6.2f} {kept:6.1f}  {said}", flush=True)
            if share == 1:  # all is kept: every policy is the same
                break
    return table


def main() -> int:
    """Parse, compare, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="holds events.csv: source, target, time, split")
    parser.add_argument("--json", type=Path, help="also write the table as JSON")
    arguments = parser.parse_args()
    library = None
    try:
        library = importlib.import_module("libcachesim")
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed; left out: {', '.join(FROM_LIBRARY)}", file=sys.stderr)
    try:
        table = compare(read(arguments.folder / "events.csv"), library)
    except MeminiError as error:
        parser.error(str(error))
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
