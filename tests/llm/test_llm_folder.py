"""The local backend: JSON held to a schema token by token, streaming, stopping, limits, refusals."""

from __future__ import annotations

import json
import math
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tiny_language_model import labelled

from aiyam.errors import ModelError
from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import LanguageModelError, Message
from aiyam.nlu.instructions import answer_of, answer_schema, messages_for

ASK = [Message("user", "아무 말이나 해 봐")]
PICK = {
    "type": "object",
    "properties": {
        "맛": {"type": "string", "enum": ["매운", "단"]},
        "수": {"type": "integer", "minimum": 3, "maximum": 5},
    },
    "required": ["맛", "수"],
    "additionalProperties": False,
}


def test_an_answer_keeps_to_a_schema_the_model_never_saw(local: LocalModel) -> None:
    answer = local.complete_json(ASK, PICK, timeout_s=60)
    assert set(answer.value) == {"맛", "수"}
    assert answer.value["맛"] in ("매운", "단")
    assert answer.value["수"] in (3, 4, 5)
    assert json.loads(answer.text) == answer.value


def test_what_was_learnt_is_answered_word_for_word(local: LocalModel) -> None:
    for row in labelled():
        answer = local.complete_json(messages_for(row.text, shots=()), answer_schema(), timeout_s=60)
        assert answer.text == answer_of(row)


def test_each_token_tells_how_likely_it_was(local: LocalModel) -> None:
    answer = local.complete_json(messages_for(labelled()[0].text, shots=()), answer_schema(), timeout_s=60)
    assert all(log_probability <= 1e-6 for _, log_probability in answer.tokens)
    assert math.exp(sum(p for _, p in answer.tokens)) > 0.3
    assert answer.text.startswith("".join(piece for piece, _ in answer.tokens)[:30])


def test_an_answer_that_does_not_fit_the_limit_is_an_error(local: LocalModel) -> None:
    with pytest.raises(LanguageModelError, match="cut off") as raised:
        local.complete_json(ASK, answer_schema(), max_tokens=5, timeout_s=60)
    assert raised.value.reason == "cut_off"


def test_no_time_is_an_error(local: LocalModel) -> None:
    with pytest.raises(LanguageModelError) as raised:
        local.complete_json(ASK, answer_schema(), timeout_s=0.0)
    assert raised.value.reason == "timeout"


def test_a_prompt_longer_than_the_model_reads_is_refused(local: LocalModel) -> None:
    with pytest.raises(LanguageModelError) as raised:
        local.complete_json([Message("user", "떡볶이 " * 5000)], PICK)
    assert raised.value.reason == "too_long"


def test_a_schema_that_cannot_be_held_to_is_refused(local: LocalModel) -> None:
    with pytest.raises(ModelError, match="schema"):
        local.complete_json(ASK, {"type": "string", "pattern": "(?=lookahead)"}, timeout_s=60)


def test_text_comes_in_pieces_and_the_same_each_time(local: LocalModel) -> None:
    messages = messages_for(labelled()[1].text, shots=())
    pieces = list(local.stream(messages, timeout_s=60))
    assert len(pieces) > 3
    assert all(pieces)
    assert "".join(pieces) == answer_of(labelled()[1])


def test_a_text_that_the_token_limit_cuts_off_is_not_told_as_whole(local: LocalModel) -> None:
    messages, whole = messages_for(labelled()[1].text, shots=()), answer_of(labelled()[1])
    pieces: list[str] = []
    with pytest.raises(LanguageModelError) as raised:
        pieces.extend(local.stream(messages, max_tokens=12, timeout_s=60))
    assert raised.value.reason == "cut_off"
    assert pieces
    assert whole.startswith("".join(pieces))
    assert whole != "".join(pieces)


def test_closing_the_stream_stops_the_model(local: LocalModel) -> None:
    pieces = local.stream(messages_for(labelled()[1].text, shots=()), max_tokens=500, timeout_s=60)
    assert next(pieces)
    pieces.close()
    assert not [t for t in threading.enumerate() if t.name == "language-model"]
    assert local.complete_json(ASK, PICK, timeout_s=60).value  # and it answers the next one


def test_threads_take_turns(local: LocalModel) -> None:
    rows = labelled() * 2
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(local.complete_json, messages_for(r.text, shots=()), answer_schema(), timeout_s=120) for r in rows]  # fmt: skip
    assert [a.result().text for a in asked] == [answer_of(r) for r in rows]


def test_a_base_without_a_chat_template_is_refused(tiny: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(tiny, plain)
    (plain / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="chat template"):
        LocalModel.load(plain, device="cpu", offline=True)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_base_is_refused(tiny: Path, tmp_path: Path, name: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    (broken / name).write_bytes((broken / name).read_bytes()[:100])
    with pytest.raises(ModelError, match="language model"):
        LocalModel.load(broken, device="cpu", offline=True)


def test_a_base_that_is_not_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="local folder"):
        LocalModel.load(tmp_path / "nothing", offline=True)
