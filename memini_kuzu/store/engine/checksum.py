"""The checksum of a store's file: what tells damage from a file that is as it was left.

Kùzu keeps no checksums. So the file is summed up when a checkpoint is done, and again when it is opened.

Of the first page Kùzu uses the header alone, which says where the catalog and the metadata stand; what
follows it is whatever lay in memory, and another with every checkpoint. A checkpoint that changes anything,
whoever makes it, writes the metadata anew, in pages that were free: either the header is another one then, or
the metadata is in the same place again and is another, and other pages are so too. So where only one of the
three is another, no program that speaks Kùzu has changed it.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["HEADER", "PAGE", "SUMMED", "Checksum", "checksum", "sum_file"]

PAGE = 4096
"""Bytes of a page of Kùzu's."""

HEADER = struct.Struct("<4sQIIII")
"""Magic, version of the format, and first page and number of pages of the catalog and of the metadata."""

SUMMED = 64 << 20
"""Of a larger file the rest is not summed up: that would take longer than opening it. Its size, its header,
its catalog and its metadata still tell of a file that was cut."""

BLOCK = 1 << 24


class Checksum(NamedTuple):
    """What a file is known by.

    Parameters
    ----------
    size : int
        Its bytes.
    header : bytes
        What Kùzu uses of the first page.
    tables : int
        CRC-32 of the catalog and the metadata.
    rest : int
        CRC-32 of all other pages but the first; 0 where the file is too large to be summed up.
    """

    size: int
    header: bytes
    tables: int
    rest: int

    def damage(self, found: Checksum) -> str:
        """How a file differs, where no program that speaks Kùzu made the difference.

        Parameters
        ----------
        found : Checksum
            Of the file now, `like` this one.

        Returns
        -------
        str
            Empty where it does not, or where another program may have written it.
        """
        header, tables = found.header != self.header, found.tables != self.tables
        rest = (found.size, found.rest) != (self.size, self.rest)
        summed = max(found.size, self.size) <= SUMMED
        if not (header or tables or rest):
            return ""
        if found.size < self.size and (not _holds(found) or not (header or tables)):
            return f"it has {found.size:,} bytes of {self.size:,}"
        if not _holds(found) or (summed and header and not (tables or rest)):
            return "the first page is not the one that was written"
        if summed and header + tables + rest == 1:
            return "its bytes are not those that were written"
        return ""


def _spans(header: bytes) -> list[tuple[int, int]]:
    """Where the catalog and the metadata begin and end, as the header says."""
    if len(header) < HEADER.size:
        return []
    _, _, *places = HEADER.unpack(header)
    return [(first * PAGE, (first + pages) * PAGE) for first, pages in (places[:2], places[2:])]


def _holds(found: Checksum) -> bool:
    """Whether the file holds what its header leads to."""
    spans = _spans(found.header)
    return bool(spans) and all(end <= found.size for _, end in spans)


def checksum(descriptor: int, *, like: Checksum | None = None) -> Checksum:
    """Sum an open file up.

    Parameters
    ----------
    descriptor : int
        Of the file. One that stays open where Kùzu has the file too: closing any descriptor of a file gives
        up the locks that the process has on it.
    like : Checksum, optional
        What it is to be compared with: catalog and metadata are looked for where they stood then.

    Returns
    -------
    Checksum
        Of what it holds now.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     _ = file.write(b"memini")
    ...     file.flush()
    ...     checksum(file.fileno()).size
    6
    """
    size = os.fstat(descriptor).st_size
    header = os.pread(descriptor, HEADER.size, 0)
    spans = [
        (max(begin, PAGE), min(end, size)) for begin, end in sorted(_spans(like.header if like else header))
    ]
    tables = rest = 0
    place = PAGE
    for begin, end in spans:
        for block in _blocks(descriptor, begin, end):
            tables = zlib.crc32(block, tables)
    if size <= SUMMED:
        for begin, end in (*spans, (size, size)):
            for block in _blocks(descriptor, place, begin):
                rest = zlib.crc32(block, rest)
            place = max(place, end)
    return Checksum(size, header, tables, rest)


def sum_file(path: Path, *, like: Checksum | None = None) -> Checksum:
    """Sum up a file that this process does not have open in Kùzu; `like` as of `checksum`."""
    with path.open("rb") as file:
        return checksum(file.fileno(), like=like)


def _blocks(descriptor: int, begin: int, end: int) -> Iterator[bytes]:
    while begin < end and (block := os.pread(descriptor, min(BLOCK, end - begin), begin)):
        yield block
        begin += len(block)
