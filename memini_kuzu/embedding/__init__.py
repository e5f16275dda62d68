"""Embedders: texts to vectors, so that a passage can be found by what it means.

An embedder is the user's own, or `minilm.MiniLM` of the extra ``dense``. Nothing here needs one, and nothing
of the memory's changes where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np

from memini_kuzu.errors import InputError
from memini_kuzu.plugins import at_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

__all__ = ["Embedder", "Space", "passage_text", "space_of", "unit_vectors"]


@runtime_checkable
class Embedder(Protocol):
    """Gives texts vectors whose cosine says how much alike they are.

    Threads that share a memory may call it at once.
    """

    @property
    def name(self) -> str:
        """Tells embedders apart: model and version. Vectors of two names are never compared."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has, ≥ 1."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts.

        Parameters
        ----------
        texts : sequence of str
            Passages with their titles, or a cue. All of it is valid Unicode.

        Returns
        -------
        float32 (n_texts, dimension)
            One row a text, finite, of any length: only the direction counts. A row of zeros is like nothing.
        """


class Space(NamedTuple):
    """What vectors belong to: only those of one space can be compared.

    Parameters
    ----------
    name : str
        The embedder's.
    dimension : int
        Numbers of a vector.
    """

    name: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.name!r} (dimension {self.dimension})"


def space_of(embedder: Embedder) -> Space:
    """The space of an embedder's vectors.

    Raises
    ------
    InputError
        If it has no name, or its dimension is no whole number ≥ 1.

    Examples
    --------
    >>> class Letters:
    ...     name, dimension = "letters/1", 2
    ...
    ...     def embed(self, texts):
    ...         return np.array([[text.count(letter) for letter in "ab"] for text in texts])
    >>> space_of(Letters())
    Space(name='letters/1', dimension=2)
    """
    name, dimension = embedder.name, embedder.dimension
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"the embedder's name is {name!r}; it must be a text that tells it from others")
    if not isinstance(dimension, int) or isinstance(dimension, bool) or dimension < 1:
        raise InputError(f"the embedder {name!r} has dimension {dimension!r}; it must be a whole number ≥ 1")
    return Space(name, dimension)


def passage_text(title: str, text: str) -> str:
    """What of a passage an embedder reads.

    Examples
    --------
    >>> passage_text("Trip", "We saw the sea.")
    'Trip We saw the sea.'
    """
    return f"{title} {text}".strip()


def unit_vectors(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """The vectors of texts, checked, and of length 1, so that their inner product is their cosine.

    Parameters
    ----------
    embedder : Embedder
        Whose.
    texts : sequence of str
        Any; half of a character, which a cue may hold, is read as a question mark.

    Returns
    -------
    float32 (n_texts, dimension)
        Rows of zeros stay zeros.

    Raises
    ------
    InputError
        If the embedder gives another shape than it promises, or numbers that are not finite.

    Examples
    --------
    >>> class Letters:
    ...     name, dimension = "letters/1", 2
    ...
    ...     def embed(self, texts):
    ...         return np.array([[text.count(letter) for letter in "ab"] for text in texts])
    >>> unit_vectors(Letters(), ["aab", "b", "c"]).round(2).tolist()
    [[0.8899999856948853, 0.44999998807907104], [0.0, 1.0], [0.0, 0.0]]
    """
    space = space_of(embedder)
    if not texts:
        return np.zeros((0, space.dimension), dtype=np.float32)
    # many models fail where a text cannot be encoded
    whole = [text.encode(errors="replace").decode() for text in texts]
    with at_work(f"the embedder {space}"):
        # in double precision: the square of a large float32 overflows
        vectors = np.asarray(embedder.embed(whole), dtype=np.float64)
    if vectors.shape != (len(texts), space.dimension):
        raise InputError(
            f"the embedder {space} gave an array of shape {vectors.shape} for {len(texts)} texts; "
            f"it must be ({len(texts)}, {space.dimension})"
        )
    if not np.isfinite(vectors).all():
        raise InputError(f"the embedder {space} gave numbers that are not finite; it must be corrected")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0).astype(
        np.float32
    )
    return unit
