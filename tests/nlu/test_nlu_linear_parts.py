"""The linear parts: the tagger decodes what crfsuite decodes, and rounded intent weights decide as full ones do."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aiyam.nlu.bags import bags
from aiyam.nlu.contexts import contexts
from aiyam.nlu.decoding import best_paths, tags_of_spans
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.linear_intents import MAX_CELLS, LinearIntents, n_buckets
from aiyam.nlu.sparse_tagger import SLOT_BITS, SparseTagger, context_keys
from aiyam.settings import REPO_ROOT
from aiyam.training.nlu_linear import fit_intents, fit_tagger


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return load_examples(REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl")[0][::4]


@pytest.fixture(scope="module")
def utterances(examples: list[Example]) -> list[Utterance]:
    names = Gazetteer.from_shipped()
    return [Utterance.of(e.text, names) for e in examples]


# ------------------------------------------------------------------------------------------------ tags


@dataclass(frozen=True)
class Fitted:
    """A tagger, the file it was made of, and how often its training told where it was."""

    tagger: SparseTagger
    path: Path
    names: list[str]
    told: list[int]


@pytest.fixture(scope="module")
def fitted(examples: list[Example], utterances: list[Utterance], tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("crf")
    tags = [
        tags_of_spans([(kind, a, b) for kind, a, b, _ in e.spans], u.plain)
        for e, u in zip(examples, utterances, strict=True)
    ]
    names = ["O", *sorted({t for row in tags for t in row} - {"O"})]
    numbers = [[names.index(t) for t in row] for row in tags]
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:  # keeps the file that is otherwise thrown away
        patch.setattr(tempfile, "TemporaryDirectory", lambda: contextlib.nullcontext(str(folder)))
        tagger = fit_tagger(utterances, numbers, names, passes=4, progress=told.append)
    assert tagger is not None
    (path,) = folder.glob("*.crfsuite")
    return Fitted(tagger, path, names, told)


def test_alone_it_tags_what_crfsuite_tags(fitted: Fitted, utterances: list[Utterance]) -> None:
    import pycrfsuite

    theirs = pycrfsuite.Tagger()
    theirs.open(str(fitted.path))
    around = contexts(utterances)
    scores = fitted.tagger.scores(around)
    free = np.zeros(len(fitted.names), dtype=np.float32)
    ours = best_paths(scores, around.starts, fitted.tagger.moves, free)
    keys = [[format(key, "x") for key in row] for row in context_keys(around).T.tolist()]
    rows = [slice(a, b) for a, b in zip(around.starts[:-1], around.starts[1:], strict=True)]
    alike = [theirs.tag(keys[at]) == [str(t) for t in ours[at]] for at in rows]
    assert np.mean(alike) >= 0.99  # weights under a thousandth of the largest are left out
    spoken = sum(fitted.names[t] != "O" for t in ours)
    assert spoken > len(utterances)  # agreement on silence would mean nothing


def test_scores_are_the_sums_of_the_weights_of_known_contexts(fitted: Fitted, utterances: list[Utterance]) -> None:
    tagger = fitted.tagger
    around = contexts(utterances[:5])
    places = {
        int(key) % (1 << SLOT_BITS): i for i, key in enumerate(tagger.keys)
    }  # of two in one slot the last is found
    weights = {}
    for i in places.values():
        at = slice(tagger.bounds[i], tagger.bounds[i + 1])
        weights[int(tagger.keys[i])] = list(zip(tagger.tags[at].tolist(), tagger.weights[at].tolist(), strict=True))
    assert len(weights) > 0.97 * len(tagger.keys)
    expected = np.zeros((around.ids.shape[1], len(fitted.names)))
    for place, keys in enumerate(context_keys(around).T.tolist()):
        for key in keys:
            for tag, weight in weights.get(key, ()):
                expected[place, tag] += weight
    np.testing.assert_allclose(tagger.scores(around), expected, atol=1e-3)


def test_contexts_never_seen_score_nothing(fitted: Fitted) -> None:
    k = len(fitted.names)
    nothing = SparseTagger(
        np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint8),
        np.zeros(0, dtype=np.float32), fitted.tagger.moves,
    )  # fmt: skip
    around = contexts([Utterance.of(t, Gazetteer((), {})) for t in ("뷁쉙", "", "qzx")])
    assert not nothing.scores(around).any()
    assert nothing.scores(around).shape == (5, k)


def test_each_pass_is_told_and_the_saved_tagger_scores_alike(fitted: Fitted, utterances: list[Utterance]) -> None:
    assert fitted.told == [1, 2, 3, 4]
    again = SparseTagger.of_tensors(len(fitted.names), fitted.tagger.tensors())
    around = contexts(utterances)
    ours, saved = fitted.tagger.scores(around), again.scores(around)
    assert np.abs(ours - saved).max() <= np.abs(ours).max() * 2e-3
    np.testing.assert_array_equal(again.moves, fitted.tagger.moves)


@pytest.mark.parametrize("broken", ["crf.counts", "crf.tags", "crf.weights", "crf.moves"])
def test_arrays_that_do_not_fit_are_refused(fitted: Fitted, broken: str) -> None:
    tensors = fitted.tagger.tensors()
    with pytest.raises(ValueError, match="expected"):
        SparseTagger.of_tensors(len(fitted.names), {**tensors, broken: tensors[broken][:-1]})
    with pytest.raises(ValueError, match="tag"):
        SparseTagger.of_tensors(
            len(fitted.names), {**tensors, "crf.tags": np.full_like(tensors["crf.tags"], len(fitted.names))}
        )
    with pytest.raises(ValueError, match="no "):
        SparseTagger.of_tensors(len(fitted.names), {k: v for k, v in tensors.items() if k != broken})


def test_rows_without_spans_fit_no_tagger(utterances: list[Utterance]) -> None:
    tags = [[0] * len(u.plain.text) for u in utterances[:5]]
    assert fit_tagger(utterances[:5], tags, ["O"], passes=2, progress=lambda _: None) is None


# ------------------------------------------------------------------------------------------------ intents


def test_rounded_weights_decide_as_full_ones(
    examples: list[Example], utterances: list[Utterance], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted({e.intent for e in examples})
    full: list[LinearIntents] = []
    rounded = LinearIntents.quantised

    def keep(labels: list[str], weights: np.ndarray, bias: np.ndarray, rarity: np.ndarray) -> LinearIntents:
        full.append(LinearIntents(labels, weights, np.ones(len(labels), dtype=np.float32), bias, rarity))
        return rounded(labels, weights, bias, rarity)

    monkeypatch.setattr(LinearIntents, "quantised", keep)
    small = fit_intents(utterances, [e.intent for e in examples], names, [1.0] * len(examples), seed=1)
    gazetteer = Gazetteer.from_shipped()
    held = [Utterance.of(e.text, gazetteer) for e in load_examples(REPO_ROOT / "datasets" / "nlu" / "dev.jsonl")[0]]
    bag = bags([*utterances, *held])
    ours, theirs = small.scores(bag), full[0].scores(bag)
    assert small.weights.dtype == np.int8
    assert np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)) >= 0.99
    assert np.abs(ours - theirs).max() < 0.15
    right = [names[j] == e.intent for j, e in zip(ours.argmax(axis=1), examples, strict=False)]
    assert np.mean(right) > 0.9
    alone = np.concatenate([small.scores(bags([u])) for u in held[:40]])
    np.testing.assert_allclose(alone, small.scores(bags(held[:40])), atol=1e-5)
    again = LinearIntents.of_tensors(names, small.tensors())
    np.testing.assert_allclose(again.scores(bag), ours, atol=2e-3)


def test_more_labels_have_fewer_buckets_and_never_more_memory_than_said() -> None:
    sizes = [n_buckets(k) for k in range(1, 513)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size & (size - 1) == 0 and 1 << 14 <= size <= 1 << 18 for size in sizes)
    assert all(size * k <= MAX_CELLS for k, size in enumerate(sizes, 1))
    assert n_buckets(16) >= 1 << 17
    assert n_buckets(5000) == 1 << 14


def test_two_labels_and_one_are_label_sets_too(utterances: list[Utterance]) -> None:
    some = utterances[:12]
    labels = ["이것", "저것"] * 6
    two = fit_intents(some, labels, ["이것", "저것"], [1.0] * 12, seed=1)
    assert [two.labels[j] for j in two.scores(bags(some)).argmax(axis=1)] == labels
    one = fit_intents(some, ["이것"] * 12, ["이것"], [1.0] * 12, seed=1)
    assert np.isfinite(one.scores(bags(some))).all()
    assert one.scores(bags(some)).shape == (12, 1)


def test_weights_of_another_label_set_are_refused(utterances: list[Utterance]) -> None:
    some = utterances[:4]
    two = fit_intents(some, ["이것", "저것"] * 2, ["이것", "저것"], [1.0] * 4, seed=1)
    with pytest.raises(ValueError, match="expected"):
        LinearIntents.of_tensors(["이것"], two.tensors())
    with pytest.raises(ValueError, match="no "):
        LinearIntents.of_tensors(["이것", "저것"], {})
