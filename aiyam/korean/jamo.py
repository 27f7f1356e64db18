"""Hangul taken apart and put together: jamo, initials, jamo edit distance, and a noise model for typing slips."""

from __future__ import annotations

import random
from dataclasses import dataclass

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS: tuple[str, ...] = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST, _LAST = 0xAC00, 0xD7A3
_FINAL_INDEX = {f: i for i, f in enumerate(FINALS) if f}


def is_syllable(char: str) -> bool:
    """Tell whether ``char`` is one composed Hangul syllable (가..힣)."""
    return _FIRST <= ord(char) <= _LAST


def parts(char: str) -> tuple[int, int, int]:
    """Return the indexes (initial, vowel, final) of a composed syllable; final 0 is none."""
    code = ord(char) - _FIRST
    return code // 588, code % 588 // 28, code % 28


def join(initial: int, vowel: int, final: int = 0) -> str:
    """Compose one syllable from indexes.

    >>> join(18, 0, 4)
    '한'
    """
    return chr(_FIRST + initial * 588 + vowel * 28 + final)


def _parts_text(code: int) -> str:
    return INITIALS[code // 588] + VOWELS[code % 588 // 28] + FINALS[code % 28]


_SPLIT: dict[int, str] = {_FIRST + code: _parts_text(code) for code in range(_LAST - _FIRST + 1)}


def split(text: str) -> str:
    """Write every syllable as its jamo; other characters stay.

    >>> split("떡볶이!")
    'ㄸㅓㄱㅂㅗㄲㅇㅣ!'
    """
    written: str = text.translate(_SPLIT)
    return written


def compose(jamo: str) -> str:
    """Put jamo back into syllables, as a keyboard does; inverse of ``split`` for text without loose jamo.

    >>> compose("ㅁㅏㄹㅏㅌㅏㅇ")
    '마라탕'
    """
    out: list[str] = []
    i, n = 0, len(jamo)
    while i < n:
        initial = INITIALS.find(jamo[i])
        vowel = VOWELS.find(jamo[i + 1]) if i + 1 < n else -1
        if initial < 0 or vowel < 0:
            out.append(jamo[i])
            i += 1
            continue
        final = _FINAL_INDEX.get(jamo[i + 2], 0) if i + 2 < n else 0
        if final and i + 3 < n and jamo[i + 3] in VOWELS:
            final = 0
        out.append(join(initial, vowel, final))
        i += 3 if final else 2
    return "".join(out)


def initials(text: str) -> str:
    """Return the initial consonants of the syllables; other characters stay.

    >>> initials("추천")
    'ㅊㅊ'
    """
    return "".join(INITIALS[parts(c)[0]] if is_syllable(c) else c for c in text)


def edit_distance(left: str, right: str, *, limit: int = 3) -> int:
    """Count insertions, deletions and changes between the jamo of two texts; ``limit + 1`` when there are more.

    >>> edit_distance("떢볶이", "떡볶이"), edit_distance("김밥", "마라탕", limit=2)
    (1, 3)
    """
    a, b = split(left), split(right)
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        best = i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
            best = min(best, row[j])
        if best > limit:
            return limit + 1
    return min(row[-1], limit + 1)


@dataclass(frozen=True)
class Noisy:
    """A noisy copy: ``origin[i]`` is the index in the clean text that character ``i`` stands for."""

    text: str
    origin: tuple[int, ...]


_VOWEL_SLIPS = {"ㅐ": "ㅔ", "ㅔ": "ㅐ", "ㅙ": "ㅚ", "ㅚ": "ㅙ", "ㅞ": "ㅙ", "ㅓ": "ㅏㅗ", "ㅏ": "ㅓㅣ", "ㅗ": "ㅓㅜ", "ㅜ": "ㅗㅡ", "ㅢ": "ㅣㅡ", "ㅣ": "ㅏ",
                "ㅡ": "ㅜ", "ㅕ": "ㅑㅛ", "ㅖ": "ㅔ", "ㅟ": "ㅣ"}  # fmt: skip
_INITIAL_SLIPS = {"ㄱ": "ㄲㄷ", "ㄲ": "ㄱ", "ㄷ": "ㄸㅈ", "ㄸ": "ㄷ", "ㅂ": "ㅃㅈ", "ㅃ": "ㅂ", "ㅅ": "ㅆㄱ", "ㅆ": "ㅅ", "ㅈ": "ㅉㄷ", "ㅉ": "ㅈ",
                  "ㅊ": "ㅌㅍ", "ㅋ": "ㅌ", "ㅌ": "ㅋㅊ", "ㅍ": "ㅊ", "ㅁ": "ㄴ", "ㄴ": "ㅁㅇ", "ㅇ": "ㄴㄹ", "ㄹ": "ㅇㅎ", "ㅎ": "ㄹ"}  # fmt: skip
_FINAL_SLIPS = {
    "ㄱ": "ㄲㅋ",
    "ㄲ": "ㄱ",
    "ㅆ": "ㅅ",
    "ㅅ": "ㅆ",
    "ㅈ": "ㅅ",
    "ㅎ": "",
    "ㄶ": "ㄴ",
    "ㅄ": "ㅂ",
    "ㅌ": "ㅅ",
    "ㄺ": "ㄱ",
    "ㄼ": "ㄹ",
    "ㅀ": "ㄹ",
}


def _slip(char: str, rng: random.Random) -> str:
    initial, vowel, final = parts(char)
    kind = rng.random()
    if kind < 0.4 and VOWELS[vowel] in _VOWEL_SLIPS:
        return join(initial, VOWELS.index(rng.choice(_VOWEL_SLIPS[VOWELS[vowel]])), final)
    if kind < 0.7:
        return join(INITIALS.index(rng.choice(_INITIAL_SLIPS[INITIALS[initial]])), vowel, final)
    if FINALS[final] in _FINAL_SLIPS:
        choices = _FINAL_SLIPS[FINALS[final]]
        return join(initial, vowel, _FINAL_INDEX[rng.choice(choices)] if choices else 0)
    return join(initial, vowel, 0) if final and kind > 0.85 else char


def noisy(text: str, rng: random.Random, *, rate: float = 0.06, space_rate: float = 0.4) -> Noisy:
    """Type ``text`` the way hurried thumbs do: jamo slips, keyboard neighbours, sound-alike spelling, dropped spaces.

    Args:
        text: clean text.
        rng: source of chance; the same seed gives the same copy.
        rate: chance of a slip for each syllable.
        space_rate: chance that all spaces, or one in two of them, are dropped.
    """
    drop = rng.choice((0.5, 1.0)) if rng.random() < space_rate else 0.0
    chars: list[str] = []
    origin: list[int] = []
    for i, char in enumerate(text):
        if char == " " and rng.random() < drop:
            continue
        if is_syllable(char):
            following = text[i + 1] if i + 1 < len(text) else " "
            if is_syllable(following) and parts(following)[0] == 11 and parts(char)[2] and rng.random() < rate:
                carried = FINALS[parts(char)[2]]
                if carried in INITIALS and carried != "ㅇ":  # sound carried over: 맛있 -> 마싯
                    chars.append(join(parts(char)[0], parts(char)[1]))
                    origin.append(i)
                    text = text[: i + 1] + join(INITIALS.index(carried), *parts(following)[1:]) + text[i + 2 :]
                    continue
            if rng.random() < rate:
                char = _slip(char, rng)
        chars.append(char)
        origin.append(i)
        if char in "ㅋㅠㅎ!~." and rng.random() < 0.3:
            for _ in range(rng.randint(1, 3)):
                chars.append(char)
                origin.append(i)
    return Noisy("".join(chars), tuple(origin))
