"""Recommending from any interaction log: the funnels and the ranker on public data, beside single models.

    python tests/bench/recommend.py --data DIR --dataset ml-latest-small|ml-100k|rcdata|interactions [--seeds 3] [--json]

Leave-last-out: each person's events by time, ties by item, the last is the test. Everything is chosen on the events before
it, each fold of people by what was fitted on the others. All items are ranked, those seen are left out, ties count against.
Where people go back, the test is each one's last *new* item and, apart from it, the last repeated one among all items.
Beside it a split by time: what came after a moment, from what came before it, chosen on the stretch before that moment.
Intervals are 95 % over people.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from interaction_logs import DATASETS, Source, read
from log_funnels import LogFunnels, vectors_of
from log_pool import Blend, Pool, chosen_blend, chosen_turns, gathered, pools, rank_among, target_at
from log_ranker import PLAIN, RANKERS, CrossFitted, Lists, chosen_mixture, gathered_lists, mixed, plain, trained
from log_splits import Protocol, Split, by_time, is_repeat, leave_last_out
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints
from aiyam.errors import AiyamError, DataError
from aiyam.ranking.measures import user_bootstrap

MOST_LISTS, MOST_BLENDED, MOST_TESTED = 6_000, 2_000, 12_000
"""Labelled events learned from, those a blend is chosen on, and those tested; of more, so many are drawn."""
LARGE_FROM, LARGE_SHARE = 12_000, 0.5
"""Catalogues from so many items take a share of ``MOST_LISTS``: each event costs a look at every item."""
MEASURES = ("ndcg@5", "ndcg@10", "hr@10", "recall@50", "recall@150")
SYSTEM = "whole system"
LEAST_REPEATED = 0.02
"""Share of repeats from which they are measured apart."""


def evaluate(source: Source, protocol: Protocol, seeds: int, *, repeats: bool) -> dict[str, Any]:
    """Learn and choose on the folds, test on what is left; the rankers' measures are means over seeds.

    Raises:
        DataError: too few events to learn from or to test on.
    """
    protocol.check()
    vectors = vectors_of(source)
    learned = learn(source, protocol, vectors, repeats=repeats)
    watched = learned.fold == protocol.chosen_on if protocol.chosen_on is not None else np.ones(len(learned.fold), bool)
    split = protocol.learning[-1]
    fitted = split.log.only(split.fitted)
    costs: dict[str, list[float]] = {}
    systems: list[tuple[dict[str, CrossFitted], dict[str, float]]] = []
    for seed in range(seeds):
        lists, fold = learned.lists, learned.fold
        alone = trained(lists, fold == 0, source, fitted, plain(), seed)
        fits = {name: CrossFitted.fit(lists, fold, source, fitted, config, seed) for name, config in RANKERS.items()}
        scores = {**{name: fit.logits for name, fit in fits.items()}, **lists.given}
        on = {name: values[watched] for name, values in scores.items()}
        shares = chosen_mixture(on, lists.at[watched], lists.users[watched], learned.single)
        seen = {name: round(_mean(rank_among(values, lists.at[watched])), 4) for name, values in on.items()}
        tell(f"seed {seed}, ndcg@10 without the fold: {seen}; mixture {shares}")
        fits[PLAIN] = CrossFitted([alone], lists.given["blend"])
        systems.append((fits, shares))
        for name, each in fits.items():
            costs.setdefault(name, []).append(round(sum(ranker.cpu_seconds for ranker in each.rankers), 1))
    final = LogFunnels.fit(source, protocol.test.log.only(protocol.test.fitted), vectors)
    events = drawn(protocol.test.events, MOST_TESTED if protocol.chosen_on is None else MOST_TESTED // 4)
    found: dict[str, list[list[Ints]]] = {}
    cpu = time.process_time()
    for pool in pools(final, protocol.test, events, repeats=repeats):
        for name, ranks in ranks_of(final, protocol.test, pool, learned, systems, repeats=repeats).items():
            found.setdefault(name, [[] for _ in ranks])
            for parts, rank in zip(found[name], ranks, strict=True):
                parts.append(rank)
    cpu_ms = 1000 * (time.process_time() - cpu) / len(events)
    users = [str(u) for u in protocol.test.log.user[events].tolist()]
    values = {
        name: np.mean([measured(np.concatenate(parts)) for parts in every], axis=0) for name, every in found.items()
    }
    lead, low, high = user_bootstrap(values[SYSTEM] - values[learned.single], users, seed=0)
    return {
        **{name: round(float(values[SYSTEM][:, m].mean()), 4) for m, name in enumerate(MEASURES)},
        "n": len(users),
        "n_people": len(set(users)),
        "n_not_drawn": len(protocol.test.events) - len(events),
        "n_learned_from": len(learned.fold),
        "blend": learned.blend.weights,
        "turns_of_the_blend": learned.turns,
        "mixture": [shares for _, shares in systems],
        "best_single_on_validation": learned.single,
        "lead_over_it_ndcg@10": [round(float(x[1]), 4) for x in (lead, low, high)],
        "table": {name: _row(v, users) for name, v in values.items()},
        "fit_cpu_s": final.seconds,
        "ranker_cpu_s": costs,
        "cpu_ms_a_request_of_all_systems": round(cpu_ms, 2),
    }


@dataclass(frozen=True)
class Learned:
    """Lists to learn from with the fold (q,) of each, and what was chosen: the blend, its turns, the best single view."""

    lists: Lists
    fold: Ints
    blend: Blend
    turns: int
    single: str


def learn(source: Source, protocol: Protocol, vectors: NDArray[np.float32] | None, *, repeats: bool) -> Learned:
    """Fit the funnels of every learning split and lay out its events; each fold is ordered by a blend chosen on the others."""
    most = MOST_LISTS if source.log.n_items < LARGE_FROM else int(MOST_LISTS * LARGE_SHARE)
    most //= len(protocol.learning)
    parts: list[tuple[LogFunnels, Split, Pool, Ints]] = []
    for split, folds in zip(protocol.learning, protocol.folds, strict=True):
        tell(f"{int(split.fitted.sum()):,} events fitted to learn from {len(split.events):,}")
        kept = drawn(np.arange(len(split.events)), most)
        funnels = LogFunnels.fit(source, split.log.only(split.fitted), vectors)
        pool = gathered(list(pools(funnels, split, split.events[kept], repeats=repeats)))
        parts.append((funnels, split, pool, folds[kept]))
    every, fold = gathered([pool for _, _, pool, _ in parts]), np.concatenate([part[3] for part in parts])
    watched = every.rank if protocol.chosen_on is None else every.rank[fold == protocol.chosen_on]
    single = every.views[int(np.argmax([_mean(watched[:, v]) for v in range(len(every.views))]))]

    def blend_of(kept: NDArray[np.bool_]) -> Blend:
        return chosen_blend(every.only(drawn(np.flatnonzero(kept), MOST_BLENDED)))

    blends = [blend_of(fold != f) for f in range(int(fold.max()) + 1)]
    order = np.zeros(every.items.shape, np.float32)
    for f, blend in enumerate(blends):
        order[fold == f] = blend.scores(every.only(fold == f))
    few = drawn(np.arange(len(fold)), MOST_BLENDED)
    turns = chosen_turns(every.only(few), order[few])
    final = blend_of(np.ones(len(fold), bool))
    laid, folds_of = [], []
    for funnels, split, pool, folds in parts:
        for f in np.unique(folds).tolist():
            mine = folds == f
            laid.append(Lists.of(funnels, split, pool.only(mine), blends[f], turns, single, repeats=repeats))
            folds_of.append(folds[mine])
    lists = gathered_lists(laid)
    tell(
        f"blend {final.weights}, {turns} turns, {(lists.at >= 0).mean():.3f} of targets are candidates; {parts[-1][0].seconds}"
    )
    return Learned(lists, np.concatenate(folds_of), final, turns, single)


def ranks_of(
    funnels: LogFunnels,
    split: Split,
    pool: Pool,
    learned: Learned,
    systems: list[tuple[dict[str, CrossFitted], dict[str, float]]],
    *,
    repeats: bool,
) -> dict[str, list[Ints]]:
    """Return the targets' ranks by each view, the blend, each ranker and the whole system, of these the ranks of every seed."""
    out = {view: [pool.rank[:, v]] for v, view in enumerate(pool.views)}
    out["blend"] = [rank_among(learned.blend.scores(pool), target_at(pool.items, pool.target))]
    lists = Lists.of(funnels, split, pool, learned.blend, learned.turns, learned.single, repeats=repeats)
    for fits, shares in systems:
        scores = {name: fit.scores(lists) for name, fit in fits.items()}
        for name, values in scores.items():
            out.setdefault(name, []).append(rank_among(values, lists.at))
        out.setdefault(SYSTEM, []).append(rank_among(mixed({**scores, **lists.given}, shares), lists.at))
    return out


def drawn(events: Ints, most: int) -> Ints:
    """Return the events, or so many of them in their order."""
    if len(events) <= most:
        return events
    return np.sort(np.random.default_rng(0).choice(events, most, replace=False))


def measured(ranks: Ints) -> NDArray[np.float64]:
    """Return (q, 5) the ``MEASURES`` of each target's rank."""
    gain = 1 / np.log2(2.0 + ranks)
    return np.stack(
        [np.where(ranks < 5, gain, 0), np.where(ranks < 10, gain, 0), ranks < 10, ranks < 50, ranks < 150], axis=1
    ).astype(float)


def _mean(ranks: Ints) -> float:
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
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result, ensure_ascii=False) if args.json else table(result))
    return 0


def report(source: Source, seeds: int) -> dict[str, Any]:
    """Return everything that is printed; a part that has too few events is left out, with the reason.

    Raises:
        DataError: new items have too few events.
    """
    log = source.log
    n_again = int(is_repeat(log).sum())
    result: dict[str, Any] = {
        "dataset": source.name, "n_events": len(log), "n_people": log.n_users, "n_items": log.n_items,
        "repeat_share": round(n_again / len(log), 4), "skipped": source.skipped, "seeds": seeds,
    }  # fmt: skip
    new = evaluate(source, leave_last_out(log, repeats=False), seeds, repeats=False)
    result |= {name: new[name] for name in MEASURES}
    result["new"] = new
    others = {}
    if n_again > LEAST_REPEATED * len(log):
        others["repeat"] = (leave_last_out(log, repeats=True), True)
    if source.timed:
        others["by_time"] = (by_time(log), False)
    for part, (protocol, repeats) in others.items():
        try:
            result[part] = evaluate(source, protocol, seeds, repeats=repeats)
        except DataError as error:
            result.setdefault("left_out", {})[part] = str(error)
            tell(f"{part} is left out: {error}")
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
    lines += [f"\n{part} is left out: {why}" for part, why in result.get("left_out", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
