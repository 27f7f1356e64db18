"""The edits a rewriter knows: phrases for phrases and endings for endings, and which of them apply at a place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiyam.reply.pieces import Piece

MAX_SOURCE = 4
MAX_CHOICES = 12
"""Most counterparts that are weighed of one phrase, the most frequent first."""
MAX_ENDINGS = 6
Gap = Literal["same", "space", "none"]
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What may be done at a place: so many pieces of the original become these words.

    ``words`` are keys as in ``Piece.key``, each with a space before it where one is written, the first without: ``gap``
    tells of it. ``n_seen`` counts the originals it was learnt from.
    """

    kind: Literal["keep", "phrase", "ending"]
    n_source: int
    words: Keys
    gap: Gap
    name: str
    n_seen: int = 0
    n_source_seen: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """One ending for another, in conjoining letters: "ᆸ니다" to "요"."""

    old: str
    new: str


class EditTable:
    """Every edit learnt, found by the words it applies to.

    Args:
        phrases: originals' words to (their counterpart, gap, number of originals).
        endings: (old, new) in conjoining letters to the number of originals.
    """

    def __init__(
        self,
        phrases: Mapping[Keys, Sequence[tuple[Keys, Gap, int]]],
        endings: Mapping[tuple[str, str], int],
    ) -> None:
        self.phrases = {
            source: sorted(choices, key=lambda c: (-c[2], c[0], c[1])) for source, choices in phrases.items()
        }
        self.endings: dict[str, list[tuple[str, int]]] = {}
        for (old, new), n_seen in endings.items():
            self.endings.setdefault(old, []).append((new, n_seen))
        for choices in self.endings.values():
            choices.sort(key=lambda c: (-c[1], c[0]))
        self.longest_ending = max((len(old) for old in self.endings), default=0)

    def at(self, pieces: Sequence[Piece], i: int, without: Mapping[str, int] | None = None) -> Iterator[Edit]:
        """Yield the edits that apply from piece ``i`` on, keeping it first.

        Args:
            without: how often each edit's name was seen in the original at hand, which is left out of the counts; an edit
                seen nowhere else is not offered.
        """
        piece = pieces[i]
        yield keep(piece)
        if piece.is_fact:
            return
        own = without or {}
        source: Keys = ()
        for n in range(1, min(MAX_SOURCE, len(pieces) - i) + 1):
            last = pieces[i + n - 1]
            if last.is_fact:
                break
            source = (*source, last.key if n == 1 or not last.space else f" {last.key}")
            choices = self.phrases.get(source)
            if choices is None:
                continue
            name = "|".join(source)
            offered = [
                (words, gap, n_seen - own.get(phrase_name(name, words, gap), 0)) for words, gap, n_seen in choices
            ]
            total = sum(n_seen for *_, n_seen in offered)
            offered = [choice for choice in offered if choice[2] > 0][:MAX_CHOICES]
            for words, gap, n_seen in offered:
                yield Edit("phrase", n, words, gap, phrase_name(name, words, gap), n_seen, total)
        yield from self._endings(piece, own)

    def _endings(self, piece: Piece, own: Mapping[str, int]) -> Iterator[Edit]:
        if piece.key[0] == "{" or not "가" <= piece.text[-1] <= "힣":
            return
        letters = unicodedata.normalize("NFD", piece.text)
        n_offered = 0
        for n in range(min(self.longest_ending, len(letters) - 2), 0, -1):
            old = letters[-n:]
            for new, n_seen in self.endings.get(old, ()):
                name = f"{old}>{new}"
                n_seen -= own.get(name, 0)
                if n_seen <= 0:
                    continue
                text = unicodedata.normalize("NFC", letters[:-n] + new)
                yield Edit("ending", 1, (text,), "same", name, n_seen, n)
                n_offered += 1
                if n_offered == MAX_ENDINGS:
                    return


def keep(piece: Piece) -> Edit:
    """Return the edit that leaves a piece as it is."""
    return Edit("keep", 1, (piece.key,), "same", "=" + piece.key)


def phrase_name(source: str, words: Iterable[str], gap: Gap) -> str:
    """Return the name of a phrase edit."""
    return f"{source}>{gap[:2]}>{'|'.join(words)}"
