"""Scores the dialogue on scripted conversations: ``python tests/bench/dialogues.py [--nlu models/nlu/v1]``.

Prints one JSON line for each batch and half: with the understanding as its writers marked it, so that what is wrong is the
dialogue's alone, and with a trained model. ``--wrong`` lists the turns of the development half that went wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import get_args

from aiyam.contracts import DialogueState, Understanding
from aiyam.evaluation.conversations import Half, ScriptedTurn, load_conversations
from aiyam.evaluation.dialogues import TurnScore, Understand, as_marked, play, score_dialogues
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grammar import SHOP_NAMES
from aiyam.nlu.understander import Understander
from aiyam.settings import REPO_ROOT

CONVERSATIONS = REPO_ROOT / "datasets" / "dialogues" / "conversations.jsonl"


def trained(folder: Path) -> Understand:
    """Return a trained model as the one who understands."""
    understander = Understander.load(folder, Gazetteer.from_shipped(SHOP_NAMES))

    def understand(turn: ScriptedTurn, state: DialogueState) -> Understanding:
        return understander.understand(turn.text, state=state)

    return understand


def line_of(got: TurnScore) -> str:
    """Word what was expected of a turn and what came."""
    wanted, request = got.turn.expect, got.request
    return (
        f"{got.conversation}.{got.number} {got.turn.text!r} ({got.said.intent}, {got.said.filters.given()})\n"
        f"    expected {json.dumps(wanted.model_dump(mode='json', exclude_defaults=True, exclude_none=True), ensure_ascii=False)}\n"
        f"    got {request.intent} {request.filters.given()} without {request.exclude_shop_ids} shop {request.focus_shop_id}"
        f" question {request.question!r}"
    )


def main() -> None:
    """Play both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=CONVERSATIONS)
    parser.add_argument("--nlu", type=Path, help="folder of a sealed understanding model")
    parser.add_argument("--wrong", action="store_true", help="list what went wrong in the development half")
    options = parser.parse_args()
    readers = {"marked": as_marked} | ({"trained": trained(options.nlu)} if options.nlu else {})
    for name, understand in readers.items():
        read = load_conversations(options.data)
        for batch, half in itertools.product(sorted({c.batch for c in read}), get_args(Half)):
            found = [c for c in read if (c.batch, c.half) == (batch, half)]
            scores = score_dialogues(found, understand)
            print(json.dumps({"understanding": name, "batch": batch, "half": half, **scores}))
            if options.wrong and half == "development":
                for conversation in found:
                    for got in play(conversation, understand):
                        if not got.joint:
                            print(line_of(got))


if __name__ == "__main__":
    main()
