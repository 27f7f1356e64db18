"""The annotators' guide: ``guide.md`` with its generated tables, and the part of it that each project shows, as HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path

from aiyam.contracts import Filters
from aiyam.label_contracts import LabelKind
from aiyam.nlu.labels import ENTITIES_KO, INTENTS_KO
from annotation.words import (
    FILTERS_KO,
    KINDS_KO,
    VALUES_KO,
    VERDICT_KEYS,
    VERDICTS_KO,
    WRONG_KEYS,
    WRONG_KO,
    closed_values,
)

GUIDE = Path(__file__).resolve().parent / "guide.md"
_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """Return a guide with its generated tables as the contracts have them now."""
    tables = _tables()
    return _GENERATED.sub(lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}", text)


def guide_html(kind: LabelKind) -> str:
    """Return what every annotator should know, and the part about one kind of task."""
    parts = re.split(r"^## ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    wanted = [f"## {part}" for part in parts if part.startswith(("모두에게", KINDS_KO[kind]))]
    return _html(re.sub(r"<!--.*?-->\n?", "", "\n".join(wanted)))


def _tables() -> dict[str, str]:
    return {
        "intents": _table(("바라는 것", "언제"), ((ko.name, ko.rule) for ko in INTENTS_KO.values())),
        "entities": _table(("종류", "보기"), ((ko.name, ko.examples) for ko in ENTITIES_KO.values())),
        "filters": _table(("조건", "값"), ((FILTERS_KO[key], _values(key)) for key in Filters.model_fields)),
        "wrong": _table(("표시", "단축키"), zip(WRONG_KO.values(), WRONG_KEYS, strict=True)),
        "verdicts": _table(("답", "단축키"), zip(VERDICTS_KO.values(), VERDICT_KEYS, strict=True)),
    }


def _values(key: str) -> str:
    values = closed_values(key)
    if not values:
        return "써 넣기"
    return "고르면 켜짐" if values == ("true",) else ", ".join(VALUES_KO.get(value, value) for value in values)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def _html(text: str) -> str:
    """Headings, paragraphs, lists and tables; the guide uses nothing else."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        for lines in _runs(block.strip().splitlines()):
            first = lines[0]
            if first.startswith("#"):
                level = len(first) - len(first.lstrip("#"))
                out.append(f"<br/><h{level}>{_inline(first.lstrip('# '))}</h{level}>")
            elif first.startswith("- "):  # the screen shows lists without their dots
                out += [f"<p>· {_inline(line[2:])}</p>" for line in lines]
            elif first.startswith("|"):
                out.append(_html_table(lines))
            else:
                out.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "\n".join(out)


def _runs(lines: list[str]) -> list[list[str]]:
    runs: list[list[str]] = []
    for line in lines:
        kind = line[:1] if line[:1] in "#|-" else ""
        if runs and kind != "#" and (runs[-1][0][:1] if runs[-1][0][:1] in "#|-" else "") == kind:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def _html_table(lines: list[str]) -> str:
    rows = [[_inline(cell.strip()) for cell in line.strip("|").split("|")] for line in lines]
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows[2:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _inline(text: str) -> str:
    safe = html.escape(text, quote=False)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe))
