"""The script that shows what entities a memory has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import evaluate_entities
from fixtures_memory import Names

from memini_kuzu import Memory

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_store_and_the_files_that_it_was_made_of_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=Names()) as memory:
        memory.remember("Ada met Client. Ada met Bob.", time="2026-01-01")
        memory.remember("Ada met Bob.", time="2026-01-02", id="2")
    evaluate_entities.main([str(tmp_path / "a.memini")])
    entities, strongest, telling, labels = capsys.readouterr().out.split("## ")[1:]
    assert entities.startswith("3 of 3 entities")
    assert "common words    Client" in entities
    assert "by rule: 1 of 3 (33 %)" in entities
    assert strongest.splitlines()[1].split()[:3] in (["Ada", "→", "Bob"], ["Bob", "→", "Ada"])
    assert "by rule: 2 of 3 (67 %)" in strongest
    assert telling.startswith("the 3 associations that tell most")
    assert labels.startswith("labels of 0 of 0")
    monkeypatch.setattr("memini_kuzu.memory.opening.default_extractor", lambda *_: Names(), raising=False)
    (tmp_path / "a.txt").write_text("Ada met Bob.")
    evaluate_entities.main([str(tmp_path / "a.txt")])
    assert "2 of 2 entities" in capsys.readouterr().out


def test_what_is_drawn_does_not_depend_on_the_order() -> None:
    rows = [{"key": f"k{number}"} for number in range(50)]
    assert evaluate_entities.drawn(rows, 5) == evaluate_entities.drawn(rows[::-1], 5)
