"""LlamaIndex: a retriever over a memory (extra ``llamaindex``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

if TYPE_CHECKING:
    from memini_kuzu.times import TimeLike

__all__ = ["MeminiRetriever"]


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

    def __init__(self, memory: Any, *, k: int = 10, now: TimeLike | None = None, **base: Any) -> None:
        self._memory, self._k, self._now = memory, k, now
        super().__init__(**base)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._memory.recall(query_bundle.query_str, k=self._k, now=self._now)
        return [
            NodeWithScore(
                node=TextNode(
                    id_=f"{passage.source}#{passage.position}",
                    text=passage.text,
                    metadata={
                        "id": passage.id,
                        "source": passage.source,
                        "title": passage.title,
                        "time": passage.time.isoformat(),
                        "position": passage.position,
                    },
                ),
                score=passage.score,
            )
            for passage in found
        ]
