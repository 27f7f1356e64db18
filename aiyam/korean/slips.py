"""Names found although one letter is wrong: a jamo typed for another, left out or added, or a sound written as heard."""

from __future__ import annotations

from collections.abc import Iterable

from aiyam.korean.jamo import FINALS, INITIALS, is_syllable, join, parts

MIN_CHARS = 3
"""Shorter names are one slip away from too many ordinary words."""
_ANY = "\0"
_SILENT = INITIALS.index("ㅇ")


class SlipIndex:
    """Names of Hangul syllables, looked up by a form that is one slip away; a few dictionary look-ups a word.

    A slip changes one syllable by one jamo, or carries a final consonant over to the next syllable (볶음 -> 보끔). Every
    name stands under itself with each syllable left open, so the cost does not grow with the number of names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Index the names of at least three syllables; other names and those with other characters are left out."""
        self._open: dict[str, list[str]] = {}
        self._heard: dict[str, str] = {}
        self._pairs: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self.longest = 0
        kept = [n for n in dict.fromkeys(names) if len(n) >= MIN_CHARS and all(map(is_syllable, n))]
        for name in kept:
            self.longest = max(self.longest, len(name))
            self._remember_pairs(name)
            for i in range(len(name)):
                self._open.setdefault(name[:i] + _ANY + name[i + 1 :], []).append(name)
        for name in kept:
            for heard in _as_heard(name):
                self._heard.setdefault(heard, name)
                self._remember_pairs(heard)

    def _remember_pairs(self, name: str) -> None:
        first, middle, around = self._pairs
        first.add(name[:2])
        middle.add(name[1:3])
        around.add(name[0] + name[2])

    def may_begin(self, text: str, at: int) -> bool:
        """Tell, in three look-ups, whether a name with one slip can stand at ``text[at:]``; never wrongly no."""
        first, middle, around = self._pairs
        return (
            text[at : at + 2] in first
            or text[at + 1 : at + 3] in middle
            or text[at : at + 1] + text[at + 2 : at + 3] in around
        )

    def near(self, word: str) -> str | None:
        """Return the name one slip away from a word of the same length; None when there is none, or the word has no slip.

        >>> SlipIndex(["마라탕", "볶음밥"]).near("마리탕"), SlipIndex(["볶음밥"]).near("보끔밥"), SlipIndex(["마라탕"]).near("마라톤")
        ('마라탕', '볶음밥', None)
        """
        if len(word) < MIN_CHARS:
            return None
        for i, letter in enumerate(word):
            for name in self._open.get(word[:i] + _ANY + word[i + 1 :], ()):
                if one_jamo_apart(letter, name[i]):
                    return name
        return self._heard.get(word)


def one_jamo_apart(one: str, other: str) -> bool:
    """Tell whether two syllables differ in exactly one of initial, vowel and final.

    >>> one_jamo_apart("라", "리"), one_jamo_apart("라", "락"), one_jamo_apart("라", "라"), one_jamo_apart("라", "고")
    (True, True, False, False)
    """
    if not is_syllable(one):
        return False
    return sum(a != b for a, b in zip(parts(one), parts(other), strict=True)) == 1


def _as_heard(name: str) -> Iterable[str]:
    """Yield the spellings that carry a final consonant over to a syllable that begins without one."""
    for i in range(len(name) - 1):
        initial, vowel, final = parts(name[i])
        next_initial, next_vowel, next_final = parts(name[i + 1])
        if next_initial == _SILENT and FINALS[final] not in ("", "ㅇ") and FINALS[final] in INITIALS:
            carried = join(INITIALS.index(FINALS[final]), next_vowel, next_final)
            yield name[:i] + join(initial, vowel) + carried + name[i + 2 :]
