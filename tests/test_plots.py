"""Pictures: that they show what they were given, and refuse what they cannot draw."""

from __future__ import annotations

import builtins
import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Parameters, Record, RuleExtractor
from memini_kuzu.cli import app
from memini_kuzu.insight import graph_plot, plots
from memini_kuzu.insight.neighbourhood import NearAssociation, NearEntity, Neighbourhood
from memini_kuzu.insight.trajectory import Consolidated, Overview, Rivals, Trajectory
from memini_kuzu.times import DAY, from_millis

SCRIPTS = Path(__file__).parent.parent / "scripts"


def trajectory(source: str, target: str) -> Trajectory:
    time = np.arange(0, 10 * DAY, DAY)
    return Trajectory(
        source, target, time, np.linspace(1, 0.1, 10), np.linspace(0, 0.1, 10), time[:1], np.ones(1)
    )


@pytest.mark.parametrize("suffix", [".png", ".svg", ".SVG"])
def test_a_picture_has_the_format_of_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    plots.plot_trajectories([trajectory("Ada", "Babbage"), trajectory("Ada", "Curie")], path)
    assert path.read_bytes()[:5] in {b"\x89PNG\r", b"<?xml"}


def test_a_picture_names_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    plots.plot_trajectories([trajectory("Ada", "$x^2$ and _more_")], path)
    text = path.read_text()
    for label in ("Ada → $x^2$ and _more_", "fast variable", "slow variable", "date"):
        assert label in text


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plots.plot_trajectories([trajectory("Ada", "Babbage")], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_pictures_are_put_together_on_axes_of_ones_own() -> None:
    _, axes = plots.figure(2, 3, width=9, height=4)
    for column, log in enumerate((False, True)):
        plots.draw_trajectories([trajectory("Ada", "Babbage")], *axes[:, column], log=log)
    assert [each.get_yscale() for each in axes[0]] == ["linear", "log", "linear"]
    overview = Overview(
        Parameters(), 0, 30 * DAY, np.ones(3), np.ones(3), [Consolidated("Ada", "Curie", 1.0)]
    )
    plots.draw_forgetting(overview, axes[0, 2])
    plots.draw_consolidated(overview, axes[1, 2])
    assert "forgetting curve" in axes[0, 2].get_title(loc="left")
    assert [each.get_text() for each in axes[1, 2].get_yticklabels()] == ["Ada → Curie"]


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_a_store_of_any_size_can_be_drawn(tmp_path: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    pairs = [
        Consolidated("Ada", f"a very long name number {number}", 1.0 / (1 + number))
        for number in range(min(n, 10))
    ]
    overview = Overview(Parameters(), 0, 30 * DAY, rng.lognormal(-3, 2, n), rng.lognormal(-4, 2, n), pairs)
    path = tmp_path / "store.svg"
    plots.plot_store(overview, path)
    text = path.read_text()
    assert f"{n:,} associations on" in text
    assert ("Ada →" in text) == (n > 0)


SEEN = from_millis(0)


def near(source: int, target: int, strength: float, consolidated: float) -> NearAssociation:
    return NearAssociation(source, target, strength, consolidated, 1, SEEN, SEEN, (), None, None, None)


AROUND = Neighbourhood(
    now=SEEN,
    entities=[NearEntity(name, "PERSON", 1) for name in ("Ada", "$x$ & Babbage", "Curie", "Ada's echo")],
    associations=[near(0, 1, 1.0, 0.001), near(1, 0, 0.1, 0.1), near(2, 1, 1e-9, 1e-9), near(3, 3, 0.2, 0.0)],
    left_out=0,
    unknown=0,
)


def test_a_graph_shows_strength_as_width_consolidation_as_colour_and_the_direction() -> None:
    _, axes = plots.figure(1, 1, width=4, height=4)
    graph_plot.draw_graph(AROUND, axes[0, 0])
    dots = [tuple(each.get_xydata()[0]) for each in axes[0, 0].lines if each.get_zorder() == 3]
    places = dict(zip((each.name for each in AROUND.entities), dots, strict=True))
    assert places["Ada"] == (0, 0)
    arrows = {
        (tuple(each.xyann), tuple(each.xy)): each.arrow_patch
        for each in axes[0, 0].texts
        if each.arrow_patch is not None
    }
    there = arrows[places["Ada"], places["$x$ & Babbage"]]
    back = arrows[places["$x$ & Babbage"], places["Ada"]]
    faint = arrows[places["Curie"], places["$x$ & Babbage"]]
    assert len(arrows) == 3
    assert there.get_linewidth() > back.get_linewidth() > faint.get_linewidth() == graph_plot.WIDTHS[0]
    red = [patch.get_edgecolor()[0] for patch in (back, there, faint)]
    assert red[0] > red[1] > red[2]
    # and of what leads to itself a ring
    rings = [each for each in axes[0, 0].lines if each.get_markerfacecolor() == "none"]
    assert [tuple(each.get_xydata()[0]) for each in rings] == [places["Ada's echo"]]


def test_a_graph_is_the_same_file_each_time_and_has_all_names(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        graph_plot.plot_graph(AROUND, tmp_path / name, middle=False)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert all(name in text for name in ("Ada", "$x$ &amp; Babbage", "Curie", "4 associations on 1970-01-01"))


def test_a_graph_without_associations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no association to draw as of 1970-01-01"):
        graph_plot.plot_graph(replace(AROUND, associations=[]), tmp_path / "a.svg")
    with pytest.raises(InputError, match=r"a\.gif ends in neither"):
        graph_plot.plot_graph(AROUND, tmp_path / "a.gif")


def test_an_unknown_format_and_nothing_to_draw_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.gif ends in neither \.png nor \.svg"):
        plots.plot_trajectories([trajectory("Ada", "Babbage")], tmp_path / "a.gif")
    with pytest.raises(InputError, match="no trajectory"):
        plots.plot_trajectories([], tmp_path / "a.png")


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r'pip install "memini-kuzu\[plots\]"'):
        plots.plot_trajectories([trajectory("Ada", "Babbage")], tmp_path / "a.png")


@pytest.fixture(scope="session")
def told_in_turn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to be copied."""
    path = tmp_path_factory.mktemp("told") / "a.memini"
    texts = ("Ada Lovelace met Charles Babbage in Paris.", "Ada Lovelace wrote to Mary Somerville.")
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        memory.add(Record(text=texts[day % 2], time=day * DAY, id=str(day)) for day in range(40))
    return path


@pytest.fixture
def store(told_in_turn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(told_in_turn, tmp_path / "a.memini"))


@pytest.mark.parametrize("names", [[], ["Ada Lovelace"], ["Ada Lovelace", "Charles Babbage"]])
def test_the_command_draws_a_store_an_entity_and_a_pair(
    store: Path, tmp_path: Path, names: list[str]
) -> None:
    output = tmp_path / "a.svg"
    done = CliRunner().invoke(
        app, ["plot", *names, "-o", str(output), "--db", str(store), "--now", "1970-03-01"]
    )
    assert done.exit_code == 0, done.output
    expected = "forgetting curve" if not names else "Ada Lovelace → Charles Babbage"
    assert expected in output.read_text()


@pytest.mark.parametrize("names", [[], ["Ada Lovelace"]])
def test_the_command_draws_a_graph(store: Path, tmp_path: Path, names: list[str]) -> None:
    output = tmp_path / "a.svg"
    command = ["plot", *names, "--graph", "-o", str(output), "--db", str(store), "--now", "1970-03-01"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with Memory.open(store, read_only=True) as memory:
        found = memory.neighbourhood(*names, now="1970-03-01", k=30)
    assert f"{len(found.associations)} associations on 1970-03-01" in output.read_text()
    assert all(each.name in output.read_text() for each in found.entities)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["Ada Lovelace", "Charles Babbage", "--graph"], "around one entity"),
        (["Ada Lovelace", "--graph", "--log"], "--log is for"),
        (["Ada Lovelace", "-k", "8"], "-k 8: there are 7 colours"),
    ],
)
def test_the_command_refuses_what_does_not_go_together(
    store: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    done = CliRunner().invoke(app, ["plot", *options, "-o", str(tmp_path / "a.svg"), "--db", str(store)])
    assert done.exit_code == 1
    assert message in str(done.exception) + done.output
    assert not (tmp_path / "a.svg").exists()


def test_the_commands_fit_and_retune_a_store(store: Path) -> None:
    runner = CliRunner()
    fitted = runner.invoke(app, ["fit", "--db", str(store)])
    assert fitted.exit_code == 0, fitted.output
    assert "to apply:  memini retune --tau-fast" in fitted.stdout
    changed = runner.invoke(app, ["retune", "--db", str(store), "--tau-fast", "2"])
    assert changed.exit_code == 0, changed.output
    assert "fades over" in changed.stdout
    with Memory.open(store, read_only=True) as memory:
        assert memory.parameters == Parameters(tau_fast=2.0)


@pytest.mark.slow
def test_the_reproduction_holds_its_claims_and_writes_its_numbers(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "reproduce_memini.py"), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "13 documents, 124 co-occurrence events, 68 pairs" in done.stdout
    assert done.stdout.count("holds: ") == 3
    with (tmp_path / "reproduction-events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 124
    assert len({(row["a"], row["b"]) for row in rows}) == 68
    assert (tmp_path / "reproduction.svg").stat().st_size < 100_000


BAKERS = (("Ada Holm", 0), ("Ada Holm", 200), ("Bruno Lind", 900), ("Bruno Lind", 950))


@pytest.fixture
def bakers(tmp_path: Path) -> Path:
    path = tmp_path / "bakers.memini"
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        memory.add(Record(f"The baker of Ribe is {who}.", time=day * DAY, id=str(day)) for who, day in BAKERS)
    return path


QUESTION = "Who is the baker of Ribe?"


def test_rivals_are_asked_at_each_moment_as_it_was_then(bakers: Path) -> None:
    with Memory.open(bakers, read_only=True) as memory:
        found = memory.rivals("Ribe", QUESTION, now="1972-08-10", moments=20)
        assert {each.target for each in found.answers} == {"Ada Holm", "Bruno Lind"}
        assert (found.time[0], len(found.time)) == (0, 20)
        for moment, first in zip(found.time.tolist(), found.first.tolist(), strict=True):
            best = memory.recall(QUESTION, now=from_millis(moment), k=1).passages[0]
            assert (found.answers[first].target or "") in best.text
        assert found.answers[found.first[0]].target == "Ada Holm"
        assert found.answers[found.first[-1]].target == "Bruno Lind"


def test_rivals_that_nothing_answers_are_refused(bakers: Path) -> None:
    with Memory.open(bakers, read_only=True) as memory:
        with pytest.raises(InputError, match="no association of Ribe answers 'Ada Holm Bruno Lind baker'"):
            memory.rivals("Ribe", "Ada Holm Bruno Lind baker")
        with pytest.raises(InputError, match="k = 0, moments = 100"):
            memory.rivals("Ribe", QUESTION, k=0)


def test_the_spans_of_rivals_are_those_of_their_moments(tmp_path: Path) -> None:
    answers = (trajectory("Ribe", "Ada"), trajectory("Ribe", "Bruno"))
    first = np.array([0, 0, 1, -1, 0, 1])
    rivals = Rivals("Who?", answers, np.arange(6) * DAY, first)
    plots.plot_rivals(rivals, tmp_path / "a.svg")
    assert all(name in (tmp_path / "a.svg").read_text() for name in ("Who?", "Ada", "Bruno"))
    days = [
        [(int(begin.astype(int)) // DAY, int(length.astype(int)) // DAY) for begin, length in spans]
        for spans in (plots.spans_of(rivals, 0), plots.spans_of(rivals, 1))
    ]
    assert days == [[(0, 2), (4, 1)], [(2, 1)]]


@pytest.mark.slow
def test_the_command_draws_what_answers_a_cue(bakers: Path, tmp_path: Path) -> None:
    output = tmp_path / "rivals.svg"
    asked = ["plot", "Ribe", "--cue", QUESTION, "-o", str(output), "--db", str(bakers), "--now", "1972-08-10"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert all(text in output.read_text() for text in (QUESTION, "Ada Holm", "Bruno Lind"))
    without = CliRunner().invoke(app, ["plot", "--cue", QUESTION, "-o", str(output), "--db", str(bakers)])
    assert "--cue asks about one entity" in without.stderr
