"""The journal of a store: every change since the file's last checkpoint, on disk before it is acknowledged.

Kùzu's own log is unreliable: its replay loses relationships and restores deleted ones. So memini never lets
Kùzu replay it. Opening a store starts from the file as of its last checkpoint, and applies the changes of the
journal that the file does not hold. Changes are numbered, and the file stores the number of the last one in
it, so that no change is applied twice.

``<store>.journal`` holds::

    head      the journal's name, the number of the last change that is in the file, the file's checksum
    answered  the number of the last acknowledged change; a journal that ends before it was truncated
    records   one after the other: length, number, kind, CRC-32, and the change

An incomplete record at the end was never acknowledged. A checkpoint begins with a record that holds the
checksum of the standby copy, and ends when an empty journal replaces this one, atomically.
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
"""Magic, name, whether there may be changes that are not in the file, base, and the file's checksum."""

ANSWERED = struct.Struct("<Q")

RECORD = struct.Struct("<QQcI")
"""Length, number, kind, CRC-32 of the three and of what follows."""

SUM = struct.Struct("<I")

CHANGE, REWRITE = b"c", b"r"

REWRITING = struct.Struct(f"<Q{HEADER.size}sII")

AT_ANSWERED = HEAD.size + SUM.size

AT_RECORDS = AT_ANSWERED + ANSWERED.size + SUM.size


class Head(NamedTuple):
    """The head of a journal.

    Parameters
    ----------
    name : str
        Of the journal; the file holds this name while changes may be in the journal alone.
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
        """The bytes in the journal, followed by the number of the last acknowledged change."""
        head = HEAD.pack(MAGIC, uuid.UUID(self.name).bytes, self.follow, self.base, *self.file)
        return head + SUM.pack(zlib.crc32(head)) + _answered(self.base)


class Record(NamedTuple):
    """A change.

    Parameters
    ----------
    number : int
        One more than that of the record before.
    change : bytes
        The packed change.
    """

    number: int
    change: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """The content of a journal.

    Parameters
    ----------
    head : Head
        Its head.
    records : list of Record
        The changes, in order.
    rewriting : Checksum or None
        Of the standby copy, if a checkpoint began.
    answered : int
        Number of the last acknowledged change.
    end : int
        Bytes up to the end of the last complete record of a change.
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
        None if there is no journal.

    Raises
    ------
    DamagedStoreError
        If its head cannot be read: its changes are then unknown.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    packed, rest = data[: HEAD.size], data[HEAD.size : AT_ANSWERED]
    # a journal is created with both at once: one that ends before the records was truncated
    if len(data) < AT_RECORDS or rest != SUM.pack(zlib.crc32(packed)) or not packed.startswith(MAGIC):
        raise DamagedStoreError(
            f"the journal {path} is damaged in its head: what was told since the last checkpoint is lost"
        )
    _, name, follow, base, *file = HEAD.unpack(packed)
    head = Head(str(uuid.UUID(bytes=name)), follow, base, Checksum(*file))
    packed = data[AT_ANSWERED:AT_RECORDS]
    # incomplete if a crash interrupted its write: then only the records show what was acknowledged
    answered = base if packed != _answered(number := _number(packed)) else number
    records: list[Record] = []
    rewriting = None
    position = end = AT_RECORDS
    while position < len(data):
        if len(data) - position < RECORD.size:
            break
        length, number, kind, checked = RECORD.unpack_from(data, position)
        body = data[position + RECORD.size : position + RECORD.size + length]
        if len(body) < length or checked != _sum(length, number, kind, body):
            break
        position += RECORD.size + length
        if kind == REWRITE:
            rewriting = Checksum(*REWRITING.unpack(body))
        elif number == (records[-1].number if records else base) + 1:
            records.append(Record(number, body))
            rewriting = None
            end = position
        else:
            break
    return Written(head, records, rewriting, answered, end)


def _number(packed: bytes) -> int:
    return int(ANSWERED.unpack_from(packed)[0]) if len(packed) >= ANSWERED.size else 0


def _sum(length: int, number: int, kind: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(RECORD.pack(length, number, kind, 0)))


class Journal:
    """A journal open for writing.

    Parameters
    ----------
    path : Path
        The journal, which must exist.
    written : Written
        Its content.

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
        # drop an incomplete record, and that of a checkpoint that was undone
        os.ftruncate(self._descriptor, self._end)

    @classmethod
    def begin(cls, path: Path, base: int, file: Checksum, *, follow: bool, name: str = "") -> Journal:
        """Replace the journal by one without records, atomically.

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
            Of the journal; a new name if empty.
        """
        head = Head(name or str(uuid.uuid4()), follow, base, file)
        fresh = path.with_name(path.name + ".new")
        with fresh.open("wb") as target:
            target.write(head.pack())
            target.flush()
            os.fsync(target.fileno())
        # all that may fail is opened before: once it has its name, the step that it ends is done
        journal = cls(fresh, Written(head, [], None, base, AT_RECORDS))
        try:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                fresh.replace(path)
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            journal.close()
            raise
        journal.path = path
        return journal

    @property
    def size(self) -> int:
        """Bytes of the records."""
        return self._end - AT_RECORDS

    def append(self, number: int, change: bytes) -> None:
        """Write a change and flush it to disk; if that fails, the journal is unchanged."""
        position = self._end
        self._write(number, CHANGE, change)
        self._end = position + RECORD.size + len(change)
        self.changes += 1

    def answer(self, number: int) -> None:
        """Record that a change was acknowledged, so that a truncation before it is detected."""
        os.pwrite(self._descriptor, _answered(number), AT_ANSWERED)

    def take_back(self, change: bytes) -> None:
        """Remove the last change, which could not be applied."""
        self._end -= RECORD.size + len(change)
        self.changes -= 1
        self._cut()

    def rewrite(self, number: int, standby: Checksum) -> None:
        """Record that the file is being rewritten and a standby copy exists."""
        self._write(number, REWRITE, REWRITING.pack(*standby))

    def undo_rewrite(self) -> None:
        """Remove the record of a rewrite: the file is in its earlier state."""
        self._cut()

    def _write(self, number: int, kind: bytes, body: bytes) -> None:
        record = RECORD.pack(len(body), number, kind, _sum(len(body), number, kind, body)) + body
        try:
            position = self._end
            view = memoryview(record)
            while view:
                written = os.pwrite(self._descriptor, view, position)
                position, view = position + written, view[written:]
            os.fsync(self._descriptor)
        except OSError:
            self._cut()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
