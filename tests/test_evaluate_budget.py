"""The memory with a budget of the script against a loop that is too slow to be wrong."""

from __future__ import annotations

import json
import types
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import evaluate_budget
import numpy as np
import pytest
from evaluate_budget import PAST_RETURNS, SHARES, TAU, by_day, compare, play, policies
from evaluate_forecast import Data

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import kernel, time_constants
from memini_kuzu.insight.forecast import blocks, rank_all, two_exponentials
from memini_kuzu.insight.streams import Stream

if TYPE_CHECKING:
    from pathlib import Path

KEEP = 6


def data(seed: int) -> Data:
    """Events that repeat among few entities, several a day."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, 25, 150)).astype(np.float64)
    source, target = rng.integers(0, 4, 150), 4 + rng.integers(0, 8, 150)
    stream = Stream(source, target, time, rng.choice([1.0, 0.5], 150), np.zeros(150, dtype=np.int64), 13, 0)
    return Data(stream, (time >= 10) & (time < 15), time >= 15)


def slow_play(known: Data, name: str) -> tuple[list[float], int, int]:
    """The experiment as its docstring says it; reciprocal ranks, questions seen, questions kept."""
    s = known.stream
    rows = list(zip(s.source.tolist(), s.target.tolist(), s.time.tolist(), s.amount.tolist(), strict=True))
    first = {pair: place for place, pair in reversed(list(enumerate(row[:2] for row in rows)))}
    held: dict[tuple[int, int], list[tuple[float, float]]] = {}
    past: defaultdict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    reciprocal, n_seen, n_kept = [], 0, 0

    def strength(pair: tuple[int, int], now: float) -> tuple[float, float]:
        responses = [(amount, kernel(np.array([now - time]), Parameters())) for time, amount in held[pair]]
        return (
            float(sum(amount * response.ff[0] for amount, response in responses)),
            float(sum(amount * response.sf[0] for amount, response in responses)),
        )

    def value(pair: tuple[int, int], now: float) -> float:
        later = [row[2] for row in rows if row[:2] == pair and row[2] > now]
        return {
            "w_f": lambda: strength(pair, now)[0],
            PAST_RETURNS: lambda: strength(pair, now)[0],
            "w_s": lambda: strength(pair, now)[1],
            f"one exponential, {TAU:g} d (LRFU)": lambda: sum(
                amount * np.exp(-(now - time) / TAU) for time, amount in held[pair]
            ),
            "most recent (LRU)": lambda: max(time for time, _ in held[pair]),
            "count (LFU)": lambda: len(held[pair]),
            "Belady": lambda: -min(later, default=1e9),
        }[name]()

    for day in sorted(set(s.time.tolist())):
        today = [row for row in rows if row[2] == day]
        asked = {row[:2] for row in today} if day >= 15 else set()
        for source, target in asked:
            rivals = [
                strength((source, other), day)[0] if (source, other) in held else -1.0
                for other in range(s.n_entities)
                if (source, other) not in asked
            ]
            own = strength((source, target), day)[0] if (source, target) in held else -1.0
            rank = 1 + sum(rival > own for rival in rivals) + sum(rival == own for rival in rivals) / 2
            reciprocal.append(1 / rank)
            n_seen += (source, target) in seen
            n_kept += (source, target) in held
        for source, target, _, amount in today:
            pair = source, target
            past[pair].append((day, amount))
            held.setdefault(pair, [])
            held[pair] = list(past[pair]) if name == PAST_RETURNS else [*held[pair], (day, amount)]
            seen.add(pair)
        order = sorted(
            held,
            key=lambda pair: (-round(value(pair, day), 12), -max(t for t, _ in held[pair]), first[pair]),
        )
        held = {pair: held[pair] for pair in order[:KEEP]}
    return reciprocal, n_seen, n_kept


@pytest.mark.parametrize("name", policies(KEEP, None))
@pytest.mark.parametrize("seed", range(3))
def test_it_keeps_and_ranks_as_the_slow_loop_does(seed: int, name: str) -> None:
    known = data(seed)
    found = play(by_day(known), policies(KEEP, None)[name], Parameters(), past_returns=name == PAST_RETURNS)
    reciprocal, seen, kept = slow_play(known, name)
    assert found.reciprocal.sum() == pytest.approx(sum(reciprocal))
    assert (found.asked.sum(), found.seen.sum(), found.kept.sum()) == (len(reciprocal), seen, kept)
    assert 0 < kept < seen


def test_a_budget_for_all_is_the_forecast_without_one() -> None:
    known = data(4)
    s = known.stream
    span = blocks(s.source, s.target, s.time, s.amount, known.test, n_candidates=s.n_entities)
    whole = rank_all(span, lambda piece: piece.strengths(two_exponentials(*time_constants(Parameters()))))
    found = play(by_day(known), policies(1000, None)["w_f"], Parameters())
    assert found.reciprocal.sum() == pytest.approx((1 / whole).sum())
    assert found.kept.sum() == found.seen.sum()


class Recent:
    """An LRU cache with the interface of libcachesim's."""

    def __init__(self, cache_size: int) -> None:
        self.size, self.held = cache_size, OrderedDict[int, None]()

    def get(self, request: Any) -> bool:
        hit = request.obj_id in self.held
        self.held[request.obj_id] = None
        self.held.move_to_end(request.obj_id)
        if len(self.held) > self.size:
            self.held.popitem(last=False)
        return hit

    def find(self, request: Any, *, update_cache: bool) -> object:
        assert not update_cache
        return request if request.obj_id in self.held else None


def test_a_cache_of_the_library_decides_what_is_kept() -> None:
    names = evaluate_budget.FROM_LIBRARY.values()
    library = types.SimpleNamespace(Request=types.SimpleNamespace, **dict.fromkeys(names, Recent))
    known = data(5)
    # one event a day: then deciding at each event is deciding at the end of the day
    s = known.stream
    sparse = Stream(s.source, s.target, np.arange(150.0), s.amount, s.kind, s.n_entities, 0)
    known = Data(sparse, sparse.time < 0, sparse.time >= 100)
    found = play(by_day(known), policies(KEEP, library)["ARC"], Parameters())
    expected = play(by_day(known), policies(KEEP, None)["most recent (LRU)"], Parameters())
    np.testing.assert_array_equal(found.reciprocal, expected.reciprocal)
    np.testing.assert_array_equal(found.kept, expected.kept)


def test_the_policies_of_libcachesim_run() -> None:
    library = pytest.importorskip("libcachesim")
    rows = compare(data(6), library)
    assert {row["policy"] for row in rows} >= set(evaluate_budget.FROM_LIBRARY)


def test_the_script_prints_and_writes_every_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["source,target,time,split"]
    for day in range(1, 29):
        split = "train" if day < 15 else "valid" if day < 20 else "test"
        lines += [f"s{n % 3},t{(n * n + day) % 7},2026-02-{day:02},{split}" for n in range(6)]
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = tmp_path / "table.json"
    monkeypatch.setattr("sys.argv", ["evaluate_budget.py", str(tmp_path), "--json", str(table)])
    monkeypatch.setitem(evaluate_budget.sys.modules, "libcachesim", None)
    assert evaluate_budget.main() == 0
    printed = capsys.readouterr()
    assert "left out: SIEVE, S3-FIFO" in printed.err
    rows = json.loads(table.read_text(encoding="utf-8"))
    assert len(rows) == 1 + len(SHARES) * len(policies(1, None))
    for row in rows:
        assert row["policy"] in printed.out
        assert 0 < row["mrr"] <= 100
        assert 0 <= row["kept"] <= 100
    by_name = {(row["policy"], row["share"]): row for row in rows}
    assert all(by_name["Belady", share]["kept"] >= by_name["w_f", share]["kept"] for share in SHARES)
    assert by_name["w_f", 1.0]["kept"] == 100
