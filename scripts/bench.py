"""Benchmarks: each measures ours and a floor in one run, prints a table and writes JSON.

Absolute times move with the machine; the ratios are what to judge by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from bench_cold import cold as run_cold
from bench_common import report
from bench_explore import explore as run_explore
from bench_gap import gap as run_gap
from bench_graph import graph as run_graph
from bench_icews import icews as run_icews
from bench_imports import imports as run_imports
from bench_load import load as run_load
from bench_loop import loop as run_loop
from bench_maintenance import maintenance as run_maintenance
from bench_recall import recall as run_recall
from bench_scale import scale as run_scale
from bench_size import size as run_size
from bench_standing import standing as run_standing
from bench_text import long_document as run_document
from bench_text import remember as run_remember
from bench_text import text_ingest as run_ingest
from bench_words import words as run_words
from bench_writes import writes as run_writes

Edges = Annotated[int, typer.Option(help="How many associations the memory holds.", min=1_000)]
Events = Annotated[int, typer.Option(help="How many events are loaded.", min=1)]
Runs = Annotated[int, typer.Option(help="How often each side is run; medians are compared.", min=1)]
Json = Annotated[Path | None, typer.Option("--json", help="Write the rows here as well.")]

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Measure ours and a floor in one run; print a table and write JSON."""


@app.command()
def maintenance(edges: Edges = 1_000_000, runs: Runs = 5, json: Json = None) -> None:
    """The maintenance pass against its floor and against a tenth of the edges; Cypher's SET against it."""
    report(run_maintenance(edges, runs), json)


@app.command()
def recall(edges: Edges = 1_000_000, runs: Runs = 5, json: Json = None) -> None:
    """Three steps of spreading against the same at 100,000 edges, and against scipy."""
    report(run_recall(edges, runs), json)


@app.command()
def standing(
    matters: Annotated[int, typer.Option(help="How many matters are asked about.", min=1, max=40)] = 40,
    runs: Runs = 5,
    json: Json = None,
) -> None:
    """A recall that compares fifty rivals, against the same recall without comparing them."""
    report(run_standing(matters, runs), json)


@app.command()
def remember(edges: Edges = 1_000_000, runs: Runs = 5, json: Json = None) -> None:
    """One passage of twenty entities, over the extractor's own time."""
    report(run_remember(edges, runs), json)


@app.command()
def load(events: Events = 5_000_000, runs: Runs = 3, json: Json = None) -> None:
    """A stream of events against DuckDB's bare fold and a bare COPY."""
    report(run_load(events, runs), json)


@app.command()
def ingest(
    texts: Annotated[int, typer.Option(help="How many texts.", min=1)] = 400,
    runs: Runs = 3,
    json: Json = None,
) -> None:
    """Texts into a store against the bare language model."""
    report(run_ingest(texts, runs), json)


@app.command()
def document(
    characters: Annotated[int, typer.Option(help="How long the text is.", min=10_000)] = 640_000,
    json: Json = None,
) -> None:
    """One long document against the same text in short ones: time, and memory at its peak."""
    report(run_document(characters), json)


@app.command()
def size(
    edges: Edges = 1_000_000,
    text: Annotated[int, typer.Option(help="Kilobytes of notes.", min=100)] = 4_000,
    json: Json = None,
) -> None:
    """Bytes on disk an association, next to Parquet, and of a store of notes for each byte of text."""
    report(run_size(edges, text), json)


@app.command()
def writes(edges: Edges = 1_000_000, runs: Runs = 3, json: Json = None) -> None:
    """Some edges into many, in place and by a table swap: what the cost model is fitted to."""
    report(run_writes(edges, runs), json)


@app.command()
def words(
    passages: Annotated[int, typer.Option(help="How many passages the memory holds.", min=1)] = 20_000,
    runs: Runs = 5,
    json: Json = None,
) -> None:
    """Recall by words, and writing passages, against the engine's own full-text index."""
    report(run_words(passages, runs), json)


@app.command()
def gap(
    passages: Annotated[int, typer.Option(help="How many passages go in.", min=4)] = 1_000,
    json: Json = None,
) -> None:
    """How long an event loop stands still while passages go in, against a thread that computes."""
    report(run_gap(passages), json)


@app.command()
def loop(
    passages: Annotated[int, typer.Option(help="How many passages the memory holds.", min=50)] = 10_000,
    turns: Annotated[int, typer.Option(help="How many turns are measured.", min=1)] = 200,
    json: Json = None,
) -> None:
    """An agent's turns, a sentence remembered and a question asked; SQLite and bm25s beside it."""
    report(run_loop(passages, turns), json)


@app.command()
def scale(
    passages: Annotated[
        int, typer.Option(help="How many passages the largest memory holds.", min=50)
    ] = 100_000,
    turns: Annotated[int, typer.Option(help="How many turns are measured in each.", min=1)] = 100,
    keep: Annotated[
        Path | None,
        typer.Option(help="A folder where the memories are left, and taken from if they are there."),
    ] = None,
    json: Json = None,
) -> None:
    """Memories of 1,000 passages, ten times as many, and so on: what all that is done with them costs."""
    report(run_scale(passages, turns, keep), json)


@app.command()
def imports(runs: Runs = 5, json: Json = None) -> None:
    """Importing the package and asking for help, against a bare Python."""
    report(run_imports(runs), json)


@app.command()
def cold(
    passages: Annotated[int, typer.Option(help="How many passages the memory holds.", min=1)] = 10_000,
    runs: Runs = 9,
    json: Json = None,
) -> None:
    """`memini recall` with the start of its process, against a process that imports and opens alone."""
    report(run_cold(passages, runs), json)


@app.command()
def explore(edges: Edges = 100_000, runs: Runs = 5, json: Json = None) -> None:
    """What each view of the page asks the server for, against a second."""
    report(run_explore(edges, runs), json)


@app.command()
def graph(
    edges: Annotated[int, typer.Option(help="How many associations are drawn.", min=50, max=5_000)] = 5_000,
    seconds: Annotated[float, typer.Option(help="How long each movement is measured.", min=0.1)] = 5.0,
    json: Json = None,
) -> None:
    """The page's graph while it is moved: frames of Chromium without a graphics card, against 30 a second."""
    report(run_graph(edges, seconds), json)


@app.command()
def icews(
    path: Annotated[Path, typer.Argument(help="A CSV file of events: source, target, time.")],
    json: Json = None,
) -> None:
    """A real stream in several orders and splits: the same edges each time."""
    report(run_icews(path), json)


if __name__ == "__main__":
    app()
