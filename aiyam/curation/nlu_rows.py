"""Rows for the understanding: what ships, what annotators said of turns, and turns that people were content with."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiyam.contracts import Entity, Filters, Intent
from aiyam.curation.conversion import LABEL, SHIPPED, TURN, Candidate, Gathered, Split, row_id, side_of
from aiyam.curation.labelled_turns import held_labels, withheld_turns
from aiyam.curation.qualifying import Qualified, qualified_turns
from aiyam.errors import DataError
from aiyam.label_contracts import RowOrigin, UnderstandingLabel
from aiyam.nlu.examples import MAX_TEXT_CHARS
from aiyam.nlu.grammar import TEMPLATES_FILE, generate
from aiyam.nlu.near_duplicates import HeldOut, folded
from aiyam.nlu.row_file import open_rows
from aiyam.nlu.values import semantic_query
from aiyam.safety.privacy import mask
from aiyam.store import Store
from aiyam.store.conversations import get_traces

N_GENERATED = 9000
"""Rows of the shipped templates in a version, as many as a training on the shipped folder makes."""
TUNING = "dev.jsonl"
Told = Callable[[float, str], None]


def gather_nlu(store: Store, datasets_dir: Path, *, seed: int, shipped: bool, told: Told) -> Gathered:
    """Gather every candidate; rows that nearly say what a shipped test file says are left out.

    Args:
        seed: of the rows that the shipped templates are expanded to.
        shipped: whether the shipped corpus is part of the version.
    """
    gathered = Gathered()
    folder = datasets_dir / "nlu"
    tests = HeldOut([row["text"] for path in sorted(folder.glob("test*.jsonl")) for row in _rows_of(path)])
    tuning = HeldOut([row["text"] for row in _rows_of(folder / TUNING)] if shipped else [])
    if shipped:
        told(0.0, "shipped rows")
        _shipped(folder, seed, tests, tuning, gathered)
    told(0.3, "labels")
    withheld = withheld_turns(store)
    labelled, kept_out = _labelled(store, withheld, tests, tuning, gathered)
    told(0.6, "turns")
    qualified = qualified_turns(store)
    for turn_id in sorted(qualified.fit & withheld.keys() - labelled - kept_out):
        gathered.leave_out(withheld[turn_id], _of_turn(turn_id, qualified))
    _inferred(store, qualified, labelled | kept_out | withheld.keys(), tests, tuning, gathered, told)
    return gathered


def _shipped(folder: Path, seed: int, tests: HeldOut, tuning: HeldOut, gathered: Gathered) -> None:
    def add(row: dict[str, Any], file: str, split: Split, nth: int, index: Sequence[HeldOut]) -> None:
        origin = RowOrigin(source="shipped", file=f"nlu/{file}")
        if any(held.find(row["text"]) for held in index):
            gathered.leave_out("near_held_back", origin)
            return
        key = folded(row["text"])
        gathered.candidates.append(
            Candidate(
                row_id("nlu", "shipped", file, row["text"], str(nth)), key, key, SHIPPED, 0, row, origin, row["intent"],
                split=split,
            )
        )  # fmt: skip

    for path in sorted(folder.glob("*.jsonl")):
        if path.name.startswith("test"):
            continue
        seen: Counter[str] = Counter()
        valid = path.name == TUNING
        for row in _rows_of(path):
            add(
                row, path.name, "valid" if valid else "train", seen[row["text"]], (tests,) if valid else (tests, tuning)
            )
            seen[row["text"]] += 1
    templates = folder / TEMPLATES_FILE
    for example in generate(templates, N_GENERATED, seed=seed) if templates.exists() else ():
        row = {
            "text": example.text, "intent": example.intent,
            "entities": [
                {"entity": kind, "value": value, "text": example.text[start:end], "start": start, "end": end}
                for kind, start, end, value in example.spans
            ],
            "semantic_query": semantic_query(Filters(**example.filters), Intent(example.intent)),
            "filters": example.filters, "template": example.group,
        }  # fmt: skip
        add(row, TEMPLATES_FILE, "train", 0, (tests, tuning))


def _labelled(
    store: Store, withheld: dict[str, str], tests: HeldOut, tuning: HeldOut, gathered: Gathered
) -> tuple[set[str], set[str]]:
    """Add the labelled turns; return them, and those that a person's word keeps out."""
    labelled: set[str] = set()
    kept_out: set[str] = set()
    for held in held_labels(store, "understanding", gathered, kept_out):
        assert isinstance(held.label, UnderstandingLabel)
        text = held.task.data.get("text")
        label = held.label
        labelled.add(held.task.turn_id)
        if why := withheld.get(held.task.turn_id):
            gathered.leave_out(why, held.origin)
        elif label.intent is None:
            gathered.leave_out("cannot_tell", held.origin)
        elif not isinstance(text, str):
            gathered.leave_out("no_text", held.origin)
        else:
            row = _row(text, label.intent, label.entities, label.semantic_query, label.filters)
            _add(row, LABEL, held.at, held.origin, tests, tuning, gathered)
    return labelled, kept_out


def _inferred(
    store: Store,
    qualified: Qualified,
    said: set[str],
    tests: HeldOut,
    tuning: HeldOut,
    gathered: Gathered,
    told: Told,
) -> None:
    gathered.counted["no_feedback"] += len(qualified.unheard - said)
    for turn_id, why in sorted(qualified.unfit.items()):
        if turn_id not in said:
            gathered.leave_out(why, _of_turn(turn_id, qualified))
    wanted = sorted(qualified.fit - said)
    for n, (turn_id, trace) in enumerate(get_traces(store, wanted)):
        if n % 1000 == 0:
            told(0.6 + 0.4 * n / len(wanted), f"turns {n:,} of {len(wanted):,}")
        origin = _of_turn(turn_id, qualified)
        if trace is None:
            gathered.leave_out("unreadable", origin)
            continue
        found = trace.understanding
        row = _row(found.original_query, found.intent, found.entities, found.semantic_query, found.filters)
        _add(row, TURN, qualified.turns[turn_id].at, origin, tests, tuning, gathered)


def _of_turn(turn_id: str, qualified: Qualified) -> RowOrigin:
    facts = qualified.turns[turn_id]
    return RowOrigin(source="turn", turn_id=turn_id, session_id=facts.session_id, user_id=facts.user_id)


def _add(
    row: dict[str, Any], rank: int, at: int, origin: RowOrigin, tests: HeldOut, tuning: HeldOut, gathered: Gathered
) -> None:
    text = row["text"]
    if why := _unsound(row):
        gathered.leave_out(why, origin)
    elif tests.find(text) or (side_of(origin.session_id) == "train" and tuning.find(text)):
        gathered.leave_out("near_held_back", origin)
    elif mask(text).kinds:
        gathered.leave_out("personal_data", origin)
    else:
        gathered.candidates.append(
            Candidate(
                row_id("nlu", "turn", origin.turn_id), folded(text), origin.session_id, rank, at, row, origin, row["intent"]
            )
        )  # fmt: skip


def _row(text: str, intent: Intent, entities: Sequence[Entity], query: str, filters: Filters) -> dict[str, Any]:
    spans = sorted(entities, key=lambda e: (e.start, e.end))
    return {
        "text": text, "intent": str(intent), "entities": [e.model_dump(mode="json") for e in spans],
        "semantic_query": query, "filters": filters.given(),
    }  # fmt: skip


def _unsound(row: dict[str, Any]) -> str:
    text, spans = row["text"], row["entities"]
    if not text.strip() or len(text) > MAX_TEXT_CHARS:
        return "no_text"
    if any(text[e["start"] : e["end"]] != e["text"] or not e["text"].strip() for e in spans):
        return "spans_off"
    if any(right["start"] < left["end"] for left, right in itertools.pairwise(spans)):
        return "spans_overlap"
    return ""


def _rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Give the rows of a shipped file.

    Raises:
        DataError: a row that is none; what ships is sound.
    """
    if not path.exists():
        return
    for raw in open_rows(path).rows():
        if not isinstance(raw.value, dict) or not isinstance(raw.value.get("text"), str):
            what = raw.problem[1] if raw.problem else json.dumps(raw.value)[:80]
            raise DataError(f"Expected a training row at {path.name}:{raw.number}, got {what}.", hint="Mend the file.")
        yield raw.value
