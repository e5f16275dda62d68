"""Mentions by a GLiNER model: names of any kinds that are asked for by their words (extra ``gliner``).

The model is one of this machine: a folder, or one that is in the cache of the Hugging Face hub. Nothing is
downloaded here; the error says how to fetch a model once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.mentions import CONCEPT, PERSON, Mention, encodable, mention
from memini_kuzu.extraction.sentences import sentence_starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["LABELS", "GlinerExtractor"]

LABELS = {
    "person": PERSON,
    "organization": "ORG",
    "country": "GPE",
    "city": "GPE",
    "location": "LOC",
    "product": "PRODUCT",
    "work of art": "WORK_OF_ART",
    "event": "EVENT",
    "concept": CONCEPT,
}
"""What the model is asked for, and the label that a mention then gets."""

VERSION = 1
"""Of what is made of a model's answers; raise it when the same text may give other mentions."""

BATCH = 64
"""Texts that the model is given at a time; it makes batches of its own of them."""

LONGEST = 384
"""Words of a text that a model reads where it does not say so itself; it would leave out what follows."""

_WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")  # what GLiNER counts as a word


class GlinerExtractor:
    """Finds mentions with a GLiNER model.

    Parameters
    ----------
    model : str, optional
        A folder, or the name of a model that was fetched from the hub; $MEMINI_GLINER_MODEL by default, read
        when it is used.
    labels : mapping of str to str, optional
        What to ask the model for, in words, and the label that a mention then gets; `LABELS` by default.
    threshold : float
        How sure the model must be, from 0 to 1.

    Raises
    ------
    InputError
        If the package is not installed, there is nothing to ask for, or the threshold is none.

    References
    ----------
    U. Zaratiana and others, "GLiNER: Generalist Model for Named Entity Recognition using Bidirectional
    Transformer", NAACL 2024.

    Examples
    --------
    >>> extractor = GlinerExtractor("models/gliner_small-v2.1")  # doctest: +SKIP
    >>> [mention.name for mention in next(extractor.extract(["Ada met Charles."]))]  # doctest: +SKIP
    ['Ada', 'Charles']
    """

    def __init__(
        self, model: str | None = None, *, labels: Mapping[str, str] | None = None, threshold: float = 0.5
    ) -> None:
        if importlib.util.find_spec("gliner") is None:
            raise InputError('gliner is not installed; run pip install "memini-kuzu[gliner]"')
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold = {threshold}; pass a number from 0 to 1")
        self._model = model
        self._labels = dict(LABELS if labels is None else labels)
        if not self._labels:
            raise InputError("labels = {}; name at least one kind of thing to look for")
        self._threshold = threshold

    @property
    def model(self) -> str:
        """The model's folder or name."""
        found = self._model or os.environ.get("MEMINI_GLINER_MODEL")
        if not found:
            raise InputError(
                "the gliner extractor needs a model: pass a folder or the name of a model that you have "
                "fetched, or set MEMINI_GLINER_MODEL"
            )
        return found

    @property
    def identity(self) -> str:
        """Model, version, and what it is asked for."""
        model = Path(self.model)
        asked = json.dumps([self._labels, self._threshold])
        digest = hashlib.blake2b(asked.encode(), digest_size=4).hexdigest()
        return f"gliner/{model.resolve().name if model.is_dir() else self.model}/{VERSION}/{digest}"

    @cached_property
    def _loaded(self) -> Any:
        from gliner import GLiNER  # noqa: PLC0415 - an extra, and slow to import

        try:
            return GLiNER.from_pretrained(self.model, local_files_only=True)
        except (OSError, ValueError) as error:
            raise InputError(
                f"the model {self.model!r} is not on this machine as a whole ({error}); name its folder, or "
                "fetch it once, where there is a network: "
                f"python -c \"from gliner import GLiNER; GLiNER.from_pretrained('{self.model}')\""
            ) from error

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text, in order of mention.

        Parameters
        ----------
        texts : iterable of str
            Passages; read a batch ahead.
        processes : int
            Not used: the model spreads its work over the processor's cores itself.

        Yields
        ------
        list of Mention
            By offset, no two overlapping.

        Raises
        ------
        InputError
            If no model is named, or it is not on this machine.
        """
        del processes
        iterator = map(encodable, texts)
        while some := list(islice(iterator, BATCH)):
            yield from self._mentions(some)

    def _mentions(self, texts: list[str]) -> Iterator[list[Mention]]:
        model = self._loaded
        longest = getattr(getattr(model, "config", None), "max_len", None) or LONGEST
        starts = [sentence_starts(text) for text in texts]
        cuts = [_cuts(text, begun, longest) for text, begun in zip(texts, starts, strict=True)]
        pieces = [
            text[begin:end]
            for text, at in zip(texts, cuts, strict=True)
            for begin, end in zip(at, [*at[1:], len(text)], strict=True)
        ]
        answers = iter(model.inference(pieces, list(self._labels), flat_ner=True, threshold=self._threshold))
        for text, begun, at in zip(texts, starts, cuts, strict=True):
            spans = [(each, offset) for offset in at for each in next(answers)]
            yield list(self._located(text, begun, spans))

    def _located(
        self, text: str, starts: list[int], spans: list[tuple[dict[str, Any], int]]
    ) -> Iterator[Mention]:
        """The mentions, by offset; of two that overlap, the one that the model is surer of."""
        taken = bytearray(len(text))
        kept = []
        for found, offset in sorted(spans, key=lambda each: -each[0]["score"]):
            start, end = found["start"] + offset, found["end"] + offset
            # its words must stand there: a model that counts otherwise would name the wrong thing
            if text[start:end] == found["text"] and not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                kept.append((start, end, self._labels[found["label"]]))
        for start, end, label in sorted(kept):
            sentence = max(bisect_right(starts, start) - 1, 0)
            made = mention(text[start:end], label, sentence, start)
            if made is not None:
                yield made


def _cuts(text: str, starts: list[int], longest: int) -> list[int]:
    """Where the pieces of a text begin, none of more than so many words: at sentences, or else at words.

    Examples
    --------
    >>> _cuts("Ada left. She met Bob.", [0, 10], 4), _cuts("a b c d e", [0], 2)
    ([0, 10], [0, 4, 8])
    """
    words = [word.start() for word in _WORD.finditer(text)]
    cuts, first = [0], 0
    while len(words) - first > longest:
        beyond = words[first + longest]
        begun = [start for start in starts if words[first] < start <= beyond]
        cuts.append(begun[-1] if begun else beyond)
        first = bisect_left(words, cuts[-1])
    return cuts
