"""The model as a whole: many utterances as one by one, files saved and loaded, damage named, confidence that means something."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aiyam.errors import ModelError
from aiyam.evaluation.understanding import calibration_error
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import FEATURES_VERSION, Utterance
from aiyam.nlu.linear_intents import LinearIntents, n_buckets
from aiyam.nlu.model import CONFIG, WEIGHTS, Mix, NluModel, Parts, Reading, save_model
from aiyam.nlu.network import PARTS, Network
from aiyam.nlu.sparse_tagger import KEY_BITS, SparseTagger
from aiyam.nlu.understander import Understander
from aiyam.settings import REPO_ROOT

SHIPPED = Gazetteer.from_shipped()
DEV = REPO_ROOT / "datasets" / "nlu" / "dev.jsonl"
ODD = [
    "", " ", " \t\n ", "ㅋ", "😀", "👨‍👩‍👧 피자", "\ud800", "떡\udc00볶이", "가" * 1000, "만원 " * 250, "a1가!" * 250, "\x00\x02\x03",
    unicodedata.normalize("NFD", "신림역 근처 떡볶이집 추천해줘"), "급카 되는 떢볶이집 ㅊㅊ", "만원으로 친구랑 돈까스", "\u200b\u200b", "你好",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(understander: Understander) -> NluModel:
    assert isinstance(understander.model, NluModel)
    return understander.model


def assert_alike(ours: Reading, theirs: Reading) -> None:
    """Sums in another order differ in their last digits, so two answers as likely as each other may change places."""
    assert (ours.text, ours.evidence, ours.spans) == (theirs.text, theirs.evidence, theirs.spans)
    assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)
    if ours.ranking[0][1] - ours.ranking[1][1] > 1e-3:
        assert ours.intent == theirs.intent
    found, expected = dict(ours.ranking), dict(theirs.ranking)
    for label in found.keys() & expected.keys():
        assert found[label] == pytest.approx(expected[label], abs=1e-4)


# ------------------------------------------------------------------------------------------------ many at once


def test_odd_texts_are_read_together_as_alone(model: NluModel) -> None:
    for texts in (ODD, ODD[::-1]):
        for text, reading in zip(texts, model.read_many(texts), strict=True):
            assert_alike(reading, model.read(text))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.text(st.characters(), max_size=40)
        | st.text("급카떢볶이만원 으로ㅊㅊ땅콩말고\u200b\x00\ud800😀👨‍👩‍👧1,~", max_size=40)
        | st.sampled_from(ODD[:8]),
        max_size=5,
    )
)
def test_any_texts_are_read_together_as_alone(model: NluModel, texts: list[str]) -> None:
    readings = model.read_many(texts)
    assert len(readings) == len(texts)
    for text, reading in zip(texts, readings, strict=True):
        assert_alike(reading, model.read(text))
        assert reading.ranking[0] == (reading.intent, reading.confidence)
        assert 0 <= reading.confidence <= 1
        assert all(0 <= a < b <= len(reading.text.text) for _, a, b in reading.spans)


def test_more_texts_than_one_batch_keep_their_order(model: NluModel) -> None:
    texts = [f"{i} 번 떡볶이" for i in range(300)]
    assert [r.text.text for r in model.read_many(texts)] == [model.read(t).text.text for t in texts]


def test_many_long_texts_are_read_a_few_at_a_time(model: NluModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory grows with the characters read at once."""
    read_at_once: list[int] = []
    whole = NluModel.read_utterances

    def counting(self: NluModel, utterances: list[Utterance]) -> list[Reading]:
        read_at_once.append(sum(len(u.typed) for u in utterances))
        return whole(self, utterances)

    monkeypatch.setattr(NluModel, "read_utterances", counting)
    texts = ["가" * 20_000, *("나" * 1000 for _ in range(40)), "밥"]
    assert len(model.read_many(texts)) == len(texts)
    assert sum(read_at_once) == sum(map(len, texts))
    assert max(read_at_once[1:]) < 20_000


def test_dev_rows_are_understood_together_as_alone(understander: Understander) -> None:
    texts = [json.loads(line)["text"] for line in DEV.read_text("utf-8").splitlines()[:200]]
    together = understander.understand_many(texts)
    for said, alone in zip(together, map(understander.understand, texts), strict=True):
        assert said.confidence == pytest.approx(alone.confidence, abs=1e-4)
        assert said.model_copy(update={"confidence": 0.0}) == alone.model_copy(update={"confidence": 0.0})


# ------------------------------------------------------------------------------------------------ saved and loaded


def test_what_is_saved_reads_alike_when_loaded(model: NluModel, tmp_path: Path) -> None:
    save_model(tmp_path / "copy", model.parts, {"seed": 1})
    again = NluModel.load(tmp_path / "copy", model.gazetteer)
    assert again.parts.mix == model.parts.mix
    assert again.parts.tags == model.parts.tags
    assert again.intents.labels == model.intents.labels
    assert again.config["features_version"] == FEATURES_VERSION
    for ours, theirs in zip(model.read_many(ODD), again.read_many(ODD), strict=True):
        assert_alike(ours, theirs)


@pytest.fixture
def copy(small_model: Path, tmp_path: Path) -> Path:
    for name in (CONFIG, WEIGHTS):
        shutil.copy(small_model / name, tmp_path / name)
    return tmp_path


def refused(folder: Path, why: str) -> None:
    with pytest.raises(ModelError, match=why) as caught:
        NluModel.load(folder, SHIPPED)
    assert "aiyam train nlu" in caught.value.hint
    assert folder.name in caught.value.message


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_refused(copy: Path, name: str, share: float) -> None:
    path = copy / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(copy, "readable")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_file_that_is_missing_or_of_another_kind_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\x00\x01" * 500)
    refused(copy, "readable")
    (copy / name).unlink()
    refused(copy, "readable")


def test_a_model_of_other_features_is_refused_with_both_numbers(copy: Path) -> None:
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    (copy / CONFIG).write_text(json.dumps({**config, "features_version": FEATURES_VERSION + 1}), "utf-8")
    refused(copy, f"{FEATURES_VERSION}.*{FEATURES_VERSION + 1}")


@pytest.mark.parametrize(
    "change",
    [
        {"intents": ["A"]},
        {"tags": ["O"]},
        {"intents": None},
        {"mix": {"intent_linear": 1.0, "unheard": 2}},
        {"mix": None},
        {"features_version": None},
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(copy: Path, change: dict[str, object]) -> None:
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    (copy / CONFIG).write_text(json.dumps({**config, **change}), "utf-8")
    refused(copy, "Expected")


def test_weights_of_which_one_is_missing_are_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(copy / WEIGHTS)
    for name in ("linear.scale", "crf.moves", "net.intent.bias"):
        save_file({k: v for k, v in tensors.items() if k != name}, copy / WEIGHTS)
        refused(copy, name)


Change = Callable[[NDArray[Any]], NDArray[Any]]
TENSORS = ("linear.weights", "linear.scale", "linear.bias", "linear.rarity", "crf.keys", "crf.counts", "crf.tags", "crf.weights", "crf.moves",
           "net.embedding.scale", *(f"net.{name}" for name in PARTS))  # fmt: skip


def as_not_a_number(array: NDArray[Any]) -> NDArray[Any]:
    """Damage one number; where whole numbers are expected, give others."""
    array = array.copy() if array.dtype.kind == "f" else array.astype(np.float32)
    array.flat[-1] = np.nan
    return array


CHANGES: dict[str, Change] = {
    "one row less": lambda a: a[:-1],
    "one row more": lambda a: np.concatenate([a, a[:1]]),
    "nothing left": lambda a: a[:0],
    "another axis": lambda a: a[..., None],
    "of text": lambda a: np.zeros(a.shape, dtype=np.bool_),
    "not a number": as_not_a_number,
}


def changed(folder: Path, change: Callable[[dict[str, NDArray[Any]]], None]) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / WEIGHTS)


def test_every_tensor_of_a_trained_model_is_damaged_below(copy: Path) -> None:
    found: list[str] = []
    changed(copy, found.extend)
    assert sorted(found) == sorted(TENSORS)


@pytest.mark.parametrize("how", [*CHANGES, "missing"])
def test_a_tensor_that_is_not_what_it_should_be_is_refused_when_loaded(copy: Path, how: str) -> None:
    from safetensors.numpy import load_file

    whole = load_file(copy / WEIGHTS)
    for name in TENSORS:

        def damage(tensors: dict[str, NDArray[Any]], name: str = name) -> None:
            tensors.clear()
            tensors.update({k: v for k, v in whole.items() if k != name or how != "missing"})
            if how != "missing":
                tensors[name] = CHANGES[how](whole[name])

        changed(copy, damage)
        refused(copy, "readable understanding model")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_tensors_put_under_each_others_names_are_refused_or_read(copy: Path, data: st.DataObject) -> None:
    """Two of the same shape and kind are no damage that can be seen; whatever loads also reads."""
    one, other = data.draw(st.sampled_from(TENSORS)), data.draw(st.sampled_from(TENSORS))

    def swap(tensors: dict[str, NDArray[Any]]) -> None:
        tensors[one], tensors[other] = tensors[other], tensors[one]

    changed(copy, swap)
    try:
        model = NluModel.load(copy, SHIPPED)
    except ModelError:
        pass
    else:
        assert len(model.read_many(["만원으로 떡볶이", ""])) == 2
    finally:
        changed(copy, swap)


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["O", "O"]},
        {"tags": []},
        {"tags": [1, 2]},
        {"intents": "GREETING"},
        {"intents": []},
        {"mix": {"intent_linear": "much"}},
        {"mix": {"tags_network": float("nan")}},
        {"mix": {"intent_linear": -1.0}},
        {"mix": [1.0]},
    ],
)
def test_a_configuration_of_another_kind_is_refused(copy: Path, change: dict[str, object]) -> None:
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    (copy / CONFIG).write_text(json.dumps({**config, **change}), "utf-8")
    refused(copy, "Expected")


@pytest.mark.parametrize("name", ["intents", "tags"])
@pytest.mark.parametrize("how", ["one more", "one less", "one twice"])
def test_other_label_sets_than_the_weights_are_refused(copy: Path, name: str, how: str) -> None:
    config = json.loads((copy / CONFIG).read_text("utf-8"))
    labels = config[name]
    config[name] = {"one more": [*labels, "B-more"], "one less": labels[:-1], "one twice": [*labels[:-1], labels[-2]]}[
        how
    ]
    (copy / CONFIG).write_text(json.dumps(config), "utf-8")
    refused(copy, "Expected")


def test_weights_of_another_model_are_refused(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Somebody copied one of the two files."""
    from aiyam.training.nlu import train_nlu

    folder = tmp_path_factory.mktemp("other")
    rows = [{"text": f"불 {said} {i}", "intent": said} for i in range(8) for said in ("켜", "꺼")]
    (folder / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    train_nlu(folder / "rows.jsonl", folder / "v1", seed=1, epochs=0, progress=lambda _: None)
    shutil.copy(folder / "v1" / WEIGHTS, copy / WEIGHTS)
    refused(copy, "readable")


def test_a_training_that_diverged_is_not_saved(model: NluModel, tmp_path: Path) -> None:
    intents = model.parts.intents
    bias = np.full_like(intents.bias, np.nan)
    broken = LinearIntents(intents.labels, intents.weights, intents.scale, bias, intents.rarity)
    with pytest.raises(ModelError, match=r"linear\.bias.*diverged"):
        save_model(tmp_path, replace(model.parts, intents=broken), {})
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ size


@pytest.mark.parametrize(("n_intents", "n_kinds", "n_weights"), [(16, 14, 500_000), (60, 55, 650_000)])
def test_a_full_model_stays_under_twenty_megabytes(
    tmp_path: Path, n_intents: int, n_kinds: int, n_weights: int
) -> None:
    """Arrays of chance in the sizes a training gives; tagger weights as many as some 11,000 rows of so many kinds gave."""
    from aiyam.training.nlu_network import Labels, Sizes, _tensors, module_of

    rng = np.random.default_rng(1)
    size = n_buckets(n_intents)
    labels = [f"intent_{i}" for i in range(n_intents)]
    tags = ("O", *(f"{mark}-kind_{i}" for i in range(n_kinds) for mark in "BI"))
    intents = LinearIntents(
        labels,
        rng.integers(-127, 128, (size, n_intents), dtype=np.int8),
        np.ones(n_intents, dtype=np.float32),
        np.zeros(n_intents, dtype=np.float32),
        np.ones(size, dtype=np.float32),
    )
    keys = np.unique(rng.integers(0, 1 << KEY_BITS, n_weights * 6 // 10))
    bounds = np.linspace(0, n_weights, len(keys) + 1).astype(np.int64)
    tagger = SparseTagger(
        keys,
        bounds,
        rng.integers(0, len(tags), n_weights).astype(np.uint8),
        rng.normal(size=n_weights).astype(np.float32),
        np.zeros((len(tags), len(tags)), dtype=np.float32),
    )
    network = Network(_tensors(module_of(Sizes(), Labels(tuple(labels), tags)).state_dict()))
    save_model(tmp_path, Parts(intents, tags, tagger, network, Mix(3.0, 1.0, 1.0, 1.0)), {})
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 20_000_000
    assert NluModel.load(tmp_path, SHIPPED).read("만원으로 떡볶이").intent in labels


def test_the_trained_model_is_small(small_model: Path) -> None:
    assert sum(f.stat().st_size for f in small_model.iterdir()) < 20_000_000


# ------------------------------------------------------------------------------------------------ how sure it sounds


@pytest.fixture(scope="module")
def unseen(small_model: Path) -> list[Example]:
    """Hand-written rows the small model was not trained on."""
    rows = load_examples(REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl")[0]
    known = {e.text for e in load_examples(small_model.parent / "rows.jsonl")[0]}
    return [e for e in rows if e.text not in known]


def test_the_weights_of_the_parts_are_positive(model: NluModel) -> None:
    mix = model.parts.mix
    assert mix.intent_linear > 0
    assert mix.intent_network >= 0
    assert mix.tags_network > 0
    assert mix.tags_linear >= 0


def test_answers_are_as_sure_as_they_are_right(model: NluModel, unseen: list[Example]) -> None:
    readings = model.read_many([e.text for e in unseen])
    right = np.array([r.intent == e.intent for r, e in zip(readings, unseen, strict=True)], dtype=np.float64)
    assert len(right) > 300
    assert right.mean() > 0.6
    assert calibration_error(np.array([r.confidence for r in readings]), right) < 0.1


def test_both_parts_together_are_no_worse_than_the_better_alone(model: NluModel, unseen: list[Example]) -> None:
    def accuracy(mix: Mix) -> float:
        parts = model.parts
        only = NluModel(Parts(parts.intents, parts.tags, parts.tagger, parts.network, mix), model.gazetteer, {})
        readings = only.read_many([e.text for e in unseen])
        return float(np.mean([r.intent == e.intent for r, e in zip(readings, unseen, strict=True)]))

    together = accuracy(model.parts.mix)
    assert together >= max(accuracy(Mix(1.0, 0.0)), accuracy(Mix(0.0, 1.0, 0.0, 1.0))) - 0.02
