"""Dense seeds: what an embedder finds similar is recalled, and vectors go where their passages go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import kuzu
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures_memory import NOW, Names, contents, corpus
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Parameters, Record
from memini_kuzu.cli import app
from memini_kuzu.embedding import Embedder, unit_vectors
from memini_kuzu.embedding.plugins import GROUP
from memini_kuzu.identity import stable_id
from memini_kuzu.recall.activation import resemblance
from memini_kuzu.store.vectors import read_space, read_vectors
from memini_kuzu.text.analysis import terms
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from click.testing import Result
    from numpy.typing import NDArray

pytest_plugins = ["fixtures_memory"]

SYNONYMS = {"ferri": "boat", "vessel": "boat", "physician": "doctor", "surgeon": "doctor"}

TEXTS = {
    "ferry": "the ferry was late again",
    "doctor": "a surgeon lives upstairs",
    "bread": "we baked bread at home",
    "rain": "rain fell through the night",
}

CUE = "Which vessel came behind schedule?"


class Meanings:
    """Counts word stems in buckets, after a table of synonyms: deterministic, and tests can foresee it."""

    def __init__(self, dimension: int = 512, name: str = "meanings/1") -> None:
        self.name, self.dimension = name, dimension
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                meaning = SYNONYMS.get(term, term)
                vectors[row, stable_id(meaning) % self.dimension] += 1
        return vectors


def opened(path: Path, embedder: Embedder | None = None, **options: Any) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW, embedder=embedder, **options)


def tell(memory: Memory, texts: dict[str, str] = TEXTS, **record: Any) -> None:
    for name, text in texts.items():
        memory.remember(text, time="2025-03-01", id=name, **record)


def vectors(memory: Memory) -> dict[int, tuple[float, ...]]:
    """Vectors by passage."""
    space = read_space(memory._store.read)
    if space is None:
        return {}
    table = read_vectors(memory._store.read, space)
    return dict(zip(table["id"].to_pylist(), map(tuple, table["vector"].to_pylist()), strict=True))


def expected(memory: Memory, embedder: Embedder) -> dict[int, tuple[float, ...]]:
    """What the vectors must be: those of the passages that there are."""
    table = memory.cypher("MATCH (p:Passage) RETURN p.id AS id, p.title AS title, p.text AS text").to_pylist()
    found = unit_vectors(embedder, [f"{row['title']} {row['text']}".strip() for row in table])
    return {row["id"]: tuple(vector) for row, vector in zip(table, found.tolist(), strict=True)}


def test_a_passage_without_a_word_of_the_cue_is_recalled_by_its_similarity(path: Path) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
        found = memory.recall(CUE, now="2025-04-01")
        assert found.passages[0].id == "ferry"
        why = next(each for each in found.paths if each.passage == "ferry")
        assert (why.kind, why.through) == ("similarity", ("meanings/1",))
        explained = memory.explain(CUE, "ferry", now="2025-04-01")
        assert [each.kind for each in explained.paths] == ["similarity"]
        assert explained.rank == 1
        assert explained.passage.score == pytest.approx(explained.paths[0].score)


def test_without_an_embedder_it_is_not(path: Path) -> None:
    with opened(path) as memory:
        tell(memory)
        assert not memory.recall(CUE, now="2025-04-01").passages


def test_what_is_similar_spreads_like_what_has_a_word(path: Path) -> None:
    """The passage that is similar mentions Ada; another one of hers, unlike the cue, is reached over her."""
    with opened(path, Meanings()) as memory:
        tell(memory, TEXTS | {"ada": "Ada missed a ferry", "her": "Ada grows orchids", "other": "Bob sings"})
        found = memory.recall("vessel", now="2025-04-01")
        assert {"ferry", "ada", "her"} <= {passage.id for passage in found}
        assert "other" not in {passage.id for passage in found}
        assert ("mention", ("ada", "Ada")) in {(why.kind, why.through) for why in found.paths}


def test_later_passages_are_not_seen_by_similarity(path: Path) -> None:
    with opened(path, Meanings()) as memory:
        memory.remember(TEXTS["bread"], time="2025-02-01", id="bread")
        memory.remember(TEXTS["ferry"], time="2025-03-01", id="ferry")
        assert not memory.recall("vessel", now="2025-02-28").passages
        assert memory.recall("vessel", now="2025-03-02").passages[0].id == "ferry"


def test_a_cue_of_stop_words_alone_still_has_a_meaning(path: Path) -> None:
    class Constant(Meanings):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.array([[1.0, float("ferry" in text or text == "the of")] for text in texts], np.float32)

    with opened(path, Constant(2)) as memory:
        tell(memory)
        assert memory.recall("the of", now="2025-04-01").passages[0].id == "ferry"


def test_a_store_without_an_embedder_has_no_table_of_vectors(path: Path) -> None:
    with opened(path) as memory:
        tell(memory)
        assert "Embedding" not in memory.cypher("CALL show_tables() RETURN name")["name"].to_pylist()
        assert not {"embedder", "dimension"} & set(memory._store.meta)


def test_a_store_with_vectors_recalls_the_same_to_the_bit_where_none_is_given(tmp_path: Path) -> None:
    answers = []
    for name, embedder in (("with", Meanings()), ("without", None)):
        with opened(tmp_path / name, embedder) as memory:
            memory.add(corpus(1, 60))
        with opened(tmp_path / name) as memory:
            answers.append(memory.recall("Ada and the river", now="2026-06-01"))
    assert answers[0] == answers[1]


def test_a_changed_document_has_the_vectors_of_its_new_text(path: Path) -> None:
    embedder = Meanings()
    with opened(path, embedder) as memory:
        memory.remember("the ferry was late", time="2025-03-01", id="1", title="Port")
        memory.remember("a surgeon lives upstairs", time="2025-03-02", id="1", title="House")
        assert vectors(memory) == expected(memory, embedder)
        assert memory.recall("physician", now="2025-04-01").passages[0].id == "1"
        assert not memory.recall("vessel", now="2025-04-01").passages


def test_an_older_version_that_comes_late_leaves_the_vectors_alone(path: Path) -> None:
    embedder = Meanings()
    with opened(path, embedder) as memory:
        memory.remember("a surgeon lives upstairs", time="2025-03-02", id="1")
        memory.remember("the ferry was late", time="2025-03-01", id="1")
        assert vectors(memory) == expected(memory, embedder)


def test_a_document_changed_without_the_embedder_loses_its_vectors(path: Path) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
    with opened(path) as memory:
        memory.remember("rain all day", time="2025-03-02", id="ferry")
        assert len(vectors(memory)) == 3
        assert {finding.check: finding.status for finding in memory.doctor().findings}["vectors"] == "note"
    with opened(path, Meanings()) as memory:
        with pytest.raises(InputError, match=r"1 of 4 passages have no vector of .*Memory\.embed"):
            memory.recall("vessel", now="2025-04-01")
        assert memory.embed() == 1
        assert vectors(memory) == expected(memory, Meanings())
        assert memory.recall("vessel", now="2025-04-01").passages == ()


@pytest.mark.parametrize("what", [{"source": "s"}, {"since": "2025-02-20"}])
def test_what_is_forgotten_leaves_no_vector_and_the_rest_as_if_it_had_never_been(
    tmp_path: Path, what: dict[str, Any]
) -> None:
    embedder = Meanings()
    kept = [
        Record(TEXTS[name], to_millis("2025-02-01"), "kept", id=f"kept {name}") for name in ("bread", "rain")
    ]
    with opened(tmp_path / "a", embedder) as memory, opened(tmp_path / "b", embedder) as never:
        tell(memory, source="s")
        for each in (memory, never):
            each.add(kept)
        memory.forget(**what)
        assert vectors(memory) == vectors(never) == expected(memory, embedder)
        assert len(vectors(memory)) == 2
        assert contents(memory) == contents(never)
        one, other = (each.recall("baked bread", now="2025-04-01") for each in (memory, never))
        assert one == other
        assert memory.doctor().sound


def test_forgetting_an_entity_leaves_the_vectors_of_the_passages_that_stay(path: Path) -> None:
    embedder = Meanings()
    with opened(path, embedder) as memory:
        memory.remember("the ferry was late for Ada", time="2025-03-01", id="1", title="Zoe")
        before = vectors(memory)
        memory.forget(entity="Zoe")
        assert vectors(memory) == before
        assert memory.doctor().sound


def test_everything_forgotten_and_told_again_is_recalled(path: Path) -> None:
    """Kùzu's own vector index answers nothing after this."""
    with opened(path, Meanings()) as memory:
        for _ in range(3):
            tell(memory, source="s")
            memory.forget(source="s")
            assert not vectors(memory)
            assert not memory.recall("vessel", now="2025-04-01").passages
        tell(memory, source="s")
        assert memory.recall("vessel", now="2025-04-01").passages[0].id == "ferry"


def test_kuzus_own_index_loses_neighbours_and_is_not_used_for_that(tmp_path: Path) -> None:
    """Where this fails, Kùzu may have mended its index, and exact comparison can be thought over."""
    connection = kuzu.Connection(kuzu.Database(str(tmp_path / "a.kuzu"), max_db_size=1 << 36))
    chance = np.random.default_rng(0)
    flat = pa.array(chance.normal(size=1_000 * 64).astype(np.float32))
    batch = pa.table({"id": np.arange(1_000), "vector": pa.FixedSizeListArray.from_arrays(flat, 64)})
    assert batch.num_rows == 1_000  # Kùzu finds it by its name
    connection.execute("CREATE NODE TABLE V(id INT64 PRIMARY KEY, vector FLOAT[64])")
    connection.execute("LOAD FROM batch CREATE (:V {id: id, vector: vector})")
    connection.execute("CALL CREATE_VECTOR_INDEX('V', 'near', 'vector')")
    connection.execute("MATCH (v:V) WHERE v.id < 990 DELETE v")
    cue = {"cue": chance.normal(size=64).tolist()}
    found = connection.execute("CALL QUERY_VECTOR_INDEX('V', 'near', $cue, 10) RETURN node.id", cue)
    exact = connection.execute(
        "MATCH (v:V) RETURN v.id, array_cosine_similarity(v.vector, CAST($cue, 'FLOAT[64]'))", cue
    )
    assert isinstance(found, kuzu.QueryResult)
    assert isinstance(exact, kuzu.QueryResult)
    assert exact.get_num_tuples() == 10
    assert found.get_num_tuples() < 10


def test_vectors_are_there_when_the_store_is_opened_again_for_reading(path: Path) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
        there = memory.recall(CUE, now="2025-04-01")
    with opened(path, Meanings(), read_only=True) as memory:
        assert memory.recall(CUE, now="2025-04-01") == there


def test_an_older_store_gets_vectors_by_an_explicit_step(path: Path) -> None:
    embedder = Meanings()
    with opened(path) as memory:
        tell(memory)
    with opened(path, embedder) as memory:
        with pytest.raises(InputError, match="4 of 4 passages have no vector"):
            memory.recall(CUE, now="2025-04-01")
        done: list[int] = []
        assert memory.embed(progress=done.append) == 4
        assert done == [4]
        assert memory.recall(CUE, now="2025-04-01").passages[0].id == "ferry"
        embedder.asked.clear()
        assert memory.embed() == 0
        assert not embedder.asked


@pytest.mark.parametrize("other", [Meanings(64), Meanings(name="meanings/2")])
def test_another_embedder_is_refused_until_it_replaces_the_vectors(path: Path, other: Meanings) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
        before = contents(memory), vectors(memory)
    with opened(path, other) as memory:
        with pytest.raises(InputError, match=r"'meanings/1' \(dimension 512\), not .*Memory\.embed"):
            memory.recall(CUE, now="2025-04-01")
        with pytest.raises(InputError, match="vectors are of the embedder"):
            memory.remember("Ada sang", time="2025-03-05")
        assert (contents(memory), vectors(memory)) == before
        assert memory.embed() == 4
        assert vectors(memory) == expected(memory, other)
        assert memory.recall(CUE, now="2025-04-01").passages[0].id == "ferry"


def test_embedding_needs_an_embedder(path: Path) -> None:
    with opened(path) as memory, pytest.raises(InputError, match="opened without an embedder"):
        memory.embed()


class Broken(Meanings):
    """Gives what it is told to."""

    def __init__(self, given: Any) -> None:
        super().__init__(2)
        self.given = given

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self.given * len(texts))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0, 2.0, 3.0]], r"shape \(1, 3\) for 1 texts; it must be \(1, 2\)"),
        ([1.0], r"shape \(1,\)"),
        ([[1.0, float("nan")]], "not finite"),
    ],
)
def test_an_embedder_that_breaks_its_promise_changes_nothing(path: Path, given: Any, message: str) -> None:
    with opened(path, Broken(given)) as memory:
        with pytest.raises(InputError, match=message):
            tell(memory)
        assert memory.stats().passages == 0
        assert read_space(memory._store.read) is None


@pytest.mark.parametrize(("name", "dimension"), [("", 2), ("a", 0), ("a", 2.5), ("a", True)])
def test_an_embedder_without_a_name_or_dimension_is_refused(path: Path, name: str, dimension: Any) -> None:
    with opened(path, Meanings(dimension, name)) as memory, pytest.raises(InputError, match="embedder"):
        tell(memory)


def test_an_export_carries_the_vectors_to_the_bit(tmp_path: Path) -> None:
    with opened(tmp_path / "a", Meanings()) as a:
        tell(a)
        there, rows = vectors(a), a.export(tmp_path / "first")
        assert rows["vectors"] == 4
    with Memory.import_(tmp_path / "b", tmp_path / "first") as b:
        assert vectors(b) == there
        assert b.export(tmp_path / "second") == rows
    first, second = (pq.read_table(tmp_path / name / "vectors.parquet") for name in ("first", "second"))
    assert first.equals(second)
    with opened(tmp_path / "b", Meanings()) as b:
        assert b.recall(CUE, now="2025-04-01").passages[0].id == "ferry"
    (tmp_path / "first" / "vectors.parquet").unlink()
    with pytest.raises(InputError, match=r"vectors\.parquet is missing"):
        Memory.import_(tmp_path / "c", tmp_path / "first")


def test_an_export_without_vectors_has_no_file_of_them(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as a:
        tell(a)
        assert "vectors" not in a.export(tmp_path / "out")
    assert not (tmp_path / "out" / "vectors.parquet").exists()


@pytest.mark.parametrize("here", [Meanings(), None], ids=["with vectors", "without"])
def test_merged_stores_have_the_vectors_of_both(tmp_path: Path, here: Meanings | None) -> None:
    """Positions in a common source are moved, and the passages' ids with them."""
    embedder = Meanings()
    with opened(tmp_path / "b", embedder) as b:
        tell(b, {"ferry": TEXTS["ferry"], "rain": TEXTS["rain"]}, source="s")
    with opened(tmp_path / "a", here) as a:
        tell(a, {"bread": TEXTS["bread"], "rain": TEXTS["rain"]}, source="s")
        a.merge(tmp_path / "b", skip_known=True)
    with opened(tmp_path / "a", embedder) as a:
        assert a.embed() == (0 if here else 2)
        assert vectors(a) == expected(a, embedder)
        assert a.recall("vessel", now="2025-04-01").passages[0].id == "ferry"
        assert a.doctor().sound


def test_a_merge_leaves_out_vectors_of_another_embedder(tmp_path: Path) -> None:
    with opened(tmp_path / "b", Meanings(64)) as b:
        tell(b, {"ferry": TEXTS["ferry"]})
    with opened(tmp_path / "a", Meanings()) as a:
        tell(a, {"bread": TEXTS["bread"]})
        a.merge(tmp_path / "b")
        assert a.embed() == 1
        assert vectors(a) == expected(a, Meanings())


@pytest.mark.parametrize(
    "rewrite",
    [lambda memory: memory.retune(Parameters(tau_fast=1.0)), Memory.compact],
    ids=["retune", "compact"],
)
def test_a_file_written_anew_keeps_the_vectors(path: Path, rewrite: Callable[[Memory], object]) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
        before = vectors(memory)
        rewrite(memory)
        assert vectors(memory) == before
        assert memory.recall(CUE, now="2025-04-01").passages[0].id == "ferry"
        tell(memory, {"new": "a vessel sank"})
        assert vectors(memory) == expected(memory, Meanings())


def test_doctor_finds_vectors_of_no_passage(path: Path) -> None:
    with opened(path, Meanings()) as memory:
        tell(memory)
        assert {finding.check: finding.detail for finding in memory.doctor().findings}["vectors"] == (
            "4 of 'meanings/1' (dimension 512)"
        )
        memory.cypher("MATCH (p:Passage {record: 'rain'}) DETACH DELETE p", write=True)
        [found] = [finding for finding in memory.doctor().findings if finding.check == "vectors"]
        assert (found.status, found.detail) == ("problem", "1 of 4 vectors are of no passage")
        assert [passage.id for passage in memory.recall("rain or a vessel", now="2025-04-01")] == ["ferry"]


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {checkout!r}]
from pathlib import Path
from test_vectors import Meanings, TEXTS, opened, tell
memory = opened(Path(sys.argv[1]), Meanings())
tell(memory)
memory.remember("rain all day", time="2025-03-02", id="rain")
memory.forget(since="2025-03-02")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_vectors_survive_a_kill(path: Path, checkout: Path) -> None:
    """The table, its rows, a changed one and a forgotten one are in the log alone, and come back from it."""
    script = KILLED.format(tests=str(checkout / "tests"), checkout=str(checkout))
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with opened(path, Meanings()) as memory:
        assert memory.stats().passages == 3
        assert vectors(memory) == expected(memory, Meanings())
        assert memory.recall(CUE, now="2025-04-01").passages[0].id == "ferry"
        assert memory.doctor().sound


def test_a_batch_that_fails_leaves_no_table_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    with opened(path, Meanings()) as memory:
        with monkeypatch.context() as patched:
            patched.setattr("memini_kuzu.changes.documents._write_documents", fail)
            with pytest.raises(RuntimeError, match="in the middle"):
                tell(memory)
        assert read_space(memory._store.read) is None
        tell(memory)
        assert vectors(memory) == expected(memory, Meanings())


class Offered:
    """An entry point."""

    def __init__(self, name: str, made: object) -> None:
        self.name, self._made = name, made

    def load(self) -> Any:
        return lambda: self._made


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two other packages offer embedders: one that keeps its promise, and one that does not."""
    entries = [Offered("meanings", Meanings()), Offered("wrong", object())]
    monkeypatch.setattr(
        "memini_kuzu.plugins.metadata.entry_points",
        lambda group: entries if group == GROUP else [],
    )


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.usefixtures("offered")
def test_the_command_line_embeds_and_recalls_with_an_embedder_of_that_name(path: Path) -> None:
    with opened(path) as memory:
        tell(memory)
    asked = ("recall", CUE, "--db", path, "--now", "2025-04-01", "--json")
    assert json.loads(run(*asked).stdout)["passages"] == []
    refused = run("--embedder", "meanings", *asked)
    assert refused.exit_code == 1
    assert "Memory.embed() or memini embed" in refused.stderr
    assert json.loads(run("embed", "meanings", "--db", path, "--json").stdout) == {"vectors": 4}
    assert run("embed", "meanings", "--db", path).stdout == "0 vectors written\n"
    found = json.loads(run("--embedder", "meanings", *asked).stdout)
    assert found["passages"][0]["id"] == "ferry"
    assert found["paths"][0]["kind"] == "similarity"


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "no embedder is named 'nobody'; there are minilm, meanings, wrong"),
        ("wrong", "without name, dimension and embed"),
    ],
)
def test_an_embedder_that_is_not_there_is_one_line(path: Path, name: str, message: str) -> None:
    refused = run("embed", name, "--db", path)
    assert refused.exit_code == 1
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_server_takes_no_embedder_from_its_clients() -> None:
    refused = run("--server", "http://127.0.0.1:9/mcp", "--embedder", "meanings", "recall", "x")
    assert refused.exit_code == 1
    assert "a server has an embedder of its own, or none" in refused.stderr


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)))
def test_resemblance_is_a_share_and_keeps_the_order(similarity: NDArray[np.float64]) -> None:
    share = resemblance(similarity)
    assert ((share >= 0) & (share <= 1)).all()
    assert (np.diff(share[np.argsort(similarity, kind="stable")]) >= 0).all()
    assert (share[similarity <= 0] == 0).all()
    if similarity.max() > 1e-5:
        assert share[similarity.argmax()] == 1


def test_resemblance_does_not_see_what_all_texts_share() -> None:
    """An embedder that finds any two texts somewhat alike gives the same as one that does not."""
    similarity = np.array([0.4, 0.1, 0.05, 0.2])
    np.testing.assert_allclose(resemblance(similarity + 0.5), resemblance(similarity), atol=1e-12)
