"""A store's file and what lies beside it, examined before it is opened: whose they are, whether whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from memini_kuzu.errors import DamagedStoreError, NotAStoreError, StoreError
from memini_kuzu.store.engine import standby
from memini_kuzu.store.engine.checksum import sum_file
from memini_kuzu.store.engine.files import stamp
from memini_kuzu.store.engine.journal import Written, read
from memini_kuzu.store.engine.lock import ProcessLock
from memini_kuzu.store.engine.standby import beside
from memini_kuzu.store.engine.state import changes

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu.store.engine.state import Mark

__all__ = ["Found"]

EMPTY_LOG = 64
"""Bytes of a log without changes: registering functions creates one."""

RECOVER = "or go on with what is left: memini recover --db {path}"


@dataclass
class Found:
    """What is found at a path.

    Parameters
    ----------
    path : Path
        The file.
    accepted : list of str, optional
        Where losses are recorded that are to be accepted; without it they are errors.
    broken : str
        What is wrong with the journal; empty if nothing.
    foreign : bool
        Whether another program wrote the file.
    """

    path: Path
    accepted: list[str] | None = None
    broken: str = field(init=False, default="")
    foreign: bool = field(init=False, default=False)

    def refuse_others(self) -> None:
        """Refuse a file that another program has open in Kùzu, before anything beside it is changed."""
        try:
            with self.path.open("rb+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            pass
        except BlockingIOError:
            raise ProcessLock(self.path).refusal(held=True) from None
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written: {error.strerror or error}; open it read-only"
            ) from error

    def damaged(self, what: str) -> None:
        """Report a loss: raise, or record it where losses are accepted."""
        if self.accepted is None:
            raise DamagedStoreError(f"{what}; {RECOVER.format(path=self.path)}")
        self.accepted.append(what)

    def written(self) -> Written | None:
        """Restore the standby copy if a rewrite was interrupted, check the file, and read the journal."""
        path = beside(self.path, ".journal")
        self.broken, self.foreign = "", False
        try:
            written = read(path)
        except DamagedStoreError as error:
            self.broken = f"{error}. Put a backup in its place"
            written = None
            if beside(self.path, ".standby").exists():
                # the file may be half rewritten, so it must not be opened
                self.damaged(self.broken)
                self.broken = ""
        if self.accepted is not None and path.exists():
            shutil.copyfile(path, beside(self.path, f".journal.{stamp()}"))
        if written is None:
            return None
        if written.rewriting is not None and not standby.restore(self.path, written.rewriting):
            self.damaged(
                f"{self.path} was being rewritten when its process ended, and the copy of it, "
                f"{beside(self.path, '.standby').name}, is missing or damaged: remove {path.name}, and put "
                "a backup in the file's place"
            )
        written = self.checked(written)
        if written.answered > written.last:
            self.broken = (
                f"the journal of {self.path} is damaged: {changes(written.last + 1, written.answered)} of "
                f"{written.answered} cannot be read. Put a backup in its place"
            )
        return written

    def checked(self, written: Written) -> Written:
        """Compare the file with its checksum: refuse a damaged one, note one that another program wrote."""
        expected = written.rewriting or written.head.file
        try:
            found = sum_file(self.path, like=expected)
        except FileNotFoundError:
            raise NotAStoreError(f"{self.path} is missing, and only its journal is there") from None
        if damage := expected.damage(found):
            self.damaged(f"{self.path} is damaged: {damage}. Put a backup in its place")
            if found._replace(header=expected.header) == expected:
                # only the header is damaged, and the journal has a copy of it
                with self.path.open("rb+") as file:
                    file.write(expected.header)
                    file.flush()
                    os.fsync(file.fileno())
                found = expected
        self.foreign = not damage and found != expected
        # the checksum for later standby copies
        return replace(written, head=written.head._replace(file=found))

    def set_log_aside(self, written: Written | None) -> Path | None:
        """Move the log away, because Kùzu would replay it; a log of memini's own changes is deleted.

        The journal has all changes of memini; the log of another program is kept under another name.
        """
        log = beside(self.path, ".wal")
        if not log.exists():
            return None
        ours = written is not None and (written.head.follow or written.rewriting is not None)
        if ours or log.stat().st_size <= EMPTY_LOG:
            log.unlink()
            return None
        return log.replace(beside(self.path, f".wal.{stamp()}"))

    def fitting(self, written: Written | None, mark: Mark) -> Written | None:
        """The journal beside the file, if it goes on from what the file holds."""
        path = beside(self.path, ".journal")
        if not mark.journal:
            if self.broken or (written is not None and written.last > mark.sequence):
                aside = path.replace(beside(self.path, f".journal.{stamp()}"))
                which = "damaged" if self.broken else "of another state of it"
                warnings.warn(
                    f"{self.path} is complete without the journal beside it, which is {which}: that is "
                    f"{aside.name} now",
                    stacklevel=2,
                )
                return None
            if self.foreign:
                self.warn_foreign()
            return written
        if self.broken:
            self.damaged(self.broken)
        if written is None or written.head.name != mark.journal:
            self.damaged(
                f"{self.path} was copied while it was open, or without its journal: what was told after "
                f"change {mark.sequence} is not in it. Copy both, {path.name} too, while no process has it "
                "open, or make copies with `memini backup`"
            )
            return None
        if self.foreign:
            self.warn_foreign()
        return written

    def warn_foreign(self) -> None:
        """Warn that another program has written or replaced the file, which may or may not be sound."""
        warnings.warn(
            f"{self.path} is not as memini left it: another program wrote it, or another file was put in its "
            "place; look whether it is sound: memini doctor --deep",
            stacklevel=2,
        )
