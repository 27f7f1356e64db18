"""The comparison of rankers as text, in Korean: verdicts first, then every contender, groups and newcomers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiyam.evaluation.ranking_orders import AS_SHOWN, TRUE_PREFERENCES
from aiyam.evaluation.ranking_scores import LEADING, TRUE_NDCG
from aiyam.evaluation.understanding_table import aligned

NAMES_KO = {
    "popularity": "인기순", "recent popularity": "최근 인기순", "popularity by district": "동네 인기순",
    "candidate order": "후보 순서", "funnel collaborative": "비슷한 사람", "funnel content": "내용", "funnel contextual": "상황",
    "funnel popularity": "인기 깔때기", TRUE_PREFERENCES: "실제 취향",
}  # fmt: skip
SHOWN_KO = " (화면 순서)"
MEASURES_KO = {
    "ndcg@10": "ndcg@10", "ndcg@5": "ndcg@5", "precision@5": "정밀도@5", "recall@10": "재현율@10", "hit_rate@10": "적중@10",
    "auc": "AUC", "category_diversity@10": "종류 다양성", "brand_diversity@10": "상표 다양성", "novelty_bits@10": "새로움",
}  # fmt: skip
CALIBRATION_KO = {"log_loss": "로그 손실", "ece": "보정 오차", "slope": "기울기", "intercept": "절편"}
VERDICT_KO = {"better": "더 낫습니다", "worse": "더 나쁩니다", "not distinguishable": "구별되지 않습니다"}
KINDS_KO = {"age_band": "나이대", "past": "이용 기록", "district": "지역"}
GROUPS_KO = {"newcomer": "처음 온 사람", "known": "기록 있음", "unknown": "모름", "adult": "어른"}
FEW_USERS = 20
"""Groups of fewer people are in the JSON only: their intervals say little."""


def version_table(result: Mapping[str, Any]) -> str:
    """Return what ``compare_versions`` found for reading: figures with their 95 % intervals over people."""
    lines = [
        f"{result['since']}부터의 요청 {result['n_requests']:,}건, {result['n_users']:,}명. 비교한 모델이 보지 못한 요청입니다.",
        f"후보 {result['n_candidates']:.0f}곳 안에 고른 가게가 있는 비율: {_three(result['candidate_recall'])}",
        *_verdicts(result),
        "",
        _everyone(result),
    ]
    for who, found in result["calibration"].items():
        if found is not None:
            figures = ", ".join(f"{ko} {_cell(found[name], wide=True)}" for name, ko in CALIBRATION_KO.items())
            lines += [
                "",
                f"{_ko(who)}: 보인 가게 {found['n_rows']:,}곳, 고른 비율 {_three(found['base_rate'])}, {figures}",
            ]
    contenders = [*result["versions"], "candidate order", "popularity by district"]
    header = ("", "요청", "사람", *map(_ko, contenders))
    for kind, named in result["groups"].items():
        rows = [
            (GROUPS_KO.get(name, name), str(group["n_requests"]), str(group["n_users"]), *_leading(group, contenders))
            for name, group in named.items()
            if group["n_users"] >= FEW_USERS
        ]
        if rows:
            lines += ["", aligned(f"{KINDS_KO[kind]} ({LEADING})", header, rows)]
    if (newcomers := result["newcomers"]) is not None:
        ordered = sorted(newcomers["table"].items(), key=lambda item: -(item[1][TRUE_NDCG][0] or 0.0))
        title = f"기록이 전혀 없는 사람 {newcomers['n_users']:,}명, 요청 {newcomers['n_requests']:,}건"
        rows_of = [(_ko(who), _cell(row[TRUE_NDCG], wide=True)) for who, row in ordered]
        lines += ["", aligned(title, ("", "실제 취향 ndcg@10"), rows_of)]
    return "\n".join([*lines, *result["notes"]])


def _verdicts(result: Mapping[str, Any]) -> list[str]:
    """Say which version wins and by how much, then what the best order gains over what costs nothing."""
    reference, best = result["reference"], result["best"]
    lines = [
        f"{_ko(who)}: {_ko(reference)}보다 ndcg@10 {_signed(row[LEADING])}, {VERDICT_KO[result['verdicts'][who]]}."
        for who, row in result["versus"].items()
    ]
    for who in ("candidate order", "popularity by district", "recent popularity"):
        if who in result["lead_ndcg@10"]:
            lines.append(f"가장 나은 순서 {_ko(best)}: {_ko(who)}보다 ndcg@10 {_signed(result['lead_ndcg@10'][who])}")
    return lines


def _everyone(result: Mapping[str, Any]) -> str:
    table = result["table"]
    order = sorted(table, key=lambda who: -(table[who][LEADING][0] or 0.0))
    names = dict(MEASURES_KO)
    if TRUE_NDCG in table[order[0]]:
        names[TRUE_NDCG] = "취향 ndcg@10"
    rows = [
        (
            _ko(who),
            *(_cell(table[who][name], wide=name == LEADING) for name in names),
            _three(result["coverage"][who]),
        )
        for who in order
    ]
    return aligned("모두", ("", *names.values(), "다룬 가게"), rows)


def _leading(group: Mapping[str, Any], contenders: Sequence[str]) -> list[str]:
    return [_cell(group["table"][who][LEADING], wide=True) for who in contenders]


def _ko(who: str) -> str:
    if who.endswith(AS_SHOWN):
        return who.removesuffix(AS_SHOWN) + SHOWN_KO
    return NAMES_KO.get(who, who)


def _cell(figures: Sequence[float | None], *, wide: bool = False) -> str:
    value, low, high = figures
    return f"{_three(value)} ({_three(low)}~{_three(high)})" if wide and value is not None else _three(value)


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(figures: Sequence[float | None]) -> str:
    value, low, high = (0.0 if x is None else x for x in figures)
    return f"{value:+.3f} ({low:+.3f}~{high:+.3f})"
