"""The commands that let a memory learn its own time constants, and show it: fit, retune, plot."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Now, Wait, command, opened_file
from memini_kuzu.cli._print import console, show_json, show_table
from memini_kuzu.config import Parameters
from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from memini_kuzu.dynamics import TimeConstants
    from memini_kuzu.insight.fitting import FitReport

__all__ = ["fit", "plot", "retune"]

EVALUATIONS = 250
"""About how many evaluations a fit takes: 36 starting points, three of them refined, and the comparisons."""

LINES, GRAPH_ASSOCIATIONS = 5, 30
"""How many associations a picture shows unless told otherwise."""

SHOWN = {
    "count": "count (nothing is forgotten)",
    "most recent": "most recent",
    "one exponential": "one exponential",
    "current": "current parameters",
    "fitted": "fitted parameters",
}


@command("memini fit --db notes.memini", "memini fit events.csv --until 2026-01-01 --json")
def fit(
    events: Annotated[
        Path | None,
        typer.Argument(
            metavar="[EVENTS]",
            help="CSV, JSONL or Parquet: source, target, time; else the store's own documents.",
        ),
    ] = None,
    *,
    db: Db = STORE,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="The training span's end; else 4/5 of the dates."),
    ] = None,
    tau_slow: Annotated[
        float | None,
        typer.Option(
            "--tau-slow", metavar="DAYS", help="τ_s, which a stream does not show; 3650 if not given."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of the samples of very large streams.")
    ] = 0,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Let events say how fast to forget. Changes nothing; retune applies the result."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from memini_kuzu.memory import fit_events

    columns = (TextColumn("fitting"), BarColumn(), TextColumn("{task.completed} steps"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=EVALUATIONS)

        def progress() -> None:
            bar.advance(task)

        if events is not None and not db.exists():
            report = fit_events(events, until=until, tau_slow=tau_slow, seed=seed, progress=progress)
        else:
            with opened_file(db, wait=wait) as memory:
                report = memory.fit(events, until=until, tau_slow=tau_slow, seed=seed, progress=progress)
    if as_json:
        show_json(report)
    else:
        _show_fit(report)


def _show_fit(report: "FitReport") -> None:
    found, errors = report.time_constants, report.errors
    typer.echo(f"fitted to {report.fitted:,} of {report.events:,} events: {report.objective}")
    show_table(
        ["", "days", "half-life", "± (log)"],
        [
            ["fast time constant", found.fast, report.half_lives[0], errors[0]],
            ["slow time constant", found.slow, report.half_lives[1], errors[1]],
        ],
    )
    typer.echo(f"slow share {found.slow_share:.3%} (± {errors[2]:.2g} in its logit)\n")
    typer.echo(
        f"{report.forecast:,} questions about the later span (one exponential: τ {report.tau:.3g} days)"
    )
    show_table(
        ["", "MRR", "Hits@1", "Hits@10", "gain"],
        [
            [label, *(f"{value:.2f}" for value in report.scores[name].values()), _gain(report, name)]
            for name, label in SHOWN.items()
        ],
    )
    for warning in report.warnings:
        typer.echo(f"\nnot identified: {warning}")
    if report.gains["current"] <= 0:
        typer.echo("\nthe current parameters forecast no worse: keep them, or fit a longer stream")
    typer.echo(f"\nto apply:  memini retune {_options(report.parameters)}")


def _gain(report: "FitReport", name: str) -> str:
    return "" if name == "fitted" else f"{report.gains[name]:+.2f}"


def _options(parameters: Parameters) -> str:
    return (
        f"--tau-fast {parameters.tau_fast:.6g} --tau-slow {parameters.tau_slow:.6g} "
        f"--coupling {parameters.coupling:.6g} --capacity {parameters.capacity:.6g}"
    )


@command(
    "memini retune --tau-fast 3 --coupling 0.4 --db notes.memini",
    "memini retune --impulse 2",
)
def retune(
    *,
    db: Db = STORE,
    tau_fast: Annotated[float | None, typer.Option("--tau-fast", metavar="DAYS", help="τ_f.")] = None,
    tau_slow: Annotated[float | None, typer.Option("--tau-slow", metavar="DAYS", help="τ_s.")] = None,
    coupling: Annotated[float | None, typer.Option("--coupling", metavar="C", help="C, per day.")] = None,
    capacity: Annotated[float | None, typer.Option("--capacity", metavar="κ", help="κ, 1 or more.")] = None,
    impulse: Annotated[float | None, typer.Option("--impulse", metavar="B", help="b.")] = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Give a store other parameters, as if it had had them from the start. What is not named stays."""
    named = {
        "tau_fast": tau_fast,
        "tau_slow": tau_slow,
        "coupling": coupling,
        "capacity": capacity,
        "impulse": impulse,
    }
    with opened_file(db, write=True, wait=wait) as memory:
        changes = {name: value for name, value in named.items() if value is not None}
        report = memory.retune(replace(memory.parameters, **changes))
    if as_json:
        show_json(report)
        return
    restored = f", {report.restored:,} of them forgotten before" if report.restored else ""
    typer.echo(f"{report.associations:,} associations from {report.events:,} events{restored}")
    typer.echo(_fading(report.time_constants))


def _fading(constants: "TimeConstants") -> str:
    return (
        f"an association now fades over {constants.fast:.3g} days and, for {constants.slow_share:.2%} of it, "
        f"over {constants.slow:.3g} days"
    )


@command(
    "memini plot 'Ada Lovelace' -o ada.png",
    "memini plot 'Ada Lovelace' 'Charles Babbage' -o pair.svg",
    "memini plot 'Ada Lovelace' --graph -o near.svg -k 40",
    "memini plot Ribe --cue 'Who is the baker of Ribe?' -o rivals.svg",
    "memini plot -o store.png",
)
def plot(
    entity: Annotated[
        str | None,
        typer.Argument(metavar="[ENTITY]", help="Its strongest associations; else the whole store."),
    ] = None,
    other: Annotated[
        str | None, typer.Argument(metavar="[ENTITY]", help="Its association with this one alone.")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="What to write: .png or .svg.")
    ],
    cue: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Its associations that answer this, and which came first."),
    ] = None,
    db: Db = STORE,
    log: Annotated[
        bool, typer.Option("--log", help="Strengths by their logarithm, so that a burst flattens nothing.")
    ] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="What is around it as of then: arrows as wide as they are strong.")
    ] = False,
    k: Annotated[
        int | None,
        typer.Option("-k", metavar="N", min=1, help="How many associations: 5, up to 7; in a graph 30."),
    ] = None,
    now: Now = None,
    wait: Wait = 0.0,
) -> None:
    """Draw an entity's associations over time or what is around it, or the whole store."""
    from memini_kuzu.insight import graph_plot, plots

    plots.check_format(output)
    if cue is not None and (entity is None or other is not None):
        raise InputError("--cue asks about one entity; name it: memini plot ENTITY --cue TEXT")
    if graph and (other is not None or cue is not None):
        raise InputError("--graph shows what is around one entity, or what is strongest; leave the rest out")
    if log and (entity is None or cue is not None or graph):
        raise InputError("--log is for an entity's associations; the other pictures have it where it helps")
    if k is not None and k > len(plots.COLOURS) and not graph:
        raise InputError(f"-k {k}: there are {len(plots.COLOURS)} colours to tell lines apart; -k up to that")
    k = k or (GRAPH_ASSOCIATIONS if graph else LINES)
    with opened_file(db, wait=wait) as memory:
        if graph:
            found = memory.neighbourhood(entity, now=now, k=k)
            graph_plot.plot_graph(found, output, middle=entity is not None)
        elif entity is None:
            plots.plot_store(memory.overview(now=now), output)
        elif cue is not None:
            plots.plot_rivals(memory.rivals(entity, cue, now=now, k=k), output)
        else:
            others = [other] if other else [one.target for one in memory.associations(entity, now=now, k=k)]
            courses = [memory.trajectory(entity, name, now=now) for name in others]
            plots.plot_trajectories(courses, output, log=log)
    typer.echo(f"wrote {output}")
