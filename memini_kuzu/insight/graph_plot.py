"""A neighbourhood as a picture by Matplotlib (extra ``plots``): arrows as wide as associations are strong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.errors import InputError
from memini_kuzu.insight.plots import COLOURS, check_format, figure, save, short_name

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from memini_kuzu.insight.neighbourhood import Neighbourhood

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["draw_graph", "plot_graph"]

RAMP = ("#7d99a6", "#c2571a")
"""From fresh to consolidated."""

SHADES = 16
"""Of the ramp."""

FAINT = 1e-3
"""What part of the strongest has the thinnest line, of the most consolidated the first shade; so has less."""

WIDTHS = (0.5, 4.5)
"""Points, of the faintest and of the strongest."""

GAP = 8.0
"""Points between an entity and its arrows."""


def plot_graph(found: Neighbourhood, path: Path, *, middle: bool = True) -> None:
    """A neighbourhood: width is strength, colour is consolidation, arrows lead from source to target.

    Parameters
    ----------
    found : Neighbourhood
        From `Memory.neighbourhood`.
    path : Path
        .png or .svg.
    middle : bool
        Whether the first entity stands in the middle of the others.

    Raises
    ------
    InputError
        If there is no association, the format is unknown, or Matplotlib is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from memini_kuzu import Memory
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Memory.open(folder / "a.memini") as memory:
    ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
    ...     plot_graph(memory.neighbourhood("Ada Lovelace", now="2026-03-02"), folder / "ada.svg")
    >>> "Charles Babbage" in (folder / "ada.svg").read_text()
    True
    """
    check_format(path)
    made, axes = figure(1, 1, width=7.5, height=5.6)
    draw_graph(found, axes[0, 0], middle=middle)
    save(made, path)


def draw_graph(found: Neighbourhood, axes: Any, *, middle: bool = True) -> None:
    """A neighbourhood on axes of one's own.

    Parameters
    ----------
    found : Neighbourhood
        From `Memory.neighbourhood`.
    axes : matplotlib.axes.Axes
        To draw on; the scale of colours stands beside them.
    middle : bool
        As for `plot_graph`.

    Raises
    ------
    InputError
        If there is no association.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from memini_kuzu import Memory
    >>> _, axes = figure(1, 1, width=4, height=3)
    >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
    ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
    ...     draw_graph(memory.neighbourhood("Ada Lovelace", now="2026-03-02"), axes[0, 0])
    >>> [each.get_text() for each in axes[0, 0].texts if each.get_text()]
    ['Ada Lovelace', 'Charles Babbage']
    """
    if not found.associations:
        raise InputError(f"there is no association to draw as of {found.now:%Y-%m-%d}")
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415 - as in `figure`
    from matplotlib.colors import LinearSegmentedColormap, LogNorm  # noqa: PLC0415

    source, target = (
        np.array([getattr(each, end) for each in found.associations], dtype=np.int64)
        for end in ("source", "target")
    )
    strength = np.array([each.strength for each in found.associations])
    slow = np.array([each.consolidated for each in found.associations])
    place = _places(len(found.entities), source, target, strength, middle=middle)
    most = max(float(slow.max()), np.finfo(np.float64).tiny / FAINT)
    shade = ScalarMappable(
        LogNorm(most * FAINT, most, clip=True), LinearSegmentedColormap.from_list("memini", RAMP, SHADES)
    )
    widths = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * _part(strength) ** 2
    # the strongest on top
    colours = shade.to_rgba(np.maximum(slow, most * FAINT))
    for row in np.argsort(strength, kind="stable"):
        _arrow(axes, place[source[row]], place[target[row]], widths[row], colours[row])
    size = 3 + 2 * np.log1p(np.bincount(np.concatenate([source, target]), minlength=len(place)))
    for number, (entity, (x, y)) in enumerate(zip(found.entities, place, strict=True)):
        colour = COLOURS[1] if middle and not number else COLOURS[0]
        axes.plot([x], [y], "o", color=colour, markersize=size[number], zorder=3)
        _label(axes, short_name(entity.name), x, y)
    axes.set_title(f"{len(found.associations):,} associations on {found.now:%Y-%m-%d}", loc="left")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.28, 0.12)
    axes.set_axis_off()
    bar = axes.figure.colorbar(shade, ax=axes, shrink=0.5, aspect=14, pad=0.02)
    bar.set_label(f"consolidated (slow variable)\nwidth: strength, up to {strength.max():.2g}")
    bar.outline.set_visible(False)


def _part(values: Floats) -> Floats:
    """Where each stands between a thousandth of the largest and the largest, by the logarithm: 0 to 1."""
    most = values.max()
    if most <= 0:
        return np.zeros_like(values)
    return np.asarray(1 - np.log(np.clip(values / most, FAINT, 1)) / np.log(FAINT))


def _places(count: int, source: Ints, target: Ints, strength: Floats, *, middle: bool) -> Floats:
    """Where entities stand, (n, 2): on a circle, each beside the one that it has most to do with."""
    weight = np.zeros((count, count))
    np.add.at(weight, (source, target), strength)
    weight += weight.T
    place = np.zeros((count, 2))
    around = np.arange(1 if middle else 0, count)
    if not len(around):
        return place
    order = [int(around[np.argmax(weight[around].sum(axis=1))])]
    left = np.setdiff1d(around, order)
    while len(left):
        # of those that have nothing to do with the last one, the one that has most to do with all
        best = np.lexsort((weight[left].sum(axis=1), weight[order[-1], left]))[-1]
        order.append(int(left[best]))
        left = np.delete(left, best)
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(order)) / len(order)
    place[order] = np.column_stack([np.cos(angle), np.sin(angle)])
    return place


def _arrow(axes: Any, begin: Floats, end: Floats, width: float, colour: Any) -> None:
    if np.array_equal(begin, end):
        # what is associated with itself has a ring
        ring = {"markerfacecolor": "none", "markeredgecolor": colour, "markeredgewidth": width}
        axes.plot(*begin, "o", markersize=2 * GAP, zorder=2, **ring)
        return
    axes.annotate(
        "",
        xy=end,
        xytext=begin,
        arrowprops={
            "arrowstyle": f"-|>,head_length={0.3 + 0.07 * width},head_width={0.12 + 0.05 * width}",
            # bent, so that both directions of a pair are seen
            "connectionstyle": "arc3,rad=0.09",
            "linewidth": width,
            "color": colour,
            "shrinkA": GAP / 2,
            "shrinkB": GAP,
            "joinstyle": "miter",
            "capstyle": "butt",
        },
    )


def _label(axes: Any, name: str, x: float, y: float) -> None:
    """A name on the outer side of its place; above it in the middle."""
    right = np.sign(round(x, 6))
    up = 1 if y >= 0 else -1
    side = {-1: "right", 0: "center", 1: "left"}[int(right)]
    away = (8 * right, 8 * y if right else 9 * up)
    vertical = "center" if right else "bottom" if up > 0 else "top"
    axes.annotate(
        name,
        (x, y),
        xytext=away,
        textcoords="offset points",
        ha=side,
        va=vertical,
        fontsize=8,
        zorder=4,
        bbox={"facecolor": "white", "alpha": 0.85, "pad": 0.8, "linewidth": 0},
    )
