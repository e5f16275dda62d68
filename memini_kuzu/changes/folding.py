"""The fold of events into associations as one Ibis expression: the same on DuckDB, Spark or a warehouse.

An event of amount b at time t adds P(Δ)·(b, 0) to its association, Δ from t to the association's last event.
So the fold is a group-by sum (superposition), and any engine that can group can do it.
`associations.associate` is the same in numpy.

Times are whole numbers: milliseconds since 1970 in events, microseconds in the result (what a
``timestamp[us]`` of Arrow and Parquet holds), so that no engine's time zone can move them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import InputError
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from types import ModuleType

    from memini_kuzu.config import Parameters
    from memini_kuzu.records import EventColumns

__all__ = ["events_of", "fold", "identified", "names_of", "require_ibis"]


def require_ibis() -> ModuleType:
    """The module ibis.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        ibis = importlib.import_module("ibis")
    except ModuleNotFoundError as error:
        raise InputError("this needs Ibis; install it with: pip install 'memini-kuzu[scale]'") from error
    return ibis


def events_of(table: Any, columns: EventColumns, impulse: float, *, both: bool = False) -> Any:
    """Event rows in memini's terms.

    Parameters
    ----------
    table : ibis.Table
        With these columns; times must not be null.
    columns : EventColumns
        Their names.
    impulse : float
        b: what an event of amount 1 adds.
    both : bool
        Let each event count in both directions.

    Returns
    -------
    ibis.Table
        source, target, amount (float64), time (int64, milliseconds since 1970).
    """
    time = table[columns.time].cast("timestamp")
    name = columns.amount or ("amount" if "amount" in table.columns else None)
    amount = impulse if name is None else table[name].cast("float64") * impulse
    events = table.select(
        source=table[columns.source],
        target=table[columns.target],
        amount=amount,
        time=time.epoch_seconds().cast("int64") * 1000 + time.millisecond().cast("int64"),
    )
    if not both:
        return events
    back = events.select(source=events.target, target=events.source, amount=events.amount, time=events.time)
    return events.union(back)


def names_of(events: Any) -> Any:
    """The distinct names of the endpoints: one column, ``name``."""
    return (
        events.select(name=events.source).union(events.select(name=events.target)).distinct().order_by("name")
    )


def identified(events: Any, names: Any) -> Any:
    """Events with ids for names.

    Parameters
    ----------
    events : ibis.Table
        From `events_of`, with names as endpoints.
    names : ibis.Table
        name and id, each name once.
    """
    sources = names.select(source=names.name, source_id=names.id)
    targets = names.select(target=names.name, target_id=names.id)
    joined = events.join(sources, "source").join(targets, "target")
    return joined.select(
        source=joined.source_id, target=joined.target_id, amount=joined.amount, time=joined.time
    )


def fold(events: Any, parameters: Parameters) -> Any:
    """Associations of events.

    Parameters
    ----------
    events : ibis.Table
        source and target (int64, entity ids), amount (float64) and time (int64, milliseconds since 1970),
        in any order.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    ibis.Table
        The columns of `tables.EDGE_SCHEMA`, one row a pair, as of its last event.

    Examples
    --------
    >>> import ibis
    >>> from memini_kuzu.config import Parameters
    >>> rows = "SELECT 1 AS source, 2 AS target, 1.0::DOUBLE AS amount, unnest([0::BIGINT, 86400000]) AS time"
    >>> duckdb = ibis.duckdb.connect()
    >>> _ = duckdb.raw_sql(f"CREATE TABLE events AS {rows}")
    >>> edges = fold(duckdb.table("events"), Parameters()).to_pyarrow()
    >>> round(edges["fast"][0].as_py(), 5), edges["as_of"].to_pylist()
    (1.452, [86400000000])
    """
    constants = spectrum(parameters)
    last = events.group_by(["source", "target"]).aggregate(last=events.time.max())
    rows = events.join(last, ["source", "target"])
    days = (rows["last"] - rows.time).cast("float64") / float(DAY)
    slow_mode = (days * -constants.rate_slow).exp()
    fast_mode = (days * -constants.rate_fast).exp()
    parts = rows.select(
        "source",
        "target",
        "time",
        fast=rows.amount * (slow_mode * constants.share_slow + fast_mode * constants.share_fast),
        slow=rows.amount * slow_mode * _apart(days * constants.gap) * constants.feed,
    )
    grouped = parts.group_by(["source", "target"]).aggregate(
        fast=parts.fast.sum(),
        slow=parts.slow.sum(),
        as_of=parts.time.max() * 1000,
        events=parts.count(),
        first_seen=parts.time.min() * 1000,
        last_seen=parts.time.max() * 1000,
    )
    return grouped.cast({"events": "int64"})


def _apart(x: Any) -> Any:
    """1 - e^(-x) for x ≥ 0 without cancellation (Kahan): SQL has no expm1, and 1 - e^(-x) loses small x."""
    ibis = require_ibis()
    u = (-x).exp()
    small = (x < 1.0) & (u < 1.0)
    # the log of a harmless number where the branch is not taken: engines may evaluate all of them
    log = ibis.ifelse(small, u, 0.5).ln()
    return ibis.cases((small, (u - 1.0) * x / log), (x >= 1.0, 1.0 - u), else_=x)
