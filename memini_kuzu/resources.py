"""Where the files lie that ship with memini: schema/ and udfs/ in the package, or in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PAGE", "folder"]

PAGE = Path(__file__).parent / "service" / "page"
"""What the page of `memini explore` is made of, and the widget of notebooks."""


def folder(name: str) -> Path:
    """The folder of that name that ships with memini.

    Parameters
    ----------
    name : str
        ``schema`` or ``udfs``.

    Examples
    --------
    >>> folder("schema").name
    'schema'
    """
    here = Path(__file__).parent
    packaged = here / name
    return packaged if packaged.is_dir() else here.parent / name
