"""One interface for every kind of model, and the trained one behind a language model that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiyam.errors import ModelError
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.llm import LanguageModelNlu
from aiyam.nlu.model import NluModel
from aiyam.nlu.reader import WithFallback, load_reader


@pytest.fixture(scope="module")
def trained(small_model: Path) -> NluModel:
    found = load_reader(small_model, Gazetteer.from_shipped())
    assert isinstance(found, NluModel)
    return found


def unreachable() -> LanguageModelNlu:
    """A reader whose server refuses every connection: port 9 of loopback is the discard service, off everywhere."""
    return LanguageModelNlu(OpenAIServer("http://127.0.0.1:9/v1", "none", n_retries=0), Gazetteer.from_shipped())


def test_the_trained_model_answers_when_the_server_is_down(trained: NluModel) -> None:
    reader = WithFallback(unreachable(), trained)
    for text in ("떡볶이 먹고 싶어", "안녕"):
        found = reader.read(text)
        assert found == trained.read(text)
        assert (found.reader, found.fallback) == ("trained", "unreachable")
    assert reader.counts == {"unreachable": 2}
    assert reader.gazetteer is trained.gazetteer
    assert "SAFETY" in reader.intents.labels


def test_a_server_that_stays_down_is_left_alone_for_a_while_and_asked_again(trained: NluModel) -> None:
    now = [0.0]
    reader = WithFallback(unreachable(), trained, n_tolerated=2, rest_s=10, clock=lambda: now[0])
    assert [reader.read("안녕").fallback for _ in range(5)] == ["unreachable"] * 2 + ["resting"] * 3
    assert reader.counts == {"unreachable": 2, "resting": 3}
    now[0] = 11.0
    assert reader.read("안녕").fallback == "unreachable"
    assert reader.counts == {"unreachable": 3, "resting": 3}


def test_a_first_reader_that_answers_is_counted_and_its_failures_forgotten(trained: NluModel) -> None:
    reader = WithFallback(trained, trained)
    found = reader.read("떡볶이")
    assert found == trained.read("떡볶이")
    assert found.fallback is None
    assert reader.counts == {"answered": 1}


def test_danger_is_never_left_to_the_first_reader(trained: NluModel) -> None:
    text = next(t for t in ("죽고 싶어요", "집에서 자꾸 맞아요", "자해했어요") if trained.read(t).intent == "SAFETY")
    reader = WithFallback(unreachable(), trained)
    found = reader.read(text)
    assert found == trained.read(text)
    assert (found.reader, found.fallback) == ("trained", "safety")
    assert reader.counts == {"safety": 1}


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "encoder"}', '{"kind": "unheard of"}'])
def test_a_folder_of_no_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "nlu.json").write_text(text, "utf-8")
    with pytest.raises(ModelError):
        load_reader(tmp_path, Gazetteer.from_shipped())


def test_the_linear_model_needs_no_kind(small_model: Path) -> None:
    assert "kind" not in json.loads((small_model / "nlu.json").read_text("utf-8"))
