"""The best path against every path there is; tags to spans and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiyam.korean.spelling import normalise
from aiyam.nlu.decoding import best_paths, legal_moves, legal_starts, spans_of_tags, tags_of_spans


def tag_names(n_kinds: int) -> list[str]:
    return ["O", *(f"{mark}-k{i}" for i in range(n_kinds) for mark in "BI")]


def legal(path: list[str]) -> bool:
    return all(not tag.startswith("I-") or before[2:] == tag[2:] for before, tag in itertools.pairwise(["O", *path]))


def value_of(path: tuple[int, ...], scores: np.ndarray, moves: np.ndarray, starts: np.ndarray) -> float:
    said = starts[path[0]] + sum(scores[i, t] for i, t in enumerate(path))
    return float(said + sum(moves[a, b] for a, b in itertools.pairwise(path)))


@pytest.mark.parametrize("spread", [0.5, 3.0, 40.0])
@pytest.mark.parametrize(("n_kinds", "lengths"), [(1, (4, 1, 6)), (2, (3, 0, 5)), (3, (1, 4, 2)), (0, (3, 2))])
def test_the_best_path_is_the_best_of_all_paths(spread: float, n_kinds: int, lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng([n_kinds, int(spread * 10)])
    tags = tag_names(n_kinds)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    for _ in range(4):
        scores = rng.normal(0, spread, (bounds[-1], len(tags))).astype(np.float32)
        moves = (legal_moves(tags) + rng.normal(0, 2, (len(tags), len(tags)))).astype(np.float32)
        starts = legal_starts(tags)
        found = best_paths(scores, bounds, moves, starts)
        for i, n in enumerate(lengths):
            mine, path = scores[bounds[i] : bounds[i + 1]], tuple(found[bounds[i] : bounds[i + 1]].tolist())
            if not n:
                assert path == ()
                continue
            best = max(value_of(p, mine, moves, starts) for p in itertools.product(range(len(tags)), repeat=n))
            assert value_of(path, mine, moves, starts) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("spread", [1.0, 100.0])
@pytest.mark.parametrize("n_kinds", [2, 5, 30])
def test_no_path_continues_what_was_not_begun(spread: float, n_kinds: int) -> None:
    """Even where the scores ask for it: inside tags are pushed up, so that the likeliest alone would make no path."""
    rng = np.random.default_rng(n_kinds)
    tags = tag_names(n_kinds)
    lengths = rng.integers(0, 9, 60)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    scores = rng.normal(0, spread, (bounds[-1], len(tags))).astype(np.float32)
    scores[:, [t.startswith("I-") for t in tags]] += 2 * spread
    found = best_paths(scores, bounds, legal_moves(tags), legal_starts(tags))
    for a, b in itertools.pairwise(bounds.tolist()):
        assert legal([tags[t] for t in found[a:b]])


def test_many_together_get_the_paths_they_get_one_by_one() -> None:
    rng = np.random.default_rng(3)
    tags = tag_names(50)
    bounds = np.array([0, 7, 9, 9, 20])
    scores = rng.normal(0, 1, (20, len(tags))).astype(np.float32)
    moves, starts = (legal_moves(tags) + rng.normal(0, 3, (101, 101))).astype(np.float32), legal_starts(tags)
    together = best_paths(scores, bounds, moves, starts)
    apart = [best_paths(scores[a:b], np.array([0, b - a]), moves, starts) for a, b in itertools.pairwise(bounds)]
    np.testing.assert_array_equal(together, np.concatenate(apart))


def test_no_places_and_one_tag_give_what_can_be_given() -> None:
    nothing = np.zeros((0, 3), dtype=np.float32)
    tags = tag_names(1)
    assert best_paths(nothing, np.array([0, 0, 0]), legal_moves(tags), legal_starts(tags)).tolist() == []
    alone = np.ones((4, 1), dtype=np.float32)
    assert best_paths(alone, np.array([0, 4]), legal_moves(["O"]), legal_starts(["O"])).tolist() == [0] * 4


def test_legal_moves_let_a_span_begin_anywhere_and_go_on_only_in_itself() -> None:
    tags = tag_names(2)
    moves = legal_moves(tags)
    for (i, before), (j, tag) in itertools.product(enumerate(tags), enumerate(tags)):
        assert (moves[i, j] == 0) == legal([before.replace("I-", "B-"), tag])


@pytest.mark.parametrize(
    "spans",
    [[], [("menu", 0, 3)], [("menu", 0, 3), ("taste", 3, 5)], [("menu", 0, 2), ("menu", 2, 3)], [("place", 4, 7)]],
)
def test_spans_survive_being_written_as_tags(spans: list[tuple[str, int, int]]) -> None:
    plain = normalise("떡볶이매운신림역")
    tags = tags_of_spans(spans, plain)
    assert spans_of_tags(tags, plain.text) == spans
    assert legal(tags)
