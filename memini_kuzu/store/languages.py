"""The languages of a store's passages: counted, and told of those of an older schema."""

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
"""The schema version that keeps the language of a passage."""


def languages_in(meta: Mapping[str, str]) -> Counter[str]:
    """How many passages there are in each language.

    Parameters
    ----------
    meta : mapping of str to str
        What the store knows of itself.

    Examples
    --------
    >>> languages_in({"languages": '{"de": 2}'})
    Counter({'de': 2})
    """
    return Counter(json.loads(meta.get(LANGUAGES, "{}")))


def count_languages(meta: Mapping[str, str], gone: pa.Table, new: pa.Table) -> dict[str, str]:
    """What MeminiMeta says of languages, once passages are deleted and created.

    Parameters
    ----------
    meta : mapping of str to str
        As for `languages_in`.
    gone, new : pyarrow.Table
        language of both.
    """
    counts = languages_in(meta)
    counts.update(new["language"].to_pylist())
    counts.subtract(gone["language"].to_pylist())
    return {LANGUAGES: written(counts)}


def written(counts: Counter[str]) -> str:
    """How many passages there are in each language, as MeminiMeta has it.

    Examples
    --------
    >>> written(Counter({"en": 2, "de": 0}))
    '{"en": 2}'
    """
    return json.dumps({language: number for language, number in sorted(counts.items()) if number > 0})


def counted(passages: pa.Table) -> dict[str, str]:
    """What MeminiMeta says of the words and languages of all passages.

    Parameters
    ----------
    passages : pyarrow.Table
        words and language of all of them.
    """
    spoken = Counter(passages["language"].to_pylist())
    return {"words": str(pc.sum(passages["words"]).as_py() or 0), LANGUAGES: written(spoken)}


def with_languages(passages: pa.Table) -> pa.Table:
    """Passages of an older schema with the language of each, and analysed by it.

    Parameters
    ----------
    passages : pyarrow.Table
        document, position, title, text, terms and words, whatever else; terms as of English.

    Returns
    -------
    pyarrow.Table
        With language, and other terms and words where that is not English.
    """
    passages = passages.sort_by([("document", "ascending"), ("position", "ascending")])
    columns = [passages[name].to_pylist() for name in ("document", "title", "text", "terms")]
    whole: dict[int, list[str]] = {}
    for document, _, text, _ in zip(*columns, strict=True):
        whole.setdefault(document, []).append(text)
    known = {document: detect("\n\n".join(texts)) for document, texts in whole.items()}
    languages = [known[document] for document in columns[0]]
    terms = [
        said if language == ENGLISH else analyse(f"{title}\n{text}", language)
        for language, (_, title, text, said) in zip(languages, zip(*columns, strict=True), strict=True)
    ]
    words = [text.count(" ") + bool(text) for text in terms]
    for name, values in (
        ("terms", pa.array(terms, pa.string())),
        ("words", pa.array(words, pa.int64())),
        ("language", pa.array(languages, pa.string())),
    ):
        at = passages.schema.get_field_index(name)
        passages = passages.append_column(name, values) if at < 0 else passages.set_column(at, name, values)
    return passages
