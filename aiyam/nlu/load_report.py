"""What a loader made of a training file: every repair and rejection counted, the first of each kind noted by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

MAX_NOTES = 100
"""Rows noted of each kind; the others are counted only, so that a report of any file stays small."""
_MAX_REASON_CHARS = 300
_ROWS_IN_SUMMARY = 5

Action = Literal["repaired", "rejected", "set_aside"]

KINDS_KO: dict[str, str] = {
    "offsets": "위치가 글과 다름",
    "encoding": "UTF-8이 아님",
    "characters": "깨진 글자·제어 문자",
    "label": "라벨 표기",
    "span_twice": "같은 표시가 두 번",
    "json": "JSON이 아님",
    "file": "읽을 수 없는 파일",
    "too_long": "너무 김",
    "shape": "모양이 다름",
    "text": "글이 없음",
    "facts": "양쪽의 사실이 다름",
    "no_intent": "의도가 없음",
    "unknown_intent": "모르는 의도",
    "unknown_entity": "모르는 개체",
    "overlap": "표시가 겹침",
    "conflict": "같은 글에 다른 라벨",
    "held_back": "평가·조정용 행과 같은 글",
    "near_held_back": "평가·조정용 행과 거의 같은 글",
    "said_anew": "새 데이터가 다시 말한 글",
    "copy": "앞 행과 같은 행",
}
"""Kinds of repair, rejection and setting aside in the words of the short report."""
_ACTIONS_KO: dict[Action, str] = {"repaired": "고침", "rejected": "버림", "set_aside": "뺌"}


@dataclass(frozen=True)
class RowNote:
    """What happened to one row of a file: ``row`` is its line, or its place in the list, from 1."""

    file: str
    row: int
    action: Action
    kind: str
    reason: str
    text: str = ""
    """What the row says, where that is what matters."""


@dataclass
class LoadReport:
    """What a loader kept, repaired and rejected, and what a training set aside of it.

    ``n_rows == n_kept + n_rejected + n_left_out + n_set_aside``. Repaired rows count among the others; ``repaired``,
    ``rejected`` and ``set_aside`` hold at most ``MAX_NOTES`` notes of a kind, while ``kinds`` counts all by (action, kind).
    """

    file: str = ""
    layout: str = ""
    encoding: str = ""
    n_rows: int = 0
    n_kept: int = 0
    n_repaired: int = 0
    n_rejected: int = 0
    n_left_out: int = 0
    """Sound rows of a file, or of files, larger than what is used at once."""
    n_set_aside: int = 0
    """Sound rows not to be trained on: what they say is held back, or said anew elsewhere."""
    n_copies: int = 0
    """Kept rows that say exactly what an earlier kept row says."""
    n_conflicts: int = 0
    """Texts that stand with more than one labelling."""
    repaired: list[RowNote] = field(default_factory=list)
    rejected: list[RowNote] = field(default_factory=list)
    set_aside: list[RowNote] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    intents: dict[str, int] = field(default_factory=dict)

    def note(self, row: int, action: Action, kind: str, reason: str, *, text: str = "") -> None:
        """Count what happened to a row, and note it unless enough of its kind are noted."""
        self.kinds[action, kind] += 1
        if self.kinds[action, kind] <= MAX_NOTES:
            notes: list[RowNote] = getattr(self, action)
            notes.append(RowNote(self.file, row, action, kind, _plain(reason), _plain(text)))

    def warnings(self) -> list[str]:
        """Say, in Korean, what is sound row by row and still weak as a whole."""
        said = []
        if self.encoding not in ("", "utf-8"):
            said.append(f"{self.encoding.upper()}로 적힌 파일이에요. UTF-8로 저장하면 다른 도구도 읽을 수 있어요.")
        if len(self.intents) == 1:
            said.append(f"의도가 {next(iter(self.intents))} 하나뿐이라, 배운 모델은 언제나 그 의도라고 답해요.")
        if self.n_left_out:
            said.append(f"너무 커서 {self.n_left_out:,}행은 쓰지 않았어요. 고르게 뽑은 {self.n_kept:,}행을 써요.")
        return said

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        kinds: dict[str, dict[str, int]] = {action: {} for action in _ACTIONS_KO}
        for (action, kind), n in sorted(self.kinds.items()):
            kinds[action][kind] = n
        notes = sorted((*self.repaired, *self.rejected, *self.set_aside), key=lambda n: n.row)
        return {
            "file": self.file,
            "layout": self.layout,
            "encoding": self.encoding,
            "rows": self.n_rows,
            "kept": self.n_kept,
            "repaired": self.n_repaired,
            "rejected": self.n_rejected,
            "left_out": self.n_left_out,
            "set_aside": self.n_set_aside,
            "copies": self.n_copies,
            "conflicting_texts": self.n_conflicts,
            "kinds": kinds,
            "intents": dict(sorted(self.intents.items(), key=lambda item: (-item[1], item[0]))),
            "warnings": self.warnings(),
            "notes": [vars(n) for n in notes],
            "notes_left_out": sum(self.kinds.values()) - len(notes),
        }

    def summary_ko(self) -> str:
        """Return the short report."""
        return summary_ko([self.as_json()])

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")


def summary_ko(files: Sequence[Mapping[str, Any]]) -> str:
    """Return a few Korean lines on reports as ``LoadReport.as_json`` gives them: counts, kinds and the first rows of each.

    >>> report = LoadReport(file="a.jsonl", n_rows=3, n_kept=2, n_rejected=1)
    >>> report.note(2, "rejected", "json", "expected a JSON object")
    >>> print(report.summary_ko())
    a.jsonl: 3행 가운데 2행을 써요 (고침 0, 버림 1).
      버림 · JSON이 아님: 1 (2행)
    """
    lines = []
    for report in files:
        copies = f", 똑같은 행 {report['copies']:,}" if report["copies"] else ""
        aside = f", 뺌 {report['set_aside']:,}" if report["set_aside"] else ""
        lines.append(
            f"{report['file']}: {report['rows']:,}행 가운데 {report['kept']:,}행을 써요"
            f" (고침 {report['repaired']:,}, 버림 {report['rejected']:,}{aside}{copies})."
        )
        for action, word in _ACTIONS_KO.items():
            for kind, n in sorted(report["kinds"][action].items(), key=lambda item: -item[1]):
                found = [x["row"] for x in report["notes"] if (x["action"], x["kind"]) == (action, kind)]
                rows = list(dict.fromkeys(found))[:_ROWS_IN_SUMMARY]
                shown = ", ".join(f"{row:,}" for row in rows) + "행" + (" …" if n > len(rows) else "")
                lines.append(f"  {word} · {KINDS_KO.get(kind, kind)}: {n:,} ({shown})")
        lines += [f"  주의: {warning}" for warning in report["warnings"]]
    return "\n".join(lines)


def _plain(reason: str) -> str:
    """Cut a reason to size, and make it writable whatever the row held (lone surrogates, control characters)."""
    text = reason.encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return text if len(text) <= _MAX_REASON_CHARS else text[: _MAX_REASON_CHARS - 1] + "…"
