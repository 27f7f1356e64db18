"""The evaluation of the dialogue on a file of conversations, with gold readings and a trained model, and its table."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from aiyam.contracts import DialogueState, Progress, Understanding
from aiyam.errors import DataError
from aiyam.evaluation.conversations import Conversation, Half, ScriptedTurn, load_conversations
from aiyam.evaluation.dialogues import (
    TurnScore,
    Understand,
    as_marked,
    play,
    score_phenomena,
    score_played,
)
from aiyam.evaluation.understanding_table import aligned
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.invented_shops import SHOP_NAMES
from aiyam.nlu.understander import Understander

Listed = Literal["development", "held-out", "all"]
GOLD = "marked"
PHENOMENA_KO = {
    "opens": "첫 말", "changes": "조건 바꾸기", "new_wish": "새 부탁", "turned_down": "뺀 가게", "allergy": "알레르기",
    "by_number": "번호로", "by_name": "이름으로", "spoken_of": "거기·그 집·아까", "asks": "되물어야 함", "answers": "되물음에 답",
    "talk": "다른 말", "after_talk": "다른 말 뒤",
}  # fmt: skip


def evaluate_dialogues(
    data: Path,
    *,
    model: Path | None = None,
    listed: Listed = "development",
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Play the conversations of a file with each message understood as marked and, given one, by a trained model.

    Args:
        data: a file of conversations, or the folder with its ``conversations.jsonl``.
        model: folder of a sealed understanding model.
        listed: of which half the failures are listed; a held-out half whose failures are read is held out no longer.

    Returns:
        ``data``, ``n_conversations`` and ``readings``: for each who understands (``by``: "marked" or the folder) the
        keys of ``score_played``, ``phenomena``, ``parts`` (the same figures for each batch and half) and ``failures``.

    Raises:
        DataError: the file holds no sound conversation.
        ModelError: the folder holds no readable model.
    """
    path = data / "conversations.jsonl" if data.is_dir() else data
    if not path.is_file():
        raise DataError(
            f"expected scripted conversations in {path}, got no such file.", hint="datasets/dialogues/README.md."
        )
    conversations = load_conversations(path)
    if not conversations:
        raise DataError(
            f"expected at least one conversation in {path}, got none.", hint="datasets/dialogues/README.md."
        )
    readers = {GOLD: as_marked} | ({str(model): trained(model)} if model is not None else {})
    readings = []
    for n, (by, understand) in enumerate(readers.items()):
        progress(Progress(stage="play", fraction=n / len(readers), message=by))
        readings.append({"by": by, **_reading(conversations, understand, listed, seed)})
    return {"data": str(path), "n_conversations": len(conversations), "readings": readings}


def trained(folder: Path) -> Understand:
    """Return a trained model as the one who understands."""
    understander = Understander.load(folder, Gazetteer.from_shipped(SHOP_NAMES))

    def understand(turn: ScriptedTurn, state: DialogueState) -> Understanding:
        return understander.understand(turn.text, state=state)

    return understand


def _reading(
    conversations: Sequence[Conversation], understand: Understand, listed: Listed, seed: int
) -> dict[str, Any]:
    played = [list(play(conversation, understand)) for conversation in conversations]
    parts = []
    for batch, half in itertools.product(sorted({c.batch for c in conversations}), get_args(Half)):
        turns = [t for c, t in zip(conversations, played, strict=True) if (c.batch, c.half) == (batch, half)]
        if turns:
            parts.append({"batch": batch, "half": half, **score_played(turns, seed=seed)})
    failures = [
        {"half": c.half, **_failure(turn)}
        for c, turns in zip(conversations, played, strict=True)
        for turn in turns
        if not turn.joint and listed in ("all", c.half)
    ]
    phenomena = score_phenomena(conversations, played, seed=seed)
    return {**score_played(played, seed=seed), "phenomena": phenomena, "parts": parts, "failures": failures}


def _failure(got: TurnScore) -> dict[str, Any]:
    request = got.request
    said = {"intent": request.intent, "filters": request.filters.given(), "excluded": list(request.exclude_shop_ids)}
    return {
        "conversation": got.conversation,
        "turn": got.number,
        "text": got.turn.text,
        "understood": {"intent": got.said.intent, "filters": got.said.filters.given()},
        "expected": got.turn.expect.model_dump(mode="json", exclude_defaults=True, exclude_none=True),
        "got": said | {"shop": request.focus_shop_id, "question": request.question.kind if request.question else None},
    }


def dialogue_table(result: Mapping[str, Any]) -> str:
    """Return what ``evaluate_dialogues`` found, as Korean text for a terminal."""
    parts = [f"대화 평가 · {result['data']} · 대화 {result['n_conversations']:,}개"]
    for reading in result["readings"]:
        who = "적힌 대로 이해했을 때" if reading["by"] == GOLD else f"모델 {reading['by']}"
        halves = [
            (f"{p['batch']}", p["half"], f"{p['n']['conversations']:,}", f"{p['n']['joint_goal_accuracy']:,}",
             _share(p, "joint_goal_accuracy"), _share(p, "conversations_right"))
            for p in [*reading["parts"], {**reading, "batch": "모두", "half": ""}]
        ]  # fmt: skip
        head = ("묶음", "반", "대화", "차례", "맞은 차례 (95 %)", "맞은 대화 (95 %)")
        parts.append(aligned(who, head, halves, right=(2, 3)))
        shown = [
            (PHENOMENA_KO[name], f"{p['n']:,}", _figure(p["right"], p["interval"]))
            for name, p in reading["phenomena"].items()
        ]
        parts.append(aligned("현상별", ("현상", "차례", "맞음 (95 %)"), shown, right=(1,)))
        if reading["failures"]:
            parts.append("틀린 차례\n" + "\n".join(_lines(f) for f in reading["failures"]))
    return "\n\n".join(parts)


def _share(scores: Mapping[str, Any], name: str) -> str:
    return _figure(scores[name], scores["intervals"][name])


def _figure(rate: float, interval: Sequence[float]) -> str:
    return f"{rate:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"


def _lines(failure: Mapping[str, Any]) -> str:
    def worded(part: str) -> str:
        return json.dumps(failure[part], ensure_ascii=False)

    return (
        f"{failure['conversation']}.{failure['turn']} {failure['text']!r} 이해 {worded('understood')}\n"
        f"    바람 {worded('expected')}\n    나온 것 {worded('got')}"
    )
