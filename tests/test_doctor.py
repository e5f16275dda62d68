"""The doctor finds what is wrong, names it, and says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memini_kuzu import Memory, RuleExtractor
from memini_kuzu.insight.doctor import Diagnosis, diagnose


@pytest.fixture(scope="session")
def told_daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to be copied."""
    path = tmp_path_factory.mktemp("told") / "a.memini"
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        for day in range(1, 7):
            memory.remember(
                f"Ada Lovelace met Charles Babbage in Town{day}.", time=f"2026-01-0{day}", source="s"
            )
    return path


@pytest.fixture
def store(told_daily: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(told_daily, tmp_path / "a.memini"))


def problems(diagnosis: Diagnosis) -> dict[str, str]:
    return {each.check: each.detail for each in diagnosis.findings if each.status == "problem"}


def test_a_sound_store_is_sound_and_every_check_was_made(store: Path) -> None:
    diagnosis = diagnose(store)
    assert diagnosis.sound
    checks = {each.check for each in diagnosis.findings}
    assert checks == {
        "file", "engine", "lock", "schema", "parameters", "macros", "words", "sums", "journal", "rows"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "check", "named"),
    [
        ("MATCH (d:Document) WITH d LIMIT 1 DELETE d", "rows", "1 passages of no document"),
        ("MATCH (s:Source) DELETE s", "rows", "6 documents of no source"),
        ("CREATE (:Alias {key: 'x', name: 'X', entity: 1})", "rows", "1 aliases of no entity"),
        ("MATCH (e:Entity {key: 'ada lovelace'}) SET e.mentions = 99", "rows", "count of mentions"),
        ("MATCH ()-[e:ASSOCIATES]->() WITH e LIMIT 1 SET e.fast = -1.0", "rows", "impossible state"),
        ("MATCH (m:MeminiMeta {key: 'words'}) SET m.value = '7'", "sums", "of 36 words"),
        ("MATCH (t:Term)-[o:OCCURS]->() WITH o LIMIT 1 DELETE o", "words", "1 rows of words differ"),
        ("MATCH (t:Term) WITH t LIMIT 2 SET t.df = 9", "words", "2 rows of words differ"),
    ],
)
def test_what_is_broken_is_found_and_has_a_remedy(store: Path, damage: str, check: str, named: str) -> None:
    with Memory.open(store) as memory:
        memory.cypher(damage, write=True)
    diagnosis = diagnose(store)
    found = problems(diagnosis)
    assert named in found[check]
    assert all(each.remedy for each in diagnosis.findings if each.status == "problem")


def test_a_missing_file_a_folder_and_a_foreign_file_are_told_apart(tmp_path: Path) -> None:
    foreign = tmp_path / "note.txt"
    foreign.write_text("hello")
    assert "does not exist" in problems(diagnose(tmp_path / "none"))["file"]
    assert "folder" in problems(diagnose(tmp_path))["file"]
    assert "no Kùzu database" in problems(diagnose(foreign))["engine"]


def test_a_file_of_another_format_is_told(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[4] = 7
    store.write_bytes(content)
    assert "format 7" in problems(diagnose(store))["engine"]


HOLD = """
import sys
from memini_kuzu import Memory
with Memory.open(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_who_holds_the_lock_is_named(store: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert problems(diagnose(store))["lock"] == f"process {holder.pid} has the store open"
    finally:
        holder.communicate("")


def test_an_open_store_can_be_examined_by_its_owner(store: Path) -> None:
    with Memory.open(store) as memory:
        assert memory.doctor().sound


def test_the_diagnosis_is_json(store: Path) -> None:
    assert json.loads(json.dumps(diagnose(store).to_dict()))["sound"] is True
