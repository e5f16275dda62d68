"""Fitting: recovery of known constants, the convention that picks parameters, and what is refused."""

from __future__ import annotations

import builtins
import sys
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from scipy import optimize
from strategies import parameters

from memini_kuzu import Memory, Mention, Parameters, Record
from memini_kuzu.dynamics import TimeConstants, kernel, time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.insight import fitting, likelihood
from memini_kuzu.insight.simulation import simulate
from memini_kuzu.insight.streams import Stream
from memini_kuzu.memory import fit_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

WORLD = Parameters(tau_fast=3.0, tau_slow=3650.0, coupling=0.3, capacity=10.0)


def laid_out(world: Parameters, *, seed: int = 0, **size: Any) -> likelihood.Choices:
    source, target, time = simulate(world, seed=seed, **size)
    return likelihood.choices(source, target, time, np.ones(len(time)), np.ones(len(time), dtype=np.bool_))


@given(parameters())
def test_parameters_come_back_from_their_time_constants(given_ones: Parameters) -> None:
    found = time_constants(given_ones)
    assume(found.slow < 0.9 * given_ones.tau_slow)  # nearer, one is the small difference of two others
    assume(found.slow_share > 1e-6)
    back = fitting.parameters_of(found, tau_slow=given_ones.tau_slow)
    np.testing.assert_allclose(astuple(back)[:4], astuple(given_ones)[:4], rtol=1e-4)


@pytest.mark.parametrize("share", [1e-6, 0.014, 0.3, 0.5])
@pytest.mark.parametrize("tau_slow", [252.0, 400.0, 3650.0, 1e6])
def test_every_kernel_with_a_share_of_at_most_a_half_has_parameters(share: float, tau_slow: float) -> None:
    wanted = TimeConstants(1.2, 252.0, share)
    found = fitting.parameters_of(wanted, tau_slow=tau_slow)
    assert found.tau_slow <= tau_slow * (1 + 1e-9)
    lag = np.geomspace(0.01, 2000, 50)
    values = (1 - share) * np.exp(-lag / 1.2) + share * np.exp(-lag / 252.0)
    np.testing.assert_allclose(np.asarray(kernel(lag, found).ff), values, rtol=1e-6)


def test_a_kernel_beyond_the_convention_is_refused() -> None:
    with pytest.raises(InputError, match="tau_slow = 100"):
        fitting.parameters_of(TimeConstants(1.0, 252.0, 0.1), tau_slow=100.0)
    with pytest.raises(InputError, match=r"0\.7"):
        fitting.parameters_of(TimeConstants(1.0, 252.0, 0.7))


def test_the_likelihood_is_that_of_the_slow_loop() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 3, 80), rng.integers(0, 4, 80)
    time, amount = np.sort(rng.integers(0, 20, 80)).astype(float), rng.choice([1.0, 0.5], 80)
    data = likelihood.choices(source, target, time, amount, time > 5)

    def weight(s: int, t: int | None, now: float) -> float:
        past = (source == s) & (time < now) & ((target == t) if t is not None else True)
        return float((amount[past] * np.exp(-(now - time[past]) / 4)).sum())

    terms, counts = [], []
    for s, t, now, count in zip(source, target, time, amount, strict=True):
        if now > 5 and weight(s, t, now) > 0:
            terms.append(-np.log(weight(s, t, now) / weight(s, None, now)))
            counts.append(count)
    assert likelihood.loss(data, np.exp(-data.lags / 4))[0] == pytest.approx(
        np.average(terms, weights=counts)
    )


def test_the_gradient_is_the_derivative() -> None:
    data = laid_out(WORLD, n_sources=10, n_days=60)

    def value(theta: np.ndarray) -> float:
        return likelihood.loss(data, likelihood._slopes(data.lags, *np.exp(theta[:2]), theta[2])[0])[0]

    theta = np.array([0.5, 3.0, 0.1])
    values, by = likelihood._slopes(data.lags, *np.exp(theta[:2]), theta[2])
    slope = by.T @ likelihood.loss(data, values)[1]
    slope[2] /= theta[2] * (1 - theta[2])  # by the share, not its logit
    np.testing.assert_allclose(slope, optimize.approx_fprime(theta, value, 1e-7), rtol=1e-4)


def test_known_constants_are_recovered_within_ten_per_cent() -> None:
    found = fitting.fit(laid_out(WORLD, n_sources=150, n_days=240, seed=1))
    np.testing.assert_allclose(astuple(found.parameters)[:4], astuple(WORLD)[:4], rtol=0.1)
    np.testing.assert_allclose(found.time_constants, time_constants(WORLD), rtol=0.1)
    assert found.warnings == []
    # the standard errors are of the size of the errors
    off = np.abs(np.log(np.array(found.time_constants[:2]) / np.array(time_constants(WORLD)[:2])))
    assert (off < 4 * np.array(found.errors[:2])).all()


def test_a_stream_shorter_than_its_slow_time_constant_says_so() -> None:
    found = fitting.fit(laid_out(Parameters(), n_sources=20, n_days=30))
    assert any("slow time constant" in warning for warning in found.warnings)


def test_the_same_seed_gives_the_same_fit_and_a_large_stream_is_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likelihood, "MAX_LAGS", 30_000)
    one, two = laid_out(WORLD, n_sources=30, n_days=90), laid_out(WORLD, n_sources=30, n_days=90)
    assert one.pair.nnz + one.source.nnz <= 30_000
    assert fitting.fit(one) == fitting.fit(two)


def as_stream(source: np.ndarray, target: np.ndarray, time: np.ndarray) -> Stream:
    return Stream(
        source,
        target,
        time,
        np.ones(len(time)),
        np.zeros_like(source),
        int(max(source.max(), target.max())) + 1,
        0,
    )


def test_a_report_forecasts_a_span_that_was_not_fitted_and_beats_the_baselines() -> None:
    stream = as_stream(*simulate(WORLD, n_sources=60, n_days=200))
    steps: list[None] = []
    report = fit_events(stream, progress=lambda: steps.append(None))
    assert len(steps) > 50
    assert report.forecast == 60 * 40
    assert all(report.gains[name] > 0 for name in ("count", "most recent", "one exponential"))
    changed = Stream(
        stream.source,
        np.where(stream.time < 160, stream.target, 0),
        stream.time,
        stream.amount,
        stream.kind,
        stream.n_entities,
        0,
    )
    assert fit_events(changed).parameters == report.parameters


def test_too_little_to_fit_is_refused() -> None:
    table = pa.table(
        {"source": ["a"] * 6, "target": list("bcdefg"), "time": [f"2026-01-0{d}" for d in range(1, 7)]}
    )
    with pytest.raises(InputError, match="no event repeats"):
        fit_events(table)
    with pytest.raises(InputError, match="2 distinct dates"):
        fit_events(table.slice(0, 2))
    with pytest.raises(InputError, match="training span"):
        fit_events(table, until="2027-01-01")


def test_without_scipy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest, **more)

    for module in [
        name
        for name in sys.modules
        if name in {"memini_kuzu.insight.fitting", "memini_kuzu.insight.forecast"}
    ]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("memini_kuzu.insight.fitting")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r'pip install "memini-kuzu\[fit\]"'):
        fit_events(pa.table({}))


class Words:
    """Every word is a mention."""

    identity = "words/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            yield [Mention(word.lower(), word, "NAME", 0, place) for place, word in enumerate(text.split())]


def test_a_store_is_fitted_on_the_events_of_its_own_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with Memory.open(tmp_path / "a.memini", extractor=Words(), parameters=Parameters(impulse=2.0)) as memory:
        memory.add(
            Record(
                text=" ".join(rng.choice(list("ABCDEF"), 3, replace=False)),
                time=day * 86_400_000,
                id=str(day),
            )
            for day in range(60)
        )
        report = memory.fit()
    assert report.events == 60 * 6
    assert report.parameters.impulse == 2.0
