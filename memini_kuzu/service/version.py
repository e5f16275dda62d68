"""The version that a server says it is."""

from __future__ import annotations

from importlib import metadata

__all__ = ["version"]


def version() -> str:
    """That of the installed package.

    Returns
    -------
    str
        0 in a checkout that is not installed.
    """
    try:
        return metadata.version("memini-kuzu")
    except metadata.PackageNotFoundError:
        return "0"
