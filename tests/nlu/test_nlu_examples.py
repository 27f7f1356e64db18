"""Training files: what is repaired, what is rejected, and how it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.errors import DataError
from aiyam.nlu.examples import load_examples

GOOD = {
    "text": "만원으로 떡볶이",
    "intent": "BUDGET_FOOD_INQUIRY",
    "entities": [{"entity": "budget", "value": 10000, "text": "만원", "start": 0, "end": 2}],
}


def write(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def with_span(start: int, end: int, text: str = "만원으로 떡볶이", surface: str = "만원") -> dict[str, object]:
    return {
        "text": text,
        "intent": "X",
        "entities": [{"entity": "budget", "value": 1, "text": surface, "start": start, "end": end}],
    }


def test_a_wrong_offset_is_repaired_when_the_words_occur_once(tmp_path: Path) -> None:
    examples, report = load_examples(write(tmp_path / "a.jsonl", [with_span(3, 5)]))
    assert examples[0].spans == (("budget", 0, 2, 1),)
    assert len(report.repaired) == 1


def test_a_wrong_offset_is_rejected_when_the_words_occur_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [GOOD, with_span(1, 3, "만원 아니 만원")])
    examples, report = load_examples(path)
    assert len(examples) == 1
    (note,) = report.rejected
    assert (note.file, note.row) == ("a.jsonl", 2)
    assert "occurs 2 times" in note.reason


@pytest.mark.parametrize(
    "row",
    [[], "text", {"text": "", "intent": "X"}, {"text": "밥"}, {"text": "밥", "intent": 3}, {"text": "가" * 2000, "intent": "X"},
     with_span(0, 2, surface="치킨"), {"text": "밥", "intent": "X", "entities": ["menu"]}, {"text": "밥", "intent": "X", "filters": ["a"]}],
)  # fmt: skip
def test_an_unsound_row_is_rejected_with_its_number(tmp_path: Path, row: object) -> None:
    _, report = load_examples(write(tmp_path / "a.jsonl", [GOOD, row]))
    assert [n.row for n in report.rejected] == [2]


def test_the_same_text_with_another_intent_is_rejected(tmp_path: Path) -> None:
    _, report = load_examples(write(tmp_path / "a.jsonl", [GOOD, {**GOOD, "intent": "HELP"}]))
    assert "earlier with intent" in report.rejected[0].reason


def test_broken_lines_and_other_encodings_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n{broken\n" + '{"text": "밥"}'.encode("cp949") + b"\n")
    examples, report = load_examples(path)
    assert len(examples) == 1
    assert [n.row for n in report.rejected] == [2, 3]


@pytest.mark.parametrize("wrapped", [{"training_data": [GOOD]}, [GOOD]])
@pytest.mark.parametrize("indent", [None, 2])
def test_the_contract_is_read_in_every_form(tmp_path: Path, wrapped: object, indent: int | None) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(wrapped, ensure_ascii=False, indent=indent), "utf-8-sig")
    assert len(load_examples(path)[0]) == 1


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{}", b"[1, 2", b"\xff\xfe\x00"])
def test_a_file_without_a_sound_row_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError):
        load_examples(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        load_examples(tmp_path / "nowhere.jsonl")


@given(st.text(min_size=1, max_size=12), st.integers(-3, 15), st.integers(-3, 15))
def test_a_kept_span_always_stands_in_its_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, start: int, end: int
) -> None:
    surface = text[max(0, start) : max(0, end)]
    path = write(tmp_path_factory.mktemp("rows") / "a.jsonl", [GOOD, with_span(start, end, text, surface)])
    examples, _ = load_examples(path)
    for example in examples:
        for _, first, last, _ in example.spans:
            assert 0 <= first < last <= len(example.text)
