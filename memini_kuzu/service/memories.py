"""Which memory answers a request: the one that is served, or that of the user who asks.

Calls run in threads: a memory waits for the disk, and the loop may not.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar
from weakref import WeakValueDictionary

import anyio
from anyio.to_thread import run_sync

from memini_kuzu.errors import InputError, StoreLockedError
from memini_kuzu.service.log import LOG, where
from memini_kuzu.service.places import store_of
from memini_kuzu.service.tokens import Admission, Anyone, OneToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from memini_kuzu.service.tokens import SignedTokens
    from memini_kuzu.service.tool import Served

__all__ = ["OPEN", "Memories", "OneMemory", "UserMemories"]

OPEN = 32
"""Stores of users that are open at once, unless another number is given."""

AT_ONCE = 4
"""Calls of one user that run at once; further ones wait, so that nobody takes all threads."""

PATIENCE = 30.0
"""Seconds that a call waits while as many stores as may be open are all answering."""

Answer = TypeVar("Answer")


class Memories(Protocol):
    """What is served."""

    @property
    def admission(self) -> Admission:
        """Says who asks."""

    async def call(self, user: str, work: Callable[[Served], Answer]) -> Answer:
        """Let a user's memory do something.

        Parameters
        ----------
        user : str
            As `admission` names who asks.
        work : callable
            Takes the memory; it runs in a thread.

        Returns
        -------
        object
            What `work` gives.
        """


class OneMemory:
    """One memory for all who ask.

    Parameters
    ----------
    memory : Memory
        Open; it may be used by other threads.
    token : str, optional
        What they must bring.

    Raises
    ------
    InputError
        If the token is too short.
    """

    def __init__(self, memory: Served, token: str | None = None) -> None:
        self._memory = memory
        self.admission: Admission = Anyone() if token is None else OneToken(token)

    async def call(self, _: str, work: Callable[[Served], Answer]) -> Answer:
        """See `Memories`."""
        return await run_sync(work, self._memory)


@dataclass
class _Open:
    """A user's store that is open."""

    memory: Served
    callers: int = 0


class UserMemories:
    """A memory for each user, in a folder: made on first use, and so many open at once.

    Where another one is asked for, the store that was least recently used and is not answering is closed.

    Parameters
    ----------
    root : Path
        The folder; it is made if it does not exist.
    tokens : SignedTokens
        Say who asks.
    opened : callable
        Opens the store in a file, or makes it; several threads may use it.
    limit : int
        Stores that are open at once, at least 1.

    Raises
    ------
    InputError
        If the folder cannot be made, or the limit is none.
    """

    def __init__(
        self, root: Path, tokens: SignedTokens, opened: Callable[[Path], Served], *, limit: int = OPEN
    ) -> None:
        if limit < 1:
            raise InputError(f"{limit} stores open at once are none to ask; pass at least 1")
        try:
            root.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise InputError(f"{root} cannot be made: {error.strerror or error}") from error
        self.admission: Admission = tokens
        self._root = root
        self._opened = opened
        self._limit = limit
        self._changed = threading.Condition()
        self._open: OrderedDict[str, _Open] = OrderedDict()
        """By user, the least recently used first."""
        self._moving: set[str] = set()
        """Users whose stores are just being opened or closed."""
        self._closed = False
        self._turns: WeakValueDictionary[str, anyio.CapacityLimiter] = WeakValueDictionary()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def call(self, user: str, work: Callable[[Served], Answer]) -> Answer:
        """See `Memories`."""
        turn = self._turns.get(user)
        if turn is None:
            turn = self._turns[user] = anyio.CapacityLimiter(AT_ONCE)
        async with turn:
            return await run_sync(self._call, user, work)

    def _call(self, user: str, work: Callable[[Served], Answer]) -> Answer:
        with self.using(user) as memory:
            return work(memory)

    @contextmanager
    def using(self, user: str) -> Iterator[Served]:
        """A user's memory, which stays open inside.

        Parameters
        ----------
        user : str
            The user's name.

        Yields
        ------
        Memory
            Of no other user.

        Raises
        ------
        StoreLockedError
            If all that may be open are answering, another process has the store, or this was closed.
        """
        one = self._take(user)
        try:
            yield one.memory
        finally:
            with self._changed:
                one.callers -= 1
                self._changed.notify_all()

    def _take(self, user: str) -> _Open:
        """The user's open store, with one caller more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._changed:
                if self._closed:
                    raise StoreLockedError("the server ends; try again when it is back")
                if (one := self._open.get(user)) is not None:
                    one.callers += 1
                    self._open.move_to_end(user)
                    return one
                leaving = None
                if user not in self._moving:
                    if len(self._open) + len(self._moving) < self._limit:
                        self._moving.add(user)
                        break
                    leaving = next((name for name, one in self._open.items() if not one.callers), None)
                if leaving is None:
                    if not self._changed.wait(deadline - time.monotonic()):
                        raise StoreLockedError(
                            f"all {self._limit} stores that may be open at once are answering; try again, or "
                            "start the server with a larger --open"
                        )
                    continue
                memory = self._open.pop(leaving).memory
                self._moving.add(leaving)
            self._close_store(leaving, memory)
        return self._open_store(user)

    def _open_store(self, user: str) -> _Open:
        """Open the store of a user who is in `_moving`."""
        try:
            one = _Open(self._opened(store_of(self._root, user)), callers=1)
        except BaseException:
            self._moved(user)
            raise
        self._moved(user, one)
        return one

    def _close_store(self, user: str, memory: Served) -> None:
        """Close the store of a user who is in `_moving`."""
        try:
            memory.close()
        # whoever waits for the room is another user, to whom this must not be told
        except Exception as error:  # noqa: BLE001
            LOG.error(json.dumps({"failed": where(error)}))
        finally:
            self._moved(user)

    def _moved(self, user: str, one: _Open | None = None) -> None:
        with self._changed:
            self._moving.discard(user)
            if one is not None:
                self._open[user] = one
            self._changed.notify_all()

    def close(self) -> None:
        """Refuse further calls, wait a while for those that are being answered, and close all stores."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(
                lambda: not self._moving and not any(one.callers for one in self._open.values()), PATIENCE
            )
            left = [(user, one.memory) for user, one in self._open.items()]
            self._open.clear()
        for user, memory in left:
            self._close_store(user, memory)
