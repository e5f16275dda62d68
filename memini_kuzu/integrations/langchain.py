"""LangChain: a retriever over a memory, and `add_documents` (extra ``langchain``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from memini_kuzu.records import Record
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.callbacks import CallbackManagerForRetrieverRun

    from memini_kuzu.changes.report import IngestReport

__all__ = ["MeminiRetriever"]


class MeminiRetriever(BaseRetriever):
    """Documents that a memory recalls, best first.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the retriever is used.
    k : int
        How many documents.
    now : datetime, date or str, optional
        As of when; the present by default.

    Examples
    --------
    >>> import tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     retriever = MeminiRetriever(memory=memory, k=1)
    ...     _ = retriever.add_documents([Document("Ada met Charles.", metadata={"source": "diary"})])
    ...     retriever.invoke("Who met Charles?")[0].metadata["source"]
    'diary'
    """

    memory: Any
    k: int = 10
    now: Any = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it
    ) -> list[Document]:
        return [
            Document(
                page_content=passage.text,
                id=f"{passage.source}#{passage.position}",
                metadata={
                    "id": passage.id,
                    "source": passage.source,
                    "title": passage.title,
                    "time": passage.time.isoformat(),
                    "position": passage.position,
                    "score": passage.score,
                },
            )
            for passage in self.memory.recall(query, k=self.k, now=self.now)
        ]

    def add_documents(self, documents: Iterable[Document]) -> IngestReport:
        """Take documents in.

        Parameters
        ----------
        documents : iterable of Document
            Of their metadata `source`, `title`, `time` and `id` are kept; `Document.id` is the id where the
            metadata have none.

        Returns
        -------
        IngestReport
            What was added, changed and unchanged.
        """
        report: IngestReport = self.memory.add(_record(document) for document in documents)
        return report


def _record(document: Document) -> Record:
    told = document.metadata
    time = told.get("time")
    return Record(
        text=document.page_content,
        time=None if time is None else to_millis(time),
        source=str(told.get("source", "")),
        title=str(told.get("title", "")),
        id=str(told.get("id", document.id or "")),
        origin=f"document {told.get('id', document.id or '')}",
    )
