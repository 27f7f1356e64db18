"""Hangul taken apart and put together: jamo, initials, jamo edit distance."""

from __future__ import annotations

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
