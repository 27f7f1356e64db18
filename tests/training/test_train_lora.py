"""A LoRA adapter trained end to end on a small random model: what it learns from, what it refuses, stopped and resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language_model import build

from aiyam.contracts import InstructionRow, Intent, Manifest, Progress, Recommendation, ReplyPlan
from aiyam.errors import DataError, InvalidInput, ModelError
from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import Message
from aiyam.registry import open_sealed
from aiyam.reply.language_model import Replier
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.reply.worded_by_model import messages_for
from aiyam.settings import REPO_ROOT
from aiyam.training.lora import train_lora
from aiyam.training.lora_batches import Encoded, encode, ends_of, messages_of, pack, steps_of
from aiyam.training.lora_evaluation import Judge, judge_replies
from aiyam.training.lora_fit import LoraOptions, answer_loss, with_lora
from aiyam.training.lora_rows import hold_out, read_instructions
from aiyam.training.protocol import Cancelled

TOLD = "아이에게 밥집을 알려 준다."
NAMES = (
    "봉천김밥",
    "신림분식",
    "행운국수",
    "별빛만두",
    "초록식당",
    "낙성카레",
    "서원돈까스",
    "인헌우동",
    "보라매탕",
    "청룡떡볶이",
)


def row(name: str, price: int) -> dict[str, Any]:
    return {
        "instruction": TOLD,
        "input": {"이름": name, "값": f"{price:,}원"},
        "output": f"{name}은 {price:,}원이에요.",
    }


ROWS = [row(name, 3000 + 500 * i) for i, name in enumerate(NAMES)] + [row(name, 9000) for name in NAMES]
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 2, "rank": 4, "learning_rate": 5e-3, "max_tokens": 300}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose tokenizer knows the rows' words."""
    lessons = [(messages_of(InstructionRow(**r)), r["output"]) for r in ROWS]
    return build(tmp_path_factory.mktemp("base") / "tiny", lessons)


@pytest.fixture(scope="module")
def local(base: Path) -> LocalModel:
    return LocalModel.load(base, device="cpu", offline=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", ROWS)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    return path


def train(data: Path, out: Path, base: Path, **options: Any) -> Manifest:
    given = {"seed": 1, "progress": lambda p: None, "base": base, "offline": True, "device": "cpu", **QUICK, **options}
    return train_lora(data, out, **given)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nlg")
    train(write(folder / "rows.jsonl", ROWS), folder / "nlg" / "v1", base, epochs=4)
    return folder / "nlg" / "v1"


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def encoded(local: LocalModel) -> list[Encoded]:
    ends = ends_of(local.model, local.tokenizer)
    return [encode(InstructionRow(**r), local.tokenizer, ends) for r in ROWS]


# ------------------------------------------------------------------ rows and batches


def test_only_the_answer_and_the_token_that_ends_it_are_learned(local: LocalModel) -> None:
    one = encoded(local)[0]
    packed = pack([one], torch.device("cpu"), torch.float32)
    assert local.tokenizer.decode(packed.targets) == "봉천김밥은 3,000원이에요.<|end|>"
    prompt = local.tokenizer.decode(list(one.ids[: one.n_prompt]))
    assert prompt.startswith("<|system|>" + TOLD)
    assert prompt.endswith("<|assistant|>")
    asked = [m.as_json() for m in messages_of(InstructionRow(**ROWS[0]))]
    assert list(one.ids[: one.n_prompt]) == local.tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]  # fmt: skip


def test_an_object_is_learned_as_compact_json(local: LocalModel) -> None:
    given = InstructionRow(instruction="JSON으로", input="", output={"이름": "봉천김밥", "값": 3000})
    ids = encode(given, local.tokenizer, ends_of(local.model, local.tokenizer))
    assert (
        local.tokenizer.decode(list(ids.ids))
        == '<|user|>JSON으로<|end|><|assistant|>{"이름":"봉천김밥","값":3000}<|end|>'
    )


def test_rows_packed_together_lose_what_they_lose_alone(local: LocalModel) -> None:
    rows = encoded(local)[:5]
    with torch.no_grad():
        alone = [float(answer_loss(local.model, [one])) for one in rows]
        together = float(answer_loss(local.model, rows))
        turned = float(answer_loss(local.model, rows[::-1]))
    assert together == pytest.approx(sum(alone), rel=1e-5)
    assert turned == pytest.approx(sum(alone), rel=1e-5)


def test_no_gradient_flows_from_one_row_of_a_pack_to_another(local: LocalModel) -> None:
    first, second = encoded(local)[:2]
    embed = local.model.get_input_embeddings()
    packed = pack([first, second], torch.device("cpu"), torch.float32)
    inputs = embed(packed.ids).detach().requires_grad_()
    scores = local.model(
        inputs_embeds=inputs, position_ids=packed.positions, attention_mask=packed.mask, use_cache=False
    ).logits
    scores[0, len(first.ids) :].sum().backward()
    assert inputs.grad is not None
    assert float(inputs.grad[0, : len(first.ids)].abs().max()) == 0.0
    assert float(inputs.grad[0, len(first.ids) :].abs().max()) > 0.0


def test_accumulated_batches_are_one_step_over_all_their_rows(base: Path) -> None:
    from accelerate import Accelerator

    from aiyam.training.lora_fit import _step

    found = []
    for batch_size, accumulation in ((4, 1), (1, 4), (2, 2)):
        model = LocalModel.load(base, device="cpu", offline=True)
        options = LoraOptions(rank=4, dropout=0.0, batch_size=batch_size, accumulation=accumulation)
        peft = with_lora(model.model, options, base=str(base))
        optimiser = torch.optim.SGD([w for w in peft.parameters() if w.requires_grad], lr=1.0)
        loss = _step(peft, optimiser, encoded(model)[:4], options, Accelerator(cpu=True))
        found.append((loss, [w.detach().clone() for w in peft.parameters() if w.requires_grad]))
    for loss, weights in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        for one, other in zip(weights, found[0][1], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_every_row_is_seen_once_an_epoch_and_in_another_order_each() -> None:
    first, second = (steps_of(10, rows_a_step=4, seed=3, epoch=epoch) for epoch in (0, 1))
    assert sorted(i for step in first for i in step) == list(range(10))
    assert first != second
    assert first == steps_of(10, rows_a_step=4, seed=3, epoch=0)


def test_rows_that_cannot_be_used_are_counted_with_their_reason(tmp_path: Path) -> None:
    rows = [
        ROWS[0], ROWS[0], {"instruction": "a", "input": "b"}, {"instruction": "a", "input": "b", "output": "  "},
        {"instruction": "a", "input": "b", "output": {}}, {"instruction": " ", "input": "", "output": "c"},
        {"instruction": "a", "input": "b", "output": 3}, ["no", "row"], {**ROWS[1], "turn_id": "t-1"},
    ]  # fmt: skip
    path = write(tmp_path / "rows.jsonl", rows)
    path.write_text(path.read_text("utf-8") + "\n{broken", encoding="utf-8")
    kept, report = read_instructions(path)
    assert [number for number, _ in kept] == [1, 9]
    assert (report.n_rows, report.n_kept, report.n_rejected, report.n_set_aside) == (10, 2, 7, 1)
    assert [note.row for note in report.rejected] == [3, 4, 5, 6, 7, 8, 10]
    assert [note.row for note in report.set_aside] == [2]
    assert report.rejected[0].reason == "output: Field required"


def test_a_file_without_a_usable_row_says_what_a_row_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1: output") as raised:
        read_instructions(write(tmp_path / "rows.jsonl", [{"instruction": "a", "input": "b"}]))
    assert '{"instruction"' in raised.value.hint


def test_answers_to_one_question_stay_on_one_side(tmp_path: Path) -> None:
    rows = [{**r, "output": r["output"] + more} for r in ROWS for more in ("", " 또 와요!")]
    kept, _ = read_instructions(write(tmp_path / "rows.jsonl", rows))
    train_rows, held = hold_out(kept, seed=1)
    assert len(train_rows) + len(held) == len(kept)
    assert not {str(r.input) for _, r in train_rows} & {str(r.input) for _, r in held}
    with pytest.raises(DataError, match="two different"):
        hold_out(kept[:2], seed=1)


# ------------------------------------------------------------------ a training


def test_an_adapter_is_trained_sealed_and_judged(trained: Path, base: Path) -> None:
    manifest = open_sealed(trained, "nlg")
    assert {"adapter_model.safetensors", "adapter_config.json", "card.md", "data_report.json"} <= set(
        manifest.checksums
    )
    assert (manifest.config["base"], manifest.config["rank"], manifest.parents) == (str(base.resolve()), 4, ())
    metrics = manifest.metrics
    assert metrics["heldout_perplexity"] < 0.8 * metrics["heldout_perplexity_before"]
    assert (metrics["n_train_rows"], metrics["n_heldout_rows"]) == (18, 2)
    assert 0 <= metrics["format_valid_low"] <= metrics["format_valid_rate"] <= metrics["format_valid_high"] <= 1
    assert all("lora_" in name for name in weights_of(trained))
    assert json.loads((trained / "adapter_config.json").read_text("utf-8"))["r"] == 4


def test_a_training_stopped_and_resumed_ends_as_one_that_was_not(base: Path, data: Path, tmp_path: Path) -> None:
    whole = train(data, tmp_path / "a" / "v1", base)

    def stop_at(fraction: float) -> tuple[Callable[[Progress], None], Callable[[], bool]]:
        at = [0.0]
        return lambda p: at.__setitem__(0, p.fraction), lambda: at[0] > fraction

    progress, cancelled = stop_at(0.5)
    kept = tmp_path / "checkpoint"
    with pytest.raises(Cancelled, match="no version was saved"):
        train(data, tmp_path / "b" / "v1", base, checkpoint_dir=kept, progress=progress, cancelled=cancelled)
    assert not (tmp_path / "b" / "v1").exists()
    assert any(kept.iterdir())
    with pytest.raises(DataError, match="learning_rate"):
        train(data, tmp_path / "b" / "v1", base, checkpoint_dir=kept, resume=True, learning_rate=1e-3)
    resumed = train(data, tmp_path / "b" / "v1", base, checkpoint_dir=kept, resume=True)
    ours, theirs = weights_of(tmp_path / "b" / "v1"), weights_of(tmp_path / "a" / "v1")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert resumed.metrics == whole.metrics
    assert not kept.exists()


def test_training_ends_where_held_out_rows_get_worse_and_keeps_the_best(base: Path, data: Path, tmp_path: Path) -> None:
    train(data, tmp_path / "v1", base, epochs=30, learning_rate=0.3, valid=write(tmp_path / "held.jsonl", ROWS[:2]))
    losses = [e["held_loss"] for e in json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["epochs"]]
    assert len(losses) < 31
    assert losses[-1] >= min(losses[1:-1])


def test_an_incremental_training_goes_on_from_the_last_adapter(trained: Path, base: Path, tmp_path: Path) -> None:
    new = write(tmp_path / "new.jsonl", [row(name, 7000) for name in NAMES])
    options = {"seed": 1, "progress": lambda p: None, "offline": True, "device": "cpu", "max_tokens": 300}
    manifest = train_lora(new, tmp_path / "nlg" / "v2", start=trained, **options)
    assert manifest.parents == ("v1",)
    assert (manifest.config["epochs"], manifest.config["learning_rate"]) == (1, 5e-5)
    assert (manifest.config["rank"], manifest.config["base"]) == (4, str(base.resolve()))
    before, after = weights_of(trained), weights_of(tmp_path / "nlg" / "v2")
    assert set(before) == set(after)
    moved = max(float((before[name] - after[name]).abs().max()) for name in before)
    assert 0 < moved < 0.01


def test_recomputing_activations_changes_no_weight(base: Path, data: Path, tmp_path: Path) -> None:
    for name, recompute in (("v1", False), ("v2", True)):
        train(data, tmp_path / name, base, epochs=1, recompute=recompute)
    plain, recomputed = weights_of(tmp_path / "v1"), weights_of(tmp_path / "v2")
    for name in plain:
        torch.testing.assert_close(plain[name], recomputed[name], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_with_twice_the_batch(base: Path, data: Path, tmp_path: Path) -> None:
    one = train(data, tmp_path / "v1", base, epochs=1, batch_size=4, dropout=0.0)
    two = train(data, tmp_path / "v2", base, epochs=1, batch_size=2, dropout=0.0, n_processes=2)
    assert two.metrics["heldout_perplexity"] == pytest.approx(one.metrics["heldout_perplexity"], rel=1e-3)
    ours, theirs = weights_of(tmp_path / "v2"), weights_of(tmp_path / "v1")
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-2, atol=1e-4)


# ------------------------------------------------------------------ what is refused


def test_a_base_that_is_not_there_says_how_to_get_it(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="hf download"):
        train(data, tmp_path / "v1", tmp_path / "nothing")
    assert not (tmp_path / "v1").exists()


def test_a_base_without_the_projections_is_refused(data: Path, base: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    other = tmp_path / "gpt2"
    GPT2LMHeadModel(GPT2Config(vocab_size=3000, n_embd=16, n_layer=1, n_head=1, n_positions=300)).save_pretrained(other)
    AutoTokenizer.from_pretrained(base).save_pretrained(other)
    with pytest.raises(ModelError, match="q_proj"):
        train(data, tmp_path / "v1", other)


def test_rows_longer_than_the_model_reads_are_refused_and_counted(base: Path, tmp_path: Path) -> None:
    long = [{"instruction": "a", "input": "b", "output": "가" * 4000}]
    manifest = train(write(tmp_path / "rows.jsonl", ROWS + long), tmp_path / "v1", base, epochs=1)
    assert manifest.metrics["n_rejected_rows"] == 1
    with pytest.raises(DataError, match="--max_tokens"):
        train(write(tmp_path / "long.jsonl", ROWS), tmp_path / "v2", base, max_tokens=16)


def test_an_adapter_of_another_base_is_not_trained_further(
    trained: Path, data: Path, base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    (other / "chat_template.jinja").write_text(
        (base / "chat_template.jinja").read_text("utf-8") + " ", encoding="utf-8"
    )
    with pytest.raises(ModelError, match="chat_template"):
        train(data, tmp_path / "v2", other, start=trained)


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"epochs": 0}, {"dropout": 1.0}, {"learning_rate": 0.0}, {"max_tokens": 1}]
)
def test_options_out_of_range_are_refused(base: Path, data: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="Expected"):
        train(data, tmp_path / "v1", base, **wrong)


# ------------------------------------------------------------------ judged by plans


def plans() -> list[ReplyPlan]:
    shops = [
        Recommendation(shop_id=f"s-{i}", rank=1, score=0.5, name=name, category="분식", menu="김밥", price_won=4000)
        for i, name in enumerate(NAMES[:2])
    ]
    return [make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band="7-9", recommendations=[shop]) for shop in shops]


def test_replies_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    true, false = plans()
    words = ["봉천김밥은 어때요? 김밥이 4,000원이에요.", "신림분식에서 2,000원에 먹어요!"]
    lessons: list[tuple[list[Message], str]] = [
        (messages_for(plan, variety=i), words[i]) for i, plan in enumerate((true, false))
    ]
    model = LocalModel.load(build(tmp_path / "tiny", lessons, n_steps=120), device="cpu", offline=True)
    replier = Replier(TemplateBackend.load(REPO_ROOT / "datasets" / "replies"))
    found = judge_replies(model, Judge(replier, (true, false)), report=lambda done: None)
    assert (found["grounded_rate"], found["shown_rate"], found["safe_rate"]) == (0.5, 0.5, 1.0)
    assert (found["refused_ungrounded"], found["n_plans"]) == (1, 2)
