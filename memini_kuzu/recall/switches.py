"""The parts of recall that a measurement can do without.

For `scripts/evaluate_retrieval.py`, which shows what each part is worth, and for tests: users get what
measured best, so `Memory.recall` has no such switch.
"""

from __future__ import annotations

__all__ = ["PARTS"]

PARTS = frozenset({"spreading", "associations", "strengths", "dates", "headings", "contiguity", "standing"})
"""`spreading` along mentions and associations; `associations` alone; the `strengths` of associations and of
what is said, all of which are equal without it; `dates` and `headings` named in the cue; `contiguity`, what
neighbours in a source lend each other; `standing` among rivals."""
