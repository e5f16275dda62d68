"""The equation of an association and its closed solution, on columns.

Input: the variables, amounts and days of many edges as numpy arrays. Output: new arrays.

- `propagation`: the equation, its time constants, and the variables at a later time.
- `impulses`: events as impulses, their sums, and the bound below which an edge is forgotten.
- `edges`: edges as columns: events folded into them, added, redirected.
- `removal`: edges without some events, and those that events do not account for.
- `pairs`: where pairs of entities stand.
"""

from memini_kuzu.dynamics.impulses import fold, merge, peak, potentiate, respond, retained
from memini_kuzu.dynamics.propagation import (
    Kernel,
    Spectrum,
    TimeConstants,
    kernel,
    propagate,
    spectrum,
    time_constants,
)

__all__ = [
    "Kernel",
    "Spectrum",
    "TimeConstants",
    "fold",
    "kernel",
    "merge",
    "peak",
    "potentiate",
    "propagate",
    "respond",
    "retained",
    "spectrum",
    "time_constants",
]
