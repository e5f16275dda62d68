"""The comparison of memories: what it asks of a peer, what it makes of the answers, and of none."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from measure_peers import Plan, app, run
from peers.client import OTHERS, OWN, PeerError, Worker, prepare
from peers.worker import PEERS, Fts5, Peer, Turn, offline
from typer.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Fake = Callable[..., dict[str, Path]]

NOTHING = Plan([], [], [], 3)

FAKE = """#!{python}
import json, sys
told = []
def say(**answer):
    print(json.dumps(answer), flush=True)
{opening}
say(version="1.0", settings="the newest first", dated=False)
for line in sys.stdin:
    asked = json.loads(line)
    if "recall" in asked:
        say(seconds=0.25, ids=told[::-1][: asked["k"]])
        continue
    {remembering}
    told += [turn["id"] for turn in asked["remember"]]
    say(seconds=0.5, refused=[])
"""
"""Stands for the interpreter of a peer's environment, and for what runs in it."""


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Makes the interpreters of one peer, mem0, that does what it is told here."""

    def make(opening: str = "", remembering: str = "") -> dict[str, Path]:
        path = tmp_path / "python"
        path.write_text(FAKE.format(python=sys.executable, opening=opening, remembering=remembering))
        path.chmod(0o700)
        return {"mem0": path}

    return make


def write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Twelve turns; the first question's evidence is the last turn, the second's the first and the ninth."""
    folder = tmp_path / "talk"
    folder.mkdir()
    told = [
        {
            "id": f"t{n}",
            "text": f"Ada met animal{n} in the zoo.",
            "time": f"2026-01-{n + 1:02}",
            "source": "s",
        }
        for n in range(12)
    ]
    asked = [
        {"text": "Who met animal11?", "time": "2026-02-01", "relevant": ["t11"], "category": "plain"},
        {"text": "animal0 or animal8?", "time": "2026-02-01", "relevant": ["t0", "t8"], "category": "plain"},
        {"text": "Who met nobody?", "time": "2026-02-01", "relevant": ["t0"], "category": "adversarial"},
    ]
    write(folder / "corpus.jsonl", told)
    write(folder / "queries.jsonl", asked)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The same question before and after it is answered anew, and once more in the end."""
    folder = tmp_path / "world"
    folder.mkdir()
    told = [
        {"id": "b", "text": "The baker is Linden.", "time": "2026-03-01", "source": "b"},
        {"id": "a", "text": "The baker is Rowan.", "time": "2026-01-01", "source": "a"},
        {"id": "c", "text": "The smith is ill.", "time": "2026-05-01", "source": "c"},
    ]
    asked = [
        {"time": "2026-02-01", "relevant": ["a"], "stale": [], "category": "before"},
        {"time": "2026-03-02", "relevant": ["b"], "stale": ["a"], "category": "fresh"},
        {"time": "2026-06-01", "relevant": ["b"], "stale": ["a"], "category": "settled"},
    ]
    write(folder / "corpus.jsonl", told)
    write(folder / "queries.jsonl", [row | {"text": "Who is the baker?"} for row in asked])
    return folder


def test_recall_is_that_of_the_evidence_without_what_nothing_answers(fake: Fake, talk: Path) -> None:
    row = run("mem0", replace(NOTHING, conversations=[talk]), fake(), None)
    assert (row.version, row.settings, row.why, row.lost) == ("1.0", "the newest first", "", 0)
    assert row.questions == 2
    assert (row.recall_5, row.recall_10) == (75.0, 75.0)


def test_a_changing_world_is_told_in_its_order_up_to_each_question(fake: Fake, world: Path) -> None:
    row = run("mem0", replace(NOTHING, changing=[world]), fake(), None)
    assert row.changing_1 == pytest.approx(200 / 3)
    assert row.changing_lowest == 0


def test_the_loop_reports_what_the_memory_itself_took(fake: Fake) -> None:
    row = run("mem0", replace(NOTHING, passages=[20]), fake(), None)
    assert row.remember_ms == {20: (500, 500)}
    assert row.recall_ms == {20: (250, 250)}
    assert row.fill_s == {20: 0.5}
    assert 1 < row.resident_mb[20] < 1_000
    assert row.fresh == {20: 100}


def test_a_memory_that_does_not_open_has_a_row_with_its_reason(fake: Fake) -> None:
    opening = "say(error='ImportError: no TLS'); sys.exit()"
    assert run("mem0", NOTHING, fake(opening), None).why == "ImportError: no TLS"


def test_a_memory_that_dies_has_a_row_with_its_last_words(fake: Fake, talk: Path) -> None:
    pythons = fake(remembering="sys.exit('out of luck')")
    row = run("mem0", replace(NOTHING, conversations=[talk]), pythons, None)
    assert row.why == "its process ended with 1: out of luck"
    assert row.recall_5 is None


def test_turns_that_are_refused_are_counted_and_the_rest_goes_on(fake: Fake, talk: Path) -> None:
    refusing = "if asked['remember'][0]['id'] == 't11': say(seconds=0, refused=['too odd']); continue"
    row = run("mem0", replace(NOTHING, conversations=[talk]), fake(remembering=refusing), None)
    assert row.lost == 1
    assert row.why == "refused 1, the last: too odd"
    assert row.recall_5 == 25.0


def test_a_memory_without_an_environment_says_how_it_gets_one() -> None:
    assert "--prepare FOLDER or --python PEER=PATH" in run("mem0", NOTHING, {}, None).why


@pytest.mark.parametrize("peer", [pytest.param("memini-rules", marks=pytest.mark.slow), "sqlite-fts5"])
def test_memories_of_this_environment_answer_in_the_same_way(peer: str, talk: Path, world: Path) -> None:
    row = run(peer, Plan([talk], [world], [50], 2), {}, None)
    assert row.why == ""
    assert row.recall_5 == 100
    assert row.fresh == {50: 100}
    # only ours prefers the newer of two
    assert row.changing_1 == pytest.approx(100 if peer == "memini-rules" else 100 / 3)
    assert row.remember_ms[50][0] > 0


def test_what_a_memory_raises_does_not_end_it() -> None:
    with Worker("sqlite-fts5", sys.executable) as worker:
        with pytest.raises(PeerError, match="fts5: syntax error"):
            worker.recall("?!", 0)
        assert worker.recall("anything", 0)[0] == []
    with pytest.raises(PeerError, match="no-such-peer"):
        Worker("no-such-peer", sys.executable)


def test_what_a_memory_refuses_is_counted_one_by_one(tmp_path: Path) -> None:
    class Choosy(Fts5):
        def remember(self, turn: Turn) -> str:
            if "odd" in turn.text:
                raise ValueError("too odd")
            return turn.id

        fill = Peer.fill

    memory = Choosy(tmp_path)
    turns = [Turn(str(n), text, 0, "", "") for n, text in enumerate(["plain", "odd", "plain"])]
    assert memory.keep(turns[1:2]) >= 0
    assert memory.keep(turns) >= 0
    assert memory.refused == ["ValueError: too odd"] * 2
    assert {"0", "2"} <= set(memory.ours)


@pytest.mark.slow
def test_an_environment_is_made_once_and_what_pip_says_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OTHERS, "mem0", ())
    monkeypatch.setattr("peers.client.PIP", ("list",))
    python = prepare(tmp_path, "mem0")
    assert python.is_file()
    (tmp_path / "mem0" / "kept").touch()
    assert prepare(tmp_path, "mem0") == python
    assert (tmp_path / "mem0" / "kept").exists()
    monkeypatch.setattr("peers.client.PIP", ("install", "--no-index"))
    monkeypatch.setitem(OTHERS, "mem0", ("no-such-memory",))
    with pytest.raises(PeerError, match="pip: ERROR: No matching distribution found for no-such-memory"):
        prepare(tmp_path, "mem0")


def test_every_memory_has_a_worker() -> None:
    assert set(PEERS) == {*OWN, *OTHERS}


def test_workers_are_kept_offline() -> None:
    with pytest.raises(ConnectionRefusedError, match=r"kept offline: 'model\.example' was asked for"):
        offline("socket.getaddrinfo", ("model.example", 443, 0, 0, 0))
    with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.1"):
        offline("socket.connect", (None, ("192.0.2.1", 443)))
    offline("socket.connect", (None, ("127.0.0.1", 80)))
    offline("socket.connect", (None, "/run/a.socket"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "there is no memory 'nobody' here"),
        (["--python", "mem0"], "write PEER=PATH"),
        (["--python", "mem0=/no/such/python"], "there is no file /no/such/python"),
        (["--conversations", "."], "holds no corpus.jsonl"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("measure_peers: ")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_rows_are_printed_and_written(fake: Fake, talk: Path, tmp_path: Path) -> None:
    file, python = tmp_path / "rows.json", fake()["mem0"]
    measured = ["--python", f"mem0={python}", "--conversations", str(talk), "--json", str(file)]
    done = CliRunner().invoke(app, ["mem0", "langgraph", *measured])
    assert done.exit_code == 0, done.output
    rows = json.loads(file.read_text())
    assert [(row["peer"], row["recall_5"]) for row in rows] == [("mem0", 75.0), ("langgraph", None)]
    assert "mem0: the newest first; knows no dates" in done.stdout
    assert "it has no environment" in done.stdout
