"""Measures of every contender on every held-out list, and what follows: means, groups, paired differences, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet
from aiyam.errors import DataError
from aiyam.evaluation.calibration import Calibration, calibrate
from aiyam.evaluation.ranking_orders import TRUE_PREFERENCES, Orders
from aiyam.ranking.measures import MEASURES, VARIETY, measure, user_bootstrap, variety
from aiyam.ranking.replay import FAVORITED, Moment

LEADING = "ndcg@10"
TRUE_NDCG = "true_ndcg@10"
LOG_LOSS = "log_loss"
TOP = 10
GROUPED = ("ndcg@10", "recall@10", "precision@5")
"""Measures that are also given for each age band, district, and for newcomers."""

Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Score:
    """Mean of one measure with its 95 % interval over people."""

    mean: float
    low: float
    high: float

    def plain(self) -> list[float | None]:
        """Return the three as JSON types; None where there was nothing to average."""
        return [round(x, 4) if np.isfinite(x) else None for x in (self.mean, self.low, self.high)]

    @property
    def verdict(self) -> Verdict:
        """Read the score as a difference: is it above 0, below, or is that not known?"""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "not distinguishable"


@dataclass(frozen=True)
class Group:
    """The contenders on some of the requests."""

    n_requests: int
    n_users: int
    table: Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True)
class RankingReport:
    """``table[contender][measure]``; ``best`` leads by ndcg@10 among what could serve (the truth is no contender).

    ``lead[contender]`` is the paired difference in ndcg@10 of ``best`` over it; ``versus[ranker][measure]`` that of each
    ranker over the first. ``candidate_recall`` is the share of chosen shops among the candidates: no order can reach
    more. ``coverage`` is the share of all candidates ever seen that a contender ever puts among its first ten.
    ``newcomers`` are scores of the same requests asked by people without any past, against their true preferences.
    """

    table: Mapping[str, Mapping[str, Score]]
    best: str
    lead: Mapping[str, Score]
    candidate_recall: float
    n_requests: int
    n_users: int
    n_candidates: float
    coverage: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    calibration: Mapping[str, Calibration | None] = field(default_factory=dict)
    versus: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    newcomers: Group | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the main figures as JSON types, numbers rounded to four digits."""
        return {
            "best": self.best,
            "candidate_recall": round(self.candidate_recall, 4),
            "n_requests": self.n_requests,
            "n_users": self.n_users,
            "n_candidates": round(self.n_candidates, 1),
            "table": _plain(self.table),
            "lead_ndcg@10": {who: score.plain() for who, score in self.lead.items()},
        }

    def details(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            **self.as_json(),
            "coverage": {who: round(share, 4) for who, share in self.coverage.items()},
            "versus": _plain(self.versus),
            "verdicts": {who: row[LEADING].verdict for who, row in self.versus.items()},
            "calibration": {who: _plain_calibration(found) for who, found in self.calibration.items()},
            "groups": {
                kind: {name: _plain_group(group) for name, group in named.items()}
                for kind, named in self.groups.items()
            },
            "newcomers": None if self.newcomers is None else _plain_group(self.newcomers),
        }


class Lists:
    """Collects the measures of every request and contender."""

    def __init__(self, catalogue: Catalogue, shop_orders: NDArray[np.integer], *, with_truth: bool) -> None:
        self.names = (*MEASURES, *VARIETY, LOG_LOSS, *((TRUE_NDCG,) if with_truth else ()))
        self._catalogue = catalogue
        self._share = (shop_orders + 1.0) / (shop_orders.sum() + len(shop_orders))
        self._values: dict[str, list[NDArray[np.float64]]] = {}
        self._tops: dict[str, list[NDArray[np.int32]]] = {}
        self._groups: list[Mapping[str, str]] = []
        self._chances: dict[str, list[NDArray[np.floating]]] = {}
        self._happened: list[NDArray[np.bool_]] = []
        self._asked_by: list[str] = []
        self._seen: list[NDArray[np.int32]] = []
        self.users: list[str] = []
        self.found = self.chosen = self.size = 0

    def add(
        self,
        moment: Moment,
        candidates: CandidateSet,
        orders: Orders,
        value: NDArray[np.floating] | None,
        groups: Mapping[str, str],
    ) -> None:
        """Take note of one request; ``value`` (k,) are the true gains, ``groups`` what it belongs to, by kind."""
        wanted = {row for row, what in zip(moment.shown, moment.outcomes, strict=True) if what >= FAVORITED}
        relevant = np.isin(candidates.rows, list(wanted))
        shown = np.isin(candidates.rows, moment.shown)
        self.users.append(moment.user_id)
        self._groups.append(groups)
        self.found += int(relevant.sum())
        self.chosen += len(wanted)
        self.size += len(candidates.rows)
        self._seen.append(candidates.rows)
        self._happened.append(relevant[shown])
        self._asked_by += [moment.user_id] * int(shown.sum())
        for who, scores in orders.scores.items():
            top = candidates.rows[np.argsort(-scores, kind="stable")[:TOP]]
            loss = np.nan
            if who in orders.chances and shown.any():
                chance = np.clip(orders.chances[who][shown].astype(np.float64), 1e-7, 1 - 1e-7)
                loss = float(-np.log(np.where(relevant[shown], chance, 1 - chance)).mean())
                self._chances.setdefault(who, []).append(chance)
            got: list[NDArray[np.float64]] = [
                measure(scores, relevant, len(wanted)),
                variety(top, self._catalogue.category, self._catalogue.brand, self._share),
                np.array([loss]),
            ]
            if TRUE_NDCG in self.names:
                got.append(np.array([np.nan if value is None else graded_ndcg(scores, value)]))
            self._values.setdefault(who, []).append(np.concatenate(got))
            self._tops.setdefault(who, []).append(top)

    def report(self, seed: int, *, rankers: Sequence[str], newcomers: Group | None = None) -> RankingReport:
        """Average, with one resampling of people for all contenders, so that differences are paired.

        Raises:
            DataError: no request was added.
        """
        if not self.users:
            raise DataError(
                "Expected held-out requests with a choice, got none.",
                hint="Use an earlier `since`, or collect more days.",
            )
        tables = {who: np.array(values) for who, values in self._values.items()}
        rows = {who: _scores(table, self.users, self.names, seed) for who, table in tables.items()}
        best = max((who for who in rows if who != TRUE_PREFERENCES), key=lambda who: rows[who][LEADING].mean)
        at = self.names.index(LEADING)
        return RankingReport(
            table=rows,
            best=best,
            lead={
                who: _scores((tables[best] - tables[who])[:, at : at + 1], self.users, (LEADING,), seed)[LEADING]
                for who in rows
                if who != best
            },
            candidate_recall=self.found / max(self.chosen, 1),
            n_requests=len(self.users),
            n_users=len(set(self.users)),
            n_candidates=self.size / len(self.users),
            coverage=self._coverage(),
            groups=self._by_group(tables, seed),
            calibration={
                who: calibrate(
                    np.concatenate(self._chances[who]), np.concatenate(self._happened), self._asked_by, seed=seed
                )
                if who in self._chances
                else None
                for who in rankers
            },
            versus={
                who: _scores(tables[who] - tables[rankers[0]], self.users, self.names, seed) for who in rankers[1:]
            },
            newcomers=newcomers,
        )

    def group(self, seed: int, names: Sequence[str]) -> Group | None:
        """Return some measures of all requests; None without any."""
        if not self.users:
            return None
        columns = [self.names.index(name) for name in names]
        return _group({who: np.array(values) for who, values in self._values.items()}, columns, names, self.users, seed)

    def _coverage(self) -> dict[str, float]:
        n_seen = max(len(np.unique(np.concatenate(self._seen))), 1)
        return {who: len(np.unique(np.concatenate(tops))) / n_seen for who, tops in self._tops.items()}

    def _by_group(self, tables: Mapping[str, NDArray[np.float64]], seed: int) -> dict[str, dict[str, Group]]:
        columns = [self.names.index(name) for name in GROUPED]
        out: dict[str, dict[str, Group]] = {}
        for kind in self._groups[0]:
            named = np.array([groups[kind] for groups in self._groups], dtype=object)
            for name in sorted(set(named.tolist())):
                mine = np.flatnonzero(named == name)
                part = {who: table[mine] for who, table in tables.items()}
                out.setdefault(kind, {})[name] = _group(part, columns, GROUPED, [self.users[i] for i in mine], seed)
        return out


def graded_ndcg(scores: NDArray[np.floating], value: NDArray[np.floating], *, k: int = TOP) -> float:
    """Return ndcg@k with ``value`` (n,) >= 0 as gain; ties in the scores count against the model.

    >>> graded_ndcg(np.array([2.0, 1.0]), np.array([1.0, 0.0]))
    1.0
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    order = np.lexsort((value, -scores))[:k]
    ideal = np.sort(value)[::-1][:k]
    best = float((ideal * discount[: len(ideal)]).sum())
    return float((value[order] * discount[: len(order)]).sum()) / best if best > 0 else float("nan")


def _group(
    tables: Mapping[str, NDArray[np.float64]],
    columns: Sequence[int],
    names: Sequence[str],
    users: Sequence[str],
    seed: int,
) -> Group:
    rows = {who: _scores(table[:, columns], users, names, seed) for who, table in tables.items()}
    return Group(len(users), len(set(users)), rows)


def _scores(values: NDArray[np.float64], users: Sequence[str], names: Sequence[str], seed: int) -> dict[str, Score]:
    known = np.isfinite(values).any(axis=0)
    mean, low, high = np.full((3, len(names)), np.nan)
    mean[known], low[known], high[known] = user_bootstrap(values[:, known], users, seed=seed)
    return {name: Score(float(mean[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}


def _plain(table: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, list[float | None]]]:
    return {who: {name: score.plain() for name, score in row.items()} for who, row in table.items()}


def _plain_group(group: Group) -> dict[str, Any]:
    return {"n_requests": group.n_requests, "n_users": group.n_users, "table": _plain(group.table)}


def _plain_calibration(found: Calibration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "n_rows": found.n_rows,
        "base_rate": round(found.base_rate, 4),
        **{name: [round(x, 4) for x in figures] for name, figures in found.figures.items()},
        "bins": [[b.n, round(b.mean_chance, 4), round(b.rate, 4)] for b in found.bins],
    }
