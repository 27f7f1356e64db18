"""The scores of the understanding as Korean text for a terminal, columns aligned though Hangul is two cells wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from aiyam.nlu.load_report import summary_ko

NAMES_KO = {
    "intent_accuracy": "의도 정확도",
    "intent_macro_f1": "의도 macro F1",
    "span_f1": "개체 F1 (정확히)",
    "span_f1_lenient": "개체 F1 (조사 무시)",
    "filter_f1": "필터 F1",
    "exact_rows": "의도와 개체 모두 맞음",
    "ece": "보정 오차 ECE (낮을수록 좋음)",
    "safety_recall": "안전 재현율",
    "safety_false_alarms": "안전 오경보",
    "out_of_scope_recall": "범위 밖 재현율",
    "out_of_scope_false_alarms": "범위 밖 오경보",
}
_MAX_TEXT_CELLS = 60
_N_ROWS = 10


def understanding_table(result: Mapping[str, Any]) -> str:
    """Return what ``evaluate_folder`` found, as text."""
    model = result["model"]
    how = {"understander": "모델과 규칙", "model": "모델만"}[result["through"]]
    parts = [
        f"이해 평가 · {model['folder']} ({model['version']}) · {how}",
        summary_ko([result["data"]]),
        _figures(result),
    ]
    if unknown := result["unknown_labels"]:
        told = ", ".join(f"{label} {n:,}행" for label, n in unknown.items())
        parts.append(f"모델이 모르는 의도라 맞힐 수 없는 행: {told}")
    known = {model["folder"]: result["n_known"]}
    if "comparison" in result:
        known[result["comparison"]["against"]["folder"]] = result["comparison"]["against"]["n_known"]
    parts += [
        f"주의: {result['n']:,}행 가운데 {n:,}행은 {folder}을(를) 만들 때 쓴 행이에요. 처음 보는 글에서는 이보다 낮을 수 있어요."
        for folder, n in known.items()
        if n
    ]
    if "comparison" in result:
        parts.append(_comparison(result["comparison"]))
    parts.append(_labels("의도별", result["intents"]))
    if result["spans"]:
        parts.append(_labels("개체별", result["spans"]))
    if result["confused"]:
        pairs = [(c["label"], c["answer"], f"{c['n']:,}", c["text"]) for c in result["confused"][:_N_ROWS]]
        parts.append(aligned("헷갈린 의도", ("정답", "답", "행", "예"), pairs, right=(2,)))
    if result["worst_rows"]:
        rows = [
            (f"{r['row']:,}", r["label"], r["answer"], f"{r['confidence']:.2f}", mistakes(r), r["text"])
            for r in result["worst_rows"][:_N_ROWS]
        ]
        parts.append(
            aligned("가장 나쁜 행", ("행", "정답", "답", "확신", "놓침(-) 지어냄(+)", "글"), rows, right=(0, 3))
        )
    return "\n\n".join(parts)


def mistakes(row: Mapping[str, Any]) -> str:
    """Return the spans and filters missed (-) and invented (+) in one answer."""
    missed = [f"-{s['entity']}:{s['text']}" for s in row["missed"]]
    invented = [f"+{s['entity']}:{s['text']}" for s in row["invented"]]
    missed += [f"-{fact}" for fact in row.get("filters_missed", ())]
    invented += [f"+{fact}" for fact in row.get("filters_invented", ())]
    return " ".join((*missed, *invented))


def aligned(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table whose columns line up in a terminal; ``right`` are the columns set to the right.

    >>> print(aligned("표", ("이름", "n"), [("밥", "3"), ("soup", "12")], right=(1,)))
    표
      이름   n
      밥     3
      soup  12
    """
    table = [tuple(map(_cut, header)), *(tuple(map(_cut, row)) for row in rows)]
    widths = [max(cells(row[i]) for row in table) for i in range(len(header))]
    lines = [title]
    for row in table:
        padded = [
            " " * (width - cells(cell)) + cell if i in right else cell + " " * (width - cells(cell))
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join(lines)


def cells(text: str) -> int:
    """Return how many terminal cells a text takes: Hangul and other wide characters take two, combining ones none.

    >>> cells("김밥 2줄")
    8
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str) -> str:
    """Keep a cell on one line and of a size."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    if cells(plain) <= _MAX_TEXT_CELLS:
        return plain
    while cells(plain) >= _MAX_TEXT_CELLS:
        plain = plain[:-1]
    return plain + "…"


def _figures(result: Mapping[str, Any]) -> str:
    rows = []
    for name, word in NAMES_KO.items():
        if name not in result:
            continue
        value, ends = result[name], result["intervals"].get(name)
        shown = f"{value:.4f}" if value is not None else f"없음: {result.get(f'{name}_reason', '')}"
        alone = result["model_alone"].get(name) if result["through"] == "understander" else None
        rows.append(
            (word, shown, f"{ends[0]:.4f}–{ends[1]:.4f}" if ends else "", f"{alone:.4f}" if alone is not None else "")
        )
    header = (
        ("점수", "값", "95 % 구간", "모델만") if result["through"] == "understander" else ("점수", "값", "95 % 구간")
    )
    return aligned(f"{result['n']:,}행", header, [row[: len(header)] for row in rows])


def _labels(title: str, table: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (label, f"{s['precision']:.3f}", f"{s['recall']:.3f}", f"{s['f1']:.3f}", f"{s['n']:,}")
        for label, s in sorted(table.items(), key=lambda item: (-item[1]["n"], item[0]))
    ]
    return aligned(title, ("라벨", "정밀도", "재현율", "F1", "행"), rows, right=(1, 2, 3, 4))


def _comparison(found: Mapping[str, Any]) -> str:
    against = found["against"]
    rows = [
        (
            NAMES_KO[name],
            f"{m['model']:.4f}",
            f"{m['against']:.4f}",
            f"{m['difference']:+.4f}",
            f"{m['interval'][0]:+.4f} – {m['interval'][1]:+.4f}",
        )
        for name, m in found["measures"].items()
    ]
    title = f"{against['folder']} ({against['version']})와 비교 · 나아진 행 {found['n_better']:,}, 나빠진 행 {found['n_worse']:,}, 그대로 {found['n_same']:,}"
    parts = [aligned(title, ("점수", "이 모델", "비교 모델", "차이", "차이의 95 % 구간"), rows, right=(1, 2, 3))]
    lost = [(label, r) for label, r in found["intents"].items() if r["difference"] < 0]
    if lost:
        cut = [
            (k, f"{r['model']:.3f}", f"{r['against']:.3f}", f"{r['difference']:+.3f}", f"{r['n']:,}") for k, r in lost
        ]
        parts.append(
            aligned("재현율이 떨어진 의도", ("라벨", "이 모델", "비교 모델", "차이", "행"), cut, right=(1, 2, 3, 4))
        )
    for name, title in (("worse", "나빠진 행"), ("better", "나아진 행")):
        if found[name]:
            rows = [
                (f"{r['row']:,}", r["label"], *(_answered(r[side]) for side in ("model", "against")), r["text"])
                for r in found[name][:_N_ROWS]
            ]
            parts.append(aligned(title, ("행", "정답", "이 모델", "비교 모델", "글"), rows, right=(0,)))
    return "\n\n".join(parts)


def _answered(said: Mapping[str, Any]) -> str:
    return f"{said['answer']} {mistakes(said)}".strip()
