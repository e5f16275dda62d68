"""What a command says before an extractor that is paid for begins."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import extractor_asked, opened_file
from memini_kuzu.cli._print import note, show_json, show_table
from memini_kuzu.records import Item
from memini_kuzu.text.redaction import Redaction

if TYPE_CHECKING:
    from memini_kuzu.extraction import Estimate

__all__ = ["Yes", "costs", "estimated", "show_estimate"]

Yes = Annotated[
    bool,
    typer.Option(
        "--yes", help="Send the texts, with an extractor that costs; otherwise only say what it would take."
    ),
]


def costs() -> bool:
    """Whether the extractor that was named is paid for."""
    from memini_kuzu.extraction import CostlyExtractor

    return isinstance(extractor_asked(), CostlyExtractor)


def estimated(
    db: Path,
    records: Iterable[Item],
    *,
    redaction: Redaction,
    now: str | None,
    wait: float,
    skip_bad: bool = False,
) -> "Estimate":
    """What the extractor would take for these records; nothing is sent, and no store is made.

    Parameters
    ----------
    db : Path
        The store; what it has already costs nothing.
    records, redaction, now, wait, skip_bad
        As the command has them.
    """
    with ExitStack() as stack:
        missing = not db.exists()
        # an empty store stands in for one that is still to be made
        path = Path(stack.enter_context(TemporaryDirectory())) / "empty.memini" if missing else db
        memory = stack.enter_context(
            opened_file(
                path, write=missing, now=now, wait=wait, redaction=redaction, create=missing, silent=True
            )
        )
        return memory.estimate(records, skip_bad=skip_bad)


def show_estimate(estimate: "Estimate", *, as_json: bool, going: bool) -> None:
    """Say what it takes: before it begins on standard error, otherwise as the command's result."""
    money = "unknown; set MEMINI_LLM_PRICES" if estimate.price is None else f"{estimate.price:,.4f}"
    if going:
        note(
            f"sending {estimate.texts:,} passages in {estimate.requests:,} requests: about "
            f"{estimate.input_tokens:,} tokens, and {estimate.output_tokens:,} of answers; price {money}"
        )
        return
    if as_json:
        show_json({"estimate": estimate, "dry_run": True})
    else:
        rows = [
            ("passages", f"{estimate.texts:,}"),
            ("requests", f"{estimate.requests:,}"),
            ("tokens sent", f"{estimate.input_tokens:,}"),
            ("tokens answered", f"{estimate.output_tokens:,}"),
            ("price", money),
        ]
        show_table(["would be sent, about", ""], rows)
    note("nothing was sent, nothing was changed; do it with --yes")
