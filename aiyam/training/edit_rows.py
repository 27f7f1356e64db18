"""Turns aligned pairs into the table of edits and into the choices a model learns from."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

from aiyam.reply.claims import find_claims
from aiyam.reply.edits import MAX_SOURCE, EditTable, Keys, ahead, bare, first_key, phrase_name
from aiyam.training.edit_alignment import Segment, Side

MAX_WORDS = 9
_MARKS = frozenset(".,!?~ ")
_ENDS = frozenset(".!?")
_COPULA = re.compile(unicodedata.normalize("NFD", "에요") + "|" + unicodedata.normalize("NFD", "예요"))
_JOINS = re.compile(r"[하해할했한되돼될된]")
Found = tuple[int, int, Keys]
"""A phrase of one pair: first and end of its pieces, and its counterpart."""


def phrases_of(source: Side, target: Side, segments: Sequence[Segment], *, longest: int = MAX_SOURCE) -> list[Found]:
    """Return every phrase of up to ``longest`` pieces made of neighbouring segments, facts and sentence ends left out."""
    found: list[Found] = []
    closing = [ahead(source.pieces, i) if i else "" for i in range(len(source.pieces) + 1)]
    closing_target = [ahead(target.pieces, j) if j else "" for j in range(len(target.pieces) + 1)]
    for first, (i, _, j, _) in enumerate(segments):
        i_before, j_before = i, j
        for _, i_end, _, j_end in segments[first:]:
            if i_end - i > longest or j_end - j > MAX_WORDS:
                break
            if any(piece.is_fact for piece in source.pieces[i_before:i_end]):
                break
            if any(piece.is_fact for piece in target.pieces[j_before:j_end]):
                break
            if any(piece.key in _ENDS for piece in source.pieces[max(i_before - 1, i) : i_end - 1]):
                break
            i_before, j_before = i_end, j_end
            if i_end == i or closing[i_end] != (closing_target[j_end] if j_end > j else ""):
                continue  # nothing to replace, or a stem for an ending
            counterpart = _counterpart(source, target, i, j, j_end)
            if counterpart is not None:
                found.append((i, i_end, counterpart))
    return found


def _counterpart(source: Side, target: Side, i: int, j: int, j_end: int) -> Keys | None:
    """Return the words of a counterpart; None where one side stands apart from the word before and the other does not.

    A verb's ending may be joined to the noun before, marked by a tilde: "포장" + "시" becomes "포장" + "하면".
    """
    if j == j_end:
        return ()
    first = target.pieces[j].key
    if i > 0 and j > 0 and bool(source.pieces[i].space) != bool(target.pieces[j].space):
        if target.pieces[j].space or not _JOINS.match(first):
            return None
        first = f"~{first}"
    return (first, *target.keys[j + 1 : j_end])


def source_keys(source: Side, i: int, i_end: int) -> Keys:
    """Return the keys an edit of these pieces is found by, how the phrase is closed last."""
    return (first_key(source.pieces, i), *source.keys[i + 1 : i_end], ahead(source.pieces, i_end))


def ending_of(source: Side, found: Found) -> tuple[str, str] | None:
    """Return the endings (old, new) of one word that kept its stem; None where it is another word."""
    i, i_end, words = found
    if i_end - i != 1 or not words or source.pieces[i].key[0] == "{" or words[0][0] == "{":
        return None
    old = unicodedata.normalize("NFD", source.pieces[i].text)
    new = unicodedata.normalize("NFD", "".join(words))
    if "{" in new or _COPULA.search(new):
        return None
    shared = 0
    while shared < min(len(old), len(new)) and old[shared] == new[shared]:
        shared += 1
    if shared < 2 or shared == len(old) or not "가" <= source.pieces[i].text[-1] <= "힣":
        return None
    return old[shared:], new[shared:]


class EditCounter:
    """Counts edits by the originals they stand in, so that an original's own can be left out again."""

    def __init__(self, permits: Callable[[Keys, Keys, int], bool], bends: Callable[[Keys, Keys], bool]) -> None:
        self._permits, self._bends = permits, bends
        self._states: dict[str, bool] = {}
        self._phrases: dict[tuple[Keys, Keys], set[int]] = defaultdict(set)
        self._endings: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.own: dict[int, Counter[str]] = defaultdict(Counter)
        """By number of an original: 1 for each edit that it has."""

    def add(self, original: int, source: Side, found: Sequence[Found]) -> None:
        """Count what one pair of an original shows."""
        for one in found:
            i, i_end, words = one
            keys = source_keys(source, i, i_end)
            if words == (source.pieces[i].key, *keys[1:-1]) or not self._fit(words, keys):
                continue
            self._phrases[keys, words].add(original)
            if (ending := ending_of(source, one)) and self._bends(keys, words):
                self._endings[ending].add(original)

    def table(self, verbal: Collection[str], *, fewest_endings: int) -> EditTable:
        """Return the table; an ending needs ``fewest_endings`` originals, a phrase one."""
        phrases: dict[Keys, list[tuple[Keys, int]]] = defaultdict(list)
        for (keys, words), originals in self._phrases.items():
            if not self._permits(keys, words, len(originals)):
                continue
            phrases[keys].append((words, len(originals)))
            name = phrase_name("|".join(keys), words)
            for original in originals:
                self.own[original][name] = 1
        endings = {}
        for (old, new), originals in self._endings.items():
            if len(originals) < fewest_endings:
                continue
            endings[old, new] = len(originals)
            for original in originals:
                self.own[original][f"{old}>{new}"] = 1
        return EditTable(phrases, endings, verbal)

    def _fit(self, words: Keys, keys: Keys) -> bool:
        """Tell whether a counterpart holds no fact and no name, and an edit does more than move a mark."""
        text = "".join(bare(word) for word in words if word[0] != "{")
        if text not in self._states:
            self._states[text] = any(character.isdigit() for character in text) or bool(find_claims(text))
        if self._states[text]:
            return False
        if not any("가" <= c <= "힣" for key in keys for c in key) and words:
            return all(word.strip(" ") in _MARKS for word in words)
        return True
