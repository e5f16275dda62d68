"""OpenAI Agents SDK: a session in a memory, its tools, and what a run recalls (extra ``openai-agents``)."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from uuid import uuid4

from agents import FunctionTool
from agents.memory import SessionABC, SessionSettings
from agents.memory.session_settings import resolve_session_limit
from typing_extensions import override

from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.identity import document_id, stable_id
from memini_kuzu.integrations._names import refuse_masked
from memini_kuzu.integrations._passages import block_for
from memini_kuzu.service.tools import OFFERED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from agents import TResponseInputItem
    from agents.run_config import CallModelData, ModelInputData
    from agents.tool_context import ToolContext

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.service.tool import Tool

__all__ = ["MeminiSession", "memory_tools", "recalling"]

ITEMS = "items"
"""The name in a document's metadata of the items that it stands for, as JSON."""

PAGE = 1_000
"""Documents that are read at once: as many as a server gives."""

FEW = 5
"""As many where the last one is looked for: nothing else should have its source."""

CHANGING = threading.Lock()
"""Items are added after the last one by one session at a time, also where several have the same id."""

TICK = timedelta(milliseconds=1)
"""What messages of a session are apart at least: their dates are their order."""


class MeminiSession(SessionABC):
    """The history of a session, kept in a memory: what was said can be recalled in every other session.

    Each message is a document of the source that the session's id names, and its item is kept as it is. Calls
    of tools, what they gave and reasoning are kept with the message before them: a history has them, recall
    does not.

    Parameters
    ----------
    session_id : str
        The session's id, and the source of its messages. Nothing else should have that source:
        `clear_session` forgets it.
    memory : Memory or RemoteMemory
        Open, as long as the session is used. What it masks is masked in items too.
    session_settings : SessionSettings, optional
        How many items are read, where that is to be limited.

    Raises
    ------
    InputError
        If the id can name no source.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     session = MeminiSession("chat/7", memory)
    ...     asyncio.run(session.add_items([{"role": "user", "content": "Ada met Charles."}]))
    ...     asyncio.run(session.get_items()), memory.recall("Who met Charles?").passages[0].text
    ([{'role': 'user', 'content': 'Ada met Charles.'}], 'user: Ada met Charles.')
    """

    def __init__(
        self,
        session_id: str,
        memory: AssociativeMemory,
        *,
        session_settings: SessionSettings | None = None,
    ) -> None:
        if not isinstance(session_id, str) or not session_id.strip() or session_id.endswith("*"):
            raise InputError(f"session_id = {session_id!r}; pass a name that does not end in *")
        self.session_id = session_id
        self.session_settings = session_settings or SessionSettings()
        self._memory = memory

    @override
    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        wanted = resolve_session_limit(limit, self.session_settings)
        return await asyncio.to_thread(self._read, wanted)

    @override
    async def add_items(self, items: list[TResponseInputItem]) -> None:
        await asyncio.to_thread(self._add, items)

    @override
    async def pop_item(self) -> TResponseInputItem | None:
        return await asyncio.to_thread(self._pop)

    @override
    async def clear_session(self) -> None:
        await asyncio.to_thread(self._clear)

    def _said(self, page: int) -> Iterator[_Said]:
        """What was said, the newest first, read in pages."""
        after = None
        while found := self._memory.list(sources=self.session_id, k=page, after=after):
            for each in found:
                if ITEMS in each.metadata:
                    yield _Said(each.record, each.time, json.loads(each.metadata[ITEMS]))
            after = found[-1].id

    def _last(self) -> _Said | None:
        return next(self._said(FEW), None)

    def _read(self, limit: int | None) -> list[TResponseInputItem]:
        page = PAGE if limit is None else min(max(limit, 1), PAGE)
        newest = (item for said in self._said(page) for item in reversed(said.items))
        return list(islice(newest, None if limit is None else max(limit, 0)))[::-1]

    def _add(self, items: list[TResponseInputItem]) -> None:
        with CHANGING:
            last = self._last()
            for item in items:
                new = _Said.next_to(last, item)
                if self._tell(new):
                    last = new
                    continue
                # where nothing was said yet, what could be kept with it is said itself
                last = new if last is None else last._replace(items=[*last.items, item])
                self._keep(last)

    def _pop(self) -> TResponseInputItem | None:
        with CHANGING:
            last = self._last()
            if last is None:
                return None
            *left, popped = last.items
            if left:
                self._keep(last._replace(items=left))
            else:
                self._memory.forget(id=self._id(last))
            return popped

    def _clear(self) -> None:
        with CHANGING:
            if self._last() is not None:
                self._memory.forget(source=self.session_id)

    def _tell(self, said: _Said) -> bool:
        """Have the first item, if it says anything, stand for all of them."""
        first = cast("Mapping[str, Any]", said.items[0])
        if "role" not in first or "content" not in first:
            return False
        return self._remember({"role": first["role"], "content": first["content"]}, said)

    def _keep(self, said: _Said) -> None:
        """Have the first item stand for all of them, by its JSON where it says nothing."""
        if not self._tell(said):
            self._remember(_json(said.items[0]), said)

    def _remember(self, words: str | Mapping[str, Any], said: _Said) -> bool:
        """Keep items with words, in the place of those that they had; whether there are any words."""
        report = self._memory.remember(
            words,
            time=said.time,
            source=self.session_id,
            id=said.record,
            metadata={ITEMS: _json(said.items)},
        )
        if not report.ids:
            return False
        refuse_masked(self._memory, report.ids, [self._id(said)], [self.session_id])
        return True

    def _id(self, said: _Said) -> str:
        return document_id(stable_id(self.session_id, said.record))


class _Said(NamedTuple):
    """A message in the memory, and the items that it stands for: itself, and what says nothing after it."""

    record: str
    time: datetime
    items: list[TResponseInputItem]

    @classmethod
    def next_to(cls, last: Self | None, item: TResponseInputItem) -> Self:
        """An item's own, after all others; to the millisecond, as a memory keeps dates."""
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        time = now if last is None else max(now, last.time + TICK)
        # another process may add at the same moment
        return cls(f"{time.isoformat()}/{uuid4().hex}", time, [item])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def memory_tools(memory: AssociativeMemory) -> list[FunctionTool]:
    """What models are offered of a memory, for an agent's `tools`.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the tools are used.

    Returns
    -------
    list of FunctionTool
        Those that `memini serve` offers, with the same descriptions. Take those of a name to offer fewer.

    Examples
    --------
    >>> import tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     [tool.name for tool in memory_tools(memory)][:2]
    ['remember', 'recall']
    """
    return [
        FunctionTool(
            name=name,
            description=tool.description,
            params_json_schema=tool.schema(),
            on_invoke_tool=partial(_invoke, memory, tool),
            # what can be left out may not be told by a strict schema
            strict_json_schema=False,
        )
        for name, tool in OFFERED.items()
    ]


async def _invoke(memory: AssociativeMemory, tool: Tool, _: ToolContext[Any], written: str) -> str:
    try:
        given = json.loads(written or "{}")
        if not isinstance(given, dict):
            raise InputError(f"the arguments of {tool.name} are no JSON object")
        # in a thread: the memory waits for the disk, and the loop may not
        return await asyncio.to_thread(tool.answer, memory, given)
    except (MeminiError, json.JSONDecodeError) as error:
        # the model can act on it
        return f"error: {error}"


def recalling(
    memory: AssociativeMemory, *, k: int = 5, budget_tokens: int = 800, **scope: Any
) -> Callable[[CallModelData[Any]], Awaitable[ModelInputData]]:
    """What a run puts before the user's last message: a block of what that brings to mind.

    It is for `RunConfig.call_model_input_filter`: the model reads the block, and no session keeps it.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the runs go on.
    k : int
        How many passages at most.
    budget_tokens : int
        How long the block is at most.
    **scope : Any
        What alone is seen: `sources`, `since`, `until` and `where`, as for `Memory.recall`.

    Returns
    -------
    callable
        Takes what the model would be given, and gives it with the block.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from agents.run_config import CallModelData, ModelInputData
    >>> from memini_kuzu import Memory
    >>> asked = ModelInputData([{"role": "user", "content": "Who met Charles?"}], None)
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     _ = memory.remember("Ada met Charles.")
    ...     given = asyncio.run(recalling(memory)(CallModelData(asked, None, None)))
    >>> len(given.input), "Ada met Charles." in given.input[0]["content"]
    (2, True)
    """

    async def before_the_last(call: CallModelData[Any]) -> ModelInputData:
        given = call.model_data
        for at in range(len(given.input) - 1, -1, -1):
            item = cast("Mapping[str, Any]", given.input[at])
            if item.get("role") == "user" and (cue := _words(item.get("content"))):
                break
        else:
            return given
        told = await asyncio.to_thread(block_for, memory, cue, k=k, budget_tokens=budget_tokens, **scope)
        if not told:
            return given
        block = cast("TResponseInputItem", {"role": "user", "content": told})
        return replace(given, input=[*given.input[:at], block, *given.input[at:]])

    return before_the_last


def _words(content: Any) -> str:
    """The text of a message."""
    parts = [content] if isinstance(content, str) else content or []
    return "\n".join(part if isinstance(part, str) else part.get("text", "") for part in parts).strip()
