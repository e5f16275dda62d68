"""The journal of a store: every change since the file's last checkpoint, on the disk before it is answered.

Kùzu has a log of its own and is not to be trusted with it: replayed, it loses relationships and brings
others back. So memini never lets Kùzu replay it. Whoever opens a store starts from the file as the last
checkpoint left it, and applies the changes of the journal that are not in it. Each has a number, and the file
holds the number of the last one in it, so that applying one twice is seen and left alone.

``<store>.journal`` holds::

    head      what journal it is, the number of the last change that is in the file, and the file's checksum
    answered  the number of the last change that was answered; a journal that ends before it was cut
    records   one after the other: length, number, kind, CRC-32, and what the change is

A record that is torn at the end was never answered. A checkpoint begins with a record that says what the
copy is that stands by, and is done when a journal without records takes the place of this one, in one step.
"""

from __future__ import annotations

import os
import struct
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from memini_kuzu.errors import DamagedStoreError
from memini_kuzu.store.engine.checksum import HEADER, Checksum

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Head", "Journal", "Record", "Written", "read"]

MAGIC = b"MEMINIJ1"

HEAD = struct.Struct(f"<8s16s?QQ{HEADER.size}sII")
"""Magic, name, whether changes may follow that are not in the file, base, and the file's checksum."""

ANSWERED = struct.Struct("<Q")

RECORD = struct.Struct("<QQcI")
"""Length, number, kind, CRC-32 of the three and of what follows."""

SUM = struct.Struct("<I")

CHANGE, REWRITE = b"c", b"r"

REWRITING = struct.Struct(f"<Q{HEADER.size}sII")

AT_ANSWERED = HEAD.size + SUM.size

AT_RECORDS = AT_ANSWERED + ANSWERED.size + SUM.size


class Head(NamedTuple):
    """What stands first.

    Parameters
    ----------
    name : str
        Of the journal; the file names it as long as changes are in the journal alone.
    follow : bool
        Whether changes may follow.
    base : int
        Number of the last change that is in the file.
    file : Checksum
        Of the file.
    """

    name: str
    follow: bool
    base: int
    file: Checksum

    def pack(self) -> bytes:
        """As it stands in the journal, with the number of the last answered change behind it."""
        head = HEAD.pack(MAGIC, uuid.UUID(self.name).bytes, self.follow, self.base, *self.file)
        return head + SUM.pack(zlib.crc32(head)) + _answered(self.base)


class Record(NamedTuple):
    """A change.

    Parameters
    ----------
    number : int
        One more than the one before.
    change : bytes
        What it is.
    """

    number: int
    change: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """What a journal holds.

    Parameters
    ----------
    head : Head
        What stands first.
    records : list of Record
        The changes, in order.
    rewriting : Checksum or None
        Of the copy that stands by, where a checkpoint began.
    answered : int
        Number of the last change that was answered.
    end : int
        Bytes up to the end of the last whole record of a change.
    """

    head: Head
    records: list[Record]
    rewriting: Checksum | None
    answered: int
    end: int

    @property
    def last(self) -> int:
        """Number of the last change."""
        return self.records[-1].number if self.records else self.head.base


def _answered(number: int) -> bytes:
    packed = ANSWERED.pack(number)
    return packed + SUM.pack(zlib.crc32(packed))


def read(path: Path) -> Written | None:
    """Read a journal.

    Parameters
    ----------
    path : Path
        The journal.

    Returns
    -------
    Written or None
        None where there is no journal.

    Raises
    ------
    DamagedStoreError
        If its head cannot be read: nothing tells what was in it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    packed, rest = data[: HEAD.size], data[HEAD.size : AT_ANSWERED]
    # it is put in place whole, with the answered number: one that ends before the records was cut
    if len(data) < AT_RECORDS or rest != SUM.pack(zlib.crc32(packed)) or not packed.startswith(MAGIC):
        raise DamagedStoreError(
            f"the journal {path} is damaged in its head: what was told since the last checkpoint is lost"
        )
    _, name, follow, base, *file = HEAD.unpack(packed)
    head = Head(str(uuid.UUID(bytes=name)), follow, base, Checksum(*file))
    packed = data[AT_ANSWERED:AT_RECORDS]
    # torn where a crash met the one moment in which it is written: then the records alone tell
    answered = base if packed != _answered(number := _number(packed)) else number
    records: list[Record] = []
    rewriting = None
    place = end = AT_RECORDS
    while place < len(data):
        if len(data) - place < RECORD.size:
            break
        length, number, kind, checked = RECORD.unpack_from(data, place)
        body = data[place + RECORD.size : place + RECORD.size + length]
        if len(body) < length or checked != _sum(length, number, kind, body):
            break
        place += RECORD.size + length
        if kind == REWRITE:
            rewriting = Checksum(*REWRITING.unpack(body))
        elif number == (records[-1].number if records else base) + 1:
            records.append(Record(number, body))
            rewriting = None
            end = place
        else:
            break
    return Written(head, records, rewriting, answered, end)


def _number(packed: bytes) -> int:
    return int(ANSWERED.unpack_from(packed)[0]) if len(packed) >= ANSWERED.size else 0


def _sum(length: int, number: int, kind: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(RECORD.pack(length, number, kind, 0)))


class Journal:
    """A journal that is written to.

    Parameters
    ----------
    path : Path
        The journal; there must be one.
    written : Written
        What it holds.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "a.journal"
    >>> journal = Journal.begin(path, 0, Checksum(0, b"", 0, 0), follow=True)
    >>> journal.append(1, b"a change")
    >>> journal.answer(1)
    >>> journal.close()
    >>> [record.change for record in read(journal.path).records]
    [b'a change']
    """

    def __init__(self, path: Path, written: Written) -> None:
        self.path = path
        self.head = written.head
        self.changes = len(written.records)
        self._end = written.end
        self._descriptor = os.open(path, os.O_RDWR)
        # what is torn, and what a checkpoint began that was undone
        os.ftruncate(self._descriptor, self._end)

    @classmethod
    def begin(cls, path: Path, base: int, file: Checksum, *, follow: bool, name: str = "") -> Journal:
        """Put a journal without records in the place of the one that is there, in one step.

        Parameters
        ----------
        path : Path
            The journal.
        base : int
            Number of the last change that is in the file.
        file : Checksum
            Of the file.
        follow : bool
            Whether changes are to follow.
        name : str
            Of the journal; a new one where it is empty.
        """
        head = Head(name or str(uuid.uuid4()), follow, base, file)
        fresh = path.with_name(path.name + ".new")
        with fresh.open("wb") as target:
            target.write(head.pack())
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
        return cls(path, Written(head, [], None, base, AT_RECORDS))

    @property
    def size(self) -> int:
        """Bytes of the records."""
        return self._end - AT_RECORDS

    def append(self, number: int, change: bytes) -> None:
        """Write a change, and see that it is on the disk; where that fails, nothing was written."""
        place = self._end
        self._write(number, CHANGE, change)
        self._end = place + RECORD.size + len(change)
        self.changes += 1

    def answer(self, number: int) -> None:
        """Note that a change was answered, so that a journal that is cut before it is found out."""
        os.pwrite(self._descriptor, _answered(number), AT_ANSWERED)

    def take_back(self, change: bytes) -> None:
        """Take the last change out again: it could not be applied."""
        self._end -= RECORD.size + len(change)
        self.changes -= 1
        self._cut()

    def rewrite(self, number: int, standby: Checksum) -> None:
        """Say that the file is being rewritten while a copy stands by."""
        self._write(number, REWRITE, REWRITING.pack(*standby))

    def undo_rewrite(self) -> None:
        """Say that the file is as it was."""
        self._cut()

    def _write(self, number: int, kind: bytes, body: bytes) -> None:
        record = RECORD.pack(len(body), number, kind, _sum(len(body), number, kind, body)) + body
        try:
            place = self._end
            view = memoryview(record)
            while view:
                written = os.pwrite(self._descriptor, view, place)
                place, view = place + written, view[written:]
            os.fsync(self._descriptor)
        except OSError:
            self._cut()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """See that a file that was renamed in a folder is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
