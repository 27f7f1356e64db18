"""Replies of every wording backend over a city, judged against its rows: what is ungrounded, wrong or refused though right.

    PYTHONPATH=tests:tests/reply:tests/llm python tests/bench/wording.py --home DIR --backend openai --replies 10000

DIR is a prepared home (`aiyam prepare`), its models beside it in `models/` unless AIYAM_MODELS_DIR says otherwise. `template`
words real turns; `transformers` is a small untrained Llama of the real architecture in this process, which writes rubbish;
`openai` a server on loopback that says the hand-written sentences of `tests/reply/statements.tsv` of real shops, with true
lines around them. Prints one JSON object; times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from small_servers import send, serving
from statements import read_statements, replies_with, shown, values_of_list, values_of_shop
from tiny_language_model import build

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Intent, ReplyPlan, Trace, Turn, TurnContext
from aiyam.evaluation.whole import HOURS, NOW
from aiyam.llm.folder import LocalModel
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.examples import load_examples
from aiyam.pipeline import Pipeline
from aiyam.reply.grounding import Grounder
from aiyam.reply.language_model import Replier, Worded
from aiyam.reply.plan import make_plan
from aiyam.reply.points import MODEL_KINDS
from aiyam.reply.shop_facts import facts
from aiyam.reply.worded_by_model import ModelBackend, messages_for
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.people import list_profiles

MAX_TOKENS = 16
"""Of the untrained model: its rubbish is refused long before."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--backend", choices=("template", "transformers", "openai"), required=True)
    parser.add_argument("--replies", type=int, default=10_000)
    args = parser.parse_args()
    settings = Settings(home=args.home)
    store = Store.open(settings.url)
    pipeline = Pipeline.load(settings, store)
    people = list_profiles(store, today=NOW.date(), limit=500)
    store.close()
    began = time.process_time()
    turns = _turns(pipeline, people, settings)
    measured = {"template": _template, "transformers": _transformers, "openai": _openai}[args.backend]
    report = measured(pipeline, turns, args.replies)
    print(json.dumps({"backend": args.backend, **report, "cpu_s": round(time.process_time() - began, 1)}, ensure_ascii=False))  # fmt: skip


def _turns(pipeline: Pipeline, people: list[Any], settings: Settings) -> Iterator[Trace]:
    """Run one first turn after the other, of drawn people at drawn hours."""
    rng = random.Random(settings.seed)
    texts = [e.text for e in load_examples(settings.datasets_dir / "nlu" / "test.jsonl")[0]]
    number = 0
    while True:
        number += 1
        context = TurnContext(now=NOW.replace(hour=rng.choice(HOURS)))
        name = f"wording-{number}"
        turn = Turn(turn_id=name, session_id=name, user=rng.choice(people), message=rng.choice(texts), context=context)
        yield pipeline.reply(turn)


def _template(pipeline: Pipeline, turns: Iterator[Trace], n: int) -> dict[str, Any]:
    judge = _Judge(pipeline)
    while judge.n < n:
        trace = next(turns)
        judge.add(trace.plan, Worded(trace.response, trace.backend, trace.fallback, trace.grounding))
    return judge.report()


def _transformers(pipeline: Pipeline, turns: Iterator[Trace], n: int) -> dict[str, Any]:
    judge = _Judge(pipeline)
    wanted = (trace.plan for trace in turns if trace.plan.kind in MODEL_KINDS)
    first = next(wanted)
    with tempfile.TemporaryDirectory() as folder:
        rubbish = LocalModel.load(build(Path(folder) / "model", [(messages_for(first), "골라 봤어요.")]), device="cpu", offline=True)  # fmt: skip
        replier = _with_backend(pipeline, ModelBackend(rubbish, timeout_s=60.0, max_tokens=MAX_TOKENS))
        while judge.n < n:
            plan = next(wanted)
            judge.add(plan, replier.reply(plan, variety=judge.n))
    return judge.report()


def _openai(pipeline: Pipeline, turns: Iterator[Trace], n: int) -> dict[str, Any]:
    judge = _Judge(pipeline)
    said = ""

    def answer(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        chunks = [{"choices": [{"delta": {"content": said[i : i + 7]}}]} for i in range(0, len(said), 7)]
        lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
        send(handler, 200, "".join([*lines, "data: [DONE]\n\n"]).encode())

    wrong_shown, right_refused = Counter[str](), Counter[str]()
    n_wrong = n_right = 0
    with serving(answer) as url:
        replier = _with_backend(pipeline, ModelBackend(OpenAIServer(url, "any"), timeout_s=60.0))
        for plan, sentence, right, text in _statements(pipeline, turns):
            said = text
            worded = replier.reply(plan)
            judge.add(plan, worded)
            n_right, n_wrong = n_right + right, n_wrong + (not right)
            if right and worded.fallback:
                right_refused[f"{sentence} ({worded.fallback})"] += 1
            if not right and shown(sentence, worded.text):
                wrong_shown[sentence] += 1
            if judge.n >= n:
                break
    return judge.report() | {
        "wrong": {"n": n_wrong, "shown": sum(wrong_shown.values()), "examples": wrong_shown.most_common(5)},
        "right": {"n": n_right, "refused": sum(right_refused.values()), "examples": right_refused.most_common(5)},
    }


def _statements(pipeline: Pipeline, turns: Iterator[Trace]) -> Iterator[tuple[ReplyPlan, str, bool, str]]:
    """Yield plans with the sentences said of them, whether they are right, and the whole reply around each."""
    catalogue = pipeline.catalogue
    others = [n for n, ok in zip(catalogue.names, catalogue.venue_ok, strict=True) if ok and len(n) >= 4]
    dishes = [d for d in catalogue.dish_names if 3 <= len(d) <= 10]
    statements = read_statements()
    for seed, trace in enumerate(turns):
        plans = list(_plans_of(trace, catalogue))
        for about, plan in plans:
            values_of = values_of_list if about == "list" else values_of_shop
            values = values_of(plan, other_shops=others, other_dishes=dishes, seed=seed)
            for statement in statements if values else ():
                sentence = statement.said_of(values or {}) if statement.about == about else None
                for text in replies_with(plan, sentence) if sentence else ():
                    yield plan, str(sentence), statement.right, text


def _plans_of(trace: Trace, catalogue: Catalogue) -> Iterator[tuple[str, ReplyPlan]]:
    """Yield a list of the first two shops of a turn, and a question about the first."""
    if trace.plan.kind != "recommend" or len(trace.recommendations) < 2:
        return
    two = [card.model_copy(update={"rank": rank}) for rank, card in enumerate(trace.recommendations[:2], 1)]
    yield "list", make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band=trace.plan.age_band, recommendations=two)
    row = catalogue.row_of[two[0].shop_id]
    asked = facts(catalogue, row, trace.answered_for, lat=37.48, lon=126.95)
    yield "shop", make_plan(intent=Intent.SHOP_DETAIL, age_band=trace.plan.age_band, shop_facts=asked)


def _with_backend(pipeline: Pipeline, backend: ModelBackend) -> Replier:
    own = pipeline.parts.replier
    return Replier(
        own.template, backend=backend, grounder=own.grounder, rewriter=own.rewriter, screen=own.screen, first_piece_s=60.0, total_s=60.0
    )  # fmt: skip


class _Judge:
    """Counts what became of replies, each checked anew against its plan."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.grounder = Grounder(pipeline.catalogue)
        self.n = 0
        self.ungrounded = list[str]()
        self.worded_by, self.fallbacks = Counter[str](), Counter[str]()

    def add(self, plan: ReplyPlan, worded: Worded) -> None:
        """Take one reply."""
        self.n += 1
        self.worded_by[worded.backend] += 1
        self.fallbacks.update([worded.fallback.split(":")[0]] if worded.fallback else [])
        verdict = self.grounder.check(worded.text, plan)
        if not verdict.grounded:
            self.ungrounded.append(f"{verdict.ungrounded}: {worded.text}")

    def report(self) -> dict[str, Any]:
        """Return the counts as JSON types."""
        return {
            "n": self.n, "ungrounded": len(self.ungrounded), "examples": self.ungrounded[:5],
            "worded_by": dict(self.worded_by), "fallbacks": dict(self.fallbacks),
        }  # fmt: skip


if __name__ == "__main__":
    main()
