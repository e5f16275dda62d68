"""The memory of programs that run an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING

import pytest

from memini_kuzu import AsyncMemory, InputError, Memory, Record, RuleExtractor, StoreError
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from memini_kuzu import Mention

ELSEWHERE = {"connect", "import_", "recover"}
"""What makes a memory, or its file, and is no call of one."""


def test_it_has_the_methods_of_a_memory() -> None:
    for name, method in inspect.getmembers(Memory, inspect.isroutine):
        if not name.startswith("_") and name not in ELSEWHERE:
            awaited = getattr(AsyncMemory, name)
            assert inspect.iscoroutinefunction(awaited), name
            if name not in {"open", "close"}:
                assert inspect.signature(awaited) == inspect.signature(method), name


def test_the_loop_goes_on_while_a_thousand_passages_go_in(tmp_path: Path) -> None:
    time = to_millis("2026-03-01")
    texts = [f"Ada{n % 50} met Charles{n % 90} in London. They spoke of engine {n}." for n in range(1000)]
    records = [Record(text, time, "s", id=str(number)) for number, text in enumerate(texts)]

    async def main() -> int:
        beats = 0

        async def heartbeat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.001)
                beats += 1

        async with await AsyncMemory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
            beating = asyncio.create_task(heartbeat())
            assert (await memory.add(records)).added == 1000
            beating.cancel()
            assert (await memory.stats()).documents == 1000
        return beats

    # a loop that is blocked beats once or twice
    assert asyncio.run(main()) > 20


def test_calls_run_side_by_side_and_none_in_the_thread_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    together = threading.Barrier(3, timeout=20)

    def stats(_: Memory) -> None:
        threads.append(threading.current_thread())
        together.wait()

    monkeypatch.setattr(Memory, "stats", stats)

    async def main() -> None:
        async with await AsyncMemory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
            await asyncio.gather(*(memory._run(memory.memory.stats) for _ in range(3)))

    asyncio.run(main())
    assert len(set(threads)) == 3
    assert threading.main_thread() not in threads


def test_a_call_that_is_cancelled_goes_on_to_its_end_and_close_waits_for_it(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class Slow(RuleExtractor):
        def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
            begun.set()
            may_end.wait(20)
            return super().extract(texts, processes=processes)

    async def main() -> None:
        memory = await AsyncMemory.open(tmp_path / "a.memini", extractor=Slow())
        telling = asyncio.create_task(memory.remember("Ada met Charles.", time="2026-03-01"))
        await asyncio.to_thread(begun.wait, 20)
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
        closing = asyncio.create_task(memory.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        may_end.set()
        await closing
        with pytest.raises(StoreError):
            await memory.stats()

    asyncio.run(main())
    with Memory.open(tmp_path / "a.memini", read_only=True) as memory:
        assert memory.stats().documents == 1


def test_a_call_is_refused_as_soon_as_close_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()
    end = AsyncMemory._end

    def late(memory: AsyncMemory) -> None:
        assert refused.wait(20)
        end(memory)

    monkeypatch.setattr(AsyncMemory, "_end", late)

    async def main() -> None:
        memory = await AsyncMemory.open(tmp_path / "a.memini", extractor=RuleExtractor())
        closing = asyncio.create_task(memory.close())
        await asyncio.sleep(0)
        try:
            # between a look and the call, the threads could be gone: a RuntimeError of theirs
            with pytest.raises(StoreError, match="is closed"):
                await memory.stats()
        finally:
            refused.set()
            await closing

    asyncio.run(main())


@pytest.mark.parametrize("opens", [True, False])
def test_a_memory_whose_opening_is_cancelled_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    opener, closer = Memory.open, Memory.close
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def slow(path: Path) -> Memory:
        begun.set()
        assert may_end.wait(20)
        if opens:
            return opener(path, extractor=RuleExtractor())
        done.set()
        raise StoreError("locked")

    def close(memory: Memory) -> None:
        closer(memory)
        done.set()

    monkeypatch.setattr(Memory, "open", slow)
    monkeypatch.setattr(Memory, "close", close)

    async def main() -> None:
        opening = asyncio.create_task(AsyncMemory.open(tmp_path / "a.memini"))
        await asyncio.to_thread(begun.wait, 20)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(main())
    may_end.set()
    assert done.wait(20)
    assert not (tmp_path / "a.memini.pid").exists()


def test_errors_are_those_of_the_memory(tmp_path: Path) -> None:
    async def main() -> None:
        async with await AsyncMemory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
            with pytest.raises(InputError, match="the cue is empty"):
                await memory.recall("")

    asyncio.run(main())
