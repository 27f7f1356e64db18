"""The whole system on held-out data: understanding, ranking, safety, and real turns for grounding and latency."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.contracts import KST, Progress, Trace, Turn, TurnContext, UserProfile
from aiyam.errors import DataError
from aiyam.evaluation.ranking import evaluate_rankers
from aiyam.evaluation.safety import evaluate
from aiyam.evaluation.truth import city_truth
from aiyam.evaluation.understanding import evaluate_understanding
from aiyam.nlu.examples import load_examples
from aiyam.parts import production_folder
from aiyam.pipeline import Pipeline
from aiyam.safety.cases import Case, read_cases
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.people import list_profiles

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=KST)
"""The time of every evaluated turn, so that two runs ask the same."""

HOURS = (8, 12, 15, 18, 21)


def evaluate_whole(
    settings: Settings, *, n_turns: int = 200, progress: Callable[[Progress], None] = lambda _: None
) -> dict[str, Any]:
    """Evaluate the production versions of a home; every figure comes with its n, rates with an interval.

    Nothing is stored: turns run through the pipeline itself.

    Raises:
        NotReady: nothing has been generated or trained yet.
    """
    store = Store.open(settings.url)
    try:
        progress(Progress(stage="load", fraction=0.0))
        pipeline = Pipeline.load(settings, store)
        people = list_profiles(store, today=NOW.date(), limit=500) or [UserProfile(user_id="eval")]
        held_back = settings.datasets_dir / "nlu" / "test.jsonl"
        progress(Progress(stage="understanding", fraction=0.1))
        understanding = evaluate_understanding(pipeline.parts.understander, held_back, seed=settings.seed)
        progress(Progress(stage="safety", fraction=0.2))
        safety = _safety(pipeline, settings.datasets_dir / "safety" / "heldout.jsonl")
        progress(Progress(stage="turns", fraction=0.3))
        examples, _ = load_examples(held_back)
        traces = list(run_turns(pipeline, people, [e.text for e in examples], n_turns=n_turns, seed=settings.seed))
        progress(Progress(stage="ranking", fraction=0.6))
        ranking = _ranking(settings, store, progress)
        return {
            "versions": pipeline.versions.model_dump(),
            "synthetic": pipeline.catalogue.synthetic,
            "shops": len(pipeline.catalogue.shop_ids),
            "understanding": understanding,
            "ranking": ranking,
            "replies": _replies(pipeline, traces),
            "safety": safety,
            "latency_ms": _latency(traces),
        }
    finally:
        store.close()


def run_turns(
    pipeline: Pipeline, people: list[UserProfile], texts: list[str], *, n_turns: int, seed: int
) -> Iterable[Trace]:
    """Say each text once, in turn, as people and at hours drawn by the seed; a follow-up sees the turn before it."""
    rng = random.Random(seed)
    state = None
    for i in range(n_turns):
        user = rng.choice(people)
        context = TurnContext(now=NOW.replace(hour=rng.choice(HOURS)))
        turn = Turn(
            turn_id=f"eval-{i}", session_id="eval", user=user, message=texts[i % len(texts)], context=context,
            **({"state": state} if state is not None else {}),
        )  # fmt: skip
        trace = pipeline.reply(turn)
        state = trace.state
        yield trace


def _ranking(settings: Settings, store: Store, progress: Callable[[Progress], None]) -> dict[str, Any]:
    """Rank the held-out requests; a catalogue without any (an imported list of shops) says so instead."""
    try:
        return evaluate_rankers(
            store,
            {"production": production_folder(settings, store, "ranker")},
            encoder_dir=production_folder(settings, store, "content"),
            seed=settings.seed,
            truth=city_truth(store, settings.truth_path) if settings.truth_path.exists() else None,
            progress=lambda p: progress(p.model_copy(update={"stage": "ranking", "fraction": 0.6 + 0.4 * p.fraction})),
        ).as_json()
    except DataError as error:
        return {"not_evaluated": error.message}


def _safety(pipeline: Pipeline, cases: Path) -> dict[str, Any]:
    def answer(case: Case) -> tuple[Any, str, str]:
        user = case.profile or UserProfile(user_id="eval")
        turn = Turn(turn_id="eval", session_id="eval", user=user, message=case.text, context=TurnContext(now=NOW))
        trace = pipeline.reply(turn)
        return trace.safety.action, trace.response, trace.user_input

    return evaluate(read_cases(cases), answer).as_json()


def _replies(pipeline: Pipeline, traces: list[Trace]) -> dict[str, Any]:
    shown = [pipeline.catalogue.row_of[r.shop_id] for t in traces for r in t.recommendations]
    return {
        "n": len(traces),
        "ungrounded": sum(not t.grounding.grounded for t in traces),
        "fallbacks": sum(t.fallback is not None for t in traces),
        "with_shops": sum(bool(t.recommendations) for t in traces),
        "clarified": sum(t.plan.kind == "clarify" for t in traces),
        "blocked_venues_shown": int(sum(not pipeline.catalogue.venue_ok[row] for row in shown)),
    }


def _latency(traces: list[Trace]) -> dict[str, Any]:
    totals = [t.stage_ms.total for t in traces]
    return {
        "n": len(totals),
        "p50": round(float(np.percentile(totals, 50)), 2),
        "p95": round(float(np.percentile(totals, 95)), 2),
    }


def table(results: dict[str, Any]) -> str:
    """Return the results as indented text, one figure a line."""
    lines: list[str] = []

    def walk(value: Any, name: str, depth: int) -> None:
        if isinstance(value, dict):
            lines.append(f"{'  ' * depth}{name}")
            for key, inner in value.items():
                walk(inner, str(key), depth + 1)
        elif not isinstance(value, list) or all(not isinstance(item, (dict, list)) for item in value):
            lines.append(f"{'  ' * depth}{name}: {value}")

    for key, value in results.items():
        walk(value, key, 0)
    return "\n".join(lines)
