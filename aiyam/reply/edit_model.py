"""A linear model that chooses among the edits at each place from left to right, and the search for the best rewriting."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiyam.reply.edits import MAX_SOURCE, Edit, EditTable, bare
from aiyam.reply.pieces import Piece, agreeing

BEAM = 4
_MARKS = frozenset(",;.")
_READ_BEFORE = 40
"""Characters that a particle is made to agree with: a word, and brackets behind it."""
_LENGTHS = (4, 7, 10, 14, 19, 26)
_COUNTS = (1, 2, 3, 5, 9, 20)


class History(NamedTuple):
    """What was written before a place: the kind of the last edit, the last word's key and its end, whether it was kept."""

    kind: str = "start"
    last: str = "^"
    tail: str = "^"


@dataclass(frozen=True)
class Vocabulary:
    """What is known of words: those seen in several originals, pairs of neighbours written, and how hard words are.

    ``grades`` maps a word to the youngest band that may be expected to know it, as a number 0..4.
    """

    known: frozenset[str]
    neighbours: Mapping[str, int]
    grades: Mapping[str, int]


class Place:
    """Everything about one place of one sentence that its features share."""

    __slots__ = ("after", "at", "before", "key", "length", "pieces")

    def __init__(self, pieces: Sequence[Piece], at: int, vocabulary: Vocabulary) -> None:
        self.pieces, self.at = pieces, at
        known = vocabulary.known

        def named(i: int) -> str:
            if not 0 <= i < len(pieces):
                return "^"
            key = pieces[i].key
            return key if (pieces[i].is_fact and key != "#name") or key in known else "#unknown"

        self.key = named(at)
        self.before = named(at - 1)
        self.after = {n: named(at + n) for n in range(1, MAX_SOURCE + 1)}
        self.length = _bucket(len(pieces), _LENGTHS)


def static_features(place: Place, edit: Edit, band: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Yield the features of an edit that what was written before does not change."""
    kind, name = edit.kind, edit.name
    after = place.after[edit.n_source]
    if kind == "keep":
        name = "=" + place.key
    yield name
    yield f"n{name}/{after}"
    yield f"p{name}/{place.before}"
    yield f"k{kind}/{place.key}"
    seen = "" if kind == "keep" else f"{_bucket(edit.n_seen, _COUNTS)}/{edit.n_source}"
    share = 0 if kind != "phrase" else round(4 * edit.n_seen / edit.n_source_seen)
    yield f"c{kind}/{seen}/{share}"
    words = edit.words
    first, last = (words[0], bare(words[-1])) if words else ("", "")
    if kind != "keep":
        yield f"x{last[-2:]}/{after}"
        yield f"y{place.before}/{first}"
        if kind == "ending":
            yield f"e{name}/{edit.n_source_seen}/{words[0][-3:]}"
        splits = "." in "".join(words) and place.key != "."
        yield f"s{kind}/{splits}/{place.length}"
        yield f"d{len(words) - edit.n_source}"
    else:
        splits = False
    if not band:
        return
    yield f"{band}{name}"
    yield f"{band}k{kind}/{splits}"
    yield f"{band}s{splits}/{place.length}/{place.key}"
    yield f"{band}g{kind}/{_hardest(place, edit, vocabulary)}"
    yield f"{band}c{kind}/{seen}"


def moving_features(
    place: Place, edit: Edit, history: History, vocabulary: Vocabulary, own: Collection[str] = ()
) -> Iterator[str]:
    """Yield the features of an edit after what was written; ``own`` neighbours are counted once less (see training)."""
    kind = edit.kind
    first = edit.words[0] if edit.words else "_"
    name = "=" + place.key if kind == "keep" else edit.name
    yield f"h{history.kind}/{kind}"
    yield f"t{history.tail}/{first if kind != 'keep' else place.key}"
    yield f"u{history.tail}/{name}"
    yield f"v{history.kind}/{name}"
    pair = f"{history.last} {first}"
    n = vocabulary.neighbours.get(pair, 0) - (pair in own)
    yield f"b{kind}/{min(max(n, 0), 3)}/{history.kind}"


def wrote(edit: Edit, history: History) -> History:
    """Return what is before the next place once an edit was made."""
    if not edit.words:
        return History("gone", history.last, history.tail)
    last = bare(edit.words[-1])
    return History(edit.kind, last, last if last[0] in "{#" else last[-2:])


def feature_id(feature: str) -> int:
    """Return the number of a feature."""
    return zlib.crc32(feature.encode("utf-8", "replace"))


class EditModel:
    """The table, the vocabulary and the weights by feature number."""

    def __init__(self, table: EditTable, vocabulary: Vocabulary, weights: Mapping[int, float]) -> None:
        self.table, self.vocabulary, self.weights = table, vocabulary, weights

    def rewrite(self, pieces: Sequence[Piece], band: str) -> list[Edit]:
        """Return the edits of one sentence, left to right: the best of a beam under locally normalised choices."""
        weights = self.weights
        done: list[dict[History, tuple[float, tuple[Edit, ...]]]] = [{} for _ in range(len(pieces) + 1)]
        done[0][History()] = (0.0, ())
        for i in range(len(pieces)):
            states = sorted(done[i].items(), key=lambda s: -s[1][0])[:BEAM]
            if not states:
                continue
            edits = list(self.table.at(pieces, i))
            if len(edits) == 1:
                for history, (total, path) in states:
                    _offer(done[i + 1], wrote(edits[0], history), total, (*path, edits[0]))
                continue
            place = Place(pieces, i, self.vocabulary)
            fixed = [
                sum(weights.get(feature_id(f), 0.0) for f in static_features(place, edit, band, self.vocabulary))
                for edit in edits
            ]
            for history, (total, path) in states:
                scores = [
                    base
                    + sum(
                        weights.get(feature_id(f), 0.0) for f in moving_features(place, edit, history, self.vocabulary)
                    )
                    for base, edit in zip(fixed, edits, strict=True)
                ]
                top = max(scores)
                norm = top + math.log(sum(math.exp(score - top) for score in scores))
                for score, edit in zip(scores, edits, strict=True):
                    if score > top - 5:
                        _offer(done[i + edit.n_source], wrote(edit, history), total + score - norm, (*path, edit))
        return list(max(done[-1].values(), key=lambda s: s[0])[1])


def written(pieces: Sequence[Piece], edits: Sequence[Edit]) -> str:
    """Return the sentence after its edits; particles agree with the words they come to stand behind."""
    out: list[str] = []
    at, as_before = 0, True
    for edit in edits:
        piece = pieces[at]
        at += edit.n_source
        if edit.kind == "keep":
            if piece.key in _MARKS and out and out[-1][-1] in ".!?":
                continue  # the sentence was ended before a comma or a full stop that stood there
            text = piece.text if as_before or piece.key[0] != "{" else agreeing("".join(out)[-_READ_BEFORE:], piece.key)
            _write(out, piece.space, text)
            as_before = True
            continue
        for n, key in enumerate(edit.words):
            space = " " if key[0] == " " else ""
            if n == 0:
                space = "" if key[0] == "~" else piece.space
            _write(out, space, agreeing("".join(out)[-_READ_BEFORE:], bare(key)))
        as_before = False
    return "".join(out)


def _write(out: list[str], space: str, text: str) -> None:
    out.append(space + text if out else text)


def _offer(
    states: dict[History, tuple[float, tuple[Edit, ...]]], key: History, total: float, path: tuple[Edit, ...]
) -> None:
    if key not in states or states[key][0] < total:
        states[key] = (total, path)


def _hardest(place: Place, edit: Edit, vocabulary: Vocabulary) -> str:
    grades = vocabulary.grades
    source = max(grades.get(p.text, 0) for p in place.pieces[place.at : place.at + edit.n_source])
    if edit.kind == "keep":
        return str(source)
    return f"{source}>{max((grades.get(bare(word), 0) for word in edit.words), default=0)}"


def _bucket(number: int, bounds: Sequence[int]) -> int:
    return sum(number > bound for bound in bounds)
