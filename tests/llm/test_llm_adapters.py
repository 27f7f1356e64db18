"""LoRA adapters at run time: loaded from sealed versions, swapped between answers, unloaded, refused on another base."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from small_servers import text_of
from tiny_language_model import build, labelled, lessons_of

from aiyam.errors import ModelError
from aiyam.llm import adapters
from aiyam.llm.base_print import differences, print_of
from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import LanguageModelError, Message
from aiyam.registry import MANIFEST, seal

ASK = [Message("system", "짧게 답해."), Message("user", "안녕?")]

Make = Callable[[Path, int], Path]


@pytest.fixture(scope="module")
def make(tiny: Path) -> Make:
    """Seal an adapter of random weights, large enough to change what is written, for the small model."""
    from peft import LoraConfig, get_peft_model

    def adapter(folder: Path, seed: int) -> Path:
        local = LocalModel.load(tiny, device="cpu", offline=True)
        config = LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        peft = get_peft_model(local.model, config)
        torch.manual_seed(seed)
        with torch.no_grad():
            for name, weight in peft.named_parameters():
                if "lora_" in name:
                    weight.normal_(0, 0.5)
        folder.mkdir(parents=True)
        peft.save_pretrained(str(folder), save_embedding_layers=False)
        given = {"base": "tiny", "base_print": print_of(local.model, local.tokenizer)}
        seal(folder, component="nlg", version=folder.name, config=given)
        return folder

    return adapter


@pytest.fixture
def model(tiny: Path) -> LocalModel:
    return LocalModel.load(tiny, device="cpu", offline=True)


def say(model: Any) -> str:
    return text_of(model, ASK, 12)


def test_each_adapter_writes_its_own_words_and_the_base_its_own(make: Make, model: LocalModel, tmp_path: Path) -> None:
    base = say(model)
    one, two = (model.with_adapter(make(tmp_path / f"v{i}", i)) for i in (1, 2))
    said = {name: say(m) for name, m in (("base", model), ("one", one), ("two", two))}
    assert len(set(said.values())) == 3
    assert said["base"] == base
    assert [say(m) for m in (two, model, one, two)] == [said["two"], base, said["one"], said["two"]]


def test_answers_of_several_threads_never_mix_adapters(make: Make, model: LocalModel, tmp_path: Path) -> None:
    voices = [model, *(model.with_adapter(make(tmp_path / f"v{i}", i)) for i in (1, 2))]
    expected = [say(voice) for voice in voices]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(say, voices * 4)) == expected * 4


def test_an_unloaded_adapter_leaves_the_base_as_it_was(make: Make, model: LocalModel, tmp_path: Path) -> None:
    before = say(model)
    names = {name for name, _ in model.model.named_parameters()}
    folder = make(tmp_path / "v1", 1)
    adapted = model.with_adapter(folder)
    said = say(adapted)
    model.unload_adapter(folder)
    assert model.adapters.loaded == ()
    assert {name for name, _ in model.model.named_parameters()} == names
    assert say(model) == before
    assert say(adapted) == said  # asked again, it is loaded again


def test_the_least_used_adapter_goes_when_there_are_too_many(
    make: Make, model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "MAX_LOADED", 2)
    folders = [make(tmp_path / f"v{i}", i) for i in (1, 2, 3)]
    voices = [model.with_adapter(folder) for folder in folders]
    assert model.adapters.loaded == tuple(str(f.resolve()) for f in folders[1:])
    first = say(voices[0])
    assert model.adapters.loaded == tuple(str(f.resolve()) for f in (folders[2], folders[0]))
    assert first not in (say(voices[1]), say(voices[2]))


def test_an_adapter_is_not_swapped_under_an_answer(make: Make, model: LocalModel, tmp_path: Path) -> None:
    folder = make(tmp_path / "v1", 1)
    expected = text_of(model, ASK, 60)
    pieces = model.stream(ASK, max_tokens=60, timeout_s=60)
    said = next(pieces)
    loading = threading.Thread(target=model.with_adapter, args=(folder,))
    loading.start()
    with suppress(LanguageModelError):  # the small model may write on and on
        for piece in pieces:
            said += piece
    loading.join()
    assert said == expected
    assert model.adapters.loaded


def test_an_adapter_of_another_base_is_refused_by_what_differs(make: Make, tiny: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "v1", 1)
    other = build(tmp_path / "other", lessons_of(labelled()), seed=7)
    with pytest.raises(ModelError, match="weights") as raised:
        LocalModel.load(other, device="cpu", offline=True).with_adapter(folder)
    assert "hidden_size" not in str(raised.value)
    renamed = tmp_path / "renamed"
    shutil.copytree(tiny, renamed)
    LocalModel.load(renamed, device="cpu", offline=True).with_adapter(folder)  # the same base under another name


def test_a_base_in_half_precision_has_the_same_print(model: LocalModel) -> None:
    before = print_of(model.model, model.tokenizer)
    after = print_of(model.model.to(torch.bfloat16), model.tokenizer)
    assert differences(before, after) == []


def test_a_folder_that_is_no_adapter_is_refused(make: Make, model: LocalModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found none"):
        model.with_adapter(tmp_path / "nothing")
    broken = make(tmp_path / "v1", 1)
    weights = broken / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelError, match="truncated"):
        model.with_adapter(broken)
    foreign = make(tmp_path / "v2", 1)
    manifest = json.loads((foreign / MANIFEST).read_text("utf-8"))
    manifest["component"] = "ranker"
    (foreign / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError, match="component"):
        model.with_adapter(foreign)
    assert say(model)


def test_four_bits_need_cuda_and_say_so(tiny: Path) -> None:
    with pytest.raises(ModelError, match="bitsandbytes"):
        LocalModel.load(tiny, device="cpu", offline=True, four_bit=True)
