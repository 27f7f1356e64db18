"""What the models read: hashed n-grams of an utterance for the intent, syllable features for the spans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.jamo import split
from aiyam.korean.spelling import Normalised
from aiyam.nlu.lexicon import NEGATED_AFTER, POOR, TOPICS
from aiyam.nlu.values import Span

N_BUCKETS = 1 << 17
FEATURES_VERSION = 2
"""Raised when a feature changes: a model trained on other features does not load."""

_WORD = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣa-z0-9]+|[?!]")
_SHOP_LIKE = re.compile(r"거기|그\s?(?:집|가게|식당|곳)|여기(?!\s?근처|서)|아까|방금")


def intent_features(text: Normalised, raw: str, evidence: Sequence[Span]) -> list[bytes]:
    """List the names of the features of one utterance: character 1-4-grams, jamo 3-5-grams, words 1-2, rules' findings.

    ``raw`` adds the n-grams of the text as typed where it differs, so that slang itself can speak.
    """
    plain = text.text.strip()
    names = [*_grams("c", f" {plain} ", 1, 4), *_grams("j", split(plain.replace(" ", "")), 3, 5)]
    typed = raw[: len(plain) * 2 + 20].strip().lower()
    if typed != plain:
        names += _grams("r", f" {typed} ", 2, 3)
    words = _WORD.findall(plain)
    names += [f"w{w}" for w in words]
    names += [f"b{a}_{b}" for a, b in zip(["^", *words], [*words, "$"], strict=True)]
    names.append(f"n{min(len(words), 8)}")
    names.append(f"l{min(len(plain) // 4, 8)}")
    kinds = sorted({f"{s.entity}{'!' if s.negated else ''}" for s in evidence})
    names += [f"e{k}" for k in kinds]
    names.append("E" + "+".join(kinds))
    names += [f"v{s.entity}={s.value}" for s in evidence if s.entity in ("payment", "ordinal")]
    topics = [topic for topic, pattern in TOPICS.items() if pattern.search(plain)]
    names += [f"t{t}" for t in topics]
    names += [f"t{t}&{k}" for t in topics for k in kinds]
    names += [f"t{a}&{b}" for i, a in enumerate(topics) for b in topics[i + 1 :]]
    if POOR.search(plain):
        names.append("poor")
    if _SHOP_LIKE.search(plain):
        names.append("that")
    return [n.encode("utf-8", "replace") for n in names]


def _grams(mark: str, text: str, shortest: int, longest: int) -> list[str]:
    return [mark + text[i : i + n] for n in range(shortest, longest + 1) for i in range(len(text) - n + 1)]


def buckets(names: Iterable[bytes]) -> NDArray[np.int64]:
    """Hash feature names to distinct bucket numbers below ``N_BUCKETS``."""
    return np.fromiter({crc32(n) & (N_BUCKETS - 1) for n in names}, dtype=np.int64)


def kind_of(char: str) -> str:
    """Return the class of a character: h Hangul, j loose jamo, d digit, a Latin, s space, p other."""
    code = ord(char)
    if 0xAC00 <= code <= 0xD7A3:
        return "h"
    if 48 <= code <= 57:
        return "d"
    if char == " ":
        return "s"
    if 97 <= code <= 122:
        return "a"
    return "j" if 0x3131 <= code <= 0x3163 else "p"


def span_features(text: str, evidence: Sequence[Span]) -> list[list[str]]:
    """List, for every character of a normalised text, the features the tagger reads.

    Characters and their classes around it, bigrams, jamo of the syllable, place in the word, the word, and what the
    gazetteer and the rules found there (with its own begin and inside marks).
    """
    n = len(text)
    found = ["O"] * n
    for span in evidence:
        mark = f"{span.entity}{'~' if span.source == 'fuzzy' else ''}"
        for i in range(span.start, min(span.end, n)):
            found[i] = ("B" if i == span.start else "E" if i == span.end - 1 else "I") + mark
        if span.end - span.start == 1:
            found[span.start] = "S" + mark
    kinds = [kind_of(c) for c in text]
    word_start = [0] * n
    word_end = [n] * n
    for match in _WORD.finditer(text):
        for i in range(match.start(), match.end()):
            word_start[i], word_end[i] = match.start(), match.end()
    for i, kind in enumerate(kinds):
        if kind == "s" or (word_end[i] == n and word_start[i] == 0 and n and not _WORD.match(text[i])):
            word_start[i] = word_end[i] = i
    padded = f"\x02\x02\x02{text}\x03\x03\x03"
    rows: list[list[str]] = []
    for i in range(n):
        p = i + 3
        c, left, right = padded[p], padded[p - 1], padded[p + 1]
        left2, right2 = padded[p - 2], padded[p + 2]
        start, end = word_start[i], word_end[i]
        here = found[i]
        row = [
            "c=" + c, "l=" + left, "r=" + right, "L=" + left2, "R=" + right2,
            "lc=" + left + c, "cr=" + c + right, "lcr=" + left + c + right, "Llc=" + left2 + left + c, "crR=" + c + right + right2,
            "rR=" + right + right2, "Ll=" + left2 + left, "RRR=" + right + right2 + padded[p + 3],
            "k=" + kinds[i] + (kinds[i - 1] if i else "^") + (kinds[i + 1] if i + 1 < n else "$"),
            f"ws={min(i - start, 4)}", f"we={min(end - i, 4)}",
            "g=" + here, "gl=" + (found[i - 1] if i else "^"), "gr=" + (found[i + 1] if i + 1 < n else "$"), "gc=" + here + c,
        ]  # fmt: skip
        if end > start:
            word = text[start:end]
            row += [
                f"w={word}@{i - start}" if len(word) < 12 else "w=long",
                "p=" + word[:2] + f"@{min(i - start, 3)}",
                "s=" + word[-2:] + f"@{min(end - i, 4)}",
            ]
            if start >= 2:
                row.append("pw=" + text[max(0, start - 4) : start])
            row.append("nw=" + text[end : end + 4])
        if kinds[i] == "h":
            jamo = split(c)
            row += ["ji=" + jamo[:2], "jf=" + jamo[1:]]
        if i == 0 or kinds[i - 1] == "s":
            row.append("B")
        if NEGATED_AFTER.match(text, i + 1):
            row.append("neg")
        rows.append(row)
    return rows


def drop_evidence(evidence: Sequence[Span], keep: Sequence[bool]) -> list[Span]:
    """Return the evidence left when some of it is hidden (training hides some, so that the tagger reads the words too)."""
    return [s for s, k in zip(evidence, keep, strict=True) if k]
