"""Benchmarks: each measures ours and a floor in one run, prints a table and writes JSON.

Absolute times move with the machine; the ratios are what to judge by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from bench_common import report
from bench_maintenance import maintenance as run_maintenance

Edges = Annotated[int, typer.Option(help="How many associations the memory holds.", min=1)]
Runs = Annotated[int, typer.Option(help="How often each side is run; medians are compared.", min=1)]
Json = Annotated[Path | None, typer.Option("--json", help="Write the rows here as well.")]

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Benchmarks: each measures ours and a floor in one run, prints a table and writes JSON."""


@app.command()
def maintenance(edges: Edges = 1_000_000, runs: Runs = 5, json: Json = None) -> None:
    """The maintenance pass against its floor, and Cypher's SET against the pass."""
    report(run_maintenance(edges, runs), json)


if __name__ == "__main__":
    app()
