"""Terms: in how many passages each occurs, and how often in each passage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memini_kuzu.store.change import Change

__all__ = ["count_terms", "occurrences", "read_frequencies"]

READ = "UNWIND $words AS word MATCH (t:Term {term: word}) RETURN t.term AS term, t.df AS df"
"""A join, as fast as with an Arrow table."""


def occurrences(passages: pa.Table) -> pa.Table:
    """The terms of passages: term, passage, and tf, how often it occurs there.

    Parameters
    ----------
    passages : pyarrow.Table
        id, and terms: the analysed text, its words separated by one space.

    Examples
    --------
    >>> occurrences(pa.table({"id": [7], "terms": ["tea green tea"]})).sort_by("term").to_pydict()
    {'term': ['green', 'tea'], 'passage': [7, 7], 'tf': [1, 2]}
    """
    words = pc.split_pattern(passages["terms"].combine_chunks().cast(pa.string()), " ")
    flat = pa.table(
        {
            "term": pc.list_flatten(words),
            "passage": passages["id"].combine_chunks().take(pc.list_parent_indices(words)),
        }
    )
    # a text without words is split into one empty word
    flat = flat.filter(pc.not_equal(flat["term"], ""))
    counted = flat.group_by(["term", "passage"]).aggregate([([], "count_all")])
    return counted.select(["term", "passage", "count_all"]).rename_columns(["term", "passage", "tf"])


def read_frequencies(read: Callable[..., pa.Table], words: Sequence[str]) -> dict[str, int]:
    """In how many passages each of these terms occurs; terms of no passage are left out.

    Parameters
    ----------
    read : callable
        Executes a query.
    words : sequence of str
        Analysed terms.
    """
    if not words:
        return {}
    table = read(READ, {"words": list(words)})
    if not table.num_rows:
        return {}
    return dict(zip(table["term"].to_pylist(), table["df"].to_pylist(), strict=True))


def count_terms(
    change: Change, known: Callable[[list[str]], dict[str, int]], deleted: pa.Table, created: pa.Table
) -> None:
    """Update the counts of terms for passages that are deleted and created.

    Parameters
    ----------
    change : Change
        It deletes and creates the passages; the relationships of a passage are deleted with it.
    known : callable
        Gives in how many passages terms occur now; those of no passage may be left out.
    deleted, created : pyarrow.Table
        id and terms of both.
    """
    rows = occurrences(created)
    words = pa.concat_arrays(
        [rows["term"].combine_chunks(), occurrences(deleted)["term"].combine_chunks()]
    ).dictionary_encode()
    amount = np.concatenate([np.ones(rows.num_rows), np.full(len(words) - rows.num_rows, -1.0)])
    delta = np.bincount(
        words.indices.to_numpy(zero_copy_only=False), weights=amount, minlength=len(words.dictionary)
    ).astype(np.int64)
    names = words.dictionary.to_pylist()
    frequency = known(names)
    before = np.array([frequency.get(name, 0) for name in names], dtype=np.int64)
    table = pa.table({"term": words.dictionary, "df": pa.array(before + delta)})
    change.create("Term", table.filter(pa.array((before == 0) & (delta > 0))))
    change.update("Term", table.filter(pa.array((before > 0) & (delta != 0) & (before + delta > 0))))
    change.delete("Term", table.filter(pa.array((before > 0) & (before + delta <= 0))))
    change.create("OCCURS", rows)
