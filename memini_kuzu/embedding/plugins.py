"""Embedders by name: memini's own, and those that other packages offer by an entry point.

A package offers one with, in its pyproject.toml::

    [project.entry-points."memini.embedders"]
    bge = "memini_bge:BgeEmbedder"

The entry point is called without arguments and gives an `Embedder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.embedding import Embedder
from memini_kuzu.embedding.minilm import MiniLM
from memini_kuzu.errors import InputError
from memini_kuzu.plugins import plugin, plugin_names

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GROUP", "embedder_named", "embedder_names"]

GROUP = "memini.embedders"
"""The group of entry points."""

OWN: dict[str, Callable[[], Embedder]] = {"minilm": MiniLM}


def embedder_names() -> list[str]:
    """The names of all embedders that are installed, memini's own first.

    Examples
    --------
    >>> embedder_names()[0]
    'minilm'
    """
    return plugin_names(GROUP, OWN)


def embedder_named(name: str) -> Embedder:
    """The embedder of that name; memini's own go before others of the same name.

    Parameters
    ----------
    name : str
        One of `embedder_names`.

    Returns
    -------
    Embedder
        Made without arguments.

    Raises
    ------
    InputError
        If there is none of that name, it breaks its promise, or what it needs is not installed.

    Examples
    --------
    >>> embedder_named("nobody's")
    Traceback (most recent call last):
    memini_kuzu.errors.InputError: no embedder is named "nobody's"; there are minilm
    """
    made = plugin(GROUP, OWN, name, kind="embedder")
    if not isinstance(made, Embedder):
        raise InputError(
            f"the embedder {name!r} gives a {type(made).__name__} without name, dimension and embed; "
            "its package must be corrected"
        )
    return made
