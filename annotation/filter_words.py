"""Filters as annotators give them: closed ones are chosen in a tree, free ones are written, a line each ("예산 이하: 10000")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from aiyam.contracts import Filters
from annotation.words import CLOSED, FILTERS_KO, FREE, closed_values, is_list

_KEYS = {"".join(FILTERS_KO[key].split()): key for key in FREE} | {key: key for key in FREE}
_NUMBERS = frozenset(
    key for key in FREE if int in getattr(Filters.model_fields[key].annotation, "__args__", ())
)  # fmt: skip


def chosen(filters: Filters) -> list[list[str]]:
    """Return the closed filters as paths of the tree.

    >>> chosen(Filters(companion="family", taste=("매운", "단"), open_now=True))
    [['taste', '매운'], ['taste', '단'], ['companion', 'family'], ['open_now']]
    """
    paths: list[list[str]] = []
    for key in CLOSED:
        value = getattr(filters, key)
        if value is True:
            paths.append([key])
        elif value is not None:
            paths += [[key, one] for one in (value if isinstance(value, tuple) else (value,))]
    return paths


def written(filters: Filters) -> str:
    """Return the free filters as lines.

    >>> print(written(Filters(menus=("떡볶이", "김밥"), budget_max=10000)))
    메뉴: 떡볶이, 김밥
    예산 이하: 10000
    """
    lines = []
    for key in FREE:
        value = getattr(filters, key)
        if value is not None:
            lines.append(f"{FILTERS_KO[key]}: {', '.join(value) if isinstance(value, tuple) else value}")
    return "\n".join(lines)


def read_filters(paths: Sequence[Sequence[str]], lines: str) -> tuple[Filters, list[str]]:
    """Return what was chosen and written, and what is wrong with it; with a fault the filters are those without it.

    >>> read_filters([["companion", "family"]], "예산 이하: 1만원")[1]
    ["조건 '예산 이하'에는 숫자만 써 주세요"]
    """
    given: dict[str, Any] = {}
    problems: list[str] = []
    for path in paths:
        key = path[0] if path else ""
        if key not in CLOSED or (len(path) > 1 and path[1] not in closed_values(key)):
            problems.append("화면에 없는 조건이 골라져 있어요")
            continue
        values = closed_values(key)
        if len(path) == 1 and values != ("true",):
            continue  # the branch itself: its leaves say what holds
        value = path[-1] if len(path) > 1 else "true"
        if is_list(key):
            given.setdefault(key, []).append(value)
        elif given.setdefault(key, True if value == "true" else value) not in (True, value):
            problems.append(f"조건 '{FILTERS_KO[key]}'은 하나만 고를 수 있어요")
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        free = _KEYS.get("".join(name.split()))
        if free is None or not colon or not value:
            problems.append("조건 줄은 '이름: 값'으로, 안내서에 있는 이름으로 써 주세요")
        elif free in given:
            problems.append(f"조건 '{FILTERS_KO[free]}'이 두 번 있어요")
        elif free in _NUMBERS:
            digits = value.replace(",", "")
            if digits.isdecimal():
                given[free] = int(digits)
            else:
                problems.append(f"조건 '{FILTERS_KO[free]}'에는 숫자만 써 주세요")
        else:
            given[free] = [one.strip() for one in value.split(",") if one.strip()] if is_list(free) else value
    try:
        return Filters.model_validate(given), problems
    except ValidationError:
        return Filters(), [*problems, "조건의 값이 맞지 않아요"]
