"""Spreading activation against its equations, written out as loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from memini_kuzu.recall.activation import (
    NEAR,
    REACH,
    REVERSE,
    contiguity,
    gather,
    readout,
    seed_weights,
    step,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANCE = np.random.default_rng(5)


def test_gathering_sums_what_the_seeds_send() -> None:
    sent = CHANCE.random((4, 3))
    seed, entity = np.array([0, 1, 1, 3, 2]), np.array([0, 0, 1, 1, 4])
    expected = np.zeros((5, 3))
    for number in range(5):
        expected[entity[number]] += sent[seed[number]]
    np.testing.assert_allclose(gather(sent, seed, entity, 5), expected)


def test_an_entity_divides_its_activation_among_its_associations() -> None:
    activation = CHANCE.random((3, 2))
    source, target = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2])
    strength = np.array([1.0, 3.0, 2.0, 0.0, 0.0])
    found = step(activation, source, target, strength, np.array([4.0, 2.0, 0.0]), 3)
    gamma = step(np.array([[1.0]]), np.array([0]), np.array([0]), np.array([9.0]), np.array([9.0]), 1)[0, 0]
    assert 0 < gamma < 1
    np.testing.assert_allclose(found[0], gamma * activation[0] / 4)
    np.testing.assert_allclose(found[1], gamma * (activation[0] * 3 / 4 + activation[1]))
    np.testing.assert_allclose(found[2], 0.0)  # an association of no strength carries nothing
    assert found.sum() <= gamma * activation.sum()


def test_weak_seeds_stay_quiet() -> None:
    np.testing.assert_allclose(seed_weights(np.array([2.0, 1.0, 0.0])), [1.0, 0.25, 0.0])
    assert not seed_weights(np.zeros(2)).any()


def naive_contiguity(
    x: NDArray[np.float64], source: NDArray[np.int64], position: NDArray[np.int64]
) -> NDArray[np.float64]:
    factor = np.ones_like(x)
    for here in range(len(x)):
        for there in range(len(x)):
            offset = position[here] - position[there]
            if source[here] == source[there] and 0 < abs(offset) <= REACH:
                # what came before counts in full
                weight = NEAR ** abs(offset) * (1.0 if offset > 0 else REVERSE)
                factor[here] *= 1 - weight * x[there]
    return factor


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_lend_their_words(seed: int) -> None:
    chance = np.random.default_rng(seed)
    places = chance.permutation(40)[:15]
    source, position = places // 20, places % 20
    x = chance.random((15, 3))
    np.testing.assert_allclose(contiguity(x, source, position), naive_contiguity(x, source, position))


def test_a_word_counts_once_however_many_paths_bring_it() -> None:
    x = CHANCE.random((6, 3))
    mass = np.array([1.0, 2.0, 0.5])
    for h in (np.zeros((6, 3)), CHANCE.random((6, 3)), np.full((6, 3), 1e6)):
        score = readout(x, h, np.ones((6, 3)), mass)
        assert (score >= x @ mass - 1e-12).all()
        assert (score <= mass.sum() + 1e-12).all()
    np.testing.assert_allclose(readout(x, np.zeros((6, 3)), np.ones((6, 3)), mass), x @ mass)
