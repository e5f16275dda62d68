"""What does a stream of events know? An analysis in cells, to be run as a whole or cell by cell.

    python scripts/analyse_events.py [events.csv]

Editors with notebook cells open it as it is (``# %%`` begins a cell), and ``jupytext --to ipynb`` makes a
notebook of it. The file has the columns source, target and time; without one, a small stream of a newsroom is
made up. The store is a temporary one; with matplotlib, ``analysis.png`` is drawn in the current folder.
"""

# %%
from __future__ import annotations

import importlib.util
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu import Memory, Trajectory
from memini_kuzu.extraction import canonical
from memini_kuzu.insight.plots import plot_trajectories
from memini_kuzu.insight.streams import read_table
from memini_kuzu.insight.trajectory import trace
from memini_kuzu.memory.tracing import POINTS
from memini_kuzu.readers.tabular import times
from memini_kuzu.tables import column

SHOWN = 5
WEEK, MONTH = timedelta(days=7), timedelta(days=30)

as_script = Path(sys.argv[0]).name == "analyse_events.py"
path = Path(sys.argv[1]) if as_script and len(sys.argv) > 1 else None  # in a notebook, name a file here


def newsroom() -> pa.Table:
    """Half a year of who wrote about what: each reporter has a beat, had a craze, and has news this week."""
    chance = np.random.default_rng(7)
    begin, days = datetime(2025, 1, 1), 181  # noqa: DTZ001 - a value without an offset is UTC
    rows = []
    for name, beat, craze, news in (
        ("Ines", "harbour", "regatta", "lighthouse"),
        ("Omar", "city budget", "by-election", "audit"),
        ("Ruth", "theatre", "festival", "new stage"),
    ):
        rows += [(name, beat, day) for day in range(0, days, 7)]
        rows += [(name, craze, day) for day in range(90, 110)]
        rows += [(name, news, day) for day in range(days - 4, days)]
        rows += [
            (name, f"{name}'s note {n}", day) for n, day in enumerate(chance.integers(0, days, 40).tolist())
        ]
    who, what, when = zip(*rows, strict=True)
    times = [begin + timedelta(days=day, hours=9) for day in when]
    return pa.table({"source": who, "target": what, "time": pa.array(times, pa.timestamp("ms"))})


def keys(names: pa.ChunkedArray) -> pa.Array:
    """Names in their canonical form, by which the store knows them."""
    coded = names.combine_chunks().dictionary_encode()
    return pa.array([canonical(str(name)) for name in coded.dictionary.to_pylist()]).take(coded.indices)


def show(title: str, table: pa.Table) -> None:
    """Print the first rows of a table under a title."""
    print(f"\n{title}")
    rows = [table.column_names, *zip(*table.slice(0, SHOWN).to_pydict().values(), strict=True)]
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell)[:28] for cell in row] for row in rows]
    widths = [max(map(len, each)) for each in zip(*cells, strict=True)]
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not table.num_rows:
        print("  nothing")


# %% Load the events. A file that was loaded before would change nothing.
folder = tempfile.TemporaryDirectory(prefix="memini-")
memory = Memory.open(Path(folder.name) / "events.memini")
events = newsroom() if path is None else read_table(path)
loaded = memory.load_events(events if path is None else path)
stats = memory.stats()
assert stats.last_seen is not None, "the stream holds no event"  # noqa: S101 - load_events refuses an empty one
now = stats.last_seen
print(
    f"{loaded.events:,} events, {stats.associations:,} associations, "
    f"{stats.first_seen:%Y-%m-%d} to {now:%Y-%m-%d}"
)


def ask(query: str, **parameters: Any) -> pa.Table:
    """One Cypher query as of now."""
    return memory.cypher(query, {"now": now, **parameters})


# %% What matters now? The strength at the moment of asking; nothing had to run for it.
show(
    "What matters now",
    ask(
        """
        MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
        WITH a, b, e, $now AS now
        RETURN a.name AS source, b.name AS target, memini_fast(e, now) AS strength, e.events AS events
        ORDER BY strength DESC, source, target LIMIT 100
        """
    ),
)

# %% What changed this week? First seen tells new from confirmed.
show(
    "New this week",
    ask(
        """
        MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
        WITH a, b, e, $now AS now, $since AS since
        WHERE e.first_seen > since
        RETURN a.name AS source, b.name AS target, memini_fast(e, now) AS strength, e.events AS events
        ORDER BY strength DESC, source, target LIMIT 100
        """,
        since=now - WEEK,
    ),
)

# %% What is consolidated, what is only recent? Of what repetition has filled, much is left in a month; what
# is only recent is gone by then, however strong it is today.
edges = ask(
    """
    MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
    WITH a, b, e, $now AS now, $ahead AS later
    RETURN a.name AS source, b.name AS target, memini_fast(e, now) AS strength,
        memini_slow(e, now) AS consolidated, memini_fast(e, later) AS in_a_month, e.events AS events,
        e.last_seen AS last_seen
    """,
    ahead=now + MONTH,
)
show("Consolidated", edges.sort_by([("consolidated", "descending")]).select([0, 1, 3, 2, 4, 5]))
recent = edges.filter(pc.greater(edges["strength"], 0.2))
kept = pc.divide(recent["in_a_month"], recent["strength"])
show(
    "Strong today, but only recent",
    recent.append_column("kept", kept).sort_by([("kept", "ascending")]).select([0, 1, 2, 4, 7, 5]),
)

# %% What is fading? Told often once, and not for a month.
is_silent = pc.less(edges["last_seen"], pa.scalar(now - MONTH, edges["last_seen"].type))
silent = edges.filter(pc.and_(is_silent, pc.greater(edges["events"], 2)))
show("Fading", silent.sort_by([("events", "descending")]).select([0, 1, 5, 6, 2, 4]))

# %% What comes next for one source? By Luce's choice rule, in proportion to the strengths.
milliseconds = times(events["time"], "time")
instant = pa.chunked_array([pa.array(milliseconds).cast(pa.timestamp("ms"))])
source, target = keys(events["source"]), keys(events["target"])
counts = pc.value_counts(source).flatten()
who = events["source"][pc.index(source, counts[0][int(np.argmax(counts[1].to_numpy()))]).as_py()].as_py()
known = memory.associations(who, now=now, k=100)
total = sum(each.strength for each in known)
show(
    f"The next event of {who}, if it is with something known",
    pa.table(
        {
            "target": [each.target for each in known],
            "probability": [each.strength / total for each in known],
            "last seen": [f"{each.last_seen:%Y-%m-%d}" for each in known],
        }
    ),
)

# %% How far is that to be trusted? The same forecast a week ago, against what then came.
is_past = pc.less_equal(instant, pa.scalar((now - WEEK).replace(tzinfo=None), pa.timestamp("ms")))
acted = set(source.filter(is_past).to_pylist())
hits = met = 0
with Memory.open(Path(folder.name) / "before.memini") as past:
    past.load_events(events.filter(is_past))
    for name in acted & set(source.filter(pc.invert(is_past)).to_pylist()):
        came = set(target.filter(pc.and_(pc.equal(source, name), pc.invert(is_past))).to_pylist())
        ranked = [canonical(each.target) for each in past.associations(name, now=now - WEEK, k=1_000_000)]
        met += len(came & set(ranked))
        hits += len(came & set(ranked[:3]))
print(f"\n{hits} of {met} known targets of the last week were among the first 3 of the week before")

# %% And over time? Computed from the events themselves, exact at every moment.
if importlib.util.find_spec("matplotlib") is None:
    print('\nno picture: pip install "memini-kuzu[plots]"')
else:
    impulse = memory.parameters.impulse
    weight = column(events, "amount") if "amount" in events.column_names else np.ones(len(events))
    drawn = []
    for each in known[:3]:
        of = pc.and_(pc.equal(source, canonical(who)), pc.equal(target, canonical(each.target)))
        rows = np.flatnonzero(of.to_numpy(zero_copy_only=False))
        rows = rows[np.argsort(milliseconds[rows], kind="stable")]
        when, amount = milliseconds[rows], impulse * weight[rows]
        line = trace(amount, when, int(now.timestamp() * 1000), memory.parameters, points=POINTS)
        drawn.append(Trajectory(each.source, each.target, *line, when, amount))
    plot_trajectories(drawn, Path("analysis.png"))
    print("\nwrote analysis.png")

# %%
memory.close()
folder.cleanup()
