"""The checksum of a store's file: it detects damage, and tells it from a write by another program.

Kùzu keeps no checksums. So a checksum is computed after each checkpoint, and compared when the file is
opened.

Kùzu uses only the header of the first page, which locates the catalog and the metadata; the rest of that page
is uninitialised memory and differs with every checkpoint. A checkpoint with any change, by whatever program,
writes the metadata again, in free pages. Then either the header differs, or the metadata is in the same place
and differs, and so do other pages. So if only one of the three (header; catalog and metadata; other pages)
differs, the difference is damage: no program wrote it through Kùzu.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["HEADER", "PAGE", "SUMMED", "Checksum", "blocks", "checksum", "sum_file"]

PAGE = 4096
"""Bytes of a page in Kùzu's files."""

HEADER = struct.Struct("<4sQIIII")
"""Magic, version of the format, and first page and number of pages of the catalog and of the metadata."""

SUMMED = 64 << 20
"""Bytes up to which the whole file is in the checksum; a larger one would take longer than opening it. Its
size, header, catalog and metadata still show that a file was truncated."""

BLOCK = 1 << 18
"""Bytes that are read at a time, into the same place: new memory for a whole file costs more than reading."""


class Checksum(NamedTuple):
    """The checksum of a file.

    Parameters
    ----------
    size : int
        The file's size in bytes.
    header : bytes
        The part of the first page that Kùzu uses.
    tables : int
        CRC-32 of the catalog and the metadata.
    rest : int
        CRC-32 of all other pages but the first; 0 if the file is larger than `SUMMED`.
    """

    size: int
    header: bytes
    tables: int
    rest: int

    def damage(self, found: Checksum) -> str:
        """How a file is damaged: a difference that no program made through Kùzu.

        Parameters
        ----------
        found : Checksum
            Of the file now, computed `like` this one.

        Returns
        -------
        str
            Empty if it is unchanged, or if another program may have written it.
        """
        header, tables = found.header != self.header, found.tables != self.tables
        rest = (found.size, found.rest) != (self.size, self.rest)
        summed = max(found.size, self.size) <= SUMMED
        if not (header or tables or rest):
            return ""
        if found.size < self.size and (not _complete(found) or not (header or tables)):
            return f"it has {found.size:,} bytes of {self.size:,}"
        if not _complete(found) or (summed and header and not (tables or rest)):
            return "the first page is not the one that was written"
        if summed and header + tables + rest == 1:
            return "its bytes are not those that were written"
        return ""


def _spans(header: bytes) -> list[tuple[int, int]]:
    """Begin and end of the catalog and of the metadata, from the header."""
    if len(header) < HEADER.size:
        return []
    _, _, *pages_of = HEADER.unpack(header)
    return [(first * PAGE, (first + pages) * PAGE) for first, pages in (pages_of[:2], pages_of[2:])]


def _complete(found: Checksum) -> bool:
    """Whether the file includes the catalog and the metadata that its header refers to."""
    spans = _spans(found.header)
    return bool(spans) and all(end <= found.size for _, end in spans)


def checksum(descriptor: int, *, like: Checksum | None = None) -> Checksum:
    """The checksum of an open file.

    Parameters
    ----------
    descriptor : int
        Of the file. It must stay open while Kùzu has the file open: closing any descriptor of a file releases
        all locks of the process on it.
    like : Checksum, optional
        The checksum to compare with: catalog and metadata are read at its positions.

    Returns
    -------
    Checksum
        Of the current content.

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
    position = PAGE
    for begin, end in spans:
        for block in blocks(descriptor, begin, end):
            tables = zlib.crc32(block, tables)
    if size <= SUMMED:
        for begin, end in (*spans, (size, size)):
            for block in blocks(descriptor, position, begin):
                rest = zlib.crc32(block, rest)
            position = max(position, end)
    return Checksum(size, header, tables, rest)


def sum_file(path: Path, *, like: Checksum | None = None) -> Checksum:
    """The checksum of a file that this process does not have open in Kùzu; `like` as in `checksum`."""
    with path.open("rb") as file:
        return checksum(file.fileno(), like=like)


def blocks(descriptor: int, begin: int, end: int) -> Iterator[memoryview]:
    """The content of an open file, block by block.

    Parameters
    ----------
    descriptor : int
        Of the file; its position is left as it is.
    begin, end : int
        What is read; less where the file ends before.

    Yields
    ------
    memoryview
        Valid until the next one is asked for.
    """
    block = memoryview(bytearray(BLOCK))
    while begin < end and (size := os.preadv(descriptor, [block[: end - begin]], begin)):
        yield block[:size]
        begin += size
