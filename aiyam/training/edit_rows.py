"""Turns aligned pairs into the table of edits and into the choices a model learns from."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from aiyam.reply.claims import find_claims
from aiyam.reply.edits import MAX_SOURCE, EditTable, Gap, Keys, phrase_name
from aiyam.training.edit_alignment import Segment, Side

MAX_WORDS = 7
_MARKS = frozenset(".,!?~ ")
Found = tuple[int, int, Keys, Gap]
"""A phrase of one pair: first and end of its pieces, its counterpart, the gap before."""


def phrases_of(source: Side, target: Side, segments: Sequence[Segment], *, longest: int = MAX_SOURCE) -> list[Found]:
    """Return every phrase of up to ``longest`` pieces made of neighbouring segments, facts and sentence ends left out."""
    found: list[Found] = []
    for first in range(len(segments)):
        i, _, j, _ = segments[first]
        for last in range(first, len(segments)):
            _, i_end, _, j_end = segments[last]
            if i_end - i > longest or j_end - j > MAX_WORDS:
                break
            if i_end == i:
                continue
            if source.pieces[i_end - 1].is_fact or any(p.is_fact for p in target.pieces[j:j_end]):
                break
            if i_end - i > 1 and source.pieces[i_end - 2].key in (".", "!", "?"):
                break
            if any(p.is_fact for p in source.pieces[i:i_end]):
                break
            found.append((i, i_end, *_counterpart(source, target, i, j, j_end)))
    return found


def _counterpart(source: Side, target: Side, i: int, j: int, j_end: int) -> tuple[Keys, Gap]:
    if j == j_end:
        return (), "same"
    words = (target.pieces[j].key, *target.keys[j + 1 : j_end])
    ours, theirs = bool(source.pieces[i].space), bool(target.pieces[j].space)
    at_start = i == 0 or j == 0
    return words, "same" if at_start or ours == theirs else "space" if theirs else "none"


def source_keys(source: Side, i: int, i_end: int) -> Keys:
    """Return the keys an edit of these pieces is found by."""
    return (source.pieces[i].key, *source.keys[i + 1 : i_end])


def ending_of(source: Side, found: Found) -> tuple[str, str] | None:
    """Return the endings (old, new) of one word that kept its stem; None where it is another word."""
    i, i_end, words, gap = found
    if i_end - i != 1 or gap != "same" or not words or source.pieces[i].key[0] == "{" or words[0][0] == "{":
        return None
    old = unicodedata.normalize("NFD", source.pieces[i].text)
    new = unicodedata.normalize("NFD", "".join(words))
    if "{" in new:
        return None
    shared = 0
    while shared < min(len(old), len(new)) and old[shared] == new[shared]:
        shared += 1
    if shared < 2 or shared == len(old) or not "가" <= source.pieces[i].text[-1] <= "힣":
        return None
    return old[shared:], new[shared:]


class EditCounter:
    """Counts edits by the originals they stand in, so that an original's own can be left out again."""

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._allowed = allowed
        self._phrases: dict[tuple[Keys, Keys, Gap], set[int]] = defaultdict(set)
        self._endings: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.own: dict[int, Counter[str]] = defaultdict(Counter)
        """By number of an original: 1 for each edit that it has."""

    def add(self, original: int, source: Side, found: Sequence[Found]) -> None:
        """Count what one pair of an original shows."""
        for one in found:
            i, i_end, words, gap = one
            keys = source_keys(source, i, i_end)
            if gap == "same" and words == keys or not self._fit(words, keys):
                continue
            self._phrases[keys, words, gap].add(original)
            if ending := ending_of(source, one):
                self._endings[ending].add(original)

    def table(self, *, fewest_endings: int = 3) -> EditTable:
        """Return the table; an ending needs ``fewest_endings`` originals, a phrase one."""
        phrases: dict[Keys, list[tuple[Keys, Gap, int]]] = defaultdict(list)
        for (keys, words, gap), originals in self._phrases.items():
            phrases[keys].append((words, gap, len(originals)))
            name = phrase_name("|".join(keys), words, gap)
            for original in originals:
                self.own[original][name] = 1
        endings = {}
        for (old, new), originals in self._endings.items():
            if len(originals) < fewest_endings:
                continue
            endings[old, new] = len(originals)
            for original in originals:
                self.own[original][f"{old}>{new}"] = 1
        return EditTable(phrases, endings)

    def _fit(self, words: Keys, keys: Keys) -> bool:
        """Tell whether a counterpart holds no fact and no name, and an edit does more than move a mark."""
        text = "".join(word for word in words if word[0] != "{")
        if any(character.isdigit() for character in text) or find_claims(text):
            return False
        own = "".join(keys)
        if not any("가" <= c <= "힣" for c in own) and words:
            return all(word.strip(" ") in _MARKS for word in words)
        return all(word.lstrip(" ") in own or self._allowed(word.lstrip(" ")) for word in words)
