"""Utterances with their spans written in place, ``[만원](budget:10000)으로 [떡볶이](menu)``, and rows made from them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiyam.contracts import SHOP_QUESTION_INTENTS, EntityType, Filters, Intent
from aiyam.errors import DataError
from aiyam.nlu.lexicon import ALLERGEN_GROUPS
from aiyam.nlu.place_words import full_name
from aiyam.nlu.values import NO_FILTERS, place_filter, semantic_query

SHORT_KINDS = {
    "f": EntityType.FOOD_TYPE, "m": EntityType.MENU, "s": EntityType.SHOP_NAME, "b": EntityType.BUDGET, "l": EntityType.LOCATION,
    "c": EntityType.COMPANION, "d": EntityType.DIETARY_PREFERENCE, "t": EntityType.TASTE, "a": EntityType.ALLERGY,
    "w": EntityType.TIME_OF_DAY, "x": EntityType.ATMOSPHERE, "p": EntityType.PAYMENT, "k": EntityType.DISTANCE, "o": EntityType.ORDINAL,
}  # fmt: skip
"""One letter for each kind of span, to write many utterances by hand."""
_SPAN = re.compile(r"\[([^\[\]]+)\]\(([a-z_]+)(?::([^()!]*))?(!)?\)")
_NUMERIC = (EntityType.BUDGET, EntityType.DISTANCE, EntityType.ORDINAL)
_LISTS = {
    EntityType.FOOD_TYPE: "category",
    EntityType.MENU: "menus",
    EntityType.TASTE: "taste",
    EntityType.DIETARY_PREFERENCE: "dietary_preferences",
    EntityType.ATMOSPHERE: "atmosphere",
}
_OF_A_SHOP = (EntityType.MENU, EntityType.ORDINAL, EntityType.BUDGET, EntityType.ALLERGY)
"""What stays a filter in a question about one shop."""
_EXCLUDED = {"category": "exclude_menus", "menus": "exclude_menus", "taste": "exclude_taste"}


_NO_UTTERANCES = ("templates.tsv", "phrases.tsv")


@dataclass(frozen=True)
class MarkedSpan:
    """One span of a marked utterance, in code points of the clean text."""

    entity: str
    value: str | int
    text: str
    start: int
    end: int
    negated: bool


def parse_markup(marked: str) -> tuple[str, list[MarkedSpan]]:
    """Return the clean text and its spans.

    >>> parse_markup("[만원](budget:10000)으로 [치킨](food_type!) 말고")[0]
    '만원으로 치킨 말고'
    """
    clean: list[str] = []
    spans: list[MarkedSpan] = []
    length = at = 0
    for match in _SPAN.finditer(marked):
        before = marked[at : match.start()]
        surface, short, written, negated = match.groups()
        kind = str(SHORT_KINDS.get(short, short))
        if kind not in set(EntityType):
            raise DataError(f"expected a kind of span, got {short!r} in {marked!r}.", hint="See contracts.EntityType.")
        clean += [before, surface]
        start = length + len(before)
        value: str | int = written or ("meal_card" if kind == EntityType.PAYMENT else surface)
        if kind == EntityType.LOCATION and not written:
            value = full_name(surface)
        if kind in _NUMERIC and str(value).isdigit():
            value = int(value)
        spans.append(MarkedSpan(kind, value, surface, start, start + len(surface), negated is not None))
        length = start + len(surface)
        at = match.end()
    clean.append(marked[at:])
    text = "".join(clean)
    if "](" in text:
        raise DataError(f"expected every mark as [words](kind:value), got {marked!r}.", hint="Mend the bracket.")
    return text, spans


def row_of(marked: str, intent: str, extra: str = "") -> dict[str, Any]:
    """Make one training row. ``extra`` adds or overrides filters: ``open_now=true; sort=price; budget_max=``.

    A key written without a value is removed (a span that is no constraint here).
    """
    text, spans = parse_markup(marked)
    filters: dict[str, Any] = {}
    for span in spans if intent not in NO_FILTERS else ():
        if intent not in SHOP_QUESTION_INTENTS or span.entity in _OF_A_SHOP:
            _add(filters, span)
    for part in filter(None, (p.strip() for p in extra.split(";"))):
        key, _, written = part.partition("=")
        filters.pop(key.strip(), None)
        if written.strip():
            filters[key.strip()] = _typed(written.strip())
    checked = Filters(**filters)
    shop = next((s.text for s in spans if s.entity == EntityType.SHOP_NAME), "")
    return {
        "text": text,
        "intent": intent,
        "entities": [
            {"entity": s.entity, "value": s.value, "text": s.text, "start": s.start, "end": s.end} for s in spans
        ],
        "semantic_query": semantic_query(checked, intent, shop_name=shop),
        "filters": checked.given(),
    }


def marked_rows(path: Path) -> list[dict[str, Any]]:
    """Read a file of marked utterances: ``## INTENT`` heads a part, a line is ``marked text<TAB>extra filters``.

    Raises:
        DataError: a line that is not sound, by number.
    """
    rows: list[dict[str, Any]] = []
    intent = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("## "):
            intent = Intent(line[3:].strip())
        elif line.strip() and not line.startswith("# "):
            marked, _, extra = line.partition("\t")
            try:
                rows.append(row_of(marked.strip(), intent, extra))
            except (DataError, ValidationError) as error:
                raise DataError(f"{path.name}:{number}: {error}", hint="Mend the line.") from error
    return rows


def convert(folder: Path) -> dict[str, int]:
    """Write ``<name>.jsonl`` beside every marked ``<name>.tsv`` of a folder; returns the rows of each."""
    written = {}
    for source in sorted(folder.glob("*.tsv")):
        if source.name in _NO_UTTERANCES:
            continue
        rows = marked_rows(source)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        source.with_suffix(".jsonl").write_text(lines, "utf-8")
        written[source.name] = len(rows)
    return written


def _typed(written: str) -> Any:
    if written == "true":
        return True
    if written.isdigit():
        return int(written)
    return [w.strip() for w in written.split(",")] if "," in written else written


def _add(filters: dict[str, Any], span: MarkedSpan) -> None:
    kind, value = span.entity, span.value
    if kind in _LISTS:
        key = _LISTS[EntityType(kind)]
        listed = filters.setdefault(_EXCLUDED.get(key, key) if span.negated else key, [])
        listed.extend([value] if value not in listed else [])
    elif kind == EntityType.ALLERGY:
        known = filters.setdefault("allergies", [])
        known.extend(a for a in ALLERGEN_GROUPS.get(str(value), (value,)) if a not in known)
    elif kind == EntityType.BUDGET:
        if isinstance(value, int):
            filters["budget_max"] = value
        elif "-" in value:
            low, high = value.split("-")
            filters.update(budget_min=int(low), budget_max=int(high))
    elif kind in (EntityType.COMPANION, EntityType.TIME_OF_DAY):
        if not span.negated:
            filters.setdefault(kind, value)
    elif kind == EntityType.PAYMENT:
        if not span.negated:
            filters["meal_card"] = True
    elif kind == EntityType.DISTANCE:
        filters["max_distance_m"] = value
    elif kind == EntityType.ORDINAL:
        if isinstance(value, int) and not span.negated:
            filters["ordinal"] = value
    elif kind == EntityType.LOCATION and not span.negated:
        filters.update(place_filter(str(value)))


if __name__ == "__main__":
    print(convert(Path(sys.argv[1])))
