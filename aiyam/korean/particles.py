"""Korean particles that agree with the word before them: Hangul, digits, Latin letters, brackets, quotes, emoji."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from typing import Any

PAIRS: dict[str, tuple[str, str]] = {
    "은는": ("은", "는"),
    "이가": ("이", "가"),
    "을를": ("을", "를"),
    "과와": ("과", "와"),
    "으로로": ("으로", "로"),
    "으로는로는": ("으로는", "로는"),
    "이에요예요": ("이에요", "예요"),
    "이었어요였어요": ("이었어요", "였어요"),
    "아야": ("아", "야"),
    "이나나": ("이나", "나"),
    "이랑랑": ("이랑", "랑"),
    "이라라": ("이라", "라"),
    "이라고라고": ("이라고", "라고"),
    "이라서라서": ("이라서", "라서"),
    "이라면라면": ("이라면", "라면"),
    "이며며": ("이며", "며"),
    "이고고": ("이고", "고"),
    "이든든": ("이든", "든"),
    "이든지든지": ("이든지", "든지"),
    "이네요네요": ("이네요", "네요"),
    "이야야": ("이야", "야"),
    "이지만지만": ("이지만", "지만"),
}
"""Format spec → (form after a final consonant, form after a vowel); 으로/로 also takes 로 after ㄹ."""

_DIGIT_FINALS = {"0": "ㅇ", "1": "ㄹ", "2": "", "3": "ㅁ", "4": "", "5": "", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ", "9": ""}
_ZERO_FINALS = {1: "ㅂ", 2: "ㄱ", 3: "ㄴ"}  # 십 백 천
_MYRIAD_FINALS = ("ㄴ", "ㄱ", "", "ㅇ")  # 만 억 조 경
_LETTER_FINALS = {"L": "ㄹ", "M": "ㅁ", "N": "ㄴ", "R": "ㄹ"}
_UNIT_FINALS = {
    "m": "", "km": "", "cm": "", "mm": "", "g": "ㅁ", "kg": "ㅁ", "mg": "ㅁ", "l": "", "ml": "", "kcal": "", "cal": "", "p": "", "h": "",
}  # fmt: skip
_WORD_FINALS = {
    "cafe": "", "coffee": "", "the": "", "recipe": "", "bonjuk": "ㄱ", "mart": "", "subway": "", "table": "ㄹ", "one": "ㄴ", "pizza": "",
    "meat": "", "seoul": "ㄹ", "time": "ㅁ", "some": "ㅁ", "kimbap": "ㅂ", "gimbap": "ㅂ", "bibimbap": "ㅂ", "bob": "ㅂ", "dog": "ㄱ",
    "egg": "", "boeuf": "", "paris": "", "come": "ㅁ", "care": "", "welcome": "ㅁ", "ramen": "ㄴ", "soup": "", "group": "", "salad": "",
    "and": "", "plus": "", "grill": "ㄹ", "mcdonald": "", "wok": "ㄱ", "yum": "ㅁ", "step": "ㅂ", "soop": "ㅂ", "up": "ㅂ",
}  # fmt: skip
_SYMBOL_FINALS: dict[str, str] = {
    "%": "",
    "％": "",
    "℃": "",
    "㎞": "",
    "㎏": "ㅁ",
    "㎡": "",
    "+": "",
    "&": "",
    "@": "ㅇ",
    "#": "ㅂ",
}
_FINALS: tuple[str, ...] = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?$")
_LATIN = re.compile(r"[A-Za-z]+$")
_BRACKETS = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|【[^【】]*】)\s*$")


def final_consonant(word: str) -> str | None:
    """Return the final consonant the word ends in when read aloud: a jamo, "" for a vowel, None when unknown.

    A trailing bracket is passed over, as in print (the particle belongs to the word before it); quotes, emoji and
    punctuation are not read. Digits are read as Sino-Korean numbers, short capitals letter by letter.

    >>> final_consonant("김밥"), final_consonant("GS25"), final_consonant("KFC(신림점)"), final_consonant("10,000")
    ('ㅂ', '', '', 'ㄴ')
    """
    text = unicodedata.normalize("NFC", word)
    while (shorter := _BRACKETS.sub("", _strip_unread(text))) != text and _strip_unread(shorter):
        text = shorter
    text = _strip_unread(text, brackets=True)
    if not text:
        return None
    last = text[-1]
    if "가" <= last <= "힣":
        return _FINALS[(ord(last) - 0xAC00) % 28]
    if last in _SYMBOL_FINALS:
        return _SYMBOL_FINALS[last]
    if last.isdigit():
        return _number_final(unicodedata.normalize("NFKC", text))
    folded = unicodedata.normalize("NFKC", text)
    if match := _LATIN.search(folded):
        return _latin_final(match.group(), after_digit=match.start() > 0 and folded[match.start() - 1].isdigit())
    if "ㄱ" <= last <= "ㅎ":
        return "ㄹ" if last == "ㄹ" else "ㄱ"  # letter names: 기역, 니은, … all end in a consonant, 리을 in ㄹ
    if "ㅏ" <= last <= "ㅣ":
        return ""
    if "ぁ" <= last <= "ヿ":
        return "ㄴ" if last in "んン" else ""
    return None


def particle(word: str, pair: str) -> str:
    """Return the form of a particle pair ("은/는", "은는", in either order) that agrees with the word.

    Where the word's reading is unknown both forms are written: "은(는)", "(으)로".

    Raises:
        ValueError: the pair is not one this module knows.

    >>> particle("치킨", "이/가"), particle("서울", "으로/로"), particle("CU", "을를"), particle("7", "으로/로")
    ('이', '로', '를', '로')
    """
    after_consonant, after_vowel = _forms(pair)
    final = final_consonant(word)
    if final is None:
        if after_consonant.startswith("으"):
            return f"(으){after_consonant[1:]}"
        return f"{after_consonant}({after_vowel})"
    if not final or (final == "ㄹ" and after_consonant.startswith("으로")):
        return after_vowel
    return after_consonant


def with_particle(word: str, pair: str) -> str:
    """Return the word with its particle.

    >>> with_particle("떡볶이", "은/는"), with_particle("BBQ", "이에요/예요")
    ('떡볶이는', 'BBQ예요')
    """
    return word + particle(word, pair)


class ParticleFormatter(string.Formatter):
    """``str.format`` with particles as format specs; other specs work as usual.

    >>> ParticleFormatter().format("{name:은는} {price:,}원이에요", name="라면", price=4500)
    '라면은 4,500원이에요'
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        """Append the agreeing particle when the spec names a pair."""
        if format_spec in PAIRS:
            return with_particle(str(value), format_spec)
        return str(super().format_field(value, format_spec))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template's fields, particles agreeing.

    >>> fill("{shop:으로로} 가 볼까요?", {"shop": "GS25"})
    'GS25로 가 볼까요?'
    """
    return ParticleFormatter().vformat(template, (), values)


def _forms(pair: str) -> tuple[str, str]:
    key = pair.replace("/", "")
    if key in PAIRS:
        return PAIRS[key]
    first, _, second = pair.partition("/")
    if second + first in PAIRS:
        return PAIRS[second + first]
    raise ValueError(f"expected a particle pair such as 은/는 or 이/가, got {pair!r}; known: {', '.join(PAIRS)}")


def _strip_unread(text: str, *, brackets: bool = False) -> str:
    """Drop what is not read at the end: spaces, punctuation, emoji, marks; brackets only when told."""
    end = len(text)
    while end:
        char = text[end - 1]
        if char in _SYMBOL_FINALS and not (char in "+&@#" and end > 1 and text[end - 2] in " \t"):
            break
        if char in ")]）】" and not brackets:
            break
        if char.isalnum():
            break
        end -= 1
    return text[:end]


def _number_final(text: str) -> str:
    match = _NUMBER.search(text)
    if match is None:  # a digit of another kind (①, ²): read its value where it has one
        value = unicodedata.digit(text[-1], None)
        return "" if value is None else _DIGIT_FINALS[str(value)]
    digits = match.group().replace(",", "")  # of any script: ３ and ٣ are read as 3
    number = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in digits)
    if "." in number:  # after the point digits are read one by one
        return _DIGIT_FINALS[number[-1]]
    zeros = len(number) - len(number.rstrip("0"))
    if not zeros or zeros == len(number) or number[0] == "0":
        return _DIGIT_FINALS[number[-1]]
    if zeros < 4:
        return _ZERO_FINALS[zeros]
    return _MYRIAD_FINALS[min(zeros // 4, len(_MYRIAD_FINALS)) - 1]


def _latin_final(word: str, *, after_digit: bool) -> str:
    lower = word.lower()
    if after_digit and lower in _UNIT_FINALS:
        return _UNIT_FINALS[lower]
    spelled = len(word) == 1 or (word.isupper() and len(word) <= 3) or not re.search("[aeiouy]", lower)
    if spelled:
        return _LETTER_FINALS.get(word[-1].upper(), "")
    if lower in _WORD_FINALS:
        return _WORD_FINALS[lower]
    return _word_final(lower)


def _word_final(word: str) -> str:
    """Guess how an English word ends in Hangul: 버거, 키친, 하우스, 테이블, 홈, 북, 샵, 핫, 마트."""
    if word.endswith("ng"):
        return "ㅇ"
    for ending, final in (("ll", "ㄹ"), ("l", "ㄹ"), ("m", "ㅁ"), ("n", "ㄴ"), ("ck", "ㄱ")):
        if word.endswith(ending):
            return final
    if re.search(r"[bcdfgkpstvz]le$", word):
        return "ㄹ"
    if re.search(r"[aeiou]me$", word):
        return "ㅁ"
    if re.search(r"[aeiou]ne$", word):
        return "ㄴ"
    if re.search(r"[aeiou]le$", word):
        return "ㄹ"
    if re.search(r"(?:^|[^aeiou])[aeiou]p$", word) or (re.search(r"(?:^|[^aeiou])u?b$", word) and word.endswith("ub")):
        return "ㅂ"
    if re.search(r"(?:oo|[^aeiou][aeiou])k$", word):
        return "ㄱ"
    if re.search(r"[^aeiou][aeou]t$", word):
        return "ㅅ"
    return ""
