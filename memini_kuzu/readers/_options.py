"""The options that a folder keeps for itself, in a file ``.memini.toml`` in it.

Whoever wrote a folder may say which of its files are read, and how. Nothing in the file can have anything run
or sent: extractors, embedders, servers and stores are chosen by the user alone.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pathspec import GitIgnoreSpec

from memini_kuzu.errors import InputError, TimeError
from memini_kuzu.readers._inputs import brief, is_bytewise, show
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NO_OPTIONS", "OPTIONS", "FolderOptions", "folder_name", "folder_options"]

OPTIONS = ".memini.toml"
"""The name of the file."""

MOST = 64 * 1024
"""Bytes in it, at most."""


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """What a folder says of its files.

    Parameters
    ----------
    include, exclude : tuple of str
        Patterns as in a ``.gitignore``.
    source : str or None
        The source of everything in it.
    time : int or None
        The date of everything in it, in milliseconds since 1970.
    encoding : str or None
        Of its text.
    name : str or None
        What the folder is known by in place of its own name.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    source: str | None = None
    time: int | None = None
    encoding: str | None = None
    name: str | None = None


NO_OPTIONS = FolderOptions()


def folder_options(folder: Path) -> tuple[FolderOptions, tuple[str, ...]]:
    """The options in a folder's ``.memini.toml``, and the names of those that it sets.

    Parameters
    ----------
    folder : Path
        Only the file in the folder itself is read, none further down.

    Raises
    ------
    InputError
        If the file is no TOML, or sets an option that there is not, or to a value that it cannot have.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, ".memini.toml").write_text('exclude = ["drafts/"]')
    ...     folder_options(Path(folder))[0].exclude
    ('drafts/',)
    """
    file = folder / OPTIONS
    if not file.is_file():
        return NO_OPTIONS, ()
    name = file.as_posix().encode(errors="backslashreplace").decode()
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST + 1)
        if len(data) > MOST:
            raise InputError(f"{name} is over {MOST // 1024} KiB; it holds a few options")
        told = tomllib.loads(data.decode())
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name} is not TOML ({brief(error)}); correct it, or take it away") from None
    return FolderOptions(**{key: _checked(name, key, value) for key, value in told.items()}), tuple(told)


def folder_name(value: object) -> str:
    """What a folder is to be known by, checked.

    Raises
    ------
    InputError
        If it cannot be a folder's name.
    """
    if (
        not isinstance(value, str)
        or not value.strip(". ")
        or set(value) & set("/\\#")
        or not value.isprintable()
    ):
        raise InputError(f"name {show(value)} is no name of a folder; write a word, without / and #")
    return value


def _checked(file: str, key: str, value: Any) -> Any:
    """The value of an option as `FolderOptions` holds it."""
    check = _CHECKS.get(key)
    if check is None:
        raise InputError(
            f"{file}: a folder has no option {show(key)}; it may set {', '.join(_CHECKS)}, "
            "and what else there is stands on the command line"
        )
    try:
        return check(value)
    except (InputError, TimeError, ValueError, TypeError) as error:
        raise InputError(f"{file}: {key} = {show(value)}: {brief(error)}") from None


def _patterns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError('write a list of patterns, such as ["drafts/", "*.log"]')
    GitIgnoreSpec.from_lines(value)  # raises ValueError for what is none
    return tuple(value)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("write it in quotation marks")
    return value


def _date(value: Any) -> int:
    if not isinstance(value, str | date):
        raise TypeError("write a date, such as 2026-01-04")
    return to_millis(value)


def _encoding(value: Any) -> str:
    is_bytewise(_name(value))  # raises for one that is unknown
    return str(value)


_CHECKS = {
    "include": _patterns,
    "exclude": _patterns,
    "source": _name,
    "time": _date,
    "encoding": _encoding,
    "name": folder_name,
}
