"""The checksum of a store's file: what tells damage from a file that is as it was left.

Kùzu keeps no checksums. So the file is summed up when a checkpoint is done, and again when it is opened.
Every checkpoint, whoever makes it, writes another first page; a file that differs with the same first page
was changed by no program that speaks Kùzu.
"""

from __future__ import annotations

import os
import zlib
from typing import NamedTuple

__all__ = ["PAGE", "SUMMED", "Checksum", "checksum"]

PAGE = 4096
"""Bytes of a page of Kùzu's."""

SUMMED = 64 << 20
"""A larger file is not summed up: that would take longer than opening it. Its size and first page still tell
of a file that was cut."""

BLOCK = 1 << 24


class Checksum(NamedTuple):
    """What a file is known by.

    Parameters
    ----------
    size : int
        Its bytes.
    head : int
        CRC-32 of the first page.
    whole : int
        CRC-32 of all; 0 where the file is too large to be summed up.
    """

    size: int
    head: int
    whole: int


def checksum(descriptor: int, *, large: bool = False) -> Checksum:
    """Sum an open file up.

    Parameters
    ----------
    descriptor : int
        Of the file. One that stays open where Kùzu has the file too: closing any descriptor of a file gives
        up the locks that the process has on it.
    large : bool
        Also where it is larger than `SUMMED`.

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
    head = zlib.crc32(os.pread(descriptor, PAGE, 0))
    if size > SUMMED and not large:
        return Checksum(size, head, 0)
    whole = offset = 0
    while block := os.pread(descriptor, BLOCK, offset):
        whole = zlib.crc32(block, whole)
        offset += len(block)
    return Checksum(size, head, whole)
