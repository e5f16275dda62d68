"""The integrations keep the contracts of the real packages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_talk import ANSWER, QUESTION, TURNS, answer_from
from test_http import listening

from memini_kuzu import InputError, Memory, RuleExtractor, TimeError

pytest.importorskip("langchain_core", reason='the extra "langchain" is not installed')
pytest.importorskip("llama_index.core", reason='the extra "llamaindex" is not installed')

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory as LlamaMemory
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
        "document": passage.document,
        "score": passage.score,
    }
    assert asyncio.run(retriever.ainvoke(CUE)) == [document]
    assert retriever.batch([CUE, CUE]) == [[document], [document]]


def test_langchain_documents_go_in_with_their_metadata(memory: Memory) -> None:
    retriever = langchain.MeminiRetriever(memory=memory, now=NOW)
    written = Document(
        "Byron left London.",
        metadata={"source": "letters", "time": "2026-02-01", "title": "T", "author": "Mary", "pages": [1, 2]},
        id="b",
    )
    [added] = retriever.add_documents([written])
    assert retriever.add_documents([written]) == [added]
    assert memory.get(added).metadata == {"author": "Mary", "pages": "[1, 2]"}
    found = retriever.invoke("Byron")[0]
    assert {"id": "b", "title": "T", "author": "Mary", "document": added}.items() <= found.metadata.items()
    # what a retriever gives can be taken in again, by another memory too
    assert retriever.add_documents([found]) == [added]
    assert memory.get(added).metadata == {"author": "Mary", "pages": "[1, 2]"}
    assert memory.stats().documents == 3
    with pytest.raises(TimeError):
        retriever.add_documents([Document("Late.", metadata={"time": "soon"})])
    with pytest.raises(InputError, match="pass what JSON can say"):
        retriever.add_documents([Document("Odd.", metadata={"of": object()})])


def test_langchain_documents_with_empty_fields_do_not_replace_each_other(memory: Memory) -> None:
    empty = dict.fromkeys(("id", "source", "title", "time", "author"))
    written = [Document(f"Room {n} is cold.", metadata=empty) for n in range(2)]
    found = memory.list(ids=langchain.MeminiRetriever(memory=memory).add_documents(written))
    assert {each.text for each in found} == {"Room 0 is cold.", "Room 1 is cold."}
    assert {(each.source, each.title, len(each.metadata)) for each in found} == {("", "", 0)}


def test_a_retriever_sees_its_scope_alone(memory: Memory) -> None:
    memory.remember("Ada met Mary.", time="2026-03-02", source="letters", metadata={"to": "Mary"})
    scope = {"where": {"to": "Mary"}}
    [document] = langchain.MeminiRetriever(memory=memory, now=NOW, scope=scope).invoke("Ada")
    [node] = llamaindex.MeminiRetriever(memory, now=NOW, scope=scope).retrieve("Ada")
    assert (document.page_content, document.metadata["to"]) == ("Ada met Mary.", "Mary")
    assert (node.text, node.metadata["to"]) == ("Ada met Mary.", "Mary")


def test_more_documents_than_a_report_names_all_get_their_ids(memory: Memory) -> None:
    retriever = langchain.MeminiRetriever(memory=memory)
    ids = retriever.add_documents(Document(f"Room {n}.", id=str(n)) for n in range(1_001))
    assert len(set(ids)) == 1_001
    assert memory.get(ids[-1]).text == "Room 1000."


def test_retrievers_work_over_a_server_as_where_the_file_is(memory: Memory) -> None:
    written = [Document("Byron left London.", metadata={"source": "letters", "time": "2026-02-01"})]
    with listening(memory) as url, Memory.connect(url) as remote:
        there = langchain.MeminiRetriever(memory=remote, k=2, now=NOW)
        here = langchain.MeminiRetriever(memory=memory, k=2, now=NOW)
        assert there.add_documents(written) == here.add_documents(written)
        assert there.invoke("Byron") == here.invoke("Byron")
        nodes = llamaindex.MeminiRetriever(remote, k=1, now=NOW).retrieve(CUE)
        assert [node.text for node in nodes] == ["Ada met Charles."]


class Scripted(BaseChatModel):
    """Answers the question from what it reads, and notes everything else."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        del args, kwargs
        read = str(messages[-1].content)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer_from(read)))])


def test_thirty_turns_of_a_chain_with_nothing_but_the_memory_between_them(memory: Memory) -> None:
    retriever = langchain.MeminiRetriever(memory=memory, k=3)
    prompt = ChatPromptTemplate.from_template("{known}\n\n{question}")
    chain = {"known": retriever, "question": RunnablePassthrough()} | prompt | Scripted() | StrOutputParser()
    assert chain.invoke(QUESTION) == "I do not know."
    for turn in TURNS:
        chain.invoke(turn)
        retriever.add_documents([Document(turn, metadata={"source": "chat/7"})])
    assert chain.invoke(QUESTION) == ANSWER


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


def test_llamaindex_agents_remember_what_leaves_their_history(memory: Memory) -> None:
    block = llamaindex.MeminiBlock(memory=memory, k=3)
    # the history holds some four messages, so the first ones move to the block
    history = LlamaMemory.from_defaults(
        session_id="thirty", token_limit=400, chat_history_token_ratio=0.2, memory_blocks=[block]
    )

    async def converse() -> str:
        for turn in range(30):
            await history.aput(ChatMessage(f"Visitor{turn} asked for room {turn} in Ribe.", role="user"))
            await history.aput(ChatMessage(f"Room {turn} is kept for Visitor{turn}.", role="assistant"))
        await history.aput(ChatMessage("Which room has Visitor2?", role="user"))
        read = "".join(message.content or "" for message in await history.aget())
        # llama-index leaves the connection of its own history open
        await history.sql_store._async_engine.dispose()  # type: ignore[union-attr]
        return read

    read = asyncio.run(converse())
    assert "Room 2 is kept for Visitor2." in read
    kept = memory.list(sources=["thirty"], k=100)
    assert {document.title for document in kept} == {"user", "assistant"}
    assert len(kept) > 30


def test_a_block_of_nothing_is_empty(memory: Memory) -> None:
    block = llamaindex.MeminiBlock(memory=memory)
    assert asyncio.run(block.aget([])) == ""
    assert asyncio.run(block.aget([ChatMessage(" ")])) == ""
    assert asyncio.run(block.aget([ChatMessage("log " * 5_000)])) == ""
    asyncio.run(block.aput([ChatMessage(" ")]))
    assert memory.stats().documents == 2
