"""What an extraction would take, told before it costs anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from memini_kuzu.extraction.mentions import Extractor

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CostlyExtractor", "Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an extraction would take.

    Parameters
    ----------
    texts, requests : int
        How many.
    input_tokens, output_tokens : int
        Estimated at four bytes a token, with one mention in ten tokens; requests that must be repeated are
        not foreseen.
    price : float or None
        In the currency of the extractor's prices; None where it was given none.
    """

    texts: int
    requests: int
    input_tokens: int
    output_tokens: int
    price: float | None = None

    def cost(self, per_million_input: float, per_million_output: float) -> float:
        """The price, in the currency of the prices.

        Examples
        --------
        >>> Estimate(1, 1, 2_000_000, 1_000_000).cost(0.5, 2.0)
        3.0
        """
        return (self.input_tokens * per_million_input + self.output_tokens * per_million_output) / 1e6


@runtime_checkable
class CostlyExtractor(Extractor, Protocol):
    """An extractor whose work is paid for, and which says how much before it begins."""

    def estimate(self, texts: Iterable[str]) -> Estimate:
        """What extracting from these texts would take; nothing is sent.

        Parameters
        ----------
        texts : iterable of str
            Passages.

        Returns
        -------
        Estimate
            Requests, tokens, money.
        """
