"""The languages of a store's passages: counting them, and analysing again the words of an older schema."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.text.analysis import analyse
from memini_kuzu.text.languages import detect

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ANALYSIS",
    "LANGUAGES",
    "VERSION",
    "analysed_again",
    "count_languages",
    "counted",
    "languages_in",
    "written",
]

LANGUAGES = "languages"
"""Key in MeminiMeta."""

VERSION = 3
"""The first schema version that stores the language of a passage."""

ANALYSIS = 6
"""The first schema version whose terms are those that `analysis.analyse` gives now."""


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


def analysed_again(passages: pa.Table) -> pa.Table:
    """Passages of an older schema with the terms that their texts have now.

    Parameters
    ----------
    passages : pyarrow.Table
        document, position, title, text, terms, words and any other columns; language where it is known.

    Returns
    -------
    pyarrow.Table
        With language, which is detected document by document where it was not known, new terms and words.
    """
    passages = passages.sort_by([("document", "ascending"), ("position", "ascending")])
    columns = [passages[name].to_pylist() for name in ("document", "title", "text")]
    known = (
        passages["language"].to_pylist() if "language" in passages.column_names else [None] * len(columns[0])
    )
    texts_of: dict[int, list[str]] = {}
    for language, document, text in zip(known, columns[0], columns[2], strict=True):
        if language is None:
            texts_of.setdefault(document, []).append(text)
    detected = {document: detect("\n\n".join(texts)) for document, texts in texts_of.items()}
    languages = [
        detected[document] if language is None else language
        for language, document in zip(known, columns[0], strict=True)
    ]
    terms = [
        analyse(f"{title}\n{text}", language)
        for language, title, text in zip(languages, *columns[1:], strict=True)
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
