"""Which files there are to read: folders walked by stated rules, and what each file is known by.

A file is known by its path within the folder that was given, with that folder's name in front:
``vault/people/Ada.md``, wherever the folder lies. A file that is named itself is known by its folder's
name and its own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from memini_kuzu.errors import InputError
from memini_kuzu.readers._options import NO_OPTIONS, OPTIONS, FolderOptions, folder_name, folder_options
from memini_kuzu.records import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["File", "Listing", "find_files"]

IGNORE = (".memignore", ".gitignore")
"""Files that say what of their folder is left out, as git reads them."""

LEFT_FOLDERS = ("node_modules", "__pycache__")
"""Folders that hold what programs put there."""

LEFT_FILES = (
    "~$*",
    "*~",
    "*.lock",
    "*.tmp",
    "*.temp",
    "*.swp",
    "*.part",
    "*.crdownload",
    "thumbs.db",
    "desktop.ini",
)
"""Files that programs make beside those of people."""

STDIN = "-"


@dataclass(frozen=True, slots=True)
class File:
    """A file that is to be read.

    Parameters
    ----------
    path : Path
        Where it lies; ``-`` is standard input.
    name : str
        What messages call it: its path as it was given.
    key : str
        What it is known by, with ``/`` between folders.
    named : bool
        Whether it was named itself: what is wrong with it is an error then, within a folder a remark.
    text : bool
        Whether it is to be read as plain text whatever its ending.
    options : FolderOptions
        Those of the folder that it was found in.
    """

    path: Path
    name: str
    key: str
    named: bool
    text: bool = False
    options: FolderOptions = NO_OPTIONS


@dataclass(slots=True)
class Listing:
    """What was found, before anything is read.

    Parameters
    ----------
    items : list of File or Skipped
        In order.
    folders : dict of str to Path
        The folders that were walked whole, by name.
    options : dict of str to list of str
        The files of options that were found, and which of these are used.
    """

    items: list[File | Skipped] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)
    _closed: list[str] = field(default_factory=list)

    def holds(self, key: str) -> bool:
        """Whether there is such a file in the folders, read or not, with something in it."""
        return key in self._there or any(key.startswith(folder) for folder in self._closed)

    def covers(self, key: str) -> bool:
        """Whether such a file would lie in one of the folders."""
        return key.partition("/")[0] in self.folders

    def names(self) -> list[str]:
        """What is read: the folders, and the files that lie in none of them."""
        keys = [item.key if isinstance(item, File) else item.file for item in self.items]
        return [*self.folders, *(key for key in keys if not self.covers(key))]

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Date and size of the files that are to be read."""
        found = {}
        for item in self.items:
            if isinstance(item, File):
                with suppress(OSError, ValueError):  # gone since; reading it says so
                    status = item.path.stat()
                    found[item.key] = (status.st_mtime_ns, status.st_size)
        return found

    def only(self, keys: set[str]) -> Listing:
        """The files of these names, to be read, and what is not read."""
        some = [item for item in self.items if isinstance(item, Skipped) or item.key in keys]
        return Listing(some, options=self.options)

    def override(self, names: Iterable[str]) -> None:
        """Note which options of folders are not used, because the call sets them."""
        for file, used in self.options.items():
            self.options[file] = [name for name in used if name not in names]

    def add(self, item: File | Skipped, path: Path, *, folder: bool = False) -> None:
        """Note a file, or a folder that is not entered."""
        self.items.append(item)
        key = item.key if isinstance(item, File) else item.file
        if folder:
            self._closed.append(f"{key}/")
        elif not _is_empty(path):
            self._there.add(key)


def find_files(
    paths: Iterable[Path | str],
    *,
    known: Sequence[str],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    name: str | None = None,
) -> Listing:
    """The files below some paths, in sorted order.

    Left out of a folder, and said to be: hidden files and folders; ``node_modules`` and ``__pycache__``; lock
    and temporary files; stores of memini; links to folders; what a ``.gitignore`` or a ``.memignore`` names;
    what `exclude` names or `include` does not; and files of a type that is not known, unless `include` names
    them.

    Parameters
    ----------
    paths : iterable of Path or str
        Files and folders; ``-`` is standard input.
    known : sequence of str
        The endings that can be read, in lower case.
    include, exclude : sequence of str
        Patterns as in a ``.gitignore``, within each folder; where there are none, those in its
        ``.memini.toml``.
    name : str, optional
        What the one folder that is given is known by, in place of its own name or that in its
        ``.memini.toml``.

    Returns
    -------
    Listing
        The files, and what was left out.

    Raises
    ------
    InputError
        If two of the files would be known by one name, a pattern is none, a ``.memini.toml`` is wrong, or a
        name is given to anything but one folder.
    """
    listing = Listing()
    places = [Path(given) for given in paths]
    if name is not None and not (len(places) == 1 and places[0].is_dir()):
        raise InputError(f"name = {folder_name(name)!r} is for one folder; take each in by a call of its own")
    finder = _Finder(listing, known, include, exclude, None if name is None else folder_name(name))
    for given in places:
        finder.find(given)
    set_here = {"include": include, "exclude": exclude, "name": name}
    listing.override([option for option, value in set_here.items() if value])
    return listing


class _Finder:
    def __init__(
        self,
        listing: Listing,
        known: Sequence[str],
        include: Sequence[str],
        exclude: Sequence[str],
        name: str | None,
    ) -> None:
        self._listing, self._known, self._name = listing, known, name
        self._given = _spec(include), _spec(exclude)
        self._include, self._exclude = self._given
        self._options = NO_OPTIONS
        self._met: dict[str, str] = {}

    def find(self, given: Path) -> None:
        name = _printable(given)
        if name == STDIN:
            self._listing.items.append(File(given, STDIN, "", named=True))
            return
        at = Path(os.path.abspath(given))  # noqa: PTH100 - a link keeps its own name; a NUL is told of later
        try:
            is_folder = given.is_dir()
        except ValueError:
            is_folder = False
        if not is_folder:
            key = "/".join(filter(None, (_printable(Path(at.parent.name)), _printable(Path(at.name)))))
            if self._is_new(key, at):
                self._listing.add(File(given, name, key, named=True), given)
            return
        options, names = folder_options(given)
        root = self._name or options.name or _printable(Path(at.name)) or "root"
        if self._is_new(root, at):
            self._listing.folders[root] = at
            self._options = options
            if names:
                self._listing.options[_printable(given / OPTIONS)] = list(names)
            include, exclude = self._given
            self._include = include if include.patterns else _spec(self._options.include)
            self._exclude = exclude if exclude.patterns else _spec(self._options.exclude)
            self._walk(given, root)

    def _is_new(self, key: str, at: Path) -> bool:
        """Whether a place was not met before; two places may not go by one name."""
        place = str(at)
        met = self._met.get(key)
        if met is not None and met != place:
            raise InputError(
                f"{met} and {place} are both known as {key}; "
                "take them in by calls of their own, and name one of the folders with --name"
            )
        self._met[key] = place
        return met is None

    def _walk(self, folder: Path, root: str) -> None:
        """List a folder in sorted order; the stack holds what is still to be looked at, the next one last."""
        stack: list[tuple[Path, str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [(folder, "", ())]
        while stack:
            at, inner, specs = stack.pop()
            key = f"{root}/{inner}" if inner else root
            if not at.is_dir():
                if self._is_new(key, Path(os.path.abspath(at))):  # noqa: PTH100 - as in `find`
                    text = at.suffix.lower() not in self._known
                    file = File(at, _printable(at), key, named=False, text=text, options=self._options)
                    self._listing.add(file, at)
                continue
            within = f"{inner}/" if inner else ""
            try:
                entries = sorted(at.iterdir(), reverse=True)
            except OSError as error:
                self._listing.add(Skipped(key, f"cannot be read: {error.strerror or error}"), at, folder=True)
                continue
            specs = (*specs, *_ignored(at, within))
            kept: list[tuple[Path, str, tuple[tuple[str, GitIgnoreSpec], ...]]] = []
            for entry in entries:
                own = f"{within}{_printable(Path(entry.name))}"
                why = self._left_out(entry, own, specs)
                if why:
                    self._listing.add(Skipped(f"{root}/{own}", why), entry, folder=entry.is_dir())
                else:
                    kept.append((entry, own, specs))
            stack.extend(kept)

    def _left_out(self, entry: Path, inner: str, specs: tuple[tuple[str, GitIgnoreSpec], ...]) -> str:
        """Why an entry of a folder is not read; empty where it is."""
        is_folder = entry.is_dir()
        if entry.name == OPTIONS and not is_folder:
            own_folder = inner == OPTIONS
            return f"with options{'' if own_folder else ', used only where its folder is given itself'}"
        own = f"{inner}/" if is_folder else inner
        why = _by_name(entry, is_folder=is_folder) or _by_ignore_files(own, specs)
        if why or self._exclude.match_file(own):
            return why or "excluded"
        return "" if is_folder else self._by_type(entry, own)

    def _by_type(self, entry: Path, own: str) -> str:
        if self._include.patterns:
            return "" if self._include.match_file(own) else "not included"
        if entry.suffix.lower() in self._known:
            return ""
        kind = f"type {entry.suffix}" if entry.suffix else "no type"
        pattern = f"*{entry.suffix}" if entry.suffix else entry.name
        return f"of {kind}, which is not read; --include '{pattern}' reads it as text"


def _spec(patterns: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InputError(
            f"{error}; write patterns as in a .gitignore, such as 'drafts/' or '*.log'"
        ) from None


def _by_name(entry: Path, *, is_folder: bool) -> str:
    name = entry.name.lower()
    if name.startswith("."):
        return "hidden"
    if ".memini" in name:
        return "a store of memini"
    if not is_folder:
        temporary = any(fnmatch(name, pattern) for pattern in LEFT_FILES)
        return "a lock or temporary file" if temporary else ""
    if entry.is_symlink():
        return "a link to a folder, not followed"
    return "a folder of programs" if name in LEFT_FOLDERS else ""


def _by_ignore_files(own: str, specs: tuple[tuple[str, GitIgnoreSpec], ...]) -> str:
    """The nearest file that says anything decides."""
    for within, spec in reversed(specs):
        decided = spec.check_file(own.removeprefix(within)).include
        if decided is not None:
            return "ignored" if decided else ""
    return ""


def _ignored(folder: Path, within: str) -> Iterator[tuple[str, GitIgnoreSpec]]:
    for name in reversed(IGNORE):
        file = folder / name
        try:
            if file.is_file():
                yield within, GitIgnoreSpec.from_lines(file.read_text("utf-8", "replace").splitlines())
        except OSError:  # what cannot be read says nothing
            continue


def _printable(path: Path) -> str:
    """A path in UTF-8: other names would fail again where they are printed."""
    return path.as_posix().encode(errors="backslashreplace").decode()


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except (OSError, ValueError):
        return False
