"""Names that a framework finds its own again by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.protocol import AssociativeMemory

__all__ = ["refuse_masked"]


def refuse_masked(
    memory: AssociativeMemory, ids: Sequence[str], expected: Sequence[str], names: Sequence[str]
) -> None:
    """Take back what a memory has kept under another name: it masks secrets in names too.

    Parameters
    ----------
    memory : AssociativeMemory
        What has kept it.
    ids, expected : sequence of str (n,)
        The documents' ids, and those that their names make.
    names : sequence of str (n,)
        What to call them.

    Raises
    ------
    InputError
        If a name was masked: under its own it would not be found again.
    """
    masked = {own: name for own, wanted, name in zip(ids, expected, names, strict=True) if own != wanted}
    for own in masked:
        memory.forget(id=own)
    for name in masked.values():
        raise InputError(
            f"{name}: the memory masks this name as a secret, and would not find it again; take another, or "
            "open the memory with redaction=NO_REDACTION"
        )
