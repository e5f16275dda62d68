"""The extractor by a GLiNER model: against a small stand-in, and the real package's signatures where it is.

Weights cannot be fetched in a test, so the stand-in finds names that it is told.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest

from memini_kuzu import Extractor, InputError, Memory
from memini_kuzu.extraction import plugins
from memini_kuzu.extraction.gliner import LABELS, GlinerExtractor

KNOWN = {"Ada Lovelace": "person", "the Thames": "location", "London": "city", "engines": "concept"}
REAL = importlib.util.find_spec("gliner")


class GLiNER:
    """Answers as the real class does: dictionaries with start, end, text, label and score."""

    def __init__(self, max_len: int = 384) -> None:
        self.config = SimpleNamespace(max_len=max_len)
        self.asked: list[list[str]] = []
        self.extra: list[dict[str, Any]] = []

    @classmethod
    def from_pretrained(
        cls, model_id: str, revision: str | None = None, *, local_files_only: bool = False
    ) -> Self:
        assert local_files_only, "nothing is downloaded unless the user does it"
        assert revision is None
        if model_id == "absent/model":
            raise FileNotFoundError("not in the cache")
        return cls()

    def inference(  # noqa: PLR0917 - as the real one has it
        self,
        texts: list[str],
        labels: list[str],
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
        batch_size: int = 8,
    ) -> list[list[dict[str, Any]]]:
        assert (flat_ner, multi_label, batch_size) == (True, False, 8)
        self.asked.append(texts)
        return [
            [
                {"start": at, "end": at + len(name), "text": name, "label": label, "score": 0.9}
                for name, label in KNOWN.items()
                if label in labels and threshold <= 0.9
                for at in range(len(text))
                if text.startswith(name, at)
            ]
            + self.extra
            for text in texts
        ]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("gliner")
    module.__spec__ = ModuleSpec("gliner", None)
    module.GLiNER = GLiNER  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gliner", module)
    monkeypatch.delenv("MEMINI_GLINER_MODEL", raising=False)


def loaded(model: GLiNER, **settings: Any) -> GlinerExtractor:
    made = GlinerExtractor("any/model", **settings)
    made.__dict__["_loaded"] = model
    return made


TEXT = "Engines run. Ada Lovelace lived in London by the Thames, and engines were near Ada Lovelace."


def test_mentions_are_spans_with_their_sentence_and_the_canonical_key() -> None:
    [found] = GlinerExtractor("any/model").extract([TEXT])
    assert [(each.key, each.name, each.label, each.sentence) for each in found] == [
        ("ada lovelace", "Ada Lovelace", "PERSON", 1),
        ("london", "London", "GPE", 1),
        ("thames", "Thames", "LOC", 1),
        ("engines", "engines", "CONCEPT", 1),
        ("ada lovelace", "Ada Lovelace", "PERSON", 1),
    ]
    assert all(TEXT.startswith(each.name, each.start) for each in found)


def test_texts_keep_their_order_over_batches() -> None:
    texts = ["London", "", "engines", "nothing"] * 50
    found = list(loaded(GLiNER()).extract(iter(texts)))
    assert [[each.name for each in mentions] for mentions in found] == [["London"], [], ["engines"], []] * 50


def test_a_text_that_is_too_long_for_the_model_is_read_in_pieces() -> None:
    model = GLiNER(max_len=20)
    text = "Ada Lovelace lived in London. " * 7 + "word " * 50 + "London"
    [found] = loaded(model).extract([text])
    assert [each.name for each in found] == ["Ada Lovelace", "London"] * 7 + ["London"]
    assert all(text.startswith(each.name, each.start) for each in found)
    [pieces] = model.asked
    assert "".join(pieces) == text
    assert max(len(piece.replace(".", " .").split()) for piece in pieces) <= 20
    assert pieces[1].startswith("Ada Lovelace lived")


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": 1, "end": 7, "text": "London", "label": "city", "score": 0.9},
        {"start": 900, "end": 906, "text": "London", "label": "city", "score": 0.9},
        {"start": 0, "end": 9, "text": "London is", "label": "city", "score": 0.6},
        {"start": 7, "end": 9, "text": "42", "label": "city", "score": 0.9},
    ],
)
def test_what_does_not_stand_in_the_text_overlaps_or_names_nothing_is_left_out(wrong: dict[str, Any]) -> None:
    model = GLiNER()
    model.extra = [wrong]
    [found] = loaded(model).extract(["London 42."])
    assert [each.name for each in found] == ["London"]


def test_other_labels_are_asked_for_and_given() -> None:
    [found] = loaded(GLiNER(), labels={"city": "TOWN"}).extract([TEXT])
    assert [(each.name, each.label) for each in found] == [("London", "TOWN")]


def test_what_the_model_is_not_sure_of_is_left_out() -> None:
    assert list(loaded(GLiNER(), threshold=0.95).extract([TEXT])) == [[]]


def test_the_identity_tells_model_and_labels_apart(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    names = {
        made.identity
        for made in (
            GlinerExtractor("a/b"),
            GlinerExtractor("a/c"),
            GlinerExtractor("a/b", threshold=0.4),
            GlinerExtractor("a/b", labels={"city": "GPE"}),
            GlinerExtractor(str(folder)),
        )
    }
    assert len(names) == 5
    assert GlinerExtractor("a/b").identity == GlinerExtractor("a/b", labels=dict(LABELS)).identity
    assert str(tmp_path) not in GlinerExtractor(str(folder)).identity


def test_the_model_is_named_by_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="set MEMINI_GLINER_MODEL"):
        plugins.extractor_named("gliner")
    monkeypatch.setenv("MEMINI_GLINER_MODEL", "a/b")
    made = plugins.extractor_named("gliner")
    assert isinstance(made, Extractor)
    assert made.identity.startswith("gliner/a/b/1/")


def test_a_model_that_is_not_here_is_not_fetched_and_the_error_says_how_to() -> None:
    with pytest.raises(InputError, match=r"not on this machine .* fetch it once, .*absent/model"):
        list(GlinerExtractor("absent/model").extract(["London"]))


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"pip install \"memini-kuzu\[gliner\]\""):
        plugins.extractor_named("gliner")


@pytest.mark.parametrize("settings", [{"threshold": 1.5}, {"threshold": float("nan")}, {"labels": {}}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"pass a number|name at least one"):
        GlinerExtractor("a/b", **settings)


def test_a_memory_learns_from_what_the_model_finds(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=GlinerExtractor("any/model")) as memory:
        memory.remember(TEXT, time="2026-03-01")
        assert {each.target for each in memory.associations("Ada Lovelace", now="2026-03-02")} == {
            "London", "Thames", "engines"
        }  # fmt: skip


@pytest.mark.skipif(REAL is None, reason="gliner is not installed")
@pytest.mark.parametrize(
    ("class_name", "method"), [("GLiNER", "from_pretrained"), ("BaseEncoderGLiNER", "inference")]
)
def test_the_stand_in_takes_what_the_real_package_takes(class_name: str, method: str) -> None:
    """Read from its source: importing it would import torch."""
    assert REAL is not None
    assert REAL.origin is not None
    tree = ast.parse(Path(REAL.origin).with_name("model.py").read_text(encoding="utf-8"))
    [found] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    [function] = [node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method]
    real = [*function.args.args, *function.args.kwonlyargs]
    defaults = dict(
        zip(
            [each.arg for each in function.args.args][-len(function.args.defaults) :],
            map(ast.unparse, function.args.defaults),
            strict=True,
        )
    )
    for name, parameter in list(inspect.signature(getattr(GLiNER, method)).parameters.items()):
        if name != "self":
            assert name in {each.arg for each in real}
            if parameter.default is not parameter.empty:
                assert defaults[name] == repr(parameter.default)
