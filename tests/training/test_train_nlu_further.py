"""Going on from a version: what it knew stays, what is new is learnt, what is relabelled counts anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lamp_rows import ROOMS, Json, kept_rows, lamp_rows, row, write

from aiyam.contracts import Manifest, Progress
from aiyam.errors import AiyamError, DataError, ModelError
from aiyam.evaluation.understanding import evaluate_model
from aiyam.nlu.contexts import contexts
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.model import NluModel
from aiyam.nlu.network import Network
from aiyam.settings import REPO_ROOT
from aiyam.training.nlu import QUICK, train_nlu
from aiyam.training.nlu_network import Labels, _restore, _tensors, module_of, sizes_for

SHIPPED = Gazetteer.from_shipped()
NEW_ROOM = "다락방"


def quiet(_: Progress) -> None:
    return None


def fan_rows(n: int, *, first: int = 0) -> list[Json]:
    """Rows of an intent and a room the first version never saw."""
    rooms = (*ROOMS[:2], NEW_ROOM)
    return [row(f"{rooms[i % 3]} 선풍기 돌려줘 {i}", "fan_on", rooms[i % 3]) for i in range(first, first + n)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known")
    train_nlu(write(folder / "lamps.jsonl", lamp_rows(80)), folder / "v1", seed=1, epochs=3, progress=quiet)
    return folder / "v1"


@pytest.fixture(scope="module")
def further(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("further")
    data = write(folder / "fans.jsonl", fan_rows(24))
    return folder / "v2", train_nlu(data, folder / "v2", seed=2, epochs=2, progress=quiet, base=base)


def test_a_new_label_and_its_words_are_learnt_and_the_old_ones_stay(
    base: Path, further: tuple[Path, Manifest], tmp_path: Path
) -> None:
    before, after = NluModel.load(base, SHIPPED), NluModel.load(further[0], SHIPPED)
    assert set(after.intents.labels) == {*before.intents.labels, "fan_on"}
    known = write(tmp_path / "known.jsonl", lamp_rows(30, first=300))
    old, new = evaluate_model(before, known), evaluate_model(after, known)
    assert new["intent_accuracy"] >= old["intent_accuracy"] - 0.05
    assert new["span_f1"] >= old["span_f1"] - 0.05
    fans = evaluate_model(after, write(tmp_path / "fans.jsonl", fan_rows(15, first=300)))
    assert fans["intent_accuracy"] >= 0.95
    assert fans["span_f1"] >= 0.9
    assert after.read(f"{NEW_ROOM} 선풍기 좀 돌려줘").spans == (("house_place", 0, 3),)


def test_what_the_base_knew_is_measured_before_and_after(base: Path, further: tuple[Path, Manifest]) -> None:
    _, manifest = further
    for name in ("intent_accuracy", "span_f1"):
        before, after = manifest.metrics[f"known_before_{name}"], manifest.metrics[f"known_after_{name}"]
        assert 0 <= after <= 1
        assert after >= before - 0.1
    assert manifest.parents == ("v1",)
    assert manifest.config["base"] == "v1"
    first = json.loads((base / "manifest.json").read_text("utf-8"))["metrics"]
    assert manifest.metrics["known_before_intent_accuracy"] == first["held_out_intent_accuracy"]
    assert not {name for name in first if name.startswith("known_")}


def test_its_rows_are_rehearsed_and_its_held_rows_stay_held(base: Path, further: tuple[Path, Manifest]) -> None:
    fit, held = ({r["text"] for r in kept_rows(further[0] / name)} for name in ("rows.jsonl.gz", "held.jsonl.gz"))
    known_fit, known_held = ({r["text"] for r in kept_rows(base / n)} for n in ("rows.jsonl.gz", "held.jsonl.gz"))
    assert known_fit <= fit
    assert known_held <= held
    assert not fit & held
    assert {r["text"] for r in fan_rows(24)} <= fit | held


def test_a_third_version_still_knows_the_first(base: Path, further: tuple[Path, Manifest], tmp_path: Path) -> None:
    data = write(
        tmp_path / "door.jsonl", [row(f"{room} 문 열어 {i}", "door", room) for i in range(4) for room in ROOMS]
    )
    manifest = train_nlu(data, tmp_path / "v3", seed=3, epochs=0, progress=quiet, base=further[0])
    model = NluModel.load(tmp_path / "v3", SHIPPED)
    said = ("거실 불 켜줘", "침실 불 꺼줘", "다락방 선풍기 돌려줘", "부엌 문 열어")
    assert [model.read(text).intent for text in said] == ["lamp_on", "lamp_off", "fan_on", "door"]
    assert manifest.metrics["known_after_intent_accuracy"] >= 0.9


def test_a_quick_version_can_be_gone_on_from_in_full_width(tmp_path: Path) -> None:
    lamps = write(tmp_path / "lamps.jsonl", lamp_rows(45))
    train_nlu(lamps, tmp_path / "v1", seed=1, effort=QUICK, epochs=2, progress=quiet)
    fans = write(tmp_path / "fans.jsonl", fan_rows(12))
    manifest = train_nlu(fans, tmp_path / "v2", seed=1, epochs=1, progress=quiet, base=tmp_path / "v1")
    model = NluModel.load(tmp_path / "v2", SHIPPED)
    assert [model.read(t).intent for t in ("거실 불 꺼줘", "거실 선풍기 돌려줘")] == ["lamp_off", "fan_on"]
    assert model.parts.tagger is not None
    assert manifest.metrics["known_after_intent_accuracy"] >= 0.9


def test_a_changed_label_of_a_known_text_wins(base: Path, tmp_path: Path) -> None:
    known = [r for name in ("rows.jsonl.gz", "held.jsonl.gz") for r in kept_rows(base / name)]
    changed = [r for r in known if str(r["text"]).startswith("서재 불 켜줘")]
    assert len(changed) >= 4
    data = write(tmp_path / "study.jsonl", [{**r, "intent": "study_lamp"} for r in changed] * 3)
    train_nlu(data, tmp_path / "v2", seed=2, epochs=1, progress=quiet, base=base)
    texts = {r["text"] for r in changed}
    for name in ("rows.jsonl.gz", "held.jsonl.gz"):
        labels = {r["intent"] for r in kept_rows(tmp_path / "v2" / name) if r["text"] in texts}
        assert labels <= {"study_lamp"}
    model = NluModel.load(tmp_path / "v2", SHIPPED)
    assert model.read("서재 불 켜줘").intent == "study_lamp"
    assert model.read("거실 불 켜줘").intent == "lamp_on"
    assert model.read("서재 불 꺼줘").intent == "lamp_off"


def test_one_new_row_is_enough_to_go_on(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "one.jsonl", [row("창문 닫아", "window")])
    manifest = train_nlu(data, tmp_path / "v2", seed=2, epochs=0, progress=quiet, base=base)
    model = NluModel.load(tmp_path / "v2", SHIPPED)
    assert model.read("창문 닫아").intent == "window"
    assert manifest.metrics["known_after_intent_accuracy"] >= 0.9
    assert model.read("침실 불 꺼줘").confidence > 0.5  # tuned on the held rows of the base too, not on one row


def test_a_known_row_that_became_a_test_row_is_no_longer_trained_on(tmp_path: Path) -> None:
    lines = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()[:120]
    rows = [json.loads(line) for line in lines]
    train_nlu(write(tmp_path / "known.jsonl", rows), tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    write(tmp_path / "data" / "new.jsonl", rows[:20])
    write(tmp_path / "data" / "test.jsonl", rows[20:60])
    train_nlu(tmp_path / "data", tmp_path / "v2", seed=1, epochs=0, progress=quiet, base=tmp_path / "v1")
    known = {r["text"] for name in ("rows.jsonl.gz", "held.jsonl.gz") for r in kept_rows(tmp_path / "v2" / name)}
    assert len(known) > 50
    assert not known & {r["text"] for r in rows[20:60]}


def test_a_new_dish_is_read_as_one_and_the_old_requests_stay(tmp_path: Path) -> None:
    """The product's labels: a word no list knows is taught by a dozen rows."""
    lines = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    kept = [r for r in rows if r["intent"] in ("FOOD_RECOMMENDATION", "GREETING", "THANKS", "MENU_INQUIRY")]
    known, held = write(tmp_path / "known.jsonl", kept[::2][:150]), write(tmp_path / "held.jsonl", kept[1::2][:120])
    train_nlu(known, tmp_path / "v1", seed=1, epochs=2, progress=quiet)
    dish = "뚱쫀득이"
    endings = (
        "먹고 싶어",
        "파는 데 있어?",
        "맛집 추천해줘",
        "잘하는 집",
        "먹을래",
        "어디서 먹어?",
        "집 찾아줘",
        "땡긴다",
    )
    said = [f"{first}{dish} {end}" for first in ("", "오늘 ") for end in endings]
    new = [
        {
            "text": text,
            "intent": "FOOD_RECOMMENDATION",
            "entities": [
                {"entity": "menu", "text": dish, "start": text.index(dish), "end": text.index(dish) + len(dish)}
            ],
        }
        for text in said
    ]
    train_nlu(
        write(tmp_path / "new.jsonl", new), tmp_path / "v2", seed=2, epochs=2, progress=quiet, base=tmp_path / "v1"
    )
    before, after = NluModel.load(tmp_path / "v1", SHIPPED), NluModel.load(tmp_path / "v2", SHIPPED)
    for text in (f"나 {dish} 사줘", f"{dish} 파는 가게 알려줘", f"이 근처 {dish} 먹을 데"):
        at = text.index(dish)
        assert ("menu", at, at + len(dish)) in after.read(text).spans
    old, new_scores = evaluate_model(before, held), evaluate_model(after, held)
    assert new_scores["intent_accuracy"] >= old["intent_accuracy"] - 0.05
    assert new_scores["span_f1"] >= old["span_f1"] - 0.05


def test_what_the_network_knew_of_a_label_stays_with_the_label(base: Path) -> None:
    """Among more labels, in another order, the scores of those the base knows are the base's."""
    import torch

    known = NluModel.load(base, SHIPPED)
    network = known.parts.network
    assert network is not None
    torch.manual_seed(5)
    before = Labels(known.intents.labels, known.parts.tags)
    after = Labels(("aaa", *reversed(before.intents), "zzz"), ("O", "B-aaa", "I-aaa", *before.tags[1:]))
    module = module_of(sizes_for(after, network), after)
    fresh = Network(_tensors(module.state_dict()))
    _restore(module, network, before, after)
    restored = Network(_tensors(module.state_dict()))
    around = contexts([Utterance.of(str(r["text"]), SHIPPED) for r in lamp_rows(5)])
    old, new = network.run(around), restored.run(around)
    intents, tags = [after.intents.index(i) for i in before.intents], [after.tags.index(t) for t in before.tags]
    np.testing.assert_allclose(new[0][:, intents], old[0], atol=5e-3)
    np.testing.assert_allclose(new[1][:, tags], old[1], atol=5e-3)
    np.testing.assert_allclose(restored.moves[np.ix_(tags, tags)], network.moves, atol=1e-3)
    np.testing.assert_array_equal(restored.intent[0][:, 0], fresh.intent[0][:, 0])  # the others begin as they would
    np.testing.assert_array_equal(restored.tag[0][:, 1], fresh.tag[0][:, 1])


def test_a_label_that_is_gone_takes_its_weights_along(base: Path) -> None:
    known = NluModel.load(base, SHIPPED)
    assert known.parts.network is not None
    before, after = Labels(known.intents.labels, known.parts.tags), Labels(known.intents.labels[1:], ("O",))
    module = module_of(sizes_for(after, known.parts.network), after)
    _restore(module, known.parts.network, before, after)
    np.testing.assert_allclose(
        Network(_tensors(module.state_dict())).intent[0], known.parts.network.intent[0][:, 1:], atol=1e-6
    )


def test_going_on_from_a_base_says_what_became_of_its_rows(further: tuple[Path, Manifest], base: Path) -> None:
    files = json.loads((further[0] / "data_report.json").read_text("utf-8"))["files"]
    assert [f["file"] for f in files] == ["fans.jsonl", "v1/rows.jsonl.gz", "v1/held.jsonl.gz"]
    assert files[1]["kept"] == len(kept_rows(base / "rows.jsonl.gz"))
    assert files[1]["set_aside"] == 0


# ------------------------------------------------------------------------------------------------ bases that are none


def cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        cut("weights.safetensors"),
        cut("nlu.json"),
        cut("rows.jsonl.gz"),
        cut("held.jsonl.gz"),
        cut("manifest.json"),
        lambda folder: (folder / "rows.jsonl.gz").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        shutil.rmtree,
    ],
    ids=["weights", "config", "rows", "held", "manifest", "no rows", "unsealed", "missing"],
)
def test_a_damaged_base_is_refused_before_anything_is_written(
    base: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(base, tmp_path / "v1")
    damage(tmp_path / "v1")
    data = write(tmp_path / "fans.jsonl", fan_rows(6))
    with pytest.raises(ModelError) as caught:
        train_nlu(data, tmp_path / "v2", seed=1, epochs=0, progress=quiet, base=tmp_path / "v1")
    assert caught.value.hint
    assert not (tmp_path / "v2").exists()


def test_a_base_sealed_without_its_rows_is_refused_with_what_to_do(base: Path, tmp_path: Path) -> None:
    from aiyam.registry import seal

    for name in ("weights.safetensors", "nlu.json"):
        (tmp_path / "v1").mkdir(exist_ok=True)
        shutil.copy(base / name, tmp_path / "v1" / name)
    seal(tmp_path / "v1", component="nlu", version="v1")
    data = write(tmp_path / "fans.jsonl", fan_rows(6))
    with pytest.raises(AiyamError, match="rows of the base") as caught:
        train_nlu(data, tmp_path / "v2", seed=1, epochs=0, progress=quiet, base=tmp_path / "v1")
    assert isinstance(caught.value, DataError | ModelError)
    assert "aiyam train nlu" in caught.value.hint


def test_the_base_is_left_as_it_was(base: Path, further: tuple[Path, Manifest]) -> None:
    from aiyam.registry import open_sealed

    manifest = open_sealed(base, "nlu")  # checks every file
    assert manifest.version == "v1"
    assert np.isfinite(manifest.metrics["held_out_intent_accuracy"])
    assert further[1].version == "v2"
