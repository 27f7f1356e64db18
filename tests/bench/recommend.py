"""Recommending from any interaction log: the funnels and the ranker on public data, beside single models.

    python tests/bench/recommend.py --data DIR --dataset ml-latest-small|ml-100k|rcdata|interactions [--seeds 3] [--json]

Leave-last-out: each person's events by time, ties by item, the last is the test. Everything is chosen on the events before
it. All items are ranked, those seen are left out, ties count against. Where people go back, the test is each one's last
*new* item and, apart from it, the last repeated one among all items. Beside it a split by time: what came after a moment,
from what came before it. Intervals are 95 % over people.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from interaction_logs import DATASETS, Source, read
from log_funnels import (
    VIEWS,
    Blend,
    LogFunnels,
    candidates_of,
    chosen_blend,
    chosen_quotas,
    features_of,
    rank_of,
    standardised,
    vectors_of,
)
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Log, Scores, histories
from aiyam.contracts import FUNNELS
from aiyam.errors import AiyamError
from aiyam.ranking.features import SPEC_SLOTS
from aiyam.ranking.measures import user_bootstrap
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer
from aiyam.training.wide_deep import fit_network
from aiyam.training.wide_deep_rows import Inputs

K_CANDIDATES = 300
"""Twice the product's: here nothing has filtered the items before."""
MOST_LABELLED, LABELLED_SHARE = 6, 0.34
MOST_LISTS, CHOSEN_ON, MOST_FOR_QUOTAS = 6_000, 40_000_000, 500
CHUNK = 256
HELD_SHARE = 0.25
"""Of the people whose labelled events choose: blend and rankers do not learn from them, so that they can be compared on them."""
MEASURES = ("ndcg@5", "ndcg@10", "hr@10", "recall@50", "recall@150")
DEFAULT = WideDeepConfig(
    user_embedding=16, shop_embedding=16, brand_embedding=1, query_vector=0, hidden=(64, 32), dropout=0.1,
    wide_in_deep=True, batch_size=8192, epochs=30, learning_rate=2e-3, min_events=5, negatives=75,
)  # fmt: skip
SPEC = WideDeepConfig(features="spec", loss="bce", warm_start=False, batch_size=32, min_events=5, negatives=2)
"""The spec's network, loss, negatives and batch; its epochs too."""
PLAIN = "wide & deep, spec"
VARIANTS = {PLAIN: SPEC, "ranker": DEFAULT, "ranker without ids": replace(DEFAULT, min_events=10**9)}


@dataclass(frozen=True)
class Split:
    """Which events models are fitted on (e,), and the labelled events, each asked from everything before it."""

    log: Log
    fitted: NDArray[np.bool_]
    events: Ints


@dataclass(frozen=True)
class Lists:
    """Labelled events laid out for the ranker: items (q, k), wide (q, k, 50), numbers (q, k, 10), and what was chosen (q,).

    ``rank`` (q,) by view and blend is the target's rank among all items; ``behind`` the rank it has when no candidate is it.
    """

    events: Ints
    users: Ints
    items: NDArray[np.int64]
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    target: NDArray[np.int64]
    rank: dict[str, NDArray[np.int64]]
    seconds: float


def leave_last_out(log: Log, *, repeats: bool) -> tuple[Split, Split]:
    """Return (for choosing and learning, for the test), of new items or of ``repeats``."""
    flagged = is_repeat(log) == repeats
    places = np.flatnonzero(flagged & (log.place >= 2))
    last = np.full(log.n_users, -1)
    np.maximum.at(last, log.user[places], places)
    cut = log.only(np.arange(len(log)) <= last[log.user])
    flagged = (is_repeat(cut) == repeats) & (cut.place >= 1)
    test = cut.start[1:][np.diff(cut.start) > 0] - 1
    # How many flagged events of the same person come after each: 0 for the test itself.
    after = np.cumsum(flagged[::-1])[::-1]
    behind = after - np.append(after, 0)[cut.start[1:]][cut.user] - flagged
    n_flagged = np.bincount(cut.user[flagged], minlength=cut.n_users)[cut.user]
    most = np.clip(np.ceil(LABELLED_SHARE * (n_flagged - 1)), 1, MOST_LABELLED)
    labelled = np.flatnonzero(flagged & (behind >= 1) & (behind <= most))
    first = np.full(cut.n_users, len(cut))
    np.minimum.at(first, cut.user[labelled], labelled)
    first = np.minimum(first, cut.start[1:] - 1)
    known = np.arange(len(cut)) < first[cut.user]
    everything = np.ones(len(cut), bool)
    everything[test] = False
    return Split(cut, known, labelled), Split(cut, everything, test)


def by_time(log: Log) -> tuple[Split, Split]:
    """Return the two splits at the moments that 64 and 80 % of all events come before; targets are new items."""
    new = ~is_repeat(log)

    def split(low: float, high: float) -> Split:
        since, until = np.quantile(log.ts, [low, high])
        known = log.ts < since
        has = np.bincount(log.user[known], minlength=log.n_users)[log.user] >= 3
        inside = np.flatnonzero(new & has & (log.ts >= since) & (log.ts <= until))
        nth = np.arange(len(inside)) - np.searchsorted(log.user[inside], log.user[inside])
        return Split(log, known, inside[nth < 20])

    return split(0.64, 0.8), split(0.8, 1.0)


def is_repeat(log: Log) -> NDArray[np.bool_]:
    """Return (e,) whether the same person had the item before."""
    pair = log.user * log.n_items + log.item
    _, first = np.unique(pair, return_index=True)
    again = np.ones(len(log), bool)
    again[first] = False
    return again


def lay_out(
    source: Source,
    funnels: LogFunnels,
    split: Split,
    blend: Blend,
    quotas: dict[str, int],
    events: Ints,
    *,
    repeats: bool,
) -> Lists:
    """Score, pick candidates and compute features, some events at a time."""
    started = time.perf_counter()
    parts: list[tuple[NDArray[Any], ...]] = []
    rank: dict[str, list[NDArray[np.int64]]] = {}
    for chunk, standard in scored(funnels, split, events, repeats=repeats):
        order = blend.scores(standard)
        items = candidates_of({**standard, "blend": order}, quotas, min(K_CANDIDATES, split.log.n_items))
        wide, numbers = features_of(source, funnels, split.log, chunk, order, standard, items)
        target = split.log.item[chunk]
        parts.append((items, wide, numbers))
        for view, values in {**standard, "blend": order}.items():
            rank.setdefault(view, []).append(rank_of(values, target))
    items, wide, numbers = (np.concatenate(column) for column in zip(*parts, strict=True))
    ranks = {view: np.concatenate(found) for view, found in rank.items()}
    seconds = (time.perf_counter() - started) / max(len(events), 1)
    return Lists(events, split.log.user[events], items, wide, numbers, split.log.item[events], ranks, seconds)


def scored(
    funnels: LogFunnels, split: Split, events: Ints, *, repeats: bool
) -> Iterator[tuple[Ints, dict[str, Scores]]]:
    """Yield some events at a time with the standardised scores of all items, the seen ones masked unless ``repeats``."""
    for low in range(0, len(events), CHUNK):
        chunk = events[low : low + CHUNK]
        seen = np.zeros((len(chunk), split.log.n_items), bool)
        if not repeats:
            seen[histories(split.log, chunk, 1.0).nonzero()] = True
        yield chunk, standardised(funnels.scores(split.log, chunk), seen)


def inputs_of(
    lists: Lists,
    kept: NDArray[np.int64],
    rows: list[NDArray[np.int64]],
    source: Source,
    ids: tuple[Ints, Ints],
    n_query: int,
) -> Inputs:
    """Lay some lists' rows end to end as the network reads them."""
    at = np.concatenate([np.full(len(r), q) for q, r in zip(kept, rows, strict=True)])
    row = np.concatenate(rows)
    items = lists.items[at, row]
    category = source.category[items]
    return Inputs(
        list_start=np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64),
        users=ids[0][lists.users[kept]].astype(np.int32),
        query_vectors=np.zeros((len(kept), n_query), np.float32),
        shops=ids[1][items].astype(np.int32),
        brands=np.zeros(len(items), np.int32),
        categories=np.where((category >= 0) & (category < 14), category, 14),
        numbers=lists.numbers[at, row],
        wide=lists.wide[at, row],
        label=(items == lists.target[at]).astype(np.float32),
        weight=np.ones(len(items), np.float32),
        shown=np.zeros(len(items), np.bool_),
    )


def numbered(count: NDArray[np.int64], least: int) -> Ints:
    """Return the embedding row of each id: 0, the fallback, for those seen less often than ``least``."""
    row = np.zeros(len(count), np.int64)
    known = np.flatnonzero(count >= least)
    row[known] = np.arange(1, len(known) + 1)
    return row


def train(
    lists: Lists, held: NDArray[np.bool_], source: Source, fitted: Log, config: WideDeepConfig, seed: int
) -> Ranker:
    """Fit the network on the lists (q,) of the people not ``held``, stopping by the rest."""
    import torch

    torch.set_num_threads(1)  # steps are small: a second thread only waits
    rng = np.random.default_rng(seed)
    has = np.flatnonzero((lists.items == lists.target[:, None]).any(axis=1))
    later = held[has]
    ids = (
        numbered(np.bincount(fitted.user, minlength=fitted.n_users), config.min_events),
        numbered(np.bincount(fitted.item, minlength=fitted.n_items), config.min_events),
    )

    def rows(which: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        chosen = []
        for q in which.tolist():
            positive = np.flatnonzero(lists.items[q] == lists.target[q])
            others = np.flatnonzero(lists.items[q] != lists.target[q])
            others = rng.choice(others, min(config.negatives, len(others)), replace=False)
            chosen.append(np.sort(np.concatenate((positive, others))))
        return chosen

    before, after = has[~later], has[later]
    cpu = time.process_time()
    weights, history = fit_network(
        config,
        inputs_of(lists, before, rows(before), source, ids, config.query_vector),
        inputs_of(lists, after, rows(after), source, ids, config.query_vector),
        sizes=(int(ids[0].max()) + 1, int(ids[1].max()) + 1, 1),
        seed=seed,
        report=lambda *_, **__: None,
    )
    cpu_seconds = time.process_time() - cpu
    return Ranker(WideDeepScorer(config, weights), ids, source, cpu_seconds, len(history))


@dataclass(frozen=True)
class Ranker:
    """A fitted network with the embedding rows of people and items."""

    scorer: WideDeepScorer
    ids: tuple[Ints, Ints]
    source: Source
    cpu_seconds: float
    epochs: int

    def logits(self, lists: Lists, q: int) -> Scores:
        """Return the (k,) logits of one list."""
        items = lists.items[q]
        category = self.source.category[items]
        return self.scorer.logits(
            int(self.ids[0][lists.users[q]]),
            self.ids[1][items].astype(np.int32),
            np.zeros(len(items), np.int32),
            np.where((category >= 0) & (category < 14), category, 14),
            None,
            lists.numbers[q],
            lists.wide[q],
        )


def averaged(rankers: list[Ranker], lists: Lists, q: int) -> Scores:
    """Return (k,) the mean of the rankers' logits and the blended order, each standardised over the list."""
    each = [*(ranker.logits(lists, q) for ranker in rankers), lists.wide[q, :, SPEC_SLOTS - len(FUNNELS)]]
    return np.asarray(np.mean([(x - x.mean()) / max(float(x.std()), 1e-9) for x in each], axis=0), np.float32)


def ranks_among(lists: Lists, which: NDArray[np.int64], score: Callable[[Lists, int], Scores]) -> NDArray[np.int64]:
    """Return the rank of each target among its candidates, ties against it; 10^6 where it is none of them."""
    out = np.full(len(which), 10**6)
    for place, q in enumerate(which.tolist()):
        here = np.flatnonzero(lists.items[q] == lists.target[q])
        if len(here):
            scores = score(lists, q)
            out[place] = int((scores >= scores[here[0]]).sum()) - 1
    return out


def measured(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (q, 5) the ``MEASURES`` of each target's rank."""
    gain = 1 / np.log2(2.0 + ranks)
    return np.stack(
        [np.where(ranks < 5, gain, 0), np.where(ranks < 10, gain, 0), ranks < 10, ranks < 50, ranks < 150], axis=1
    ).astype(float)


def evaluate(source: Source, splits: tuple[Split, Split], seeds: int, *, repeats: bool) -> dict[str, Any]:
    """Choose on the first split, test on the second; the ranker's ranks are of every seed."""
    inner, outer = splits
    rng = np.random.default_rng(0)
    vectors = vectors_of(source)
    tell(f"{int(inner.fitted.sum()):,} events fitted to choose on {len(inner.events):,}; test on {len(outer.events):,}")
    funnels = LogFunnels.fit(source, inner.log.only(inner.fitted), vectors)
    events = (
        inner.events
        if len(inner.events) <= MOST_LISTS
        else np.sort(rng.choice(inner.events, MOST_LISTS, replace=False))
    )
    n_chosen = max(200, CHOSEN_ON // (inner.log.n_items * 4))
    held_people = rng.random(inner.log.n_users) < HELD_SHARE
    open_events = events[~held_people[inner.log.user[events]]]
    sample = (
        rng.permutation(open_events)
        if len(open_events) <= n_chosen
        else rng.choice(open_events, n_chosen, replace=False)
    )
    parts = list(scored(funnels, inner, sample, repeats=repeats))
    standard = {view: np.concatenate([scores[view] for _, scores in parts]) for view in VIEWS}
    blend = chosen_blend(standard, inner.log.item[sample])
    orders = {**standard, "blend": blend.scores(standard)}
    few = slice(0, MOST_FOR_QUOTAS)
    quotas = chosen_quotas(
        {view: order[few] for view, order in orders.items()}, inner.log.item[sample[few]], K_CANDIDATES
    )
    del parts, standard, orders
    tell(f"blend {blend.weights}, quotas {quotas}, fitted in {funnels.seconds}")
    learning = lay_out(source, funnels, inner, blend, quotas, events, repeats=repeats)
    final = LogFunnels.fit(source, outer.log.only(outer.fitted), vectors)
    test = lay_out(source, final, outer, blend, quotas, outer.events, repeats=repeats)
    everyone = np.arange(len(outer.events))
    held = held_people[learning.users]
    watched = np.flatnonzero(held)
    ranks: dict[str, list[NDArray[np.int64]]] = {view: [test.rank[view]] for view in (*VIEWS, "blend")}
    costs: dict[str, list[float]] = {}
    fitted = inner.log.only(inner.fitted)
    for seed in range(seeds):
        rankers = {name: train(learning, held, source, fitted, config, seed) for name, config in VARIANTS.items()}
        for name, ranker in rankers.items():
            costs.setdefault(name, []).append(round(ranker.cpu_seconds, 1))
            ranks.setdefault(name, []).append(ranks_among(test, everyone, ranker.logits))
        together = partial(averaged, [ranker for name, ranker in rankers.items() if name != PLAIN])
        ranks.setdefault("whole system", []).append(ranks_among(test, everyone, together))
        on_held = {name: _mean(ranks_among(learning, watched, ranker.logits)) for name, ranker in rankers.items()}
        on_held |= {
            "blend": _mean(learning.rank["blend"][watched]), "whole system": _mean(ranks_among(learning, watched, together))
        }  # fmt: skip
        tell(f"seed {seed}, ndcg@10 on held-out people: { {name: round(x, 4) for name, x in on_held.items()} }")
    users = [str(u) for u in test.users.tolist()]
    values = {name: np.mean([measured(r) for r in found], axis=0) for name, found in ranks.items()}
    single = max((view for view in VIEWS if view not in ("content", "nearness")), key=lambda v: _mean(learning.rank[v]))
    system = values["whole system"]
    lead, low, high = user_bootstrap(system - values[single], users, seed=0)
    return {
        **{name: round(float(system[:, m].mean()), 4) for m, name in enumerate(MEASURES)},
        "n": len(users),
        "n_people": len(set(users)),
        "blend": blend.weights,
        "quotas": quotas,
        "best_single_on_validation": single,
        "lead_over_it_ndcg@10": [round(float(x[1]), 4) for x in (lead, low, high)],
        "table": {name: _row(v, users) for name, v in values.items()},
        "fit_s": final.seconds,
        "ranker_cpu_s": costs,
        "scoring_ms_a_request": round(1000 * test.seconds, 2),
    }


def _mean(ranks: NDArray[np.int64]) -> float:
    return float(measured(ranks)[:, 1].mean())


def _row(values: NDArray[np.float64], users: list[str]) -> dict[str, list[float]]:
    mean, low, high = user_bootstrap(values, users, seed=0)
    return {name: [round(float(x[m]), 4) for x in (mean, low, high)] for m, name in enumerate(MEASURES)}


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets, or of this one")
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        result = report(read(args.data, args.dataset), args.seeds)
    except AiyamError as error:
        print(error, error.hint or "", file=sys.stderr)
        return 2
    print(json.dumps(result, ensure_ascii=False) if args.json else table(result))
    return 0


def report(source: Source, seeds: int) -> dict[str, Any]:
    """Return everything that is printed."""
    log = source.log
    n_again = int(is_repeat(log).sum())
    result: dict[str, Any] = {
        "dataset": source.name, "n_events": len(log), "n_people": log.n_users, "n_items": log.n_items,
        "repeat_share": round(n_again / len(log), 4), "skipped": source.skipped, "seeds": seeds,
    }  # fmt: skip
    new = evaluate(source, leave_last_out(log, repeats=False), seeds, repeats=False)
    result |= {name: new[name] for name in MEASURES}
    result["new"] = new
    if n_again > 0.02 * len(log):
        result["repeat"] = evaluate(source, leave_last_out(log, repeats=True), seeds, repeats=True)
    if source.timed:
        result["by_time"] = evaluate(source, by_time(log), seeds, repeats=False)
    return result


def table(result: Mapping[str, Any]) -> str:
    """Lay the result out for reading."""
    lines = [
        f"{result['dataset']}: {result['n_events']:,} events of {result['n_people']:,} people, {result['n_items']:,} items"
    ]
    for part in ("new", "repeat", "by_time"):
        if part in result:
            lines.append(f"\n{part}: {result[part]['n']:,} targets; {', '.join(MEASURES)} [95 %]")
            for name, row in result[part]["table"].items():
                cells = "  ".join(f"{m:.3f} [{low:.3f}, {high:.3f}]" for m, low, high in row.values())
                lines.append(f"  {name:20s} {cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
