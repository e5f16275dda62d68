"""Hypothesis strategies, in one place, and the one profile that every property test runs under."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from memini_kuzu.config import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The same examples on every run and every machine; no deadline, because a busy machine is not a bug.
settings.register_profile("memini", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("memini")

MICROSECOND = 1e-6 / 86_400
"""In days; the resolution of a Kùzu TIMESTAMP, so the shortest Δ above zero."""

CENTURY = 36_525.0
"""In days."""


def magnitudes(low: float, high: float) -> st.SearchStrategy[float]:
    """Positive floats from low to high, every order of magnitude as likely as the next."""
    exponents = st.floats(np.log10(low), np.log10(high))
    return exponents.map(lambda exponent: float(np.clip(10.0**exponent, low, high)))


@st.composite
def parameters(draw: st.DrawFn, *, capacity: float | None = None) -> Parameters:
    """Parameters over the whole range in which the dynamics promise their accuracy."""
    tau_fast = draw(magnitudes(1e-3, 1e4))
    drawn = Parameters(
        tau_fast=tau_fast,
        tau_slow=tau_fast * draw(magnitudes(1.01, 1e6)),
        coupling=draw(magnitudes(1e-6, 1e3)),
        capacity=draw(magnitudes(1.0, 1e4)),
    )
    return drawn if capacity is None else replace(drawn, capacity=capacity)


def days() -> st.SearchStrategy[float]:
    """Δ in days: zero, or from a microsecond to ten centuries."""
    return st.just(0.0) | magnitudes(MICROSECOND, 10 * CENTURY)


def columns(elements: st.SearchStrategy[float], size: int) -> st.SearchStrategy[NDArray[np.float64]]:
    """Arrays float64 (size,)."""
    return st.lists(elements, min_size=size, max_size=size).map(
        lambda values: np.array(values, dtype=np.float64)
    )


def strengths() -> st.SearchStrategy[float]:
    """Values of a variable of an edge, as events leave them: zero or above."""
    return st.just(0.0) | magnitudes(1e-9, 1e6)


def hostile_texts() -> st.SearchStrategy[str]:
    """Texts of any characters, with many of those that a block of text is made of."""
    pieces = st.sampled_from(
        [
            "\n",
            "\r\n",
            "\r",
            "\v",
            "\x1c",
            "\x85",
            "\u2028",
            "  ",
            "\xa0",
            "[2] ",
            " | ",
            "id ",
            "source ",
            "\n\n[1] ",
        ]
    )
    return st.lists(pieces | st.text(max_size=6), max_size=12).map("".join)
