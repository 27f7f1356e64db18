"""The edits a rewriter knows: phrases for phrases and endings for endings, and which of them apply at a place."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiyam.reply.pieces import PARTICLES, Piece

MAX_SOURCE = 6
MAX_CHOICES = 12
"""Most counterparts that are weighed of one phrase, the most frequent first."""
MAX_ENDINGS = 6
_PLAIN_STEMS = frozenset(("마시", "모시", "계시"))
"""Verbs whose 시 is no honorific: an ending that drops it would cut the stem."""
_NOT_BEHIND = {
    "의": frozenset(("때", "때는", "때에는", "더", "따로", "먼저", "많이", "바로", "함께")),
    "{을를}": frozenset(
        ("좋아요", "있어요", "없어요", "돼요", "맞아요", "달라요", "나와요", "괜찮아요", "맞는", "있는", "없는", "다른")
    ),
}
"""After a genitive no adverb, after an object nothing that takes none."""
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What may be done at a place: so many pieces of the original become these words.

    ``words`` are keys as in ``Piece.key``, each with a space before it where one is written; the first stands as the
    piece it replaces did. ``n_seen`` counts the originals it was learnt from, ``n_source_seen`` those of its source.
    """

    kind: Literal["keep", "phrase", "ending"]
    n_source: int
    words: Keys
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
        phrases: originals' words to (their counterpart, number of originals).
        endings: (old, new) in conjoining letters to the number of originals.
        verbal: nouns that 하다 or 되다 may be joined to.
    """

    def __init__(
        self,
        phrases: Mapping[Keys, Sequence[tuple[Keys, int]]],
        endings: Mapping[tuple[str, str], int],
        verbal: Collection[str] = (),
    ) -> None:
        self.phrases = {source: sorted(choices, key=lambda c: (-c[1], c[0])) for source, choices in phrases.items()}
        self.verbal = frozenset(verbal)
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
            source = (*source, first_key(pieces, i) if n == 1 else f" {last.key}" if last.space else last.key)
            found = (*source, ahead(pieces, i + n))
            choices = self.phrases.get(found)
            if choices is None:
                continue
            name = "|".join(found)
            named = [(words, phrase_name(name, words), n_seen) for words, n_seen in choices]
            offered = [(words, whole, n_seen - own.get(whole, 0)) for words, whole, n_seen in named]
            total = sum(n_seen for *_, n_seen in offered)
            for words, whole, n_seen in [choice for choice in offered if choice[2] > 0][:MAX_CHOICES]:
                if self._may_follow(pieces, i, words):
                    yield Edit("phrase", n, words, whole, n_seen, total)
        yield from self._endings(piece, own)

    def _may_follow(self, pieces: Sequence[Piece], i: int, words: Keys) -> bool:
        """Tell whether a counterpart may stand behind what comes before.

        An ending of 하다 or 되다 is joined to a noun that takes one and has none yet.
        """
        before = pieces[i - 1] if i > 0 else None
        if words and before is not None and words[0] in _NOT_BEHIND.get(before.key, ()):
            return False
        if not words or len(words[0]) == 1 or words[0][0] != "~":
            return True
        joined = i > 1 and before is not None and not before.space and _is_word(pieces[i - 2])
        return before is not None and before.key in self.verbal and not joined

    def _endings(self, piece: Piece, own: Mapping[str, int]) -> Iterator[Edit]:
        if piece.key[0] == "{" or piece.text[:2] in _PLAIN_STEMS or not "가" <= piece.text[-1] <= "힣":
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
                yield Edit("ending", 1, (text,), name, n_seen, n)
                n_offered += 1
                if n_offered == MAX_ENDINGS:
                    return


def bare(key: str) -> str:
    """Return a key without the space or the tilde that tells how it stands beside the word before."""
    return key[1:] if len(key) > 1 and key[0] in " ~" else key


def first_key(pieces: Sequence[Piece], i: int) -> str:
    """Return the key of the piece a phrase begins with, after a tilde where it is glued to the word before."""
    piece = pieces[i]
    glued = i > 0 and not piece.space and _is_word(pieces[i - 1]) and _is_word(piece)
    return f"~{piece.key}" if glued else piece.key


def ahead(pieces: Sequence[Piece], i: int) -> str:
    """Return how a phrase that ends before piece ``i`` is closed: "" by a space or a mark, "+p" or "+v" by what is glued on."""
    if i >= len(pieces) or pieces[i].space or not _is_word(pieces[i]) or not _is_word(pieces[i - 1]):
        return ""
    return "+p" if pieces[i].key[0] == "{" or pieces[i].key in PARTICLES else "+v"


def _is_word(piece: Piece) -> bool:
    return piece.is_fact or piece.key[0] == "{" or "가" <= piece.key[0] <= "힣"


def keep(piece: Piece) -> Edit:
    """Return the edit that leaves a piece as it is."""
    return Edit("keep", 1, (piece.key,), "=" + piece.key)


def phrase_name(source: str, words: Iterable[str]) -> str:
    """Return the name of a phrase edit."""
    return f"{source}>{'|'.join(words)}"
