r"""Pieces of text that are no name and no concept: markup, code, addresses, blobs.

A rule each, and an example of each in the tests. What a person may be called, or a work, passes: *C++*,
*AT&T*, *M\*A\*S\*H*, *"Weird Al" Yankovic*, *HTTP/2*, *Node.js*.
"""

from __future__ import annotations

import re

__all__ = ["is_broken", "whole"]

_CHARACTERS = re.compile(r"[`<>{}\[\]|\\=^~_]|(?<!\w)\$|\*\*|::|->|://|--")
"""Marks of Markdown, HTML, templates, shells and programming languages; an underscore joins identifiers."""

_INSIDE = re.compile(
    r"""
      \w\(                                # a call: "connect(host"
    | .[#@]\w                             # an address or an anchor: "ada@example.org", "guide#use"
    | (?:^|[\s/])\.\w                     # a hidden file, a relative path
    | /\S*/ | ^/ | /$                     # a path; "HTTP/2" has one stroke inside
    | \.(?:py|md|ts|json|ya?ml|toml|html?|css|txt|cfg|ini|sh|rst|pdf|png|jpe?g)\Z
    | ^[a-z]\w*(?:\.\w+)+\Z               # an identifier or a file: "response.status"
    | ^[a-z]{2,}(?:[A-Z][a-z0-9]+)*[A-Z][a-z]*\Z  # an identifier: "matchKey", "keyA", not "macOS"
    | [.,;:!?]{2}
    | ^[bfru]'                            # a literal: "b'bytes"
    | \w\s?\+\s?\w                        # a sum, a blob; "C++" ends with its signs
    """,
    re.VERBOSE,
)

_BLOB = re.compile(r"(?:[A-Za-z]+\d+){3,}|(?:\d+[A-Za-z]+){3,}|\d{5,}[A-Za-z]|[A-Za-z]\d{5,}")
"""Digests, keys and numbers with letters on: letters and digits in turns."""


def is_broken(name: str) -> bool:
    """Whether a piece of text is markup, code, an address or a blob rather than a name or a concept.

    Parameters
    ----------
    name : str
        A piece of text, tidied.

    Examples
    --------
    >>> [is_broken(name) for name in ("library](https", "client.get", "HTTP/2", "Weird Al")]
    [True, True, False, False]
    """
    return bool(_CHARACTERS.search(name) or _INSIDE.search(name) or _BLOB.search(name))


def whole(surface: str) -> str:
    """A piece of text up to a bracket that does not close in it.

    Parameters
    ----------
    surface : str
        As it stands in the text.

    Examples
    --------
    >>> whole("American Football League (AFL"), whole("Demon Dice (game)")
    ('American Football League ', 'Demon Dice (game)')
    """
    before, bracket, after = surface.rpartition(" (")
    return f"{before} " if bracket and ")" not in after else surface
