"""Which column of a file is which field: header spellings as data (``datasets/catalogue/import_headers.json``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

SHIPPED_HEADERS = REPO_ROOT / "datasets" / "catalogue" / "import_headers.json"


@dataclass(frozen=True)
class SheetSpec:
    """One used sheet of the workbook: its names, its fields' header spellings, and the fields it cannot do without."""

    field: str
    names: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]
    needs: tuple[str, ...]


@lru_cache(maxsize=1)
def _shipped(path: Path = SHIPPED_HEADERS) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


def plain_header(header: str) -> str:
    """A header without what varies in its spelling.

    >>> plain_header("is_Food Card_Shop"), plain_header("소재지(도로명) 주소")
    ('isfoodcardshop', '소재지도로명주소')
    """
    return re.sub(r"[\s_\-()\[\]./:*·]", "", header).lower()


def match_columns(header: Iterable[str], spellings: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Map field to the column that carries it; the first spelling that stands in the header wins."""
    by_plain: dict[str, str] = {}
    for column in header:
        by_plain.setdefault(plain_header(column), column)
    found: dict[str, str] = {}
    for field, names in spellings.items():
        for name in names:
            if plain_header(name) in by_plain:
                found[field] = by_plain[plain_header(name)]
                break
    return found


def merchant_columns(header: Sequence[str], file_name: str) -> dict[str, str]:
    """Map a merchant list's header.

    Raises:
        DataError: no column for the shop's name, or neither address, nor registration number, nor phone.
    """
    spellings = _shipped()["merchants"]
    found = match_columns(header, spellings)
    if "name" not in found or not {"address", "lot_address", "registration", "phone"} & set(found):
        shown = ", ".join(header[:12])
        raise DataError(
            f"Expected a merchant list with a shop name ({', '.join(spellings['name'][:3])}) and an address, registration "
            f"number or phone in {file_name}, got the columns: {shown}.",
            hint=f"Rename the columns, or add their spelling to {SHIPPED_HEADERS.name}.",
        )
    return found


def is_meal_card_list(header: Sequence[str]) -> bool:
    """Whether the header is that of a meal-card merchant list (가맹점…), so that its shops accept the card."""
    marks = [plain_header(mark) for mark in _shipped()["meal_card_marks"]]
    return any(mark in plain_header(column) for column in header for mark in marks)


def workbook_specs() -> tuple[SheetSpec, ...]:
    """The sheets of the service's workbook that are used."""
    return tuple(
        SheetSpec(field, tuple(spec["sheets"]), spec["columns"], tuple(spec["needs"]))
        for field, spec in _shipped()["workbook"].items()
    )
