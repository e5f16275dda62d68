"""What other packages offer by an entry point: the one way in which all kinds of plug-ins are found by name.

An entry point is called without arguments and gives what its group promises.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from importlib import metadata
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["at_work", "plugin", "plugin_names", "refuse_callbacks"]

_at_work: ContextVar[str | None] = ContextVar("_at_work", default=None)
"""What is at work in this thread."""


@contextmanager
def at_work(name: str) -> Iterator[None]:
    """Inside, a plug-in is at work: it reads texts, and must not use a memory.

    Parameters
    ----------
    name : str
        What errors call it.

    Examples
    --------
    >>> with at_work("the embedder 'mine'"):
    ...     refuse_callbacks()
    Traceback (most recent call last):
    memini_kuzu.errors.InputError: the embedder 'mine' called back into a memory; it may only read its texts
    """
    token = _at_work.set(name)
    try:
        yield
    finally:
        _at_work.reset(token)


def refuse_callbacks() -> None:
    """Called where a memory is used: it may be locked by the very call that the plug-in serves.

    Raises
    ------
    InputError
        If a plug-in is at work in this thread.
    """
    name = _at_work.get()
    if name is not None:
        raise InputError(f"{name} called back into a memory; it may only read its texts")


def plugin_names(group: str, own: Mapping[str, Callable[[], Any]]) -> list[str]:
    """The names of all plug-ins of a kind that are installed, memini's own first.

    Parameters
    ----------
    group : str
        The group of entry points.
    own : mapping of str to callable
        Memini's own, and how they are made.

    Examples
    --------
    >>> plugin_names("memini.nobody", {"mine": dict})
    ['mine']
    """
    offered = {entry.name for entry in metadata.entry_points(group=group)}
    return [*own, *sorted(offered - own.keys())]


def plugin(group: str, own: Mapping[str, Callable[[], Any]], name: str, *, kind: str) -> object:
    """Make the plug-in of that name; memini's own go before others of the same name.

    Parameters
    ----------
    group : str
        The group of entry points.
    own : mapping of str to callable
        Memini's own, and how they are made.
    name : str
        One of `plugin_names`.
    kind : str
        What the error calls it, such as ``extractor``.

    Returns
    -------
    object
        Made without arguments; whether it keeps its promise is the caller's to check.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> plugin("memini.nobody", {"mine": dict}, "mine", kind="thing")
    {}
    >>> plugin("memini.nobody", {"mine": dict}, "yours", kind="thing")
    Traceback (most recent call last):
    memini_kuzu.errors.InputError: no thing is named 'yours'; there are mine
    """
    make = own.get(name)
    if make is None:
        found = [entry for entry in metadata.entry_points(group=group) if entry.name == name]
        if not found:
            raise InputError(f"no {kind} is named {name!r}; there are {', '.join(plugin_names(group, own))}")
        make = found[0].load()
    made: object = make()
    return made
