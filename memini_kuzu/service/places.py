"""Where the stores of users are: a folder for each, whose name gives the user's and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_user", "store_of"]

FILE = "memory.memini"
"""The name of every user's store. Its backups are beside it, so a folder of its own keeps them the user's."""

PREFIX = "user-"
"""No folder is named as a device or begins with a dot, whatever a user is called."""

PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-")
"""Bytes that stand for themselves. Capitals do not: some file systems take them for small letters."""

LONGEST = 200
"""Characters of a folder's name at most; file systems take 255."""


def folder_name(user: str) -> str:
    """The name of a user's folder, which is of no other user.

    Parameters
    ----------
    user : str
        Any text.

    Returns
    -------
    str
        Small letters, digits and ``-`` as they are, every other byte of UTF-8 as ``_`` and two digits.

    Raises
    ------
    InputError
        If the user has no name, or one that is too long.

    Examples
    --------
    >>> folder_name("ada"), folder_name("Ada@example.org"), folder_name("../ben")
    ('user-ada', 'user-_41da_40example_2eorg', 'user-_2e_2e_2fben')
    """
    try:
        name = user.encode()
    except UnicodeEncodeError:
        raise InputError("the user's name holds half of a surrogate pair; pass whole characters") from None
    made = PREFIX + "".join(chr(byte) if byte in PLAIN else f"_{byte:02x}" for byte in name)
    if not name or len(made) > LONGEST:
        raise InputError(
            f"the user's name has {len(user)} characters; pass one to {LONGEST - len(PREFIX)} small letters "
            "and digits (other characters count three or more)"
        )
    return made


def check_user(user: str) -> None:
    """Refuse a user who can have no folder."""
    folder_name(user)


def store_of(root: Path, user: str) -> Path:
    """The file of a user's store; its folder is made.

    Parameters
    ----------
    root : Path
        The folder of all.
    user : str
        The user's name.

    Raises
    ------
    InputError
        As of `folder_name`, or if the folder cannot be made.
    """
    folder = root / folder_name(user)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror or error}") from error
    return folder / FILE
