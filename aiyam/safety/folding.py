"""Text made comparable: width, case, invisible characters, spacing and split syllables folded, with offsets back."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_SPLIT_SYLLABLE = re.compile(f"([{_LEADS}])([{_VOWELS}])(?:([{_FINALS[1:]}])(?![{_VOWELS}]))?")
_OPEN_THEN_FINAL = re.compile(rf"([가-힣])([{_FINALS[1:]}])(?![{_VOWELS}ㄱ-ㅎ])")
_LOOKALIKES = str.maketrans({"ㅣ": "ㅣ", "ᅟ": "", "ㅤ": " ", "　": " "})


@dataclass(frozen=True)
class Folded:
    """A folded text; ``offsets[i]`` is where folded character i began in the original, with the end appended."""

    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span that folded characters start..end came from."""
        return self.offsets[start], self.offsets[end - 1] + 1 if end > start else self.offsets[start]


def fold(text: str) -> Folded:
    """NFKC (compatibility jamo kept as such), lower case, dashes as "-", invisible characters dropped; length may change.

    >>> fold("０１０－１２３４").text
    '010-1234'
    """
    chars: list[str] = []
    offsets: list[int] = []
    for i, char in enumerate(text):
        kept = char if "ㄱ" <= char <= "ㅣ" else unicodedata.normalize("NFKC", char)
        for c in kept.lower():
            category = unicodedata.category(c)
            if category in ("Cf", "Mn", "Me", "Cc") and c not in "\n\t":
                continue
            if category == "Pd" or c in "‐‑‒–—―−~〜ー":
                c = "-"
            elif category == "Zs" or c in "\n\t":
                c = " "
            elif c.isdigit() and not c.isascii():
                digit = unicodedata.digit(c, None)
                c = str(digit) if digit is not None else c
            chars.append(c)
            offsets.append(i)
    return Folded("".join(chars), (*offsets, len(text)))


def tight(text: str) -> str:
    """The folded text without spaces, punctuation and emoji, split syllables joined, repeats of three or more cut to two.

    >>> tight("죽 고.싶 어ㅓㅓ!!"), tight("ㅈㅜㄱㄱㅗ 싶다")
    ('죽고싶어ㅓㅓ', '죽고싶다')
    """
    return tightened(fold(unicodedata.normalize("NFC", text)).text)


def tightened(folded: str) -> str:
    """The same of a text that is folded already."""
    kept = "".join(filter(str.isalnum, folded))
    joined = _SPLIT_SYLLABLE.sub(_compose, kept)
    joined = _OPEN_THEN_FINAL.sub(_close, joined)
    return re.sub(r"(.)\1{2,}", r"\1\1", joined)


def hangul_only(text: str) -> str:
    """The tight text without Latin letters and digits between syllables ("자1살" reads as 자살).

    >>> hangul_only("자1살 하고 싶어")
    '자살하고싶어'
    """
    return re.sub(r"[^가-힣ㄱ-ㅣ]", "", tight(text))


def _compose(match: re.Match[str]) -> str:
    lead, vowel, final = match[1], match[2], match[3]
    return chr(0xAC00 + (_LEADS.index(lead) * 21 + _VOWELS.index(vowel)) * 28 + (_FINALS.index(final) if final else 0))


def _close(match: re.Match[str]) -> str:
    """Join "시ㅍ" to "싶" where the syllable is open; a laughing or crying tail (ㅋ, ㅎ, ㅠ) stays."""
    syllable, final = match[1], match[2]
    code = ord(syllable) - 0xAC00
    if code % 28 or final in "ㅋㅎ" or final not in _FINALS:
        return match.group()
    return chr(0xAC00 + code + _FINALS.index(final))
