"""What a memory can say of itself; nothing here changes a store.

In come streams, ledgers and associations; out go fits, forecasts, trajectories, pictures and findings.

- `streams`, `likelihood`, `fitting`, `simulation`, `forecast`: the time constants that a stream asks
  for, and how well they forecast what comes next.
- `trajectory`, `plots`: associations over time.
- `suggestions`, `doctor`: names that may mean one entity, and whether a store is sound.
"""

from typing import TYPE_CHECKING

from memini_kuzu.lazy import submodules_of

if TYPE_CHECKING:
    from memini_kuzu.insight import (
        about,
        choice,
        doctor,
        entities,
        fitting,
        forecast,
        graph_plot,
        junk,
        kinds,
        likelihood,
        neighbourhood,
        news,
        plots,
        portrait,
        simulation,
        streams,
        suggestions,
        trajectory,
    )

__all__ = [
    "about",
    "choice",
    "doctor",
    "entities",
    "fitting",
    "forecast",
    "graph_plot",
    "junk",
    "kinds",
    "likelihood",
    "neighbourhood",
    "news",
    "plots",
    "portrait",
    "simulation",
    "streams",
    "suggestions",
    "trajectory",
]

__getattr__ = submodules_of(__name__, __all__)
