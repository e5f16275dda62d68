"""What the scripts that measure recall share: sets of questions on disk, one extraction, and intervals."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import bm25s
import numpy as np
import Stemmer

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from memini_kuzu.extraction import Extractor, Mention

    Floats = NDArray[np.float64]

__all__ = ["ALL", "K1", "B", "Remembering", "bm25_terms", "interval", "lines", "sets"]

ALL = "all"
"""Stands for all questions of a set together."""

K1, B = 1.2, 0.75
"""BM25 of the baselines."""

SAMPLES = 2_000
"""Bootstrap samples of an interval."""

bm25_terms = partial(
    bm25s.tokenize, stopwords="en_plus", stemmer=Stemmer.Stemmer("english"), show_progress=False
)
"""Texts to the terms of the baselines: Snowball's stems without the long list of English stop words."""


class Remembering:
    """An extractor that does not read the same text twice: the second store costs no second extraction."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._known: dict[str, list[Mention]] = {}
        self.identity = extractor.identity

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """The mentions of each text."""
        texts = list(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._extractor.extract(new, processes=processes), strict=True))
        return (self._known[text] for text in texts)


def sets(folder: Path) -> list[Path]:
    """The folder itself, or those in it, that hold a corpus and its queries."""
    found = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = [
        path for path in found if (path / "corpus.jsonl").is_file() and (path / "queries.jsonl").is_file()
    ]
    if not found:
        raise InputError(f"{folder} holds no corpus.jsonl with a queries.jsonl, nor does a folder in it")
    return found


def lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    with file.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def interval(values: Floats) -> tuple[float, float]:
    """The 95 % interval of a mean over questions; seeded, so that it is the same every time."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (SAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
