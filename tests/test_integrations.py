"""The integrations keep the contracts of the real packages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from memini_kuzu import Memory, RuleExtractor, TimeError

pytest.importorskip("langchain_core", reason='the extra "langchain" is not installed')
pytest.importorskip("llama_index.core", reason='the extra "llamaindex" is not installed')

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from llama_index.core.retrievers import BaseRetriever as LlamaRetriever
from llama_index.core.schema import NodeWithScore

from memini_kuzu.integrations import langchain, llamaindex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUE, NOW = "Who met Charles?", "2026-03-03"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        opened.remember("Ada met Charles.", time="2026-03-01", source="diary", title="Day", id="1")
        opened.remember("Grace stayed at home.", time="2026-03-02", source="diary", id="2")
        yield opened


def test_langchain_gets_documents_with_their_origin(memory: Memory) -> None:
    retriever = langchain.MeminiRetriever(memory=memory, k=1, now=NOW)
    assert isinstance(retriever, BaseRetriever)
    [document] = retriever.invoke(CUE)
    [passage] = memory.recall(CUE, k=1, now=NOW)
    assert isinstance(document, Document)
    assert document.page_content == passage.text
    assert document.metadata == {
        "id": "1",
        "source": "diary",
        "title": "Day",
        "time": "2026-03-01T00:00:00+00:00",
        "position": 0,
        "score": passage.score,
    }
    assert asyncio.run(retriever.ainvoke(CUE)) == [document]
    assert retriever.batch([CUE, CUE]) == [[document], [document]]


def test_langchain_documents_go_in_with_their_metadata(memory: Memory) -> None:
    retriever = langchain.MeminiRetriever(memory=memory, now=NOW)
    written = Document(
        "Byron left London.", metadata={"source": "letters", "time": "2026-02-01", "title": "T"}, id="b"
    )
    assert retriever.add_documents([written]).added == 1
    assert retriever.add_documents([written]).unchanged == 1
    found = retriever.invoke("Byron")[0]
    assert found.metadata["id"] == "b"
    assert found.metadata["title"] == "T"
    # what a retriever gives can be taken in again by another memory
    assert retriever.add_documents([found]).unchanged == 1
    with pytest.raises(TimeError):
        retriever.add_documents([Document("Late.", metadata={"time": "soon"})])


def test_llamaindex_gets_nodes_with_scores(memory: Memory) -> None:
    retriever = llamaindex.MeminiRetriever(memory, k=1, now=NOW)
    assert isinstance(retriever, LlamaRetriever)
    [node] = retriever.retrieve(CUE)
    [passage] = memory.recall(CUE, k=1, now=NOW)
    assert isinstance(node, NodeWithScore)
    assert (node.text, node.score) == (passage.text, passage.score)
    assert node.metadata["source"] == "diary"
    assert node.node.node_id == "diary#0"
    [again] = asyncio.run(retriever.aretrieve(CUE))
    assert again.text == node.text
