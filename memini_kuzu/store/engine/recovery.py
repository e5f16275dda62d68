"""Opening a store's file as its first user in this process, and recovering a damaged one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.errors import StoreError
from memini_kuzu.store.engine.checksum import checksum
from memini_kuzu.store.engine.files import clear_work, unclean
from memini_kuzu.store.engine.journal import Journal
from memini_kuzu.store.engine.lock import ProcessLock, UnlockableError, opening
from memini_kuzu.store.engine.open_file import OpenFile
from memini_kuzu.store.engine.standby import beside

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu.store.engine.replay import Replay


__all__ = [
    "first_reader",
    "first_writer",
    "recover",
]


def first_writer(path: Path, replay: Replay, share: float) -> OpenFile:
    """Open for writing, and recover after a crash."""
    lock = ProcessLock(path)
    with opening(path):
        lock.acquire(wait=0.0)
        try:
            clear_work(path)
            return OpenFile(path, False, lock, replay, share)  # noqa: FBT003
        except BaseException:
            lock.release()
            raise


def first_reader(path: Path, replay: Replay, share: float) -> OpenFile:
    """Open for reading; if recovery is needed, it is done first, as a writer."""
    try:
        return _locked_reader(path, replay, share)
    except UnlockableError:
        # no process can write in this folder, so no lock is needed
        try:
            return OpenFile(path, True, None, replay, share)  # noqa: FBT003
        except OSError as error:
            raise StoreError(
                f"{path} has to be recovered before it can be read, and nothing can be written beside it "
                f"({error.strerror or error}); copy it to another folder, with all files of which the names "
                "begin with its name, and open it there"
            ) from error


def _locked_reader(path: Path, replay: Replay, share: float) -> OpenFile:
    with opening(path):
        lock = ProcessLock(path)
        lock.acquire(wait=0.0, note=False)
        try:
            if unclean(path):
                recovered = OpenFile(path, False, None, replay)  # noqa: FBT003
                try:
                    recovered.settle()
                finally:
                    recovered.stop()
            return OpenFile(path, True, None, replay, share)  # noqa: FBT003
        finally:
            lock.release(note=False)


def recover(path: Path, replay: Replay) -> list[str]:
    """Recover what can be read of a damaged store.

    Parameters
    ----------
    path : Path
        The file.
    replay : callable
        As in `Engine`.

    Returns
    -------
    list of str
        Descriptions of the losses; empty if nothing was lost. A copy of the journal is left beside the file.

    Raises
    ------
    StoreLockedError
        If a process has it open.
    NotAStoreError, DamagedStoreError
        If the file itself cannot be read.
    """
    path = path.resolve()
    losses: list[str] = []
    lock = ProcessLock(path)
    with opening(path):
        lock.acquire(wait=0.0)
        try:
            shared = OpenFile(path, False, lock, replay, losses=losses)  # noqa: FBT003
            try:
                if shared.journal is None:
                    shared.journal = Journal.begin(
                        beside(path, ".journal"), shared.sequence, checksum(shared.descriptor), follow=True
                    )
                shared.checkpoint(follow=False)
            finally:
                shared.stop()
        finally:
            lock.release()
    return losses
