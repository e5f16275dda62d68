"""What the server writes about itself: lines of JSON, without texts, tokens or names of users."""

from __future__ import annotations

import logging
import traceback

__all__ = ["FAILED", "LOG", "where"]

LOG = logging.getLogger("memini_kuzu.requests")
"""One line of JSON a request, at level INFO: no text, no token, no path but the server's own."""


FAILED = "the server failed; its log says where"
"""What a client is told of a failure that is not its own."""


def where(error: Exception) -> str:
    """Where an error was raised; its message may hold a stored text, and is left out.

    Parameters
    ----------
    error : Exception
        As it was caught.

    Returns
    -------
    str
        Its class, file and line.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
