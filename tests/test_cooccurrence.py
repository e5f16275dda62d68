from __future__ import annotations

import math
from itertools import combinations, permutations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu.text.pairs import (
    BACKWARD,
    MAX_PER_SENTENCE,
    NEIGHBOURING,
    SAME_SENTENCE,
    Events,
    cooccurrence_events,
)

if TYPE_CHECKING:
    from random import Random

Row = tuple[int, int, int, int]
Amounts = dict[tuple[int, int, int], float]

mentions = st.lists(
    st.tuples(
        st.integers(-2, 2),  # document
        st.integers(0, 5),  # sentence
        st.integers(0, 30),  # order
        st.sampled_from([-(2**63), -5, 0, 1, 2, 3, 7, 2**63 - 1]),  # entity: ids are hashes, of either sign
    ),
    max_size=60,
)


def events_of(rows: list[Row]) -> Events:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return cooccurrence_events(*columns)


def amounts(rows: list[Row]) -> Amounts:
    return {tuple(event[:3]): event[3] for event in zip(*(c.tolist() for c in events_of(rows)), strict=True)}


def first_mentions(rows: list[Row]) -> dict[int, dict[int, list[int]]]:
    """By document and sentence, its entities by first mention."""
    sentences: dict[int, dict[int, dict[int, int]]] = {}
    for document, sentence, order, entity in rows:
        first = sentences.setdefault(document, {}).setdefault(sentence, {})
        first[entity] = min(order, first.get(entity, order))
    return {
        document: {
            number: [entity for _, entity in sorted((order, entity) for entity, order in first.items())]
            for number, first in by_sentence.items()
        }
        for document, by_sentence in sentences.items()
    }


def reference(rows: list[Row]) -> Amounts:
    """The equation at the top of the module, one pair at a time."""
    found = {}
    for document, by_sentence in first_mentions(rows).items():
        taking_part = {number: entities[:MAX_PER_SENTENCE] for number, entities in by_sentence.items()}
        # For each pair, which of the two came first, once a co-occurrence.
        shared: dict[frozenset[int], list[int]] = {}
        near: dict[frozenset[int], list[int]] = {}
        for number, here in taking_part.items():
            for a, b in combinations(here, 2):
                shared.setdefault(frozenset((a, b)), []).append(a)
            for a, b in product(here, taking_part.get(number + 1, ())):
                near.setdefault(frozenset((a, b)), []).append(a)
        near = {pair: firsts for pair, firsts in near.items() if len(pair) > 1}  # A with itself is no pair
        for pair, firsts in (near | shared).items():
            weight = SAME_SENTENCE if pair in shared else NEIGHBOURING
            for a, b in permutations(pair):
                gain = (firsts.count(a) + BACKWARD * firsts.count(b)) / len(firsts)
                found[document, a, b] = (1 + math.log(len(firsts))) * weight * gain
    return found


@given(mentions)
def test_the_events_are_those_of_the_equation_written_out(rows: list[Row]) -> None:
    expected = reference(rows)
    found = amounts(rows)
    assert found.keys() == expected.keys()
    for pair, amount in expected.items():
        assert found[pair] == pytest.approx(amount, rel=1e-12)


@given(mentions, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    for before, after in zip(events_of(rows), events_of(shuffled), strict=True):
        assert np.array_equal(before, after)


@given(mentions)
def test_events_are_sorted_one_per_directed_pair_and_never_of_an_entity_with_itself(rows: list[Row]) -> None:
    events = events_of(rows)
    triples = list(zip(events.document.tolist(), events.source.tolist(), events.target.tolist(), strict=True))
    assert triples == sorted(set(triples))
    assert all(source != target for _, source, target in triples)
    assert (events.amount > 0).all()
    assert [column.dtype for column in events] == [np.int64, np.int64, np.int64, np.float64]


def test_a_shared_sentence_counts_fully_forward_and_half_backward() -> None:
    assert amounts([(0, 0, 0, 1), (0, 0, 1, 2)]) == {(0, 1, 2): 1.0, (0, 2, 1): 0.5}


def test_neighbouring_sentences_count_half_and_sentences_further_apart_not_at_all() -> None:
    found = amounts([(0, 0, 0, 1), (0, 1, 1, 2), (0, 3, 2, 3)])
    assert found == {(0, 1, 2): 0.5, (0, 2, 1): 0.25}


def test_pairs_that_share_a_sentence_gain_nothing_from_neighbouring_ones() -> None:
    once = amounts([(0, 0, 0, 1), (0, 0, 1, 2)])
    assert amounts([(0, 0, 0, 1), (0, 0, 1, 2), (0, 1, 2, 1)]) == once


def test_ten_repetitions_in_one_document_are_one_event_of_a_logarithmic_amount() -> None:
    rows = [row for s in range(10) for row in ((0, 2 * s, 2 * s, 1), (0, 2 * s, 2 * s + 1, 2))]
    assert amounts(rows)[0, 1, 2] == pytest.approx(1 + math.log(10), rel=1e-15)


def test_ten_documents_are_ten_events() -> None:
    rows = [row for d in range(10) for row in ((d, 0, 0, 1), (d, 0, 1, 2))]
    found = amounts(rows)
    assert sum(found[d, 1, 2] for d in range(10)) == 10.0


def test_repetition_within_one_sentence_counts_once() -> None:
    assert amounts([(0, 0, k, k % 2) for k in range(8)]) == {(0, 0, 1): 1.0, (0, 1, 0): 0.5}


def test_direction_is_shared_out_where_the_order_changes() -> None:
    rows = [(0, 0, 0, 1), (0, 0, 1, 2), (0, 2, 2, 2), (0, 2, 3, 1)]
    found = amounts(rows)
    assert found[0, 1, 2] == found[0, 2, 1] == pytest.approx((1 + math.log(2)) * 0.75, rel=1e-15)


def test_entities_of_different_documents_never_meet() -> None:
    assert amounts([(0, 0, 0, 1), (1, 0, 0, 2), (1, 1, 1, 3)]).keys() == {(1, 2, 3), (1, 3, 2)}


def test_a_list_of_ten_thousand_entities_makes_pairs_of_its_first_forty_only() -> None:
    events = events_of([(0, 0, k, k) for k in range(10_000)])
    assert len(events.amount) == MAX_PER_SENTENCE * (MAX_PER_SENTENCE - 1)
    assert events.source.max() == MAX_PER_SENTENCE - 1


def test_no_mentions_make_no_events() -> None:
    assert all(len(column) == 0 for column in events_of([]))


def test_columns_of_different_length_are_refused() -> None:
    one, two = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="four of one length"):
        cooccurrence_events(one, one, two, one)
