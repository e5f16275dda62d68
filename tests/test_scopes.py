"""Asking in a scope is asking a store that holds nothing else."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from fixtures_memory import Names
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_past import NAMES, SAID, START, same, same_associations, same_explanation, tell
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Record, TimeError
from memini_kuzu.cli import app
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu import Association, Recall

pytest_plugins = ["fixtures_memory"]

NOW = START + 100 * DAY

CUES = ("Who met Ada?", "Who is the baker of Bruno now", "Clara Dorra", "What happened in January?")


def alike(ours: Recall, theirs: Recall) -> None:
    """The same but for the order of equals, which goes by where passages stand in the file."""
    scores, others = ({each.id: each.score for each in found} for found in (ours, theirs))
    assert scores.keys() == others.keys()
    assert scores == pytest.approx(others, abs=1e-9)
    assert [each.score for each in ours] == sorted(scores.values(), reverse=True)
    assert {each.name: each.activation for each in ours.entities} == pytest.approx(
        {each.name: each.activation for each in theirs.entities}, abs=1e-9
    )
    for identity in scores:
        ways, theirs_too = (
            sorted(path.score for path in found.paths if path.passage == identity) for found in (ours, theirs)
        )
        assert ways == pytest.approx(theirs_too, abs=1e-9)


def alike_associations(ours: list[Association], theirs: list[Association]) -> None:
    """The same but for the order of those that are equally strong to rounding."""
    same_associations(*(sorted(found, key=lambda each: each.target) for found in (ours, theirs)))
    assert {each.target: each.lift for each in ours} == pytest.approx(
        {each.target: each.lift for each in theirs}
    )


def takes(scope: dict[str, Any], source: str, time: int, metadata: dict[str, str] | None) -> bool:
    """Whether a scope holds what was told so, in the plainest words."""
    names = scope.get("sources")
    if names is not None and not any(
        source.startswith(name[:-1]) if name.endswith("*") else source == name for name in names
    ):
        return False
    if "since" in scope and from_millis(time) < scope["since"]:
        return False
    if "until" in scope and from_millis(time) >= scope["until"]:
        return False
    return all((metadata or {}).get(name) == value for name, value in scope.get("where", {}).items())


@st.composite
def scopes(draw: st.DrawFn) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    if draw(st.booleans()):
        scope["sources"] = draw(
            st.sampled_from((["diary"], ["chat/*"], ["diary", "chat/1"], [""], ["nowhere"], ["*"]))
        )
    if draw(st.booleans()):
        scope["where"] = {"project": draw(st.sampled_from(("orion", "lyra")))}
    if draw(st.booleans()):
        scope["since"] = from_millis(START + draw(st.integers(0, 30)) * DAY)
    if draw(st.integers(0, 2)) == 0 or not scope:
        scope["until"] = from_millis(START + draw(st.integers(31, 70)) * DAY)
    return scope


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], pa.Table]:
    """Passages of several sources and projects, and events loaded beside them."""
    records = [
        Record(
            f"{draw(st.sampled_from(NAMES))} {draw(st.sampled_from(SAID))} {draw(st.sampled_from(NAMES))}.",
            START + draw(st.integers(0, 60)) * DAY + number,
            draw(st.sampled_from(("diary", "", "chat/1", "chat/2"))),
            title=draw(st.sampled_from(("", "Ada", "Notes"))),
            id=f"p{number}",
            metadata=draw(st.sampled_from((None, {"project": "orion"}, {"project": "lyra", "of": "x"}))),
        )
        for number in range(draw(st.integers(1, 14)))
    ]
    ends = st.sampled_from(NAMES)
    rows = draw(st.lists(st.tuples(ends, ends, st.integers(0, 60)), max_size=6))
    events = pa.table(
        {
            "source": pa.array([source for source, _, _ in rows], pa.string()),
            "target": pa.array([target for _, target, _ in rows], pa.string()),
            "time": pa.array([START + day * DAY for *_, day in rows], pa.timestamp("ms")),
        }
    )
    return records, events


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # each example makes two stores: shrinking takes long
)
@given(
    histories(),
    scopes(),
    st.tuples(st.sampled_from((NOW, START + 40 * DAY)), st.none() | st.integers(0, 14)),
)
def test_a_scope_is_a_store_that_holds_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
    empty_store: Path,
    history: tuple[list[Record], pa.Table],
    scope: dict[str, Any],
    when: tuple[int, int | None],
) -> None:
    (records, events), (now, held) = history, when
    folder = tmp_path_factory.mktemp("scope")
    paths = [shutil.copy(empty_store, folder / f"{name}.memini") for name in ("all", "part")]
    told = [record for record in records if takes(scope, record.source, record.time or 0, record.metadata)]
    with (
        Memory.open(paths[0], extractor=Names(), clock=lambda: NOW) as whole,
        Memory.open(paths[1], extractor=Names(), clock=lambda: NOW) as part,
    ):
        tell(whole, records, held, **scope)
        part.add(told)
        load = "of the table"
        loaded = events.filter(
            pa.array(
                [
                    not scope.get("where") and takes(scope, load, int(time.timestamp() * 1000), None)
                    for time in events["time"].to_pylist()
                ],
                pa.bool_(),
            )
        )
        for memory, rows in ((whole, events), (part, loaded)):
            if rows.num_rows:
                memory.load_events(rows)
        moment = from_millis(now)
        first = min([record.time or 0 for record in told], default=NOW)
        if first > now:
            return
        for cue in CUES:
            ours, theirs = whole.recall(cue, now=moment, **scope), part.recall(cue, now=moment)
            alike(ours, theirs)
            if scope.keys() == {"sources"}:
                same(ours, theirs)
                for passage in theirs.passages[:3]:
                    same_explanation(
                        whole.explain(cue, passage.id, now=moment, **scope),
                        part.explain(cue, passage.id, now=moment),
                    )
        said = {word for record in told for word in record.text.strip(".").split()} & {*NAMES}
        for name in said:
            for by in ("strength", "telling"):
                alike_associations(
                    whole.associations(name, now=moment, k=50, by=by, **scope),
                    part.associations(name, now=moment, k=50, by=by),
                )
            if any(name in record.text for record in told if (record.time or 0) <= now):
                alike_associations(
                    whole.associations(name, about=name, now=moment, **scope),
                    part.associations(name, about=name, now=moment),
                )
    shutil.rmtree(folder)


@pytest.fixture
def told(memory: Memory) -> Memory:
    memory.add(
        [
            Record("Ada met Bruno.", START, "diary", id="1", metadata={"project": "orion"}),
            Record("Ada met Clara.", START + DAY, "chat/1", id="2"),
            Record("Ada met Dora.", START + 2 * DAY, "chat/2", id="3"),
        ]
    )
    return memory


def targets(memory: Memory, **scope: Any) -> set[str]:
    return {each.target for each in memory.associations("Ada", **scope)}


def test_associations_are_those_that_a_scope_told(told: Memory) -> None:
    assert targets(told) == {"Bruno", "Clara", "Dora"}
    assert targets(told, sources="chat/*") == {"Clara", "Dora"}
    assert targets(told, sources=["diary", "chat/2"]) == {"Bruno", "Dora"}
    assert targets(told, where={"project": "orion"}) == {"Bruno"}
    assert targets(told, since=from_millis(START + DAY), until=from_millis(START + 2 * DAY)) == {"Clara"}
    assert targets(told, sources="nowhere") == set()
    assert not told.recall("Ada", sources="nowhere").passages


def test_what_is_told_next_is_in_the_scope_at_once(told: Memory) -> None:
    assert targets(told, sources="diary") == {"Bruno"}
    told.remember("Ada met Emil.", source="diary", time=from_millis(START + 3 * DAY))
    assert targets(told, sources="diary") == {"Bruno", "Emil"}


def test_loaded_events_are_of_the_source_under_which_they_were_loaded(told: Memory, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("source,target,time\nAda,Emil,2025-01-02\n")
    told.load_events(path)
    assert targets(told, sources=str(path)) == {"Emil"}
    assert targets(told, where={"project": "orion"}) == {"Bruno"}
    assert targets(told, sources="chat/*") == {"Clara", "Dora"}


def test_what_cannot_be_known_of_a_scope_is_said(told: Memory, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("source,target,time\nAda,Bruno,2025-02-02\n")
    told.load_events(path, keep_events=False)
    # the load is not of this source, so what the diary told is known
    [found] = told.associations("Ada", sources="diary")
    assert (found.target, found.events) == ("Bruno", 1)
    with pytest.raises(TimeError, match="how strong 1 of these associations are by what is selected"):
        told.associations("Ada", since=from_millis(START), until=from_millis(START + DAY))
    assert targets(told, since=from_millis(START)) == {"Bruno", "Clara", "Dora"}
    assert told.recall("Ada", since=from_millis(START), until=from_millis(START + DAY)).unknown == 1


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"sources": []}, r"sources = \[\]; pass names of sources"),
        ({"sources": [7]}, r"sources = \[7\]; pass names of sources"),
        ({"where": {}}, r"where = \{\} asks for nothing"),
        ({"where": {"project": 7}}, r"where\['project'\] = 7; pass strings"),
        ({"where": "orion"}, r"where = 'orion'; pass strings by name"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "nothing lies between"),
        ({"since": "soon"}, "'soon' is not a date"),
    ],
)
def test_a_scope_that_cannot_be_asked_for_is_refused(
    told: Memory, scope: dict[str, Any], message: str
) -> None:
    for ask in (told.recall, told.associations):
        with pytest.raises(InputError, match=message):
            ask("Ada", **scope)


# --- metadata ---


def metadata_of(memory: Memory) -> list[str]:
    query = "MATCH (d:Document) RETURN d.record AS id, d.metadata AS metadata ORDER BY id"
    return [row["metadata"] for row in memory.cypher(query).to_pylist()]


def test_other_metadata_changes_a_document_and_tells_nothing(told: Memory) -> None:
    before = told.associations("Ada")
    record = Record("Ada met Bruno.", START, "diary", id="1", metadata={"project": "lyra"})
    assert told.add([record]).changed == 1
    assert told.add([record]).unchanged == 1
    assert metadata_of(told)[0] == '{"project":"lyra"}'
    assert told.associations("Ada") == before


def test_a_new_version_without_metadata_keeps_it(told: Memory) -> None:
    told.add([Record("Ada met Emil.", START + DAY, "diary", id="1")])
    assert metadata_of(told)[0] == '{"project":"orion"}'


def test_metadata_is_exported_and_merged(told: Memory, tmp_path: Path) -> None:
    told.export(tmp_path / "out")
    with Memory.import_(tmp_path / "copy.memini", tmp_path / "out") as copy:
        assert metadata_of(copy) == metadata_of(told)
    with Memory.open(tmp_path / "other.memini", extractor=Names(), clock=lambda: NOW) as other:
        other.merge(tmp_path / "copy.memini")
        assert metadata_of(other) == metadata_of(told)
        assert targets(other, where={"project": "orion"}) == {"Bruno"}


def test_metadata_of_jsonl_is_kept(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text(
        '{"text": "Ada met Bruno.", "id": "1", "metadata": {"project": "orion", "page": 3, "by": null}}\n'
        '{"text": "Ada met Clara.", "id": "2"}\n'
    )
    memory.ingest(path)
    assert metadata_of(memory) == ['{"page":"3","project":"orion"}', ""]
    path.write_text('{"text": "Ada met Dora.", "id": "3", "metadata": "orion"}\n')
    with pytest.raises(InputError, match=r"notes.jsonl:1: metadata 'orion' is not an object"):
        memory.ingest(path)


def test_bad_metadata_changes_nothing(memory: Memory) -> None:
    with pytest.raises(InputError, match=r"metadata\['project'\] = 7; pass strings"):
        memory.remember("Ada met Bruno.", metadata={"project": 7})  # type: ignore[dict-item]
    assert memory.stats().documents == 0


# --- the command line ---


def printed(path: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--db", str(path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--source", "diary", "--source", "chat/2"), {"Bruno", "Dora"}),
        (("--source", "chat/*"), {"Clara", "Dora"}),
        (("--where", "project=orion"), {"Bruno"}),
        (("--since", "2025-01-02", "--until", "2025-01-03"), {"Clara"}),
    ],
)
def test_the_command_line_asks_in_a_scope(
    told: Memory, path: Path, options: tuple[str, ...], found: set[str]
) -> None:
    told.close()
    listed = json.loads(printed(path, "associations", "Ada", *options, "--json"))
    assert {row["target"] for row in listed} == found
    recalled = json.loads(printed(path, "recall", "Ada", *options, "--json"))["passages"]
    assert {row["text"] for row in recalled} == {f"Ada met {name}." for name in found}
    first = recalled[0]["id"]
    assert json.loads(printed(path, "explain", "Ada", first, *options, "--json"))["rank"] == 1


def test_what_is_no_name_and_value_is_wrong_usage(path: Path) -> None:
    result = CliRunner().invoke(app, ["recall", "Ada", "--where", "orion", "--db", str(path)])
    assert result.exit_code == 2
    assert "'orion' is not NAME=VALUE" in result.output
