"""The forecast protocol against a loop that is too slow to be wrong, and spreading on a world made for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import walks

from memini_kuzu.errors import InputError
from memini_kuzu.insight import forecast
from memini_kuzu.insight.streams import Stream, read_stream, stream_from_arrow

SCRIPTS = Path(__file__).parent.parent / "scripts"


def random_stream(seed: int, n: int = 300, *, n_kinds: int = 0) -> Stream:
    """Events that repeat, on few enough entities that ties and common moments occur."""
    rng = np.random.default_rng(seed)
    return Stream(
        source=rng.integers(0, 6, n),
        target=rng.integers(0, 12, n),
        time=np.sort(rng.integers(0, 30, n)).astype(np.float64),
        amount=rng.choice([1.0, 0.5], n),
        kind=rng.integers(0, max(n_kinds, 1), n),
        n_entities=15,
        n_kinds=n_kinds,
    )


def slow_ranks(stream: Stream, queried: np.ndarray, kernel: forecast.Kernel) -> list[float]:
    """The protocol as its docstring says it, one question at a time."""
    found = []
    events = list(zip(stream.source, stream.target, stream.time, stream.amount, strict=True))
    for source, target, time in sorted(
        {event[:3] for event, asked in zip(events, queried, strict=True) if asked}
    ):
        truths = {
            t
            for (s, t, u, _), asked in zip(events, queried, strict=True)
            if asked and s == source and u == time
        }
        strength = np.full(stream.n_entities, -1.0)  # never seen: below all that was
        for s, t, u, amount in events:
            if s == source and u < time:
                strength[t] = max(strength[t], 0.0) + amount * kernel(np.array([time - u]))[0]
        rivals = np.delete(strength, list(truths))
        found.append(1 + (rivals > strength[target]).sum() + (rivals == strength[target]).sum() / 2)
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kernel", [np.ones_like, forecast.exponential(3.0), forecast.power_law(0.8)])
def test_ranks_are_those_of_the_slow_loop(seed: int, kernel: forecast.Kernel) -> None:
    stream = random_stream(seed)
    queried = stream.time > 15
    span = forecast.blocks(
        stream.source, stream.target, stream.time, stream.amount, queried, n_candidates=stream.n_entities
    )
    found = forecast.rank_all(span, lambda piece: piece.strengths(kernel))
    np.testing.assert_allclose(np.sort(found), np.sort(slow_ranks(stream, queried, kernel)), rtol=1e-9)


def test_recency_prefers_the_latest_and_breaks_ties_by_count() -> None:
    # 1 twice and 2 once on day 1, 3 three times on day 0; asked for 2
    target = np.array([3, 3, 3, 1, 1, 2, 2])
    time = np.array([0.0, 0, 0, 1, 1, 1, 2])
    asked = forecast.histories(
        np.zeros(7, dtype=np.int64), target, time, np.ones(7), time == 2, n_candidates=10
    )
    assert forecast.ranks(asked, forecast.recency(asked)).tolist() == [2.0]


def test_a_span_in_pieces_ranks_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = random_stream(1)
    queried = stream.time > 15
    arguments = (stream.source, stream.target, stream.time, stream.amount, queried)

    def ranks() -> np.ndarray:
        span = forecast.blocks(*arguments, n_candidates=stream.n_entities)
        return np.sort(forecast.rank_all(span, lambda piece: piece.strengths(np.ones_like)))

    whole = ranks()
    monkeypatch.setattr(forecast, "BLOCK_LAGS", 300)
    assert len(forecast.blocks(*arguments, n_candidates=stream.n_entities)) > 5
    np.testing.assert_array_equal(ranks(), whole)
    monkeypatch.setattr(forecast, "MAX_LAGS", 1500)
    assert 0 < len(ranks()) < len(whole)
    np.testing.assert_array_equal(ranks(), ranks())


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        (walks.pair_questions, walks.PAIR_SIGNALS),
        (walks.triple_questions, walks.TRIPLE_SIGNALS),
    ],
)
def test_signals_are_named_and_the_evidence_alone_ranks_as_strengths_do(
    ask: walks.Ask, names: tuple[str, ...]
) -> None:
    stream = random_stream(3, n_kinds=2)
    kernel = forecast.exponential(4.0)
    moments = np.unique(stream.time[stream.time > 15])
    only = np.zeros(len(names))
    only[0] = 1.0
    found, _ = walks.spread_ranks(ask, stream, moments, kernel, [only])
    if ask is walks.pair_questions:
        cue, answer, time, amount = stream.source, stream.target, stream.time, stream.amount
    else:
        cue = np.concatenate([stream.source * 4 + stream.kind, stream.target * 4 + stream.kind + 2])
        answer = np.concatenate([stream.target, stream.source])
        time, amount = np.tile(stream.time, 2), np.tile(stream.amount, 2)
    span = forecast.blocks(cue, answer, time, amount, time > 15, n_candidates=stream.n_entities)
    expected = forecast.rank_all(span, lambda piece: piece.strengths(kernel))
    np.testing.assert_allclose(np.sort(found[0]), np.sort(expected), rtol=1e-9)


def test_spreading_foresees_pairs_that_never_were() -> None:
    """Two groups whose members turn to the same targets: what one has met, the other will."""
    rng = np.random.default_rng(0)
    n, group = 1500, 10
    source = rng.integers(0, 2 * group, n)
    target = 2 * group + (source // group) * 15 + rng.integers(0, 15, n)
    time = np.repeat(np.arange(n / 25.0), 25)
    stream = Stream(source, target, time, np.ones(n), np.zeros_like(source), 50, 0)
    valid, test = np.arange(10.0, 18.0), np.arange(18.0, 32.0)
    kernel = forecast.exponential(20.0)
    likely = walks.fit_coefficients(walks.pair_questions, stream, valid, kernel)
    refined = walks.refine_coefficients(walks.pair_questions, stream, valid, kernel, likely)
    direct = np.zeros(len(likely))
    direct[0] = 1.0
    ranks, known = walks.spread_ranks(walks.pair_questions, stream, test, kernel, [direct, likely, refined])
    assert (~known).sum() > 20
    unmet = (1 / ranks[:, ~known]).mean(axis=1)
    assert unmet[1] > 2 * unmet[0]
    assert unmet[2] > 2 * unmet[0]


def test_a_stream_is_sorted_and_its_bad_columns_are_named(tmp_path: Path) -> None:
    table = pa.table({"source": ["b", "a"], "target": ["c", "b"], "time": ["2026-01-02", "2026-01-01"]})
    stream = stream_from_arrow(table)
    assert (stream.source[0], stream.target[0]) == (
        stream.source[1] + 1,
        stream.source[1],
    ) or stream.n_entities == 3
    assert np.diff(stream.time).tolist() == [1.0]
    with pytest.raises(InputError, match="column 'time' is missing"):
        stream_from_arrow(table.drop_columns("time"))
    with pytest.raises(InputError, match="'soon' is not a date"):
        stream_from_arrow(table.set_column(2, "time", pa.array(["soon", "later"])))
    with pytest.raises(InputError, match="above 0"):
        stream_from_arrow(table.append_column("amount", pa.array([1.0, -1.0])))
    path = tmp_path / "events.txt"
    path.write_text("")
    with pytest.raises(InputError, match=r"events\.txt is none of \.csv"):
        read_stream(path)


@pytest.mark.parametrize(
    "written", ["2025-01-02", "2025-01-02T01:00:00+01:00", "1735776000", "1735776000.0", "1735776000000"]
)
def test_a_stream_reads_times_as_a_load_of_its_events_does(tmp_path: Path, written: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"source,target,time\nAda,Paris,{written}\nAda,Rome,{written}\n")
    assert read_stream(path).time.tolist() == [20_090.0, 20_090.0]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("time", "17", "holds 17; numbers are seconds"),
        ("amount", "x", "no numbers"),
        ("amount", "inf", "inf"),
    ],
)
def test_a_stream_refuses_what_no_load_would_take(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    row = {"source": "Ada", "target": "Paris", "time": "2025-01-01", "amount": "1"} | {column: value}
    path = tmp_path / "events.csv"
    path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    with pytest.raises(InputError, match=message):
        read_stream(path)


@pytest.mark.slow
def test_the_script_prints_and_writes_every_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["source,target,time,kind"]
    for day in range(60):
        for source in range(6):
            target = source if rng.random() < 0.6 else rng.integers(0, 8)
            rows.append(f"s{source},t{target},2026-{1 + day // 28:02}-{1 + day % 28:02},k{target % 2}")
    events, table = tmp_path / "events.csv", tmp_path / "table.json"
    events.write_text("\n".join(rows))
    command = [sys.executable, str(SCRIPTS / "evaluate_forecast.py"), str(events), "--json", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(table.read_text())
    models = [row["model"] for row in found]
    for model in ("count", "one exponential", "fast variable, default constants", "triples: count"):
        assert model in models
        assert model in done.stdout
    assert any(model.startswith("triples: spreading") for model in models)
    assert all(set(row) == {"model", "mrr", "hits@1", "hits@10", "parameters"} for row in found)
