"""Names one wrong letter away are found, others are not, whatever the names are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.jamo import FINALS, INITIALS, VOWELS, edit_distance, join, parts
from aiyam.korean.places import find_places, shipped_places
from aiyam.korean.slips import SlipIndex, one_jamo_apart

SYLLABLE = st.builds(join, st.integers(0, 18), st.integers(0, 20), st.integers(0, 27))
NAME = st.lists(SYLLABLE, min_size=3, max_size=7).map("".join)


def slipped(name: str, at: int, part: int, shift: int) -> str:
    """Change one part of one syllable to another."""
    sizes = (len(INITIALS), len(VOWELS), len(FINALS))
    indexes = list(parts(name[at]))
    indexes[part] = (indexes[part] + 1 + shift % (sizes[part] - 1)) % sizes[part]
    return name[:at] + join(*indexes) + name[at + 1 :]


@given(NAME, st.data())
def test_every_name_is_found_under_every_one_of_its_slips(name: str, data: st.DataObject) -> None:
    typed = slipped(
        name, data.draw(st.integers(0, len(name) - 1)), data.draw(st.integers(0, 2)), data.draw(st.integers(0, 99))
    )
    index = SlipIndex([name])
    assert typed != name
    assert index.may_begin(typed, 0)
    assert index.near(typed) == name


@given(st.lists(NAME, min_size=1, max_size=8), NAME)
def test_what_is_found_is_one_letter_away(names: list[str], typed: str) -> None:
    found = SlipIndex(names).near(typed)
    assert found is None or (found in names and edit_distance(found, typed) <= 1)


@pytest.mark.parametrize(
    ("typed", "name"), [("마리탕", "마라탕"), ("보끔밥", "볶음밥"), ("김치찌게", "김치찌개"), ("라볶기", "라볶이")]
)
def test_slips_and_sounds_written_as_heard_are_forgiven(typed: str, name: str) -> None:
    assert SlipIndex(["마라탕", "볶음밥", "김치찌개", "라볶이"]).near(typed) == name


def test_two_slips_short_words_and_the_name_itself_are_no_slip() -> None:
    index = SlipIndex(["마라탕", "우동", "abc"])
    assert [index.near(w) for w in ("머리탕", "우둥", "마라탕", "abd", "")] == [None] * 5
    assert not one_jamo_apart("a", "가")


@pytest.mark.parametrize("kind", ["district", "station"])
def test_districts_and_stations_are_found_under_one_slip(kind: str) -> None:
    rng = random.Random(7)
    names = [p.name for p in shipped_places().of_kind(kind) if len(p.name) >= 3 and p.name.isalpha()]  # type: ignore[arg-type]
    missed = []
    for name in names:
        syllable = rng.randrange(len(name) - 1)  # the ending that says what it is stays
        typed = slipped(name, syllable, rng.randrange(2), rng.randrange(9))
        found = [m.name for m in find_places(f"{typed} 근처 밥집")]
        if name not in found and not any(
            f.place.name == n for n in found for f in shipped_places().forms.get(typed, ())
        ):
            missed.append((name, typed, found))
    assert len(missed) <= len(names) // 20, missed
