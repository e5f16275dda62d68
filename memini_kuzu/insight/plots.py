"""Pictures of a memory by Matplotlib (extra ``plots``): PNG or SVG without a display, or on given axes.

What is named ``plot_`` writes a file; what is named ``draw_`` draws on axes, so that pictures can be put
together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.dynamics import kernel, time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from memini_kuzu.insight.trajectory import Overview, Rivals, Trajectory

__all__ = [
    "COLOURS",
    "draw_consolidated",
    "draw_forgetting",
    "draw_rivals",
    "draw_strengths",
    "draw_trajectories",
    "figure",
    "plot_rivals",
    "plot_store",
    "plot_trajectories",
    "save",
    "short_name",
    "spans_of",
]

FORMATS = (".png", ".svg")

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which people who confuse red and green can tell apart."""

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "svg.hashsalt": "memini",  # the same picture is the same file
    "svg.fonttype": "none",  # text stays text: half the bytes, and it can be searched and read out
    "savefig.dpi": 110,
}

FAINT = 1e-4
"""The lowest strength that is drawn by its logarithm: a tenth of what maintenance drops."""

MAX_NAME = 26
"""Characters of a name in a picture."""


def figure(
    rows: int,
    columns: int,
    *,
    width: float,
    height: float,
    share_time: bool = False,
    heights: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """An empty figure and its axes, independent of any display.

    Parameters
    ----------
    rows, columns : int
        Of axes.
    width, height : float
        Inches.
    share_time : bool
        Whether the axes share what they show from left to right.
    heights : sequence of float, optional
        Of the rows, relative to each other.

    Returns
    -------
    figure, axes : matplotlib.figure.Figure, array (rows, columns) of matplotlib.axes.Axes
        Drawn on and given to `save`.

    Raises
    ------
    InputError
        If Matplotlib is missing.

    Examples
    --------
    >>> figure(1, 2, width=4, height=2)[1].shape
    (1, 2)
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - Matplotlib is in an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise InputError(
            'pictures need Matplotlib, which is not installed; pip install "memini-kuzu[plots]"'
        ) from error
    with mpl.rc_context(STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        axes = made.subplots(rows, columns, squeeze=False, sharex=share_time, height_ratios=heights)
    return made, axes


def save(made: Any, path: Path) -> None:
    """Write a figure, in the format that the file's name says.

    Parameters
    ----------
    made : matplotlib.figure.Figure
        From `figure`.
    path : Path
        .png or .svg.

    Raises
    ------
    InputError
        If it is another format.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "empty.png"
    >>> save(figure(1, 1, width=2, height=2)[0], path)
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    check_format(path)
    import matplotlib as mpl  # noqa: PLC0415 - Matplotlib is in an extra

    # no date, so that the same picture is the same file
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
    with mpl.rc_context(STYLE):
        made.savefig(path, metadata=metadata)


def check_format(path: Path) -> None:
    """Refuse a file name that says no format, before any work is done.

    Raises
    ------
    InputError
        If it ends in neither .png nor .svg.

    Examples
    --------
    >>> from pathlib import Path
    >>> check_format(Path("a.png"))
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path} ends in neither {' nor '.join(FORMATS)}; name it so")


def plot_trajectories(trajectories: Sequence[Trajectory], path: Path, *, log: bool = False) -> None:
    """Both variables over time, with the events marked.

    Parameters
    ----------
    trajectories : sequence of Trajectory
        One a colour.
    path : Path
        .png or .svg.
    log : bool
        Whether by their logarithm, so that a burst does not flatten the rest.

    Raises
    ------
    InputError
        If there is none, the format is unknown, or Matplotlib is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from memini_kuzu.insight.trajectory import Trajectory
    >>> path = Path(tempfile.mkdtemp()) / "ada.svg"
    >>> time = np.array([0, 86_400_000])
    >>> one = Trajectory("Ada", "Charles", time, np.ones(2), np.zeros(2), time[:1], np.ones(1))
    >>> plot_trajectories([one], path)
    >>> "Charles" in path.read_text()
    True
    """
    check_format(path)
    made, axes = figure(2, 1, width=7.5, height=4.6, share_time=True)
    draw_trajectories(trajectories, *axes[:, 0], log=log)
    save(made, path)


def draw_trajectories(trajectories: Sequence[Trajectory], fast: Any, slow: Any, *, log: bool = False) -> None:
    """Both variables over time on two axes, one above the other.

    Parameters
    ----------
    trajectories : sequence of Trajectory
        One a colour.
    fast, slow : matplotlib.axes.Axes
        For the fast variable, with the events below it, and for the slow one.
    log : bool
        As for `plot_trajectories`.

    Raises
    ------
    InputError
        If there is no trajectory.

    Examples
    --------
    >>> from memini_kuzu.insight.trajectory import Trajectory
    >>> time = np.array([0, 86_400_000])
    >>> one = Trajectory("Ada", "Charles", time, np.ones(2), np.zeros(2), time[:1], np.ones(1))
    >>> _, axes = figure(2, 1, width=4, height=3, share_time=True)
    >>> draw_trajectories([one], *axes[:, 0], log=True)
    >>> axes[0, 0].get_yscale()
    'log'
    """
    if not trajectories:
        raise InputError("there is no trajectory to draw; pass at least one")
    for number, one in enumerate(trajectories):
        colour = COLOURS[number % len(COLOURS)]
        label = f"{short_name(one.source)} → {short_name(one.target) if one.target else 'all'}"
        # a logarithm has no place for 0, at which the slow variable begins
        least = FAINT if log else 0.0
        fast.plot(_dates(one.time), np.maximum(one.fast, least), color=colour, linewidth=1.3, label=label)
        slow.plot(_dates(one.time), np.maximum(one.slow, least), color=colour, linewidth=1.3)
        # a row of ticks for each trajectory, below the curves
        height = -0.05 - 0.05 * number
        fast.plot(
            _dates(one.event_time),
            np.full(len(one.event_time), height),
            "|",
            color=colour,
            markersize=6,
            transform=fast.get_xaxis_transform(),
            clip_on=False,
        )
    for axes in (fast, slow):
        if log:
            axes.set_yscale("log")
        axes.set_ylim(bottom=FAINT if log else 0)
    fast.spines["bottom"].set_visible(False)
    fast.tick_params(axis="x", length=0)
    fast.set_ylabel("strength\n(fast variable)")
    slow.set_ylabel("consolidated\n(slow variable)")
    slow.set_xlabel("date; ticks between the panels mark events")
    # above the axes: at its top stand the events
    fast.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False)
    _date_axis(slow)


def plot_rivals(rivals: Rivals, path: Path) -> None:
    """The strengths of what answers a cue over time, and below them what recall put first.

    Parameters
    ----------
    rivals : Rivals
        From `Memory.rivals`.
    path : Path
        .png or .svg.

    Raises
    ------
    InputError
        If the format is unknown, or Matplotlib is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from memini_kuzu.insight.trajectory import Rivals, Trajectory
    >>> time = np.array([0, 86_400_000])
    >>> one = Trajectory("Ribe", "Ada", time, np.ones(2), np.zeros(2), time[:1], np.ones(1))
    >>> path = Path(tempfile.mkdtemp()) / "rivals.svg"
    >>> plot_rivals(Rivals("Who is the baker?", (one,), time, np.zeros(2, dtype=np.int64)), path)
    >>> "Who is the baker?" in path.read_text()
    True
    """
    check_format(path)
    made, axes = figure(2, 1, width=7.5, height=3.8, share_time=True, heights=(6, 1))
    draw_rivals(rivals, *axes[:, 0])
    save(made, path)


def draw_rivals(rivals: Rivals, strength: Any, first: Any) -> None:
    """The strengths of what answers a cue, and what recall put first, on two axes.

    Parameters
    ----------
    rivals : Rivals
        From `Memory.rivals`.
    strength, first : matplotlib.axes.Axes
        The second is best low, for it holds a strip.

    Examples
    --------
    >>> from memini_kuzu.insight.trajectory import Rivals, Trajectory
    >>> time = np.array([0, 86_400_000])
    >>> one = Trajectory("Ribe", "Ada", time, np.ones(2), np.zeros(2), time[:1], np.ones(1))
    >>> _, axes = figure(2, 1, width=4, height=3, share_time=True)
    >>> draw_rivals(Rivals("Who is the baker?", (one,), time, np.zeros(2, dtype=np.int64)), *axes[:, 0])
    >>> axes[0, 0].get_title(loc="left")
    'Who is the baker?'
    """
    strength.set_title(short_name(rivals.cue, 80), loc="left")
    for number, one in enumerate(rivals.answers):
        colour = COLOURS[number % len(COLOURS)]
        name = short_name(one.target or one.source)
        strength.plot(_dates(one.time), one.fast, color=colour, linewidth=1.2, label=name)
        strength.plot(_dates(one.event_time), np.full(len(one.event_time), FAINT), "|", color=colour)
        first.broken_barh(spans_of(rivals, number), (0, 1), color=colour, linewidth=0)
    # by the logarithm: a burst of reports stands a hundred times above what a year leaves of one
    strength.set_yscale("log")
    strength.set_ylim(bottom=FAINT)
    strength.set_ylabel("strength (fast variable)\nticks: when it was said")
    strength.legend(loc="upper left", ncols=3, fontsize=8, frameon=False)
    strength.margins(y=0.25)
    first.set_yticks([])
    first.set_ylim(0, 1)
    first.set_ylabel("recalled\nfirst", rotation=0, ha="right", va="center")
    _date_axis(first)


def spans_of(rivals: Rivals, answer: int) -> list[tuple[Any, Any]]:
    """From when and for how long an answer came first: each moment stands for the time until the next one.

    Parameters
    ----------
    rivals : Rivals
        From `Memory.rivals`.
    answer : int
        Its position among the answers.

    Returns
    -------
    list of (numpy.datetime64, numpy.timedelta64)
        Ascending, with a gap between them.

    Examples
    --------
    >>> from memini_kuzu.insight.trajectory import Rivals
    >>> day = 86_400_000
    >>> [(_, length)] = spans_of(Rivals("Who?", (), np.arange(3) * day, np.array([1, 0, 0])), 0)
    >>> int(length.astype(int)) // day
    1
    """
    here = np.append(rivals.first[:-1] == answer, [False])
    edge = np.flatnonzero(np.diff(here.astype(np.int8), prepend=0))
    begin, end = _dates(rivals.time[edge[::2]]), _dates(rivals.time[edge[1::2]])
    return list(zip(begin, end - begin, strict=True))


def plot_store(overview: Overview, path: Path) -> None:
    """One picture of a whole store: how strong, how it forgets, what consolidated lately.

    Parameters
    ----------
    overview : Overview
        From `Memory.overview`.
    path : Path
        .png or .svg.

    Raises
    ------
    InputError
        If the format is unknown, or Matplotlib is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from memini_kuzu.config import Parameters
    >>> from memini_kuzu.insight.trajectory import Overview
    >>> path = Path(tempfile.mkdtemp()) / "store.svg"
    >>> plot_store(Overview(Parameters(), 0, 86_400_000, np.ones(3), np.ones(3), []), path)
    >>> "forgetting curve" in path.read_text()
    True
    """
    check_format(path)
    made, axes = figure(1, 3, width=10.5, height=3.4)
    strengths, curve, learned = axes[0]
    draw_strengths(overview, strengths)
    draw_forgetting(overview, curve)
    draw_consolidated(overview, learned)
    save(made, path)


def draw_strengths(overview: Overview, axes: Any) -> None:
    """How many associations are how strong.

    Parameters
    ----------
    overview : Overview
        From `Memory.overview`.
    axes : matplotlib.axes.Axes
        To draw on.
    """
    title = f"{len(overview.fast):,} associations on {from_millis(overview.now):%Y-%m-%d}"
    axes.set_title(title, loc="left", fontsize=10)
    drawn = [
        (values[values > 0], label, colour)
        for values, label, colour in (
            (overview.fast, "strength (fast)", COLOURS[0]),
            (overview.slow, "consolidated (slow)", COLOURS[1]),
        )
    ]
    values = np.concatenate([value for value, *_ in drawn])
    if len(values):
        # two decades at least; strengths so faint that they would stretch the axis stand in the first bin
        high = float(values.max())
        low = min(max(float(values.min()), high * 1e-6), high / 100)
        bins = np.geomspace(low * 0.99, high * 1.01, 31)
        for value, label, colour in drawn:
            axes.hist(
                np.maximum(value, low), bins=bins, histtype="step", color=colour, linewidth=1.4, label=label
            )
        axes.set_xscale("log")
        axes.legend(loc="upper left", fontsize=8, frameon=False)
        axes.margins(y=0.3)
    axes.set_xlabel("value now (1 is one statement just made)")
    axes.set_ylabel("associations")


def draw_forgetting(overview: Overview, axes: Any) -> None:
    """What is left of one event over time.

    Parameters
    ----------
    overview, axes
        As for `draw_strengths`.
    """
    found = time_constants(overview.parameters)
    days = np.geomspace(found.fast / 30, found.slow * 5, 300)
    axes.set_title("forgetting curve of one event", loc="left", fontsize=10)
    axes.plot(days, np.asarray(kernel(days, overview.parameters).ff), color=COLOURS[0], linewidth=1.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=found.slow_share * np.exp(-5.0), top=1.3)
    for constant, name, height in ((found.fast, "fast", 0.8), (found.slow, "slow", 0.25)):
        axes.axvline(constant, color="#999999", linewidth=0.8, linestyle=":")
        label = f" {name}:\n {constant:.3g} days"
        axes.text(constant, height, label, fontsize=8, color="#555555", va="center")
    axes.set_xlabel("days since the event")
    axes.set_ylabel("what is left of its strength")


def draw_consolidated(overview: Overview, axes: Any) -> None:
    """Which associations consolidated most.

    Parameters
    ----------
    overview, axes
        As for `draw_strengths`.
    """
    axes.set_title(f"learned since {from_millis(overview.since):%Y-%m-%d}", loc="left", fontsize=10)
    shown = overview.consolidated[::-1]
    if not shown:
        axes.text(0.5, 0.5, "nothing", ha="center", va="center", transform=axes.transAxes, color="#555555")
        axes.set_axis_off()
        return
    axes.barh(np.arange(len(shown)), [pair.gain for pair in shown], color=COLOURS[1], height=0.6)
    labels = [f"{short_name(pair.source, 16)} → {short_name(pair.target, 16)}" for pair in shown]
    axes.set_yticks(np.arange(len(shown)), labels, fontsize=8)
    axes.set_xlabel("gain of the slow variable")


def short_name(name: str, limit: int = MAX_NAME) -> str:
    """A name as a picture shows it.

    Parameters
    ----------
    name : str
        As the store has it.
    limit : int
        Characters, at most.

    Examples
    --------
    >>> short_name("a very long name of something", 12)
    'a very long…'
    """
    # a dollar sign would begin a formula
    plain = name.replace("$", r"\$")
    return plain if len(name) <= limit else plain[: limit - 1].rstrip("\\ ") + "…"


def _dates(millis: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return np.asarray(millis).astype("datetime64[ms]")


def _date_axis(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - as in `figure`

    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
