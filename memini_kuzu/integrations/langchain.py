"""LangChain: a retriever over a memory, and `add_documents` (extra ``langchain``)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from memini_kuzu.integrations._passages import TOLD, described
from memini_kuzu.records import Record, as_metadata
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.callbacks import CallbackManagerForRetrieverRun

__all__ = ["MeminiRetriever"]

BATCH = 1_000
"""Documents that are kept at once: as many as a report has ids."""


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
    scope : dict
        What alone is seen: `sources`, `since`, `until` and `where`, as for `Memory.recall`.

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
    scope: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain passes it
    ) -> list[Document]:
        found = self.memory.recall(query, k=self.k, now=self.now, **self.scope).passages
        return [
            Document(
                page_content=passage.text,
                id=f"{passage.source}#{passage.position}",
                metadata={**told, "score": passage.score},
            )
            for passage, told in zip(found, described(self.memory, found), strict=True)
        ]

    def add_documents(self, documents: Iterable[Document]) -> list[str]:
        """Take documents in.

        Parameters
        ----------
        documents : iterable of Document
            Their metadata tell `source`, `title`, `time` and `id`; `Document.id` is the id where they have
            none. The rest is kept as the document's metadata, what is no text as its JSON.

        Returns
        -------
        list of str
            The documents' ids in the memory, for `Memory.get`, `update` and `forget`.

        Raises
        ------
        InputError
            If a document cannot be kept; those of earlier thousands are.
        """
        left, ids = iter(documents), []
        while batch := list(islice(left, BATCH)):
            ids += self.memory.add([_record(document) for document in batch]).ids
        return ids


def _record(document: Document) -> Record:
    # a field of a table that is empty tells nothing: as an id it would be that of all such documents
    told = {name: value for name, value in document.metadata.items() if value is not None}
    own = str(told.get("id", document.id or ""))
    time = told.get("time")
    return Record(
        text=document.page_content,
        time=None if time is None else to_millis(time),
        source=str(told.get("source", "")),
        title=str(told.get("title", "")),
        id=own,
        origin=f"document {own}",
        # what a retriever told of a passage is no news of its document
        metadata=as_metadata({name: told[name] for name in told.keys() - {*TOLD, "score"}}),
    )
