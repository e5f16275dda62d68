"""The languages of a store's passages: counting them, and detecting them in stores of an older schema."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.text.analysis import analyse
from memini_kuzu.text.languages import ENGLISH, detect

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LANGUAGES", "VERSION", "count_languages", "counted", "languages_in", "with_languages", "written"]

LANGUAGES = "languages"
"""Key in MeminiMeta."""

VERSION = 3
"""The first schema version that stores the language of a passage."""


def languages_in(meta: Mapping[str, str]) -> Counter[str]:
    """How many passages there are in each language.

    Parameters
    ----------
    meta : mapping of str to str
        The store's MeminiMeta.

    Examples
    --------
    >>> languages_in({"languages": '{"de": 2}'})
    Counter({'de': 2})
    """
    return Counter(json.loads(meta.get(LANGUAGES, "{}")))


def count_languages(meta: Mapping[str, str], deleted: pa.Table, created: pa.Table) -> dict[str, str]:
    """The languages in MeminiMeta after passages are deleted and created.

    Parameters
    ----------
    meta : mapping of str to str
        As for `languages_in`.
    deleted, created : pyarrow.Table
        language of both.
    """
    counts = languages_in(meta)
    counts.update(created["language"].to_pylist())
    counts.subtract(deleted["language"].to_pylist())
    return {LANGUAGES: written(counts)}


def written(counts: Counter[str]) -> str:
    """The number of passages in each language, as JSON for MeminiMeta.

    Examples
    --------
    >>> written(Counter({"en": 2, "de": 0}))
    '{"en": 2}'
    """
    return json.dumps({language: number for language, number in sorted(counts.items()) if number > 0})


def counted(passages: pa.Table) -> dict[str, str]:
    """The entries of MeminiMeta for the words and languages of all passages.

    Parameters
    ----------
    passages : pyarrow.Table
        words and language of all of them.
    """
    counts = Counter(passages["language"].to_pylist())
    return {"words": str(pc.sum(passages["words"]).as_py() or 0), LANGUAGES: written(counts)}


def with_languages(passages: pa.Table) -> pa.Table:
    """Passages of an older schema with their language, analysed in it.

    Parameters
    ----------
    passages : pyarrow.Table
        document, position, title, text, terms (analysed as English), words and any other columns.

    Returns
    -------
    pyarrow.Table
        With language, and with new terms and words where that is not English.
    """
    passages = passages.sort_by([("document", "ascending"), ("position", "ascending")])
    columns = [passages[name].to_pylist() for name in ("document", "title", "text", "terms")]
    texts_of: dict[int, list[str]] = {}
    for document, _, text, _ in zip(*columns, strict=True):
        texts_of.setdefault(document, []).append(text)
    language_of = {document: detect("\n\n".join(texts)) for document, texts in texts_of.items()}
    languages = [language_of[document] for document in columns[0]]
    terms = [
        english_terms if language == ENGLISH else analyse(f"{title}\n{text}", language)
        for language, (_, title, text, english_terms) in zip(
            languages, zip(*columns, strict=True), strict=True
        )
    ]
    words = [text.count(" ") + bool(text) for text in terms]
    for name, values in (
        ("terms", pa.array(terms, pa.string())),
        ("words", pa.array(words, pa.int64())),
        ("language", pa.array(languages, pa.string())),
    ):
        index = passages.schema.get_field_index(name)
        passages = (
            passages.append_column(name, values) if index < 0 else passages.set_column(index, name, values)
        )
    return passages
