import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.particles import PAIRS, ParticleFormatter, fill, final_consonant, particle, with_particle


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("떡볶이", "은/는", "떡볶이는"),
        ("김밥", "은/는", "김밥은"),
        ("서울", "으로/로", "서울로"),
        ("신림역", "으로/로", "신림역으로"),
        ("KFC", "이/가", "KFC가"),
        ("BBQ", "은/는", "BBQ는"),
        ("CU", "을/를", "CU를"),
        ("GS25", "으로/로", "GS25로"),
        ("7", "으로/로", "7로"),
        ("10", "을/를", "10을"),
        ("0", "이/가", "0이"),
        ("3", "이/가", "3이"),
        ("8,000", "이/가", "8,000이"),
        ("10,000", "은/는", "10,000은"),
        ("100000000", "이/가", "100000000이"),
        ("1000000000000", "이/가", "1000000000000가"),
        ("4.5", "이에요/예요", "4.5예요"),
        ("KFC(신림점)", "은/는", "KFC(신림점)는"),
        ("김밥천국 (봉천점)", "이/가", "김밥천국 (봉천점)이"),
        ("'마라탕'", "을/를", "'마라탕'을"),
        ("치킨🍗", "이/가", "치킨🍗이"),
        ("피자!", "와/과", "피자!와"),
        ("McDonald", "은/는", "McDonald는"),
        ("BHC", "이나/나", "BHC나"),
        ("kitchen", "을/를", "kitchen을"),
        ("Burger", "을/를", "Burger를"),
        ("LG", "이랑/랑", "LG랑"),
        ("AM", "이/가", "AM이"),
        ("350m", "이/가", "350m가"),
        ("5kg", "을/를", "5kg을"),
        ("50%", "을/를", "50%를"),
        ("민수", "아/야", "민수야"),
        ("하늘", "아/야", "하늘아"),
    ],
)
def test_a_particle_agrees_with_how_the_word_is_read(word: str, pair: str, expected: str) -> None:
    assert with_particle(word, pair) == expected


def test_an_unknown_script_gets_both_forms() -> None:
    assert with_particle("漢", "은/는") == "漢은(는)"
    assert with_particle("漢", "으로/로") == "漢(으)로"
    assert with_particle("", "이/가") == "이(가)"


def test_an_unknown_pair_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValueError, match="은/는"):
        particle("말", "하/호")


def test_the_formatter_still_formats_numbers() -> None:
    assert ParticleFormatter().format("{a:,}원 {b:>3}", a=1500, b=1) == "1,500원   1"
    assert fill("{name:을를}", {"name": "국밥"}) == "국밥을"


@given(
    st.text(min_size=0, max_size=12),
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.sampled_from(sorted(PAIRS)),
)
def test_after_any_hangul_syllable_the_form_follows_its_final(head: str, last: str, pair: str) -> None:
    after_consonant, after_vowel = PAIRS[pair]
    final = (ord(last) - 0xAC00) % 28
    takes_vowel_form = final == 0 or (final == 8 and after_consonant.startswith("으로"))
    assert particle(head + last, pair) == (after_vowel if takes_vowel_form else after_consonant)


_UNITS = ["", "십", "백", "천"]


def _read(number: int) -> str:
    """Sino-Korean reading, written independently of the code under test."""
    if number == 0:
        return "영"
    out, place = "", 0
    for big in ("", "만", "억", "조"):
        section, number = number % 10_000, number // 10_000
        words = "".join(
            "일이삼사오육칠팔구"[int(d) - 1] + _UNITS[3 - i] for i, d in enumerate(f"{section:04d}") if d != "0"
        )
        out = (words + big if section else "") + out
        place += 4
    return out


@given(st.integers(0, 10**16 - 1), st.sampled_from(sorted(PAIRS)), st.booleans())
def test_a_number_takes_the_particle_of_its_reading(number: int, pair: str, commas: bool) -> None:
    assert particle(f"{number:,}" if commas else str(number), pair) == particle(_read(number), pair)


@given(st.text(max_size=20))
def test_any_text_has_a_final_or_none(text: str) -> None:
    final = final_consonant(text)
    assert final is None or len(final) <= 1


@given(
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.sampled_from(["!", "…", "”", "'", " ", "🍕", "~", "?", "】"]),
)
def test_what_is_not_read_changes_nothing(last: str, tail: str) -> None:
    assert final_consonant("가" + last + tail) == final_consonant("가" + last)
