"""Finds which words of a rewritten text stand for which of the original: a monotone alignment of short phrases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aiyam.reply.pieces import Piece

MAX_SOURCE, MAX_TARGET = 4, 6
"""Pieces of the longest phrase on either side."""
_UNLIKELY = 0.002
_GONE = math.log(0.02)
_LONGER = 0.9
"""What each further piece of a phrase costs: short phrases carry over to other sentences."""

Keys = tuple[str, ...]
Segment = tuple[int, int, int, int]
"""First and end of a phrase in the original, first and end of its counterpart."""


@dataclass(frozen=True)
class Side:
    """One side of a pair: the keys of its pieces, a leading space where one stands before the piece."""

    pieces: tuple[Piece, ...]
    keys: Keys

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Side:
        """Wrap the pieces of a text."""
        return cls(tuple(pieces), tuple(spaced(piece) for piece in pieces))


def spaced(piece: Piece) -> str:
    """Return the key with a space before it where the text has one."""
    return f" {piece.key}" if piece.space else piece.key


class Aligner:
    """How often words of originals meet words of rewritten texts, and the phrases found with it.

    Hard expectation maximisation over monotone segmentations (after Jiampojamarn et al. 2007, many-to-many alignment),
    begun from the Dice coefficients of single pieces.
    """

    def __init__(self, pairs: Sequence[tuple[Side, Side]]) -> None:
        self.pairs = pairs
        self._blocks = [list(_blocks(source, target)) for source, target in pairs]
        together: Counter[tuple[str, str]] = Counter()
        ours: Counter[str] = Counter()
        theirs: Counter[str] = Counter()
        for (source, target), blocks in zip(pairs, self._blocks, strict=True):
            for i, i_end, j, j_end in blocks:
                left = {p.key for p in source.pieces[i:i_end]}
                right = {p.key for p in target.pieces[j:j_end]}
                ours.update(left)
                theirs.update(right)
                together.update((s, t) for s in left for t in right)
        self._dice = {(s, t): 2 * n / (ours[s] + theirs[t]) for (s, t), n in together.items()}
        self._phrases: Counter[tuple[Keys, Keys]] = Counter()

    def run(self, rounds: int, progress: Callable[[float], None] = lambda _: None) -> list[list[Segment]]:
        """Return the segments of every pair, identical ones included; ``progress`` hears the share done."""
        found: list[list[Segment]] = []
        for done in range(rounds):
            found = []
            for n in range(len(self.pairs)):
                if n % 100 == 0:
                    progress((done + n / len(self.pairs)) / rounds)
                found.append(self._aligned(n))
            self._phrases = Counter(
                (source.keys[i:ie], target.keys[j:je])
                for (source, target), segments in zip(self.pairs, found, strict=True)
                for i, ie, j, je in segments
            )
        return found

    def _aligned(self, n: int) -> list[Segment]:
        source, target = self.pairs[n]
        segments: list[Segment] = []
        i = j = 0
        for block in self._blocks[n]:
            while i < block[0]:
                segments.append((i, i + 1, j, j + 1))
                i, j = i + 1, j + 1
            segments += self._segmented(source, target, block)
            i, j = block[1], block[3]
        while i < len(source.keys):
            segments.append((i, i + 1, j, j + 1))
            i, j = i + 1, j + 1
        return segments

    def _segmented(self, source: Side, target: Side, block: Segment) -> list[Segment]:
        """Viterbi over the ways to cut one block into phrase pairs; a phrase of the original may have no counterpart."""
        i0, i1, j0, j1 = block
        n, m = i1 - i0, j1 - j0
        if n == 0 or m == 0:
            return [block] if n or m else []
        lex = [
            [self._lexical(source.pieces[i0 + a].key, target.pieces[j0 + b].key) for b in range(m)] for a in range(n)
        ]
        ours, theirs = (
            _best_sums(lex, MAX_TARGET),
            _best_sums([list(column) for column in zip(*lex, strict=True)], MAX_SOURCE),
        )
        keys, words, phrases = source.keys[i0:i1], target.keys[j0:j1], self._phrases
        best: list[list[float]] = [[-math.inf] * (m + 1) for _ in range(n + 1)]
        back: list[list[tuple[int, int]]] = [[(0, 0)] * (m + 1) for _ in range(n + 1)]
        best[0][0] = 0.0
        slope = m / n
        for a in range(n):
            for b in range(m + 1):
                base = best[a][b]
                if base == -math.inf:
                    continue
                gone = base + _GONE
                if gone > best[a + 1][b]:
                    best[a + 1][b], back[a + 1][b] = gone, (a, b)
                if abs(b - a * slope) > 6:
                    continue
                for da in range(1, min(MAX_SOURCE, n - a) + 1):
                    for db in range(1, min(MAX_TARGET, m - b, 9 if da == 1 else 2 * da + 1) + 1):
                        here, there = ours[db][b], theirs[da][a]
                        score = base + 0.5 * (
                            here[a + da] - here[a] + there[b + db] - there[b] - _LONGER * (da * db - 1)
                        )
                        if phrases and (seen := phrases.get((keys[a : a + da], words[b : b + db]), 0)) > 1:
                            score += math.log(seen)
                        if score > best[a + da][b + db]:
                            best[a + da][b + db], back[a + da][b + db] = score, (a, b)
        if best[n][m] == -math.inf:
            return [block]
        segments = []
        a, b = n, m
        while a or b:
            pa, pb = back[a][b]
            segments.append((i0 + pa, i0 + a, j0 + pb, j0 + b))
            a, b = pa, pb
        return segments[::-1]

    def _lexical(self, s: str, t: str) -> float:
        if s == t:
            return 0.9
        value = self._dice.get((s, t), 0.0)
        if s[0] == t[0] and "가" <= s[0] <= "힣":
            value = max(value, 0.25)  # the same stem, another ending
        return max(value, _UNLIKELY)


def _best_sums(lex: list[list[float]], longest: int) -> list[list[list[float]]]:
    """Return [width][start][row]: the sum over the rows before this one of the log of the best cell in that window."""
    n_columns = len(lex[0])
    logs = [[math.log(cell) for cell in row] for row in lex]
    sums: list[list[list[float]]] = [[]]
    for width in range(1, min(longest, n_columns) + 1):
        windows = []
        for start in range(n_columns - width + 1):
            total, running = 0.0, [0.0]
            for row in logs:
                total += max(row[start : start + width])
                running.append(total)
            windows.append(running)
        sums.append(windows)
    return sums


def _blocks(source: Side, target: Side) -> Iterator[Segment]:
    """Yield what lies between words that stand once on both sides, in the same order: facts first, then long words."""
    left, right = (
        [p.key if not p.is_fact else p.text for p in source.pieces],
        [p.key if not p.is_fact else p.text for p in target.pieces],
    )
    once_left = {k: i for i, k in enumerate(left) if left.count(k) == 1}
    once_right = {k: j for j, k in enumerate(right) if right.count(k) == 1}
    shared = [
        (i, once_right[k])
        for k, i in once_left.items()
        if k in once_right and ((len(k) >= 2 and k[0] != "{") or source.pieces[i].is_fact)
    ]
    chain = _rising(sorted(shared))
    i = j = 0
    for a, b in [*chain, (len(left), len(right))]:
        while i < a and j < b and left[i] == right[j]:
            i, j = i + 1, j + 1
        end_a, end_b = a, b
        while end_a > i and end_b > j and left[end_a - 1] == right[end_b - 1]:
            end_a, end_b = end_a - 1, end_b - 1
        if end_a > i or end_b > j:
            yield i, end_a, j, end_b
        i, j = a + 1, b + 1


def _rising(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest chain that rises on both sides."""
    best: list[tuple[int, int]] = []
    length = [1] * len(points)
    back = [-1] * len(points)
    for n, (_, j) in enumerate(points):
        for m in range(n):
            if points[m][1] < j and length[m] + 1 > length[n]:
                length[n], back[n] = length[m] + 1, m
    at = max(range(len(points)), key=length.__getitem__, default=-1)
    while at >= 0:
        best.append(points[at])
        at = back[at]
    return best[::-1]
