"""Training files: what is repaired, what is rejected, and how it is said."""

from __future__ import annotations

import json
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.contracts import EntityType, Intent
from aiyam.errors import DataError
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.load_report import MAX_NOTES, LoadReport
from aiyam.nlu.row_file import MAX_ROW_BYTES

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


def row(text: str, intent: str = "X", **more: object) -> dict[str, object]:
    return {"text": text, "intent": intent, **more}


def reasons(report: LoadReport) -> list[tuple[int, str]]:
    return [(note.row, note.kind) for note in report.rejected]


def test_of_one_text_with_several_labels_the_majority_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row("밥", "A"), row("밥", "B"), row("물", "A"), row("밥", "B")])
    examples, report = load_examples(path)
    assert [(e.row, e.intent) for e in examples] == [(2, "B"), (3, "A"), (4, "B")]
    assert reasons(report) == [(1, "conflict")]
    assert "first in row 2" in report.rejected[0].reason
    assert (report.n_conflicts, report.n_copies) == (1, 1)


def test_of_equally_many_the_first_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [GOOD, {**GOOD, "intent": "HELP"}])
    examples, report = load_examples(path)
    assert [e.intent for e in examples] == ["BUDGET_FOOD_INQUIRY"]
    assert reasons(report) == [(2, "conflict")]


def test_the_same_intent_with_other_spans_is_a_conflict_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{**GOOD, "entities": []}, GOOD, GOOD])
    examples, report = load_examples(path)
    assert [e.row for e in examples] == [2, 3]
    assert "other spans" in report.rejected[0].reason


def test_a_file_to_score_on_keeps_every_sound_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row("밥", "A"), row("밥", "B"), row("밥", "B")])
    examples, report = load_examples(path, conflicts="keep")
    assert [e.intent for e in examples] == ["A", "B", "B"]
    assert (report.n_conflicts, report.n_copies, report.n_rejected) == (1, 1, 0)


def test_exact_copies_are_kept_and_counted(tmp_path: Path) -> None:
    examples, report = load_examples(write(tmp_path / "a.jsonl", [GOOD, GOOD, GOOD, row("밥")]))
    assert len(examples) == 4
    assert report.n_copies == 2
    assert "똑같은 행 2" in report.summary_ko()


def test_unknown_labels_are_rejected_only_where_labels_are_known(tmp_path: Path) -> None:
    entity = {"entity": "house_place", "text": "거실", "start": 0, "end": 2}
    rows = [GOOD, row("거실 불 켜줘", "lamp_on"), row("거실 밥집", "FOOD_RECOMMENDATION", entities=[entity])]
    path = write(tmp_path / "a.jsonl", rows)
    assert len(load_examples(path)[0]) == 3
    _, report = load_examples(path, known_intents=frozenset(Intent), known_entities=frozenset(EntityType))
    assert reasons(report) == [(2, "unknown_intent"), (3, "unknown_entity")]


def test_a_known_label_in_another_spelling_is_repaired_and_a_slip_gets_a_hint(tmp_path: Path) -> None:
    rows = [row("밥", "food-recommendation"), row("물", "FOOD_RECOMENDATION")]
    examples, report = load_examples(write(tmp_path / "a.jsonl", rows), known_intents=frozenset(Intent))
    assert [e.intent for e in examples] == ["FOOD_RECOMMENDATION"]
    assert type(examples[0].intent) is str
    assert [n.kind for n in report.repaired] == ["label"]
    assert "did you mean 'FOOD_RECOMMENDATION'" in report.rejected[0].reason


def test_one_intent_alone_is_said(tmp_path: Path) -> None:
    _, report = load_examples(write(tmp_path / "a.jsonl", [row("밥"), row("물")]))
    assert any("X 하나뿐" in warning for warning in report.warnings())


@pytest.mark.parametrize("layout", ["lines", "list"])
def test_a_cp949_file_is_read_and_named(tmp_path: Path, layout: str) -> None:
    rows = [GOOD, row("떡볶이 먹자"), row("plain ascii")]
    lines = [json.dumps(r, ensure_ascii=False) for r in rows]
    text = "\n".join(lines) if layout == "lines" else "[" + ",\n".join(lines) + "]"
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("cp949"))
    examples, report = load_examples(path)
    assert [e.text for e in examples] == [r["text"] for r in rows]
    assert [(n.row, n.kind) for n in report.repaired] == [(1, "encoding"), (2, "encoding")]
    assert "CP949" in report.repaired[0].reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("layout", ["lines", "list", "training_data"])
def test_a_utf16_or_utf32_file_is_read_and_named(tmp_path: Path, encoding: str, layout: str) -> None:
    rows = [GOOD, row("🍜 라면 먹자")]
    if layout == "lines":
        text = "\r\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    else:
        text = json.dumps(rows if layout == "list" else {"training_data": rows}, ensure_ascii=False, indent=2)
    path = tmp_path / "a.json"
    path.write_bytes(text.encode(encoding))
    examples, report = load_examples(path)
    assert [e.text for e in examples] == [r["text"] for r in rows]
    assert report.encoding == encoding
    assert encoding.upper() in report.warnings()[0]


def test_damaged_utf8_is_not_taken_for_cp949(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    damaged = json.dumps(row("떡볶이 맛집 추천"), ensure_ascii=False).encode().replace("볶".encode(), "볶".encode()[:2])
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + damaged + b"\n")
    _, report = load_examples(path)
    assert reasons(report) == [(2, "encoding")]


def test_damaged_utf16_is_rejected_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good, bad = (json.dumps(r, ensure_ascii=False) + "\n" for r in (GOOD, row("떡볶이")))
    path.write_bytes(
        b"\xff\xfe" + good.encode("utf-16-le") + bad.encode("utf-16-le").replace("떡".encode("utf-16-le"), b"\x00\xdc")
    )
    _, report = load_examples(path)
    assert reasons(report) == [(2, "encoding")]


@pytest.mark.parametrize(("content", "says"), [(b"PK\x03\x04junk", "zip"), (b"\x1f\x8bjunk", "gzip"), (b"", "empty")])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        load_examples(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        load_examples(tmp_path)


def test_offsets_count_the_text_as_given_even_when_it_is_not_composed(tmp_path: Path) -> None:
    text = unicodedata.normalize("NFD", "각 가게 만원")
    start = text.index(unicodedata.normalize("NFD", "만원"))
    right = row(text, entities=[{"entity": "budget", "text": "만원", "start": start, "end": len(text)}])
    wrong = row(text + "!", entities=[{"entity": "budget", "text": "만원", "start": 5, "end": 7}])
    inside = row(text + "?", entities=[{"entity": "x", "text": "가", "start": 90, "end": 91}])
    examples, report = load_examples(write(tmp_path / "a.jsonl", [right, wrong, inside]))
    assert [e.spans[0][1:3] for e in examples[:2]] == [(start, len(text))] * 2
    assert [n.row for n in report.repaired] == [2, 3]  # 가 is found as a syllable of its own, not inside 각
    assert examples[2].spans[0][1:3] == (4, 6)


def test_words_that_overlap_themselves_occur_more_than_once(tmp_path: Path) -> None:
    _, report = load_examples(write(tmp_path / "a.jsonl", [GOOD, with_span(9, 11, "ㅋㅋㅋ", "ㅋㅋ")]))
    assert "occurs 2 times" in report.rejected[0].reason


def test_half_characters_and_control_characters_are_replaced_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    escaped = '{"text": "\\ud83d 만원\\u0000 밥", "intent": "X", "entities": [{"entity": "budget", "text": "만원", "start": 2, "end": 4}]}'
    raw = '{"text": "만원\x01으로", "intent": "X"}'
    path.write_text(escaped + "\n" + raw + '\n{"text": "\\ud83d\\u0001", "intent": "X"}\n', "utf-8")
    examples, report = load_examples(path)
    assert [e.text for e in examples] == ["\ufffd 만원  밥", "만원 으로"]
    assert examples[0].spans == (("budget", 2, 4, "만원"),)
    assert {(n.row, n.kind) for n in report.repaired} == {(1, "characters"), (2, "characters")}
    assert reasons(report) == [(3, "text")]
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["repaired"] == 2


def test_a_surrogate_in_a_label_does_not_break_the_report(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [json.dumps(r) for r in (GOOD, row("밥", "\ud800"), with_span(0, 2, surface="\ud801"))]
    path.write_text("\n".join(rows), "utf-8")
    _, report = load_examples(path)
    report.write(tmp_path / "report.json")
    assert "\ud801" not in report.summary_ko()


@pytest.mark.parametrize("offset", [True, 0.0, "0", None, -1, 10**30])
def test_an_offset_that_is_no_place_is_repaired_from_the_words(tmp_path: Path, offset: object) -> None:
    entity = {"entity": "budget", "text": "만원", "start": offset, "end": 2}
    examples, report = load_examples(write(tmp_path / "a.jsonl", [row("만원으로", entities=[entity])]))
    assert examples[0].spans[0][1:3] == (0, 2)
    assert report.n_repaired == 1


def test_a_span_written_twice_is_kept_once_and_overlapping_ones_are_rejected(tmp_path: Path) -> None:
    one = {"entity": "menu", "text": "떡볶이", "start": 0, "end": 3}
    two = {"entity": "menu", "text": "떡", "start": 0, "end": 1}
    rows = [row("떡볶이", entities=[one, one]), row("떡볶이!", entities=[one, two])]
    examples, report = load_examples(write(tmp_path / "a.jsonl", rows))
    assert examples[0].spans == (("menu", 0, 3, "떡볶이"),)
    assert [n.kind for n in report.repaired] == ["span_twice"]
    assert reasons(report) == [(2, "overlap")]


def test_notes_of_a_kind_are_capped_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    n_broken = MAX_NOTES * 3
    path.write_text(json.dumps(GOOD) + "\n" + "{broken\n" * n_broken + json.dumps({"text": "밥"}) + "\n", "utf-8")
    _, report = load_examples(path)
    told = report.as_json()
    assert told["rejected"] == n_broken + 1
    assert told["kinds"]["rejected"] == {"json": n_broken, "no_intent": 1}
    assert len(told["notes"]) == MAX_NOTES + 1
    assert told["notes_left_out"] == n_broken - MAX_NOTES
    assert told["notes"][-1]["row"] == n_broken + 2


@pytest.mark.parametrize("layout", ["lines", "list"])
def test_a_giant_row_is_passed_over_without_being_held(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.json"
    good = json.dumps(GOOD).encode()
    between = b"\n" if layout == "lines" else b","
    with path.open("wb") as handle:
        handle.write(b"" if layout == "lines" else b"[")
        handle.write(good + between + b'{"text": "')
        for _ in range(24):
            handle.write(b"a, [}" * (MAX_ROW_BYTES // 4))
        handle.write(b'"}' + between + json.dumps(row("밥")).encode())
        handle.write(b"" if layout == "lines" else b"]")
    tracemalloc.start()
    try:
        examples, report = load_examples(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [e.row for e in examples] == [1, 3]
    assert reasons(report) == [(2, "too_long")]
    assert peak < path.stat().st_size / 1.5


def test_a_file_over_the_limit_keeps_an_even_part_whatever_its_order(tmp_path: Path) -> None:
    rows = [row(f"말 {i}", "A" if i < 300 else "B") for i in range(600)]
    kept = []
    for name, given_rows in (("a.jsonl", rows), ("b.jsonl", rows[::-1])):
        examples, report = load_examples(write(tmp_path / name, list(given_rows)), max_rows=200)
        assert (len(examples), report.n_left_out, report.n_rows) == (200, 400, 600)
        assert [e.row for e in examples] == sorted(e.row for e in examples)
        assert 70 <= sum(e.intent == "A" for e in examples) <= 130
        assert "400행은 쓰지 않았어요" in report.summary_ko()
        kept.append({e.text for e in examples})
    assert kept[0] == kept[1]


def test_a_list_with_one_broken_row_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    good, other = json.dumps(GOOD), json.dumps(row("밥"))
    path.write_text(
        f'{{"version": 2, "training_data": [\n{good},\n{{"text": broken}},\n{other},\n], "by": ["kim"]}}', "utf-8"
    )
    examples, report = load_examples(path)
    assert [e.row for e in examples] == [1, 3]
    assert reasons(report) == [(2, "json")]


def test_a_list_cut_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD, row("밥"), row("물")], ensure_ascii=False)[:-12], "utf-8")
    examples, report = load_examples(path)
    assert len(examples) == 2
    assert reasons(report) == [(3, "json")]
    assert "cut off" in report.rejected[0].reason


def test_rows_after_the_end_of_a_list_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GOOD]) + "\n" + json.dumps(GOOD), "utf-8")
    _, report = load_examples(path)
    assert "after the end" in report.rejected[0].reason


def test_a_refusal_tells_what_was_wrong_and_where(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [[], {"text": "밥"}, {"text": "물"}])
    with pytest.raises(DataError) as refused:
        load_examples(path)
    assert "row 1: expected an object, got list" in str(refused.value)
    assert "의도가 없음: 2 (2, 3행)" in str(refused.value)


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


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-16", "surrogatepass")))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError):
        load_examples(path)
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + content)
    examples, report = load_examples(path)
    assert examples[0] == Example("만원으로 떡볶이", "BUDGET_FOOD_INQUIRY", (("budget", 0, 2, 10000),))
    assert report.n_rows == report.n_kept + report.n_rejected + report.n_left_out


@given(
    st.lists(st.tuples(st.sampled_from("가나다라마"), st.sampled_from("AB"), st.booleans()), min_size=1, max_size=30),
    st.integers(1, 40),
    st.sampled_from(["majority", "keep"]),
)
def test_every_row_is_kept_rejected_or_left_out(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, bool]], max_rows: int, conflicts: str
) -> None:
    rows: list[object] = [row(text, intent) if sound else row(text, "") for text, intent, sound in said]
    path = write(tmp_path_factory.mktemp("rows") / "a.jsonl", [GOOD, *rows])
    examples, report = load_examples(path, max_rows=max_rows, conflicts=conflicts)  # type: ignore[arg-type]
    assert len(examples) == report.n_kept <= max_rows
    assert report.n_rows == len(rows) + 1 == report.n_kept + report.n_rejected + report.n_left_out
    if conflicts == "majority":
        assert len({e.text for e in examples}) == len({(e.text, e.intent) for e in examples})


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6), st.booleans(), st.sampled_from([None, 1]))
def test_a_list_reads_like_its_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], ascii_only: bool, indent: int | None
) -> None:
    rows: list[object] = [GOOD, *(row(text, "X", note='[{"' + text) for text in texts)]
    folder = tmp_path_factory.mktemp("rows")
    (folder / "a.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=ascii_only) for r in rows), "utf-8")
    (folder / "b.json").write_text(json.dumps(rows, ensure_ascii=ascii_only, indent=indent), "utf-8")
    assert load_examples(folder / "a.jsonl")[0] == load_examples(folder / "b.json")[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_how_much_of_a_file_is_read_is_told_and_rises_to_the_whole(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "many.jsonl"
    rows = (json.dumps({"text": f"{i} 번 떡볶이 " * 8, "intent": "A"}, ensure_ascii=False) for i in range(20_000))
    path.write_text("\n".join(rows), encoding)
    told: list[float] = []
    assert len(load_examples(path, told=told.append)[0]) == 20_000
    assert told == sorted(told)
    assert 0 < told[0] < 0.9
    assert told[-1] == 1.0
    assert len(told) == 10
