"""One pass over a text finds what each table's own pattern would find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.letter_scan import LetterScan

TABLES = {
    "fruit": {"apple": r"사과(?!하)|애플", "pear": r"배(?=\s|$)|(?:나주\s?)?배즙", "any": r"[가-다]과|\d{1,2}개"},
    "tool": {"pen": r"(?<!만)년?필|펜", "bag": r"(?:책\s?)?가방|빽{1,2}"},
}


def by_regex(text: str) -> list[tuple[int, str, int, int]]:
    found = []
    for number, table in enumerate(TABLES.values()):
        values = list(table)
        for match in re.finditer("|".join(f"(?P<g{i}>{p})" for i, p in enumerate(table.values())), text):
            assert match.lastgroup is not None
            found.append((number, values[int(match.lastgroup[1:])], *match.span()))
    return sorted(found, key=lambda f: (f[2], f[0]))


@given(st.text(alphabet="사과애플배즙나주 가다라1개만년필펜책방빽하", max_size=40))
def test_a_scan_finds_what_the_patterns_find(text: str) -> None:
    assert sorted(LetterScan(TABLES).find(text), key=lambda f: (f[2], f[0])) == by_regex(text)


@pytest.mark.parametrize("pattern", [".밥", "밥?", r"[^가]밥", r"\w밥", "(?:밥|)", "(밥"])
def test_a_pattern_that_could_begin_anywhere_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        LetterScan({"t": {"v": pattern}})


@pytest.mark.parametrize("pattern", ["(밥|국)집", "쌀(?P<rest>밥)"])
@pytest.mark.parametrize("beside", [{}, {"other": "밥상|쌀국수"}])
def test_a_group_that_captures_is_refused(pattern: str, beside: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="captures"):
        LetterScan({"t": {"v": pattern, **beside}})
