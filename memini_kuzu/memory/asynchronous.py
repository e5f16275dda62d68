"""A memory for programs that run an event loop: every call in a thread, awaited."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from pathlib import Path

    from memini_kuzu.config import Parameters

__all__ = ["AsyncMemory"]

THREADS = 8
"""Calls at once; further ones wait for their turn. Readers run side by side, changes one after another."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


def _awaited(
    method: Callable[Concatenate[Memory, Given], Result],
) -> Callable[Concatenate[AsyncMemory, Given], Coroutine[Any, Any, Result]]:
    """The same method as a coroutine."""

    async def call(self: AsyncMemory, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await self._run(functools.partial(method, self.memory, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _close_opened(opening: Future[Memory]) -> None:
    """Close the memory that nobody waits for any more, if it was opened."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class AsyncMemory:
    """The methods of `Memory` as coroutines.

    Each call runs in a thread, so that the event loop goes on meanwhile. A call that is cancelled is no
    longer waited for, but goes on to its end: a change is made as a whole or, where it fails, not at all.
    `close` waits for the calls that still run.

    Parameters
    ----------
    memory : Memory
        Open; closed together with this.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> async def main() -> str:
    ...     async with await AsyncMemory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...         await memory.remember("Ada met Charles in London.", time="2026-03-01")
    ...         found = await memory.recall("London", now="2026-03-02")
    ...     return found.passages[0].text
    >>> asyncio.run(main())
    'Ada met Charles in London.'
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="memini")
        self._ended = False

    @classmethod
    async def open(cls, path: Path | str, **settings: Any) -> Self:
        """Open a store, or make it where there is none.

        Parameters
        ----------
        path : Path or str
            The file.
        **settings : Any
            As for `Memory.open`.

        Returns
        -------
        AsyncMemory
            To be closed; it is an asynchronous context manager.

        Raises
        ------
        MeminiError
            As for `Memory.open`.
        """
        threads = ThreadPoolExecutor(1, thread_name_prefix="memini-open")
        opening = threads.submit(
            contextvars.copy_context().run, functools.partial(Memory.open, path, **settings)
        )
        threads.shutdown(wait=False)
        try:
            return cls(await asyncio.wrap_future(opening))
        except asyncio.CancelledError:
            # the thread goes on: nobody else would close what it opens, and the file would stay locked
            opening.add_done_callback(_close_opened)
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for the calls that run, cancelled ones too, and close the file."""
        # in the loop's thread, as where it is looked at: no call comes in between
        self._ended = True
        await asyncio.shield(asyncio.to_thread(self._end))

    def _end(self) -> None:
        self._threads.shutdown()
        self.memory.close()

    async def _run(self, call: Callable[[], Result]) -> Result:
        context = contextvars.copy_context()
        if self._ended:
            raise StoreError(f"{self.memory.path} is closed; open it again")
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, call)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self.memory.path

    @property
    def parameters(self) -> Parameters:
        """The dynamics of the store."""
        return self.memory.parameters

    @property
    def read_only(self) -> bool:
        """Whether it is open without the right to write."""
        return self.memory.read_only

    add = _awaited(Memory.add)
    alias_add = _awaited(Memory.alias_add)
    alias_list = _awaited(Memory.alias_list)
    alias_remove = _awaited(Memory.alias_remove)
    alias_suggest = _awaited(Memory.alias_suggest)
    associations = _awaited(Memory.associations)
    backup = _awaited(Memory.backup)
    changes = _awaited(Memory.changes)
    consolidate = _awaited(Memory.consolidate)
    cypher = _awaited(Memory.cypher)
    doctor = _awaited(Memory.doctor)
    embed = _awaited(Memory.embed)
    entities = _awaited(Memory.entities)
    entity = _awaited(Memory.entity)
    entity_drop = _awaited(Memory.entity_drop)
    entity_rename = _awaited(Memory.entity_rename)
    entity_split = _awaited(Memory.entity_split)
    entity_undo = _awaited(Memory.entity_undo)
    estimate = _awaited(Memory.estimate)
    explain = _awaited(Memory.explain)
    export = _awaited(Memory.export)
    fit = _awaited(Memory.fit)
    forecast = _awaited(Memory.forecast)
    forget = _awaited(Memory.forget)
    forget_documents = _awaited(Memory.forget_documents)
    get = _awaited(Memory.get)
    gone = _awaited(Memory.gone)
    graph = _awaited(Memory.graph)
    history = _awaited(Memory.history)
    ingest = _awaited(Memory.ingest)
    kinds = _awaited(Memory.kinds)
    list = _awaited(Memory.list)
    load_edges = _awaited(Memory.load_edges)
    load_events = _awaited(Memory.load_events)
    merge = _awaited(Memory.merge)
    neighbourhood = _awaited(Memory.neighbourhood)
    overview = _awaited(Memory.overview)
    prune = _awaited(Memory.prune)
    recall = _awaited(Memory.recall)
    remember = _awaited(Memory.remember)
    reports = _awaited(Memory.reports)
    retune = _awaited(Memory.retune)
    compact = _awaited(Memory.compact)
    rivals = _awaited(Memory.rivals)
    sources = _awaited(Memory.sources)
    stats = _awaited(Memory.stats)
    timeline = _awaited(Memory.timeline)
    top = _awaited(Memory.top)
    trajectory = _awaited(Memory.trajectory)
    update = _awaited(Memory.update)
