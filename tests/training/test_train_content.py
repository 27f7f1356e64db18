"""The content encoder's training: what it learns, what it refuses, stopping it, and a pretrained model in its place."""

from __future__ import annotations

import json
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "candidates"))

from small_city import build_city

from aiyam.candidates.documents import shop_documents
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.pretrained_encoder import PretrainedEncoder
from aiyam.candidates.rules import check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Requests
from aiyam.contracts import Progress
from aiyam.errors import AiyamError, Conflict, InvalidInput, ModelError
from aiyam.nlu.examples import Example
from aiyam.registry import open_sealed
from aiyam.training.content import train_content
from aiyam.training.content_pairs import make_pairs
from aiyam.training.content_wishes import Wish, Wishes, choices_of, read_wishes, wishes_of
from aiyam.training.protocol import Cancelled

QUIET = {"progress": lambda _: None}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return build_city().catalogue


@pytest.fixture(scope="module")
def trained(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("content") / "v1"
    train_content(catalogue, folder, seed=4, **QUIET)
    return folder


def shops_with(catalogue: Catalogue, dish: str) -> np.ndarray:
    number = catalogue.dish_names.index(dish)
    return np.array(
        [
            number in catalogue.menu_name[catalogue.menu_start[r] : catalogue.menu_start[r + 1]]
            for r in range(len(catalogue))
        ]
    )


def precision(encoder: TextEncoder, catalogue: Catalogue, text: str, dish: str) -> float:
    documents = shop_documents(catalogue, check_rules(load_rules()).everyday)
    nearest = np.argsort(-(encoder.encode(documents) @ encoder.encode([text])[0]), kind="stable")[:10]
    return float(shops_with(catalogue, dish)[nearest].mean())


def test_the_content_encoder_is_sealed_and_finds_dishes_by_name(catalogue: Catalogue, tmp_path: Path) -> None:
    events: list[Progress] = []
    manifest = train_content(catalogue, tmp_path / "v1", seed=1, progress=events.append)
    assert open_sealed(tmp_path / "v1", "content") == manifest
    for kind in ("dish", "misspelt", "everyday"):
        assert manifest.metrics[f"{kind}_precision_at_10"] > 0.6
        assert manifest.metrics[f"n_{kind}"] > 10
    assert manifest.config["passes"] == 1
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1.0
    assert TextEncoder.load(tmp_path / "v1").encode(["마라탕"]).any()


@pytest.mark.parametrize(
    ("text", "dish"), [("떡뽁이", "떡볶이"), ("김찌찌개", "김치찌개"), ("짜장맨", "짜장면"), ("마라땅 먹자", "마라탕")]
)
def test_tuning_finds_the_shops_of_a_misspelt_dish(catalogue: Catalogue, trained: Path, text: str, dish: str) -> None:
    assert precision(TextEncoder.load(trained), catalogue, text, dish) >= 0.8


def test_more_passes_fit_better_than_none(catalogue: Catalogue, trained: Path, tmp_path: Path) -> None:
    untuned = train_content(catalogue, tmp_path / "v1", seed=4, passes=0, **QUIET)
    tuned = open_sealed(trained, "content")
    assert tuned.metrics["misspelt_precision_at_10"] > untuned.metrics["misspelt_precision_at_10"]


def test_the_same_seed_trains_the_same_encoder(catalogue: Catalogue, trained: Path, tmp_path: Path) -> None:
    again = train_content(catalogue, tmp_path / "v2", seed=4, **QUIET)
    assert again.checksums["encoder.safetensors"] == open_sealed(trained, "content").checksums["encoder.safetensors"]


def test_what_people_wish_for_is_learnt_from_the_rows_of_understanding(catalogue: Catalogue, tmp_path: Path) -> None:
    rows = [
        {"text": "국물이 그리운 날이야", "intent": "FOOD_RECOMMENDATION", "entities": [], "semantic_query": "",
         "filters": {"menus": ["설렁탕"]}},
        {"text": "그리운 할무니표 뽀얀탕", "intent": "FOOD_RECOMMENDATION", "semantic_query": "", "filters": {"menus": ["설렁탕"]},
         "entities": [{"entity": "menu", "value": "설렁탕", "text": "뽀얀탕", "start": 9, "end": 12}]},
    ]  # fmt: skip
    data = tmp_path / "rows"
    data.mkdir()
    (data / "rows.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    (data / "test.jsonl").write_text(json.dumps({**rows[0], "text": "held back"}, ensure_ascii=False), "utf-8")
    (data / "notes.jsonl").write_text("not rows", "utf-8")
    wishes = read_wishes(data)
    assert [wish.text for wish in wishes.whole] == ["국물이 그리운 날이야", "그리운 할무니표 뽀얀탕"]
    assert wishes.marked == (Wish("뽀얀탕", menus=("설렁탕",)),)
    assert wishes.beside["그리운"] == 2
    train_content(catalogue, tmp_path / "v1", seed=1, wishes=data, **QUIET)
    assert precision(TextEncoder.load(tmp_path / "v1"), catalogue, "뽀얀탕", "설렁탕") >= 0.8
    assert read_wishes(tmp_path / "nowhere") == Wishes()


def test_the_choices_of_the_older_requests_are_learnt_from() -> None:
    n = 10
    nobody = np.zeros(n, np.int32)
    requests = Requests(
        request_id=np.arange(n), user=nobody, ts=np.arange(n), lat=np.zeros(n), lon=np.zeros(n), district=[""] * n,
        query=[f"학원 {i}" for i in range(n - 8)] + [" "] * 8, filters=["{}"] * n, imp_start=np.arange(n + 1) * 2,
        imp_shop_row=np.arange(2 * n, dtype=np.int32), imp_position=np.tile(np.array([1, 2], np.int16), n),
        imp_outcome=np.tile(np.array([0, 3], np.int8), n),
    )  # fmt: skip
    assert choices_of(requests) == [("학원 0", 1), ("학원 1", 3)]
    later = replace(requests, query=[f"학원 {i}" for i in range(n)])
    assert [text for text, _ in choices_of(later)] == [f"학원 {i}" for i in range(7)]


def test_what_is_turned_down_is_no_wish() -> None:
    example = Example("매운 거 말고", "REFINE", (("taste", 0, 2, "매운"),), {"exclude_taste": ["매운"]})
    assert wishes_of([example]) == Wishes()


def test_pairs_say_how_fully_each_shop_answers(catalogue: Catalogue) -> None:
    rows = np.arange(40)
    asked = [("학원 가기 전에", 3), ("학원 가기 전에", 5), ("멀리", 900)]
    wishes = Wishes(
        whole=(Wish("매운 한식", tastes=("매운",), categories=("한식",)), Wish("없는 것", menus=("용가리탕",)))
    )
    everyday = check_rules(load_rules()).everyday
    pairs = make_pairs(catalogue, everyday, rows, wishes=wishes, asked=asked, seed=1)
    assert (pairs.gains.min(), pairs.gains.max()) == (0.0, 1.0)
    gain = {
        (k, t): pairs.gains[a].toarray().ravel() for k, t, a in zip(pairs.kinds, pairs.texts, pairs.answer, strict=True)
    }
    assert np.array_equal(gain["menu", "떡볶이"] > 0, shops_with(catalogue, "떡볶이")[:40])
    assert np.flatnonzero(gain["asked", "학원 가기 전에"]).tolist() == [3, 5]
    korean = catalogue.category[:40] == 0
    assert (gain["whole", "매운 한식"] > 0).any()
    assert not (gain["whole", "매운 한식"] > 0)[~korean].any()
    assert ("whole", "없는 것") not in gain
    assert ("asked", "멀리") not in gain


def test_an_empty_catalogue_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    closed = replace(catalogue, venue_ok=np.zeros(len(catalogue), bool))
    with pytest.raises(InvalidInput, match="shops to learn from"):
        train_content(closed, tmp_path / "v1", seed=1, **QUIET)
    assert not list(tmp_path.iterdir())


def test_shops_without_menus_and_with_any_name_can_be_learnt_from(catalogue: Catalogue, tmp_path: Path) -> None:
    n = len(catalogue)
    odd = ["", "🍜🍜", unicodedata.normalize("NFD", "떡볶이집"), "가" * 3000, "Joe's Diner", "\ud800", "<b>"]
    bare = replace(
        catalogue,
        names=[odd[i % len(odd)] for i in range(n)],
        menu_start=np.zeros(n + 1, np.int32),
        menu_name=np.empty(0, np.int32),
    )
    train_content(bare, tmp_path / "v1", seed=1, **QUIET)
    assert np.isfinite(TextEncoder.load(tmp_path / "v1").encode([*odd, "떡볶이", "한식"])).all()


def test_a_training_stopped_on_the_way_leaves_nothing_and_a_folder_that_holds_something_is_left(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        train_content(
            catalogue, tmp_path / "v1", seed=1, progress=seen.append,
            cancelled=lambda: bool(seen) and seen[-1].fraction > 0.5,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match=r"notes\.txt"):
        train_content(catalogue, tmp_path / "v1", seed=1, **QUIET)
    assert [p.name for p in tmp_path.rglob("*")] == ["v1", "notes.txt"]


@pytest.mark.parametrize("options", [{"passes": -1}, {"cut": True}])
def test_options_that_make_no_sense_are_refused(catalogue: Catalogue, tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        train_content(catalogue, tmp_path / "v1", seed=1, **QUIET, **options)  # type: ignore[arg-type]


def build_sentence_model(folder: Path, width: int, pooling: str | None = "mean") -> Path:
    """Write a small random BERT with a tokenizer of syllables, laid out as sentence-transformers does."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *dict.fromkeys("떡볶이김치찌개마라탕뜨끈한국물설렁짜장면돈까스우동분식bchikenqu"),
    ]
    pieces += [f"##{piece}" for piece in pieces[4:]]
    tokenizer = Tokenizer(models.WordPiece(dict(zip(pieces, range(len(pieces)), strict=True)), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(width)
    BertModel(
        BertConfig(vocab_size=len(pieces), hidden_size=width, num_hidden_layers=1, num_attention_heads=4,
                   intermediate_size=64, max_position_embeddings=130)
    ).save_pretrained(folder)  # fmt: skip
    if pooling is not None:
        modules = [{"path": "", "type": "sentence_transformers.models.Transformer"},
                   {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                   {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]  # fmt: skip
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        chosen = {
            f"pooling_mode_{name}": name == f"{pooling}_tokens" for name in ("cls_tokens", "mean_tokens", "max_tokens")
        }
        chosen = {key.replace("cls_tokens", "cls_token"): value for key, value in chosen.items()}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": width, **chosen}))
    return folder


@pytest.mark.parametrize(("width", "cut"), [(64, False), (192, False), (192, True)])
def test_a_sentence_model_takes_the_encoders_place(catalogue: Catalogue, tmp_path: Path, width: int, cut: bool) -> None:
    model = build_sentence_model(tmp_path / "model", width)
    manifest = train_content(catalogue, tmp_path / "v1", seed=1, encoder=str(model), cut=cut, **QUIET)
    assert manifest.config["model"] == str(model)
    encoder = TextEncoder.load(tmp_path / "v1")
    assert isinstance(encoder, PretrainedEncoder)
    texts = ["뜨끈한 국물", "", "떡볶이", "가" * 5000, "\ud800 우동", unicodedata.normalize("NFD", "뜨끈한 국물")]
    vectors = encoder.encode(texts)
    assert vectors.shape == (6, 128)
    assert np.allclose(np.linalg.norm(vectors[[0, 2, 3, 4, 5]], axis=1), 1, atol=1e-5)
    assert not vectors[1].any()
    assert np.allclose(vectors[0], vectors[5], atol=1e-5)
    assert np.allclose(vectors, np.concatenate([encoder.encode([text]) for text in texts]), atol=1e-4)


def test_pooling_is_what_the_model_says(catalogue: Catalogue, tmp_path: Path) -> None:
    found = []
    for pooling in ("mean", "max", "cls_", None):
        folder = build_sentence_model(tmp_path / str(pooling), 64, pooling)
        if pooling == "cls_":
            config = folder / "1_Pooling" / "config.json"
            config.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
        train_content(catalogue, tmp_path / f"v_{pooling}", seed=1, encoder=str(folder), **QUIET)
        encoder = TextEncoder.load(tmp_path / f"v_{pooling}")
        assert isinstance(encoder, PretrainedEncoder)
        found.append(encoder.model.pooling)
    assert found == ["mean", "max", "first", "mean"]


def test_a_version_whose_model_is_gone_or_another_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    model = build_sentence_model(tmp_path / "model", 64)
    train_content(catalogue, tmp_path / "v1", seed=1, encoder=str(model), **QUIET)
    model.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="model"):
        TextEncoder.load(tmp_path / "v1")
    build_sentence_model(tmp_path / "model", 96)
    with pytest.raises(ModelError, match="64 numbers"):
        TextEncoder.load(tmp_path / "v1")


def test_another_model_of_the_same_width_is_noticed(catalogue: Catalogue, tmp_path: Path) -> None:
    import torch
    from transformers import BertModel

    model = build_sentence_model(tmp_path / "model", 64)
    train_content(catalogue, tmp_path / "v1", seed=1, encoder=str(model), **QUIET)
    other = BertModel.from_pretrained(model)
    with torch.no_grad():
        other.embeddings.word_embeddings.weight.normal_()
    other.save_pretrained(model)
    with pytest.raises(ModelError, match="otherwise"):
        TextEncoder.load(tmp_path / "v1")


def test_a_model_that_cannot_be_used_is_refused_before_anything_is_written(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    dense = build_sentence_model(tmp_path / "dense", 64)
    modules = json.loads((dense / "modules.json").read_text())
    (dense / "modules.json").write_text(json.dumps([*modules, {"path": "3_Dense", "type": "models.Dense"}]))
    for model, why in ((empty, "sentence model"), (dense, "Dense")):
        with pytest.raises(AiyamError, match=why):
            train_content(catalogue, tmp_path / "v1", seed=1, encoder=str(model), **QUIET)
    assert not (tmp_path / "v1").exists()


def test_a_tuned_encoder_keeps_the_start_it_was_given(catalogue: Catalogue) -> None:
    documents = shop_documents(catalogue, check_rules(load_rules()).everyday)
    one, two = (GramEncoder.fit(documents, seed=1) for _ in range(2))
    assert np.array_equal(one.table, two.table)
