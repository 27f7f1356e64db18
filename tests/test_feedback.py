"""Feedback requests and the exported files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_traces import DAY, fill, make_trace

from aiyam.contracts import ConversationRecord, FeedbackRequest
from aiyam.errors import DataError, InvalidInput, NotFound
from aiyam.feedback import export_records, read_conversations, read_feedback, record_feedback
from aiyam.store import Store
from aiyam.store.conversations import count_feedback, feedback_of, iter_feedback, iter_traces, record_turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def test_a_request_is_stamped_stored_and_returned(store: Store) -> None:
    trace = make_trace()
    record_turn(store, trace)
    request = FeedbackRequest(
        turn_id="t-1", user_id="child-1", shop_id=trace.recommendations[1].shop_id, feedback_type="ordered"
    )
    record = record_feedback(store, request, now=DAY)
    assert record.timestamp == DAY
    assert feedback_of(store, "t-1") == [record]


@pytest.mark.parametrize("kind", ["rated", "thumb", "clicked", "ordered", "favorited"])
def test_feedback_without_the_score_or_shop_it_needs_is_invalid_and_not_stored(store: Store, kind: str) -> None:
    record_turn(store, make_trace())
    with pytest.raises(InvalidInput, match=kind):
        record_feedback(store, FeedbackRequest(turn_id="t-1", user_id="child-1", feedback_type=kind), now=DAY)  # type: ignore[arg-type]
    assert count_feedback(store) == 0


def test_personal_data_in_the_words_of_feedback_is_not_stored(store: Store) -> None:
    record_turn(store, make_trace())
    request = FeedbackRequest(
        turn_id="t-1", user_id="child-1", feedback_type="thumb", satisfaction_score=1,
        reason="전화 주세요 010-1234-5678", correction="0" * 980 + " 010-1234-5678",
    )  # fmt: skip
    stored = record_feedback(store, request, now=DAY)
    assert stored.reason == "전화 주세요 [전화번호]"
    assert feedback_of(store, "t-1") == [stored]
    assert "1234" not in f"{stored.reason}{stored.correction}"


def test_feedback_on_an_unknown_turn_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        record_feedback(
            store,
            FeedbackRequest(turn_id="t-9", user_id="child-1", feedback_type="thumb", satisfaction_score=5),
            now=DAY,
        )


def test_exports_hold_every_record_in_the_contracts_shape(store: Store, tmp_path: Path) -> None:
    fill(store, n_turns=30)
    written = export_records(store, tmp_path / "exports", now=DAY)
    turns, feedback = written
    assert turns.name == "conversations_20260302T120000.jsonl"
    assert feedback.name == "feedbacks_20260302T120000.jsonl"
    assert list(written.values()) == [30, count_feedback(store)]
    assert list(read_conversations(turns)) == [ConversationRecord.of(trace) for trace in iter_traces(store)]
    assert list(read_feedback(feedback)) == list(iter_feedback(store))
    first = json.loads(turns.read_text(encoding="utf-8").splitlines()[0])
    assert set(first) == {
        "turn_id", "session_id", "timestamp", "chosen_time", "user_id", "user_input", "chatbot_output", "recommendations_shown",
        "exploration", "final_response", "stage_ms", "versions", "experiment",
    }  # fmt: skip


def test_an_empty_store_exports_empty_files(store: Store, tmp_path: Path) -> None:
    assert list(export_records(store, tmp_path / "exports", now=DAY).values()) == [0, 0]


def test_an_export_that_fails_leaves_no_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, n_turns=3)

    def breaks(trace: object) -> ConversationRecord:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("aiyam.feedback.ConversationRecord.of", breaks)
    with pytest.raises(RuntimeError):
        export_records(store, tmp_path / "exports", now=DAY)
    assert list((tmp_path / "exports").iterdir()) == []


def test_reading_a_broken_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "feedbacks_x.jsonl"
    path.write_text('{"turn_id": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        list(read_feedback(path))
