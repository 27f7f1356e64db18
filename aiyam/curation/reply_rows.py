"""Rows that teach replies: prompts with the answer to write (lora), answers with their easier words (child)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiyam.contracts import AgeBand, InstructionRow, Trace
from aiyam.curation.conversion import LABEL, SHIPPED, TURN, Candidate, Gathered, row_id
from aiyam.curation.labelled_turns import Held, held_labels, withheld_turns
from aiyam.curation.qualifying import qualified_turns
from aiyam.label_contracts import CompareLabel, RewriteLabel, RowOrigin
from aiyam.nlu.row_file import open_rows
from aiyam.reply.grounding import Grounder
from aiyam.reply.pairs import Pair, pair_of
from aiyam.reply.points import MODEL_KINDS
from aiyam.reply.worded_by_model import RULES, asked
from aiyam.safety.privacy import mask
from aiyam.store import Store
from aiyam.store.conversations import get_traces

GOOD_RATING = 4
Told = Callable[[float, str], None]


# ------------------------------------------------------------------------------------------------ child


def gather_child(store: Store, datasets_dir: Path, *, shipped: bool, told: Told) -> Gathered:
    """Gather the shipped pairs and the rewrites that state the same facts as the answers they rewrite."""
    gathered = Gathered()
    if shipped:
        told(0.0, "shipped pairs")
        _shipped_pairs(datasets_dir / "replies", gathered)
    told(0.3, "labels")
    withheld = withheld_turns(store)
    for held in held_labels(store, "rewrite", gathered, set()):
        assert isinstance(held.label, RewriteLabel)
        original, label = held.task.data.get("answer"), held.label
        if why := withheld.get(held.task.turn_id) or _contradicts(label, original):
            gathered.leave_out(why, held.origin)
            continue
        if not label.text.strip():
            gathered.leave_out("no_rewrite", held.origin)
            continue
        row = {"original": original, "child_friendly": label.text, "age_band": label.age_band}
        pair = pair_of(row, "label")
        if not isinstance(pair, Pair):
            gathered.leave_out("facts_differ" if pair[0] == "facts" else "no_text", held.origin)
        elif mask(label.text).kinds:
            gathered.leave_out("personal_data", held.origin)
        else:
            gathered.candidates.append(
                Candidate(
                    row_id("child", "turn", held.task.turn_id), pair.original, held.task.session_id, LABEL, held.at, row,
                    held.origin, label.age_band, variant=label.age_band,
                )
            )  # fmt: skip
    return gathered


def _shipped_pairs(folder: Path, gathered: Gathered) -> None:
    for path in sorted(folder.glob("pairs_*.jsonl")):
        origin = RowOrigin(source="shipped", file=f"replies/{path.name}")
        for raw in open_rows(path).rows():
            pair = pair_of(raw.value, path.stem)
            if not isinstance(pair, Pair):
                gathered.leave_out("unsound", origin)
                continue
            band = pair.band or ""
            gathered.candidates.append(
                Candidate(
                    row_id("child", "shipped", path.name, pair.original, band, pair.rewritten), pair.original,
                    pair.original, SHIPPED, 0, raw.value, origin, band or "any", variant=band,
                )
            )  # fmt: skip


def _contradicts(label: RewriteLabel, original: Any) -> str:
    """Return what a label says against itself."""
    bad = set(label.wrong) - {"hard_words"}
    if bad and label.rating is not None and label.rating >= GOOD_RATING:
        return "contradiction"
    if label.wrong and isinstance(original, str) and label.text.split() == original.split():
        return "contradiction"
    return ""


# ------------------------------------------------------------------------------------------------ lora


@dataclass(frozen=True)
class _Answer:
    """An answer that may be learned: None is the one the turn gave."""

    rank: int
    at: int
    origin: RowOrigin
    text: str | None = None
    band: AgeBand | None = None


def gather_lora(store: Store, *, told: Told) -> Gathered:
    """Gather accepted answers as rows in the product's own prompt; a rewrite outranks a comparison, that a turn's own.

    Answers are checked against the turn's plan as a model's words would be, so that no row teaches to invent.
    """
    gathered = Gathered()
    kept_out: set[str] = set()
    told(0.0, "labels")
    answers: dict[str, _Answer] = {}
    withheld = withheld_turns(store)
    for held in held_labels(store, "compare", gathered, kept_out):
        _keep(answers, held, withheld.get(held.task.turn_id) or _preferred(held), gathered, kept_out)
    for held in held_labels(store, "rewrite", gathered, kept_out):
        _keep(answers, held, withheld.get(held.task.turn_id) or _rewritten(held), gathered, kept_out)
    qualified = qualified_turns(store)
    gathered.counted["no_feedback"] += len(qualified.unheard - kept_out - withheld.keys() - answers.keys())
    for turn_id in sorted(qualified.turns):
        facts = qualified.turns[turn_id]
        origin = RowOrigin(source="turn", turn_id=turn_id, session_id=facts.session_id, user_id=facts.user_id)
        if turn_id in answers or turn_id in kept_out:
            continue
        if turn_id in qualified.fit and turn_id in withheld:
            gathered.leave_out(withheld[turn_id], origin)
        elif turn_id in qualified.fit:
            answers[turn_id] = _Answer(TURN, facts.at, origin)
        elif why := qualified.unfit.get(turn_id):
            gathered.leave_out(why, origin)
    grounder = Grounder()
    wanted = sorted(answers)
    there: set[str] = set()
    for n, (turn_id, trace) in enumerate(get_traces(store, wanted)):
        if n % 500 == 0:
            told(0.3 + 0.7 * n / len(wanted), f"answers {n:,} of {len(wanted):,}")
        there.add(turn_id)
        _add_answer(turn_id, trace, answers[turn_id], grounder, gathered)
    for turn_id in wanted:
        if turn_id not in there:
            gathered.leave_out("no_turn", answers[turn_id].origin)
    return gathered


def _keep(
    answers: dict[str, _Answer], held: Held, found: _Answer | str, gathered: Gathered, kept_out: set[str]
) -> None:
    turn_id = held.task.turn_id
    if isinstance(found, str):
        gathered.leave_out(found, held.origin)
        if turn_id not in answers:
            kept_out.add(turn_id)
        return
    if (before := answers.get(turn_id)) is not None:
        gathered.leave_out("duplicate", before.origin)
    kept_out.discard(turn_id)
    answers[turn_id] = found


def _preferred(held: Held) -> _Answer | str:
    """Return the side that was preferred; of two good ones the one the child got."""
    assert isinstance(held.label, CompareLabel)
    verdict = held.label.verdict
    if verdict == "both_bad":
        return "rejected"
    sides = held.task.sides or ("", "")
    if verdict == "both_good":
        verdict = "b" if sides[1] == "stored" else "a"
    text = held.task.data.get(verdict)
    if sides["ab".index(verdict)] == "stored":
        return _Answer(LABEL, held.at, held.origin)
    return _Answer(LABEL, held.at, held.origin, text) if isinstance(text, str) and text.strip() else "no_text"


def _rewritten(held: Held) -> _Answer | str:
    """Return the rewrite, or the answer as it was where it was found good."""
    assert isinstance(held.label, RewriteLabel)
    label = held.label
    if why := _contradicts(label, held.task.data.get("answer")):
        return why
    if label.text.strip():
        return _Answer(LABEL, held.at, held.origin, label.text.strip(), label.age_band)
    if label.wrong or label.rating is None or label.rating < GOOD_RATING:
        return "rejected" if label.wrong or label.rating else "no_rewrite"
    return _Answer(LABEL, held.at, held.origin)


def _add_answer(turn_id: str, trace: Trace | None, answer: _Answer, grounder: Grounder, gathered: Gathered) -> None:
    if trace is None:
        gathered.leave_out("unreadable", answer.origin)
        return
    plan = trace.plan if answer.band is None else trace.plan.model_copy(update={"age_band": answer.band})
    text = trace.response if answer.text is None else answer.text
    if plan.kind not in MODEL_KINDS:
        gathered.leave_out("not_worded_by_models", answer.origin)
    elif not text.strip():
        gathered.leave_out("no_text", answer.origin)
    elif mask(text).kinds:
        gathered.leave_out("personal_data", answer.origin)
    elif not grounder.check(text, plan).grounded:
        gathered.leave_out("ungrounded", answer.origin)
    else:
        question = asked(plan, variety=zlib.crc32(trace.session_id.encode()) + max(0, trace.state.n_turns - 1))
        row = InstructionRow(instruction=RULES, input=question, output=text, turn_id=turn_id)
        gathered.candidates.append(
            Candidate(
                row_id("lora", "turn", turn_id), question, trace.session_id, answer.rank, answer.at,
                json.loads(row.model_dump_json(exclude_none=True)), answer.origin, plan.kind,
            )
        )  # fmt: skip
