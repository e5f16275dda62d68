"""The parameters of a store's dynamics, frozen and validated, and when a maintenance pass forgets."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields

from memini_kuzu.errors import ParameterError

__all__ = ["FORGET_BELOW", "Parameters"]

FORGET_BELOW = 1e-3
"""Strength, in statements, under which a maintenance pass forgets an association where it is told no other.
What was told once stays for about two years with the default parameters, what was told ten times for some
three and a half."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dynamics' five parameters; they belong to a store, not to a process.

    Parameters
    ----------
    tau_fast : float
        τ_f in days, > 0: how long the fast variable lasts by itself.
    tau_slow : float
        τ_s in days, ≥ τ_f: how long the slow variable lasts by itself.
    coupling : float
        C per day, > 0: how quickly the two variables exchange.
    capacity : float
        κ, ≥ 1: how much more the slow variable holds than the fast one. The paper writes κ = 1. Keep κ
        above it: with κ = 1 the kernel of the fast variable mixes two exponentials whose time constants
        can be only so far apart (a factor of at most 10.7 where the slow share is 1.4 %), while streams
        of real events ask for 100 and more, so that "slow" would never be slow. Benna and Fusi give the
        slower variable the larger capacity, which removes the cap.
    impulse : float
        b, > 0: what one event adds to the fast variable.

    Raises
    ------
    ParameterError
        If a value is not finite or outside its range.

    References
    ----------
    M. K. Benna and S. Fusi, "Computational principles of synaptic memory consolidation", Nature
    Neuroscience 19 (2016), section "The model". Pattichis and Dovrolis, arXiv 2605.05097 (2026).

    Examples
    --------
    >>> Parameters(tau_fast=2.0)
    Parameters(tau_fast=2.0, tau_slow=3650.0, coupling=0.6, capacity=40.0, impulse=1.0)
    """

    tau_fast: float = 5.0
    tau_slow: float = 3650.0
    coupling: float = 0.6
    capacity: float = 40.0
    impulse: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ParameterError(
                    f"{field.name} = {value!r} is not a number; pass one, such as {field.default}"
                )
            if not math.isfinite(value) or value <= 0:
                raise ParameterError(
                    f"{field.name} = {value!r}; pass a finite number above 0, such as {field.default}"
                )
            object.__setattr__(self, field.name, float(value))
        if self.tau_slow < self.tau_fast:
            raise ParameterError(
                f"tau_slow = {self.tau_slow!r} days is below tau_fast = {self.tau_fast!r} days; "
                "the slow variable must outlast the fast one"
            )
        if self.capacity < 1:
            raise ParameterError(f"capacity = {self.capacity!r}; pass κ of at least 1, such as 40.0")

    def to_json(self) -> str:
        """Text that `from_json` reads back to an equal value.

        Examples
        --------
        >>> Parameters.from_json(Parameters(capacity=7).to_json()).capacity
        7.0
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Parameters:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str
            A JSON object with the five fields.

        Raises
        ------
        ParameterError
            If the text is not such an object.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, json.JSONDecodeError) as error:
            raise ParameterError(f"parameters {text!r} cannot be read: {error}") from error
