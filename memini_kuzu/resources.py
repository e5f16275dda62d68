"""Where schema/ and udfs/ lie: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder"]


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
