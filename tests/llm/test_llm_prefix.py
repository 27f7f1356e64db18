"""What prompts begin with is read once and changes no answer; and a stream ends at its stop strings."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_servers import text_of
from tiny_language_model import labelled

from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import Message
from aiyam.llm.stops import until_stop
from aiyam.nlu.instructions import answer_of, answer_schema, messages_for

RULES = "너는 아이들에게 먹을 곳을 알려 주는 도우미다. 자료에 있는 것만 짧은 말로 말한다. " * 3


def asked(text: str) -> list[Message]:
    return [Message("system", RULES), Message("user", text)]


def test_answers_are_token_for_token_those_without_a_kept_beginning(tiny: Path) -> None:
    keeping, plain = (LocalModel.load(tiny, device="cpu", offline=True) for _ in range(2))
    plain.prefixes.n_kept = 0
    for text in ("안녕?", "김밥 먹고 싶어", "가게", "1234", "안녕?"):
        ours, theirs = (text_of(m, asked(text), 40) for m in (keeping, plain))
        assert ours == theirs
    assert (len(keeping.prefixes), keeping.prefixes.n_hits, len(plain.prefixes)) == (1, 4, 0)


def test_constrained_answers_are_the_same_too(tiny: Path) -> None:
    model = LocalModel.load(tiny, device="cpu", offline=True)
    for row in labelled() * 2:
        found = model.complete_json(messages_for(row.text, shots=()), answer_schema(), timeout_s=60)
        assert found.text == answer_of(row)
    assert model.prefixes.n_hits == 5


def test_only_the_last_used_beginnings_are_kept(tiny: Path) -> None:
    model = LocalModel.load(tiny, device="cpu", offline=True)
    for i in range(7):
        text_of(model, [Message("system", f"{i}. {RULES}"), Message("user", "안녕")], 2)
    assert len(model.prefixes) == model.prefixes.n_kept


def test_a_short_beginning_is_not_kept(tiny: Path) -> None:
    model = LocalModel.load(tiny, device="cpu", offline=True)
    text_of(model, [Message("user", "안녕")], 2)
    assert len(model.prefixes) == 0


def test_a_stop_string_ends_the_model(tiny: Path) -> None:
    model = LocalModel.load(tiny, device="cpu", offline=True)
    row = labelled()[1]
    whole = answer_of(row)
    said = "".join(model.stream(messages_for(row.text, shots=()), timeout_s=60, stop=['"entities"']))
    assert said == whole[: whole.index('"entities"')]


def pieces_of(pieces: list[str], closed: list[bool]) -> Generator[str, None, None]:
    try:
        yield from pieces
    finally:
        closed.append(True)


@given(
    st.lists(st.text("ab\n#", max_size=4), max_size=8), st.lists(st.text("ab\n#", min_size=1, max_size=4), max_size=3)
)
def test_a_stream_is_cut_where_the_whole_text_would_be(pieces: list[str], stop: list[str]) -> None:
    whole, closed = "".join(pieces), [False]
    found = [whole.find(s) for s in stop if s in whole]
    assert "".join(until_stop(pieces_of(pieces, closed), stop)) == (whole[: min(found)] if found else whole)
    assert closed[-1]


def test_what_cannot_become_a_stop_string_is_not_held_back() -> None:
    stream = until_stop(pieces_of(["안녕", "하", "#", "세요"], []), ["###"])
    assert [next(stream), next(stream), next(stream)] == ["안녕", "하", "#세요"]


@pytest.mark.parametrize("stop", [(), ("",)])
def test_no_stop_string_changes_nothing(stop: tuple[str, ...]) -> None:
    assert list(until_stop(pieces_of(["가", "나"], []), stop)) == ["가", "나"]
