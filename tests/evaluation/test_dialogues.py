"""Scripted conversations: what ships is sound, a broken one is refused, and the scores count what went wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from aiyam.contracts import DialogueState, Filters, Intent, Understanding
from aiyam.errors import DataError
from aiyam.evaluation.conversations import ScriptedTurn, load_conversations
from aiyam.evaluation.dialogues import as_marked, play, score_played
from aiyam.settings import REPO_ROOT

SHIPPED = REPO_ROOT / "datasets" / "dialogues" / "conversations.jsonl"


def test_the_shipped_conversations_are_halved_one_by_one_and_never_repeat() -> None:
    found = load_conversations(SHIPPED)
    assert len(found) >= 120
    assert [c.half for c in found[:4]] == ["development", "held-out"] * 2
    assert len({c.id for c in found}) == len(found)
    assert max(Counter(" / ".join(t.text for t in c.turns) for c in found).values()) == 1
    assert {t.intent for c in found for t in c.turns} == set(Intent)


def test_the_dialogue_is_right_on_nearly_all_turns_when_each_message_is_understood() -> None:
    for half, least in (("development", 0.99), ("held-out", 0.95)):
        scores = score_played([list(play(c, as_marked)) for c in load_conversations(SHIPPED, half=half)])  # type: ignore[arg-type]
        assert scores["joint_goal_accuracy"] >= least
        assert scores["n"]["joint_goal_accuracy"] > 200
        low, high = scores["intervals"]["joint_goal_accuracy"]
        assert low <= scores["joint_goal_accuracy"] <= high


def test_a_listener_who_hears_only_small_talk_gets_the_score_of_one() -> None:
    def deaf(turn: ScriptedTurn, state: DialogueState) -> Understanding:
        return Understanding(original_query=turn.text, intent=Intent.SMALL_TALK, confidence=0.9)

    scores = score_played([list(play(c, deaf)) for c in load_conversations(SHIPPED, half="development")])
    assert scores["joint_goal_accuracy"] < 0.2
    assert scores["conversations_right"] == 0


def test_one_filter_too_many_makes_the_turn_wrong() -> None:
    conversation = load_conversations(SHIPPED)[0]

    def adds_delivery(turn: ScriptedTurn, state: DialogueState) -> Understanding:
        said = turn.understanding()
        return said.model_copy(update={"filters": Filters(**{**said.filters.given(), "delivery": True})})

    first = next(play(conversation, adds_delivery))
    assert (first.act, first.filters, first.joint) == (True, False, False)


def broken(tmp_path: Path, **change: object) -> Path:
    row = json.loads(SHIPPED.read_text("utf-8").splitlines()[0])
    row["turns"][2]["expect"].update(change)
    path = tmp_path / "conversations.jsonl"
    path.write_text(
        "\n".join([SHIPPED.read_text("utf-8").splitlines()[1], json.dumps(row, ensure_ascii=False)]), "utf-8"
    )
    return path


def test_a_shop_no_list_showed_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"conversations\.jsonl:2: .*list 2, position 9"):
        load_conversations(broken(tmp_path, shop=[2, 9]))


def test_a_key_nobody_knows_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"conversations\.jsonl:2: "):
        load_conversations(broken(tmp_path, shopp=[2, 1]))
