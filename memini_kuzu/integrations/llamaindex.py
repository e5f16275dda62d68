"""LlamaIndex: a retriever over a memory, and a block of an agent's memory (extra ``llamaindex``)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llama_index.core.memory import BaseMemoryBlock
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from memini_kuzu.integrations._passages import block_for, described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llama_index.core.llms import ChatMessage

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.times import TimeLike

__all__ = ["MeminiBlock", "MeminiRetriever"]


class MeminiRetriever(BaseRetriever):
    """Nodes that a memory recalls, best first.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the retriever is used.
    k : int
        How many nodes.
    now : datetime, date or str, optional
        As of when; the present by default.
    scope : mapping, optional
        What alone is seen: `sources`, `since`, `until` and `where`, as for `Memory.recall`.
    **base : Any
        What llama-index's own retrievers take, such as a callback manager.

    Examples
    --------
    >>> import tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     _ = memory.remember("Ada met Charles.", source="diary")
    ...     MeminiRetriever(memory, k=1).retrieve("Who met Charles?")[0].text
    'Ada met Charles.'
    """

    def __init__(
        self,
        memory: AssociativeMemory,
        *,
        k: int = 10,
        now: TimeLike | None = None,
        scope: Mapping[str, Any] | None = None,
        **base: Any,
    ) -> None:
        self._memory, self._asked = memory, {"k": k, "now": now, **(scope or {})}
        super().__init__(**base)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._memory.recall(query_bundle.query_str, **self._asked).passages
        return [
            NodeWithScore(
                node=TextNode(
                    id_=f"{passage.source}#{passage.position}",
                    text=passage.text,
                    metadata=told,
                ),
                score=passage.score,
            )
            for passage, told in zip(found, described(self._memory, found), strict=True)
        ]


class MeminiBlock(BaseMemoryBlock[str]):
    """A block of llama-index's agent memory: what leaves the chat history is remembered, and recalled later.

    It has `description`, `priority` and `accept_short_term_memory` as every block of llama-index.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the block is used.
    source : str
        What the messages belong to; their session, where they have one and this is empty.
    k : int
        How many passages are recalled at most.
    budget_tokens : int
        How long the block is at most.
    name : str
        What the block is called in a prompt.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from llama_index.core.llms import ChatMessage
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     block = MeminiBlock(memory=memory)
    ...     asyncio.run(block.aput([ChatMessage("Ada met Charles in London.")]))
    ...     "Ada met Charles" in asyncio.run(block.aget([ChatMessage("Who met Charles?")]))
    True
    """

    memory: Any
    name: str = "memini"
    source: str = ""
    k: int = 10
    budget_tokens: int = 800

    async def _aget(self, messages: list[ChatMessage] | None = None, **_: Any) -> str:
        """What the last message brings to mind, as a context block."""
        cue = next((text for each in reversed(messages or []) if (text := (each.content or "").strip())), "")
        if not cue:
            return ""
        return await asyncio.to_thread(
            block_for, self.memory, cue, k=self.k, budget_tokens=self.budget_tokens
        )

    async def _aput(self, messages: list[ChatMessage]) -> None:
        """Remember messages that have a text, each with its role as a title."""
        for each in messages:
            if text := (each.content or "").strip():
                source = self.source or each.additional_kwargs.get("session_id", "")
                await asyncio.to_thread(self.memory.remember, text, source=source, title=each.role.value)
