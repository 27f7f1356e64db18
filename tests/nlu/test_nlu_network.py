"""The network in numpy against the one torch trains: the same scores, whatever stands beside an utterance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiyam.nlu.contexts import contexts
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.network import PARTS, Network
from aiyam.training.nlu_network import Labels, Row, Sizes, _encode, _padded, _restore, _tensors, module_of

TEXTS = [
    "만원으로 떡볶이 먹을래",
    "ㅎㅇ",
    "신림역 근처에서 친구랑 조용히 돈까스 먹을 데 있어? 땅콩 알레르기 있고 8천원까지",
    "😀",
    "네",
    "Menu 2 개",
]
SIZES = Sizes(context=24, jamo=5, place=3, hidden=17, window=3)


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    names = Gazetteer.from_shipped()
    return [Utterance.of(text, names) for text in TEXTS]


def pair(seed: int, n_tags: int, n_intents: int, sizes: Sizes = SIZES) -> tuple[Any, Network]:
    """Return a module of random weights, rounded as they are saved, and the network made of it."""
    import torch

    torch.manual_seed(seed)
    labels = Labels(tuple(map(str, range(n_intents))), tuple(map(str, range(n_tags))))
    module = module_of(sizes, labels)
    with torch.no_grad():
        module.moves.normal_()
    network = Network(_tensors(module.state_dict()))
    _restore(module, network, labels, labels)
    module.eval()
    return module, network


def by_torch(module: Any, utterances: list[Utterance]) -> tuple[np.ndarray, np.ndarray]:
    import torch

    empty = np.zeros(0, dtype=np.int64)
    rows = [Row(u, 0, np.resize(empty, len(u.plain.text))) for u in utterances]
    dense, jamo, places, real, *_ = _padded(_encode(rows))
    with torch.no_grad():
        intents, tags = module(dense, jamo, places, real)
    return intents.numpy(), tags[real].numpy()


@pytest.mark.parametrize(("seed", "n_tags", "n_intents"), [(0, 7, 5), (1, 3, 2), (2, 33, 16), (3, 1, 1)])
def test_numpy_scores_what_torch_scores(utterances: list[Utterance], seed: int, n_tags: int, n_intents: int) -> None:
    module, network = pair(seed, n_tags, n_intents)
    assert network.fits(n_intents, n_tags)
    intents, tags = network.run(contexts(utterances))
    expected_intents, expected_tags = by_torch(module, utterances)
    np.testing.assert_allclose(intents, expected_intents, atol=1e-3)
    np.testing.assert_allclose(tags, expected_tags, atol=1e-3)
    np.testing.assert_array_equal(network.moves, module.moves.detach().numpy())
    assert np.abs(expected_tags).max() > 0.1  # weights that say nothing would agree too


@pytest.mark.parametrize("window", [1, 5, 9])
def test_gates_see_as_many_places_as_they_were_trained_for(window: int) -> None:
    short = [Utterance.of(text, Gazetteer((), {})) for text in ("", "밥", "떡볶", "", "매운 김밥", "")]
    module, network = pair(9, 7, 5, Sizes(context=24, jamo=5, place=3, hidden=17, window=window))
    assert network.states.window == window
    for batch in (short, short[1:2], short[2:3]):
        said = [u for u in batch if u.plain.text]
        expected_intents, expected_tags = by_torch(module, said)
        intents, tags = network.run(contexts(batch))
        whole = [i for i, u in enumerate(batch) if u.plain.text]
        np.testing.assert_allclose(intents[whole], expected_intents, atol=1e-3)
        np.testing.assert_allclose(tags, expected_tags, atol=1e-3)


def test_the_full_width_scores_alike_too(utterances: list[Utterance]) -> None:
    module, network = pair(4, 9, 6, Sizes())
    intents, tags = network.run(contexts(utterances[:2]))
    expected_intents, expected_tags = by_torch(module, utterances[:2])
    np.testing.assert_allclose(intents, expected_intents, atol=1e-3)
    np.testing.assert_allclose(tags, expected_tags, atol=1e-3)


def test_neighbours_in_a_batch_change_nothing(utterances: list[Utterance]) -> None:
    _, network = pair(5, 7, 5)
    nothing = Utterance.of("", Gazetteer((), {}))
    for batch in (utterances, utterances[::-1], [nothing, *utterances[:3], nothing, *utterances[3:]]):
        around = contexts(batch)
        intents, tags = network.run(around)
        for i, utterance in enumerate(batch):
            alone_intents, alone_tags = network.run(contexts([utterance]))
            np.testing.assert_allclose(intents[i], alone_intents[0], atol=1e-5)
            np.testing.assert_allclose(tags[around.starts[i] : around.starts[i + 1]], alone_tags, atol=1e-5)


def test_an_empty_utterance_gets_the_bias_and_no_tags() -> None:
    _, network = pair(6, 7, 5)
    intents, tags = network.run(contexts([Utterance.of("", Gazetteer((), {}))]))
    np.testing.assert_array_equal(intents[0], network.intent[1])
    assert tags.shape == (0, 7)


def test_what_is_saved_runs_alike_and_is_saved_the_same_again(utterances: list[Utterance]) -> None:
    _, network = pair(7, 7, 5)
    around = contexts(utterances)
    saved = network.tensors()
    again = Network(saved)
    for ours, theirs in zip(network.run(around), again.run(around), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.02)  # embeddings are kept in a byte each
    assert {f"net.{name}" for name in PARTS} <= set(saved)
    for name, array in again.tensors().items():
        np.testing.assert_array_equal(array, saved[name])


def test_heads_of_another_size_do_not_fit() -> None:
    _, network = pair(8, 7, 5)
    assert not network.fits(6, 7)
    assert not network.fits(5, 9)
