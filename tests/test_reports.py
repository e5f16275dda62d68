"""What a store keeps of its last ingestions: what they left out and why, and nothing that was forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from memini_kuzu import InputError, Memory, RuleExtractor
from memini_kuzu.changes import ingestion, reports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        yield opened


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with two notes, a picture, and a table with a good and a bad record."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("Ada Holm met Bruno Lind.")
    (folder / "b.md").write_text("Carl Berg met Bruno Lind.")
    (folder / "c.xyz").write_bytes(bytes(range(256)))
    rows = [{"text": "Ada Holm left.", "time": "2026-01-02"}, {"text": "", "time": "2026-01-02"}]
    (folder / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_a_report_says_what_was_taken_in_and_what_was_left_out_and_why(memory: Memory, notes: Path) -> None:
    told = memory.ingest(notes, skip_bad=True)
    [kept] = memory.reports()
    assert kept.read == ("notes",)
    assert (kept.added, kept.changed, kept.unchanged) == (told.added, 0, 0) == (3, 0, 0)
    assert kept.passages == told.passages
    assert (kept.more, kept.failure) == (0, "")
    where = {each.such_as[0].rpartition("/")[2]: each for each in kept.left_out}
    assert where.keys() == {"c.xyz", "d.jsonl:2"}
    assert where["d.jsonl:2"].why == told.skipped[0].reason
    [unread] = told.files["notes/c.xyz"]
    assert (where["c.xyz"].why, where["c.xyz"].count) == (unread, 1)


def test_what_is_known_already_is_reported_once(memory: Memory, notes: Path) -> None:
    memory.ingest(notes, skip_bad=True)
    before = memory.cypher("MATCH (j:MeminiJournal) RETURN j.*").to_pylist()
    memory.ingest(notes, skip_bad=True)
    assert memory.cypher("MATCH (j:MeminiJournal) RETURN j.*").to_pylist() == before
    (notes / "a.md").write_text("Ada Holm met Bruno Lind. Ada Holm met Carl Berg.")
    memory.ingest(notes, skip_bad=True)
    newest, first = memory.reports()
    assert (newest.added, newest.changed, newest.unchanged, first.added) == (0, 1, 2, 3)
    # it is not a file that was taken in
    memory.remember("Ada Holm met Dora Krag.")
    assert len(memory.reports()) == 2


def test_what_ends_an_ingestion_is_reported_where_something_of_it_is_kept(
    memory: Memory, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError):
        memory.ingest(notes)
    assert memory.reports() == []
    monkeypatch.setattr(ingestion, "BATCH", 1)
    with pytest.raises(InputError) as raised:
        memory.ingest(notes)
    [kept] = memory.reports()
    assert kept.failure == str(raised.value)
    [finding] = [each for each in memory.doctor().findings if each.check == "ingested"]
    assert finding.status == "note"
    assert kept.failure in finding.detail
    assert memory.doctor().sound


def test_the_reports_are_few_and_short(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LAST", 3)
    monkeypatch.setattr(reports, "REASONS", 2)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.md").write_text(f"Ada Holm met number {number}.")
        for kind in range(4):
            for copy in range(7 + kind):
                (folder / f"{number} {copy}.kind{kind}").write_bytes(bytes(range(256)))
        memory.ingest(folder)
    kept = memory.reports()
    assert [each.unchanged for each in kept] == [4, 3, 2]
    for each in kept:
        assert len(each.left_out) <= 2
        assert all(len(one.such_as) <= reports.EXAMPLES for one in each.left_out)
        told = sum(one.count for one in each.left_out) + each.more
        assert told == 34 * (each.unchanged + 1)


def test_secrets_in_what_was_left_out_are_masked(memory: Memory, tmp_path: Path) -> None:
    secret = "sk-" + "proj-" + "aB3dE6gH9jK2mN5pQ8sT1vW4" * 2
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "Ada Holm left.", "time": f"{secret}"}))
    told = memory.ingest(tmp_path / "a.jsonl", skip_bad=True)
    assert secret in str(told.skipped[0])
    assert secret not in str(memory.reports())
    assert memory.reports()[0].left_out[0].count == 1


def test_a_report_that_names_what_is_forgotten_goes_with_it(memory: Memory, tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(f"Ada Holm met the writer of {name}.")
        memory.ingest(tmp_path / name)
    read = [each.read for each in memory.reports()]
    [source, other] = [name for [name] in read]
    assert memory.sources().keys() == {source, other}
    memory.forget(source=source)
    assert [each.read for each in memory.reports()] == [(other,)]
    assert source not in str(memory.cypher("MATCH (m:MeminiMeta) RETURN m.value").to_pylist())


def test_the_reports_go_with_an_export_a_backup_and_other_parameters(
    memory: Memory, notes: Path, tmp_path: Path
) -> None:
    memory.ingest(notes, skip_bad=True)
    kept = memory.reports()
    memory.export(tmp_path / "exported")
    memory.backup(tmp_path / "b.memini")
    Memory.import_(tmp_path / "c.memini", tmp_path / "exported")
    memory.retune(replace(memory.parameters, tau_fast=2.0))
    assert memory.reports() == kept
    for name in ("b.memini", "c.memini"):
        with Memory.open(tmp_path / name, read_only=True) as other:
            assert other.reports() == kept


def test_doctor_says_what_the_last_one_left_out(memory: Memory, notes: Path) -> None:
    assert "ingested" not in {each.check for each in memory.doctor().findings}
    memory.ingest(notes, skip_bad=True)
    [finding] = [each for each in memory.doctor().findings if each.check == "ingested"]
    assert finding.status == "note"
    assert "3 added, 0 changed, 2 left out" in finding.detail
    for name in ("c.xyz", "d.jsonl"):
        (notes / name).unlink()
    (notes / "e.md").write_text("Dora Krag met Ada Holm.")
    memory.ingest(notes)
    [finding] = [each for each in memory.doctor().findings if each.check == "ingested"]
    assert (finding.status, finding.detail[-16:]) == ("ok", "nothing left out")


def test_a_notebook_shows_the_reports_as_a_table(memory: Memory, notes: Path) -> None:
    (notes / "<b>.xyz").write_bytes(bytes(range(256)))
    memory.ingest(notes, skip_bad=True)
    html = memory.reports()._repr_html_()  # type: ignore[attr-defined]
    assert "<table>" in html
    assert "&lt;b&gt;.xyz" in html
    assert "<b>" not in html
