"""A pretrained option: fine-tuning a small encoder built here, saving, loading offline, reading; refusals."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from aiyam.contracts import Progress
from aiyam.errors import Conflict, InvalidInput, ModelError
from aiyam.evaluation.understanding import evaluate_model
from aiyam.nlu.encoder import EncoderNluModel, EncoderTokenizer
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import NluModel
from aiyam.registry import open_sealed
from aiyam.settings import REPO_ROOT
from aiyam.training.encoder import train_encoder_nlu

ROWS = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()


def build_base(folder: Path, kind: str) -> Path:
    """Write a small random encoder with a tokenizer learnt from the hand-written rows."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    texts = [json.loads(line)["text"] for line in ROWS]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind == "bert":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=2500, special_tokens=specials, show_progress=False)
    else:  # bytes: one syllable is up to three tokens
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=1500,
            special_tokens=specials,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=128,
    )
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(fast),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "max_position_embeddings": 130,
        "pad_token_id": 0,
    }
    model = (
        BertModel(BertConfig(**sizes)) if kind == "bert" else RobertaModel(RobertaConfig(type_vocab_size=1, **sizes))
    )
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base") / "small-bert", "bert")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rows to train on and rows to measure on."""
    folder = tmp_path_factory.mktemp("rows")
    fit, held = folder / "fit.jsonl", folder / "held.jsonl"
    fit.write_text("\n".join(line for i, line in enumerate(ROWS) if i % 5) + "\n", "utf-8")
    held.write_text("\n".join(ROWS[::5]) + "\n", "utf-8")
    return fit, held


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, base: Path, files: tuple[Path, Path]
) -> tuple[Path, list[Progress]]:
    """A version fine-tuned on the rows, and what it told meanwhile."""
    events: list[Progress] = []
    out = tmp_path_factory.mktemp("encoder") / "v1"
    train_encoder_nlu(
        files[0], out, base=base, seed=3, epochs=7, learning_rate=2e-3, device="cpu", progress=events.append
    )
    return out, events


@pytest.fixture(scope="module")
def model(trained: tuple[Path, list[Progress]]) -> EncoderNluModel:
    return EncoderNluModel.load(trained[0], Gazetteer.from_shipped(), device="cpu")


def test_fine_tuning_learns_intents_and_spans(model: EncoderNluModel, files: tuple[Path, Path]) -> None:
    labels = Counter(json.loads(line)["intent"] for line in files[1].read_text("utf-8").splitlines())
    majority = max(labels.values()) / labels.total()
    scores = evaluate_model(model, files[1])  # type: ignore[arg-type]
    assert scores["intent_accuracy"] > majority + 0.25
    assert scores["span_f1"] > 0.5


def test_the_sealed_version_says_what_it_was_made_of(trained: tuple[Path, list[Progress]]) -> None:
    out, events = trained
    manifest = open_sealed(out, "nlu")
    assert manifest.config["kind"] == "encoder"
    assert manifest.config["base"] == "small-bert"
    assert {"encoder/config.json", "encoder/model.safetensors", "encoder/tokenizer.json", "heads.safetensors"} <= set(
        manifest.checksums
    )
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1.0
    assert manifest.metrics["held_out_span_f1"] > 0.4


def test_it_loads_where_nothing_can_be_fetched_and_reads_the_same(
    model: EncoderNluModel, trained: tuple[Path, list[Progress]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    moved = tmp_path / "elsewhere"
    shutil.copytree(trained[0], moved)
    again = EncoderNluModel.load(moved, Gazetteer.from_shipped(), device="cpu")
    texts = ["신림역 근처 떡볶이집 추천해줘", "안녕", "급카 되는 마라탕집 ㅊㅊ"]
    assert again.read_many(texts) == model.read_many(texts)


def test_one_by_one_and_in_batches_read_alike(model: EncoderNluModel) -> None:
    texts = [
        "만원으로 친구랑 치킨 먹고싶어",
        "ㅎㅇ",
        "매운 거 말고 돈까스 파는 데 어디야? 지금 연 곳으로 알려줘",
        "",
        "🍕🍕",
    ]
    for single, batched in zip([model.read(t) for t in texts], model.read_many(texts), strict=True):
        assert single.spans == batched.spans
        assert single.intent == batched.intent
        assert single.confidence == pytest.approx(batched.confidence, abs=1e-4)


@pytest.mark.parametrize("text", ["", "   ", "\ud800", "가" * 5000, "\u200b", "<script>", "👨‍👩‍👧‍👦" * 50, "\x00"])
def test_any_string_is_read(model: EncoderNluModel, text: str) -> None:
    reading = model.read(text)
    assert reading.intent in model.intents.labels
    assert 0 <= reading.confidence <= 1
    assert all(0 <= start < end <= len(reading.text.text) for _, start, end in reading.spans)


def test_threads_share_one_model(model: EncoderNluModel) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [json.loads(line)["text"] for line in ROWS[:24]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.read, texts))
    assert [r.spans for r in together] == [model.read(t).spans for t in texts]


def test_bytes_of_one_syllable_are_joined_again(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = build_base(tmp_path / "bytes", "roberta")
    batch = EncoderTokenizer(AutoTokenizer.from_pretrained(folder), 64).batch(["뷁 김밥", "밥"], [[], []])
    align = batch.align.numpy()
    assert align.shape[:2] == (2, 4)
    assert align[0, 0].tolist().count(pytest.approx(1 / 3)) == 3  # a syllable it never saw: three bytes
    assert align.sum(axis=2)[0].tolist() == pytest.approx([1.0] * 4)
    assert align.sum(axis=2)[1].tolist() == pytest.approx([1.0, 0, 0, 0])


def test_another_kind_of_encoder_trains_on_rows_without_spans(tmp_path: Path) -> None:
    base = build_base(tmp_path / "bytes", "roberta")
    rows = [{"text": f"{verb} {i}", "intent": verb} for i in range(20) for verb in ("켜줘", "꺼줘")]
    data = tmp_path / "lamps.jsonl"
    data.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    train_encoder_nlu(
        data, tmp_path / "v1", base=base, seed=1, epochs=6, batch_size=8, learning_rate=2e-3, progress=lambda _: None
    )
    found = EncoderNluModel.load(tmp_path / "v1", Gazetteer.from_shipped()).read("켜줘 77")
    assert (found.intent, found.spans) == ("켜줘", ())


def test_the_same_seed_trains_the_same_weights(base: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(ROWS[::23]) + "\n", "utf-8")
    sums = [
        train_encoder_nlu(
            data, tmp_path / name, base=base, seed=5, epochs=1, device="cpu", progress=lambda _: None
        ).checksums
        for name in ("a", "b")
    ]
    assert sums[0]["heads.safetensors"] == sums[1]["heads.safetensors"]
    assert sums[0]["encoder/model.safetensors"] == sums[1]["encoder/model.safetensors"]


@pytest.mark.parametrize(
    "name", ["heads.safetensors", "encoder/model.safetensors", "encoder/tokenizer.json", "nlu.json"]
)
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_folder_is_refused(
    trained: tuple[Path, list[Progress]], tmp_path: Path, name: str, damage: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(trained[0], broken)
    if damage == "missing":
        (broken / name).unlink()
    else:
        (broken / name).write_bytes((broken / name).read_bytes()[:200])
    with pytest.raises(ModelError):
        EncoderNluModel.load(broken, Gazetteer.from_shipped())


def test_heads_of_another_network_are_refused(trained: tuple[Path, list[Progress]], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(trained[0], broken)
    config = json.loads((broken / "nlu.json").read_text("utf-8"))
    (broken / "nlu.json").write_text(json.dumps({**config, "intents": config["intents"][1:]}), "utf-8")
    with pytest.raises(ModelError, match="heads"):
        EncoderNluModel.load(broken, Gazetteer.from_shipped())


def test_a_base_that_is_not_there_says_how_to_get_one(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="local folder"):
        train_encoder_nlu(
            files[0], tmp_path / "v1", base=tmp_path / "nothing", seed=1, epochs=1, progress=lambda _: None
        )
    assert not (tmp_path / "v1").exists()


def test_a_sealed_version_is_never_fine_tuned_over(
    trained: tuple[Path, list[Progress]], base: Path, files: tuple[Path, Path]
) -> None:
    with pytest.raises(Conflict):
        train_encoder_nlu(files[0], trained[0], base=base, seed=2, epochs=1, progress=lambda _: None)
    open_sealed(trained[0], "nlu")


def test_no_epochs_are_refused(base: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="one epoch"):
        train_encoder_nlu(files[0], tmp_path / "v1", base=base, seed=1, epochs=0, progress=lambda _: None)


def test_the_linear_model_refuses_the_folder_of_an_encoder(trained: tuple[Path, list[Progress]]) -> None:
    with pytest.raises(ModelError):
        NluModel.load(trained[0], Gazetteer.from_shipped())


def test_a_training_stopped_on_the_way_leaves_nothing(base: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.stage == "fit":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder_nlu(files[0], tmp_path / "v1", base=base, seed=1, epochs=1, progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [{"tags": ["O", "O"]}, {"intents": "A"}, {"temperature": 0}, {"temperature": float("nan")}, {"tags": ["O"]}],
)
def test_a_configuration_that_does_not_fit_is_refused_when_loaded(
    trained: tuple[Path, list[Progress]], tmp_path: Path, change: dict[str, object]
) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "v1")
    config = json.loads((folder / "nlu.json").read_text("utf-8"))
    (folder / "nlu.json").write_text(json.dumps({**config, **change}), "utf-8")
    with pytest.raises(ModelError, match="Expected"):
        EncoderNluModel.load(folder, Gazetteer.from_shipped())
