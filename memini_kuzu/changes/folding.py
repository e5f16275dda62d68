"""The fold of events, and the maintenance of edges, as Ibis expressions: for DuckDB, Spark or a warehouse.

An event of amount b at time t adds P(Δ)·(b, 0) to its association, Δ from t to the association's last event.
So the fold is a group-by sum (superposition), and any engine that can group can do it. Rows of the same pair
from several folds are added up in the same way, and brought to a date row by row: `superpose`, `advance` and
`retain` are what `dynamics.edges.superpose` and `consolidation.consolidate` are in numpy.

Times are whole numbers: milliseconds since 1970 in events, microseconds in the result (what a
``timestamp[us]`` of Arrow and Parquet holds), so that no engine's time zone can move them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import InputError
from memini_kuzu.readers.tabular import LAST
from memini_kuzu.tables import EDGE_SCHEMA, EDGE_TIMES
from memini_kuzu.times import DAY, LATEST, MILLIS, SECONDS

if TYPE_CHECKING:
    from types import ModuleType

    from memini_kuzu.config import Parameters
    from memini_kuzu.records import EventColumns

__all__ = [
    "advance",
    "edges_of",
    "events_of",
    "fold",
    "identified",
    "names_of",
    "refuse_bad",
    "require_ibis",
    "retain",
    "superpose",
]


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
        With these columns.
    columns : EventColumns
        Their names.
    impulse : float
        b: what an event of amount 1 adds.
    both : bool
        Let each event count in both directions.

    Returns
    -------
    ibis.Table
        source, target, amount (float64), time (int64, milliseconds since 1970; null where it is no time).
    """
    name = columns.amount or ("amount" if "amount" in table.columns else None)
    amount = impulse if name is None else table[name].cast("float64") * impulse
    events = table.select(
        source=table[columns.source],
        target=table[columns.target],
        amount=amount,
        time=_instant(table[columns.time]),
    )
    if not both:
        return events
    back = events.select(source=events.target, target=events.source, amount=events.amount, time=events.time)
    return events.union(back)


def refuse_bad(events: Any) -> None:
    """Refuse events that a load would refuse by their row: sums would hide them.

    Parameters
    ----------
    events : ibis.Table
        From `events_of`.

    Raises
    ------
    InputError
        If some have no source or target, no time, or no amount; says how many.
    """
    amount, time = events.amount, events.time
    latest = int(LATEST.timestamp()) * 1000
    bad = {
        "no source or target": events.source.isnull() | events.target.isnull(),
        "no time from 1970 to 2261": time.isnull() | (time < 0) | (time >= latest),
        "no finite amount above 0": amount.isnull() | amount.isnan() | amount.isinf() | (amount <= 0),
    }
    counts = events.aggregate([is_bad.sum().name(reason) for reason, is_bad in bad.items()]).to_pyarrow()
    found = [f"{count:,} events have {reason}" for reason, count in counts.to_pylist()[0].items() if count]
    if found:
        raise InputError(f"{', '.join(found)}; correct them or leave them out")


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
    last = events.group_by(["source", "target"]).aggregate(last=events.time.max())
    rows = events.join(last, ["source", "target"])
    p = _kernel((rows["last"] - rows.time).cast("float64") / float(DAY), parameters)
    parts = rows.select("source", "target", "time", fast=rows.amount * p.ff, slow=rows.amount * p.sf)
    grouped = parts.group_by(["source", "target"]).aggregate(
        fast=parts.fast.sum(),
        slow=parts.slow.sum(),
        as_of=parts.time.max() * 1000,
        events=parts.count(),
        first_seen=parts.time.min() * 1000,
        last_seen=parts.time.max() * 1000,
    )
    return grouped.cast({"events": "int64"})


def edges_of(table: Any) -> Any:
    """Edges as `fold` gives them, from a table whose times are timestamps, as in an export, or microseconds.

    Parameters
    ----------
    table : ibis.Table
        With the columns of `tables.EDGE_SCHEMA`.
    """
    times = {name: _millis(table[name]) * 1000 for name in EDGE_TIMES if table[name].type().is_timestamp()}
    return table.mutate(**times).select(*EDGE_SCHEMA.names)


def superpose(edges: Any, parameters: Parameters) -> Any:
    """One row a pair, the sum of its rows as of the latest of them.

    Parameters
    ----------
    edges : ibis.Table
        From `fold` or `edges_of`; a pair may stand there any number of times.
    parameters : Parameters
        The dynamics of all rows.

    Returns
    -------
    ibis.Table
        The columns of `tables.EDGE_SCHEMA`.

    Examples
    --------
    >>> import ibis
    >>> from memini_kuzu.config import Parameters
    >>> rows = "SELECT 1 AS source, 2 AS target, 1.0::DOUBLE AS fast, 0.0::DOUBLE AS slow, 1 AS events"
    >>> times = "unnest([0::BIGINT, 86400000000]) AS as_of, as_of AS first_seen, as_of AS last_seen"
    >>> duckdb = ibis.duckdb.connect()
    >>> _ = duckdb.raw_sql(f"CREATE TABLE edges AS {rows}, {times}")
    >>> edges = superpose(edges_of(duckdb.table("edges")), Parameters()).to_pyarrow()
    >>> round(edges["fast"][0].as_py(), 5), edges["events"].to_pylist()
    (1.452, [2])
    """
    last = edges.group_by(["source", "target"]).aggregate(last=edges.as_of.max())
    rows = _brought_to(edges.join(last, ["source", "target"]), "last", parameters)
    grouped = rows.group_by(["source", "target"]).aggregate(
        fast=rows.fast.sum(),
        slow=rows.slow.sum(),
        as_of=rows.as_of.max(),
        events=rows.events.sum(),
        first_seen=rows.first_seen.min(),
        last_seen=rows.last_seen.max(),
    )
    return grouped.cast({"events": "int64"})


def advance(edges: Any, now: int, parameters: Parameters) -> Any:
    """Every edge as it stands at a date; one with evidence later than that stays as it is.

    Parameters
    ----------
    edges : ibis.Table
        From `fold`, `edges_of` or `superpose`.
    now : int
        Milliseconds since 1970.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    ibis.Table
        The same rows and columns.
    """
    ibis = require_ibis()
    later = ibis.greatest(edges.as_of, ibis.literal(now * 1000, "int64"))
    return _brought_to(edges.mutate(last=later), "last", parameters)


def retain(edges: Any, threshold: float) -> Any:
    """The edges that may still reach a strength without new evidence; see `dynamics.retained`.

    Parameters
    ----------
    edges : ibis.Table
        Brought to one date by `advance`.
    threshold : float
        The strength.
    """
    return edges.filter((edges.fast >= threshold) | (edges.slow >= threshold))


def _instant(time: Any) -> Any:
    """A column of times as `readers.tabular` reads it, milliseconds since 1970; null where it is no time."""
    if time.type().is_numeric():
        ibis = require_ibis()
        number = time.cast("float64")
        millis = ibis.ifelse(number < MILLIS, number * 1000.0, number).floor()
        return ibis.ifelse((number >= SECONDS) & (number < LAST), millis, ibis.null("float64")).cast("int64")
    if time.type().is_string():  # it may have an offset, which a cast to a timestamp without a zone drops
        time = time.cast("timestamp('UTC')")
    return _millis(time.cast("timestamp"))


def _millis(time: Any) -> Any:
    """Milliseconds since 1970, what is finer cut off.

    The seconds are cut first: DuckDB's epoch has a fraction, which a cast would round.
    """
    return time.truncate("s").epoch_seconds().cast("int64") * 1000 + time.millisecond().cast("int64")


def _brought_to(edges: Any, date: str, parameters: Parameters) -> Any:
    """Each row at the time in a column of its own, which is no earlier than its as_of."""
    p = _kernel((edges[date] - edges.as_of).cast("float64") / (1000.0 * DAY), parameters)
    return edges.select(
        "source",
        "target",
        fast=edges.fast * p.ff + edges.slow * p.fs,
        slow=edges.slow * p.ss + edges.fast * p.sf,
        as_of=edges[date],
        events=edges.events,
        first_seen=edges.first_seen,
        last_seen=edges.last_seen,
    )


class _Kernel(NamedTuple):
    """Entries of P(Δ) as expressions."""

    ff: Any
    fs: Any
    sf: Any
    ss: Any


def _kernel(days: Any, parameters: Parameters) -> _Kernel:
    """P(Δ) as in `dynamics.propagation`, where it is explained."""
    constants = spectrum(parameters)
    slow_mode = (days * -constants.rate_slow).exp()
    fast_mode = (days * -constants.rate_fast).exp()
    transfer = slow_mode * _apart(days * constants.gap)
    return _Kernel(
        ff=slow_mode * constants.share_slow + fast_mode * constants.share_fast,
        fs=transfer * constants.exchange,
        sf=transfer * constants.feed,
        ss=slow_mode - transfer * constants.share_slow,
    )


def _apart(x: Any) -> Any:
    """1 - e^(-x) for x ≥ 0 without cancellation (Kahan): SQL has no expm1, and 1 - e^(-x) loses small x."""
    ibis = require_ibis()
    u = (-x).exp()
    small = (x < 1.0) & (u < 1.0)
    # the log of a harmless number where the branch is not taken: engines may evaluate all of them
    log = ibis.ifelse(small, u, 0.5).ln()
    return ibis.cases((small, (u - 1.0) * x / log), (x >= 1.0, 1.0 - u), else_=x)
