"""Fits the model that chooses edits: a conditional logit over the edits that apply at each place of the pairs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.reply.edit_model import (
    History,
    Place,
    Vocabulary,
    feature_id,
    moving_features,
    static_features,
    wrote,
)
from aiyam.reply.edits import Edit, EditTable, keep, phrase_name
from aiyam.training.edit_alignment import Segment, Side
from aiyam.training.edit_rows import EditCounter, Found, ending_of, source_keys

SENTENCE_ENDS = frozenset(".!?~")


@dataclass
class Choices:
    """Choices as sparse rows: feature numbers of every edit offered, where each edit and each choice begins, which is right."""

    features: list[int] = field(default_factory=list)
    edit_ends: list[int] = field(default_factory=list)
    choice_ends: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Lesson:
    """One aligned pair: the number of its original, its band ("" for all), its sides, their segments and phrases."""

    original: int
    band: str
    source: Side
    target: Side
    segments: tuple[Segment, ...]
    phrases: Sequence[Found]


def vocabulary_of(lessons: Sequence[Lesson], grades: Mapping[str, int]) -> tuple[Vocabulary, dict[int, set[str]]]:
    """Return the words of several originals and the neighbours written, and each original's own neighbours."""
    words: dict[str, set[int]] = defaultdict(set)
    own: dict[int, set[str]] = defaultdict(set)
    for lesson in lessons:
        for piece in lesson.source.pieces:
            words[piece.key].add(lesson.original)
        keys = ["^", *(piece.key for piece in lesson.target.pieces)]
        own[lesson.original].update(f"{a} {b}" for a, b in pairwise(keys))
    neighbours = Counter(pair for pairs in own.values() for pair in pairs)
    known = frozenset(word for word, originals in words.items() if len(originals) > 1)
    return Vocabulary(known, neighbours, grades), own


def right_edits(lesson: Lesson, own: Mapping[str, int], table: EditTable) -> list[tuple[int, Edit]]:
    """Return where each edit of the pair stands and what it is, longer phrases first where other originals have them.

    An edit that no other original has is named "?": nothing is learnt from it, but what follows it is.
    """
    pieces = lesson.source.pieces
    found: dict[int, list[Found]] = defaultdict(list)
    for one in lesson.phrases:
        found[one[0]].append(one)
    same = {
        i
        for i, i_end, j, j_end in lesson.segments
        if i_end - i == 1 and j_end - j == 1 and pieces[i].key == lesson.target.pieces[j].key
    }
    edits: list[tuple[int, Edit]] = []
    i = 0
    while i < len(pieces):
        edit = keep(pieces[i]) if i in same else _changed(lesson, i, sorted(found.get(i, ())), own, table)
        edits.append((i, edit))
        i += edit.n_source
    return edits


def _changed(lesson: Lesson, i: int, found: Sequence[Found], own: Mapping[str, int], table: EditTable) -> Edit:
    for _, i_end, words in reversed(found):
        keys = source_keys(lesson.source, i, i_end)
        name = phrase_name("|".join(keys), words)
        seen = _seen(table, keys, words) - own.get(name, 0)
        if seen > 0:
            return Edit("phrase", i_end - i, words, name, seen)
    if not found:
        return Edit("keep", 1, (lesson.source.pieces[i].key,), "?")
    _, i_end, words = found[0]
    if ending := ending_of(lesson.source, found[0]):
        return Edit("ending", 1, ("".join(words),), f"{ending[0]}>{ending[1]}")
    return Edit("phrase", i_end - i, words, "?")


def _seen(table: EditTable, keys: tuple[str, ...], words: tuple[str, ...]) -> int:
    return next((n for w, n in table.phrases.get(keys, ()) if w == words), 0)


def sentence_bounds(source: Side) -> list[tuple[int, int]]:
    """Return the first and end piece of each sentence."""
    bounds, start = [], 0
    for i, piece in enumerate(source.pieces):
        after = source.pieces[i + 1] if i + 1 < len(source.pieces) else None
        if piece.key in SENTENCE_ENDS and (after is None or after.space):
            bounds.append((start, i + 1))
            start = i + 1
    if start < len(source.pieces):
        bounds.append((start, len(source.pieces)))
    return bounds


def choices_of(
    lessons: Sequence[Lesson],
    counter: EditCounter,
    table: EditTable,
    vocabulary: Vocabulary,
    own_neighbours: Mapping[int, set[str]],
    progress: Callable[[float], None] = lambda _: None,
) -> Choices:
    """Write down every place where there was a choice and the right edit was among what other originals teach."""
    choices = Choices()
    for n, lesson in enumerate(lessons):
        if n % 100 == 0:
            progress(n / len(lessons))
        own: Mapping[str, int] = counter.own.get(lesson.original, {})
        near = own_neighbours[lesson.original]
        right = dict(right_edits(lesson, own, table))
        for start, end in sentence_bounds(lesson.source):
            pieces = lesson.source.pieces[start:end]
            history, i = History(), 0
            while i < len(pieces):
                answer = right.get(start + i)
                if answer is None or i + answer.n_source > len(pieces):
                    break
                edits = list(table.at(pieces, i, own))
                index = next(
                    (
                        k
                        for k, edit in enumerate(edits)
                        if edit.n_source == answer.n_source and edit.words == answer.words and answer.name != "?"
                    ),
                    None,
                )
                if index is not None and len(edits) > 1:
                    place = Place(pieces, i, vocabulary)
                    for edit in edits:
                        for feature in static_features(place, edit, lesson.band, vocabulary):
                            choices.features.append(feature_id(feature))
                        for feature in moving_features(place, edit, history, vocabulary, near):
                            choices.features.append(feature_id(feature))
                        choices.edit_ends.append(len(choices.features))
                    choices.right.append(len(choices.edit_ends) - len(edits) + index)
                    choices.choice_ends.append(len(choices.edit_ends))
                history = wrote(answer, history)
                i += answer.n_source
    return choices


def fit(
    choices: Choices, *, ridge: float, steps: int, progress: Callable[[float], None] = lambda _: None
) -> dict[int, float]:
    """Return weights by feature number: the most likely ones under a Gaussian prior, by L-BFGS."""
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    ids, columns = np.unique(np.array(choices.features, dtype=np.int64), return_inverse=True)
    ends = np.array(choices.edit_ends)
    matrix = csr_matrix(
        (np.ones(len(columns), dtype=np.float64), columns, np.concatenate([[0], ends])), shape=(len(ends), len(ids))
    )
    starts = np.concatenate([[0], np.array(choices.choice_ends)[:-1]])
    sizes = np.diff(np.concatenate([[0], np.array(choices.choice_ends)]))
    right = np.array(choices.right)
    transposed = matrix.T.tocsr()
    target = np.zeros(len(ends))
    target[right] = 1.0
    done = 0

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = matrix @ weights
        top = np.maximum.reduceat(scores, starts)
        powers = np.exp(scores - np.repeat(top, sizes))
        total = np.add.reduceat(powers, starts)
        chances = powers / np.repeat(total, sizes)
        value = float((top + np.log(total)).sum() - scores[right].sum() + ridge / 2 * (weights @ weights))
        return value, transposed @ (chances - target) + ridge * weights

    def told(_: Any) -> None:
        nonlocal done
        done += 1
        progress(done / steps)

    found = minimize(
        loss, np.zeros(len(ids)), jac=True, method="L-BFGS-B", callback=told, options={"maxiter": steps, "maxcor": 6}
    )
    weights = found.x.astype(np.float32)
    kept = np.abs(weights) > 0.01
    return dict(zip(ids[kept].tolist(), weights[kept].tolist(), strict=True))
