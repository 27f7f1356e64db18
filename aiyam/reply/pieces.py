"""A sentence in pieces: stems, endings and particles, marks, and facts that nothing may touch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiyam.korean.particles import PAIRS, particle
from aiyam.reply.claims import find_claims

SENTENCE_GAP = re.compile(r"((?<=[.!?~])\s+|\n+)")
"""What stands between two sentences; captured, so that ``split`` keeps it."""

_RUN = re.compile(r"(?P<space>\s*)(?:(?P<hangul>[가-힣]+)|(?P<other>[A-Za-z0-9]+|[^\sA-Za-z0-9가-힣]))")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]{1,40}'|‘[^’\n]*’|“[^”\n]*”")
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]*\d[A-Za-z0-9]*(?:[-:./~][A-Za-z0-9]*\d[A-Za-z0-9]*)*")
_VERB_TAIL = re.compile(
    r"^(.{2,}?)((?:하|한|할|함|합니|합시|해|했|되|된|될|됨|됩|돼|됐|드리|드립|드려|드린|드릴|시키|시킵|받|입니|이며|이고|이므로|이지만|이오니|이라서|이에요|이었|였|예요|인데|인지).*)$"
)
PARTICLES = sorted(
    ("은", "는", "이", "가", "을", "를", "과", "와", "의", "에", "도", "만", "로", "으로", "에서", "에는", "에도", "에서는", "에서도", "에게",
     "까지", "부터", "마다", "보다", "처럼", "하고", "이나", "이랑", "으로는", "로는", "으로도", "로도", "으로만", "로만", "만을", "만이", "까지는",
     "까지만", "부터는", "보다는", "라서", "인", "일", "임", "라는", "이라는", "이란", "란"),
    key=len, reverse=True,
)  # fmt: skip
_SHORT_STEMS = frozenset(
    ("곳", "값", "물", "돈", "때", "집", "앞", "뒤", "옆", "점", "분", "길", "밥", "것", "수", "말", "날", "맛", "약", "몸", "글", "일",
     "빵", "면", "죽", "국", "술", "양", "후", "전", "내", "외", "시", "중", "층", "역", "개", "명", "원", "종", "건", "번", "회", "팀",
     "월", "년")
)  # fmt: skip
_AGREEING = (
    "은는", "이가", "을를", "과와", "으로로", "으로는로는", "이에요예요", "이었어요였어요", "이나나", "이랑랑", "이라서라서", "이며며", "이고고",
    "이지만지만",
)  # fmt: skip
_PAIR_OF = {form: pair for pair in _AGREEING for form in PAIRS[pair]}
_ONLY_AFTER_FACT = frozenset(("나", "며", "고", "랑", "지만", "라서"))
"""Forms that are also verb endings: read as particles right after a fact alone."""
_WHOLE = re.compile(r"(?:가까|똑같|일찍|틈틈|낱낱|일일|[가-힣]*없)이")
"""Adverbs that end as a particle does."""
_VERB_STEMS = "려아어여와해워겨"
"""Syllables before 드리- that belong to a verb (알려드립니다), not to a noun (추천드립니다)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: its text, the white space before it, its key, and whether it is a fact.

    ``key`` is what edits are learnt on: the text; for a particle that agrees with the word before it the pair in braces,
    "{은는}"; for a fact its kind after a hash sign, "#price".
    """

    text: str
    space: str
    key: str
    is_fact: bool = False


Span = tuple[int, int, str]
"""Start, end and kind of what nothing may touch."""


def fact_spans(text: str, names: Sequence[tuple[int, int]] = ()) -> list[Span]:
    """Find what must be copied, in order and apart: claims, quoted text, words with digits, and ``names`` as given."""
    spans: list[Span] = [(c.start, c.end, c.kind) for c in find_claims(text)]
    spans += [(m.start(), m.end(), "quote") for m in _QUOTED.finditer(text)]
    spans += [(m.start(), m.end(), "number") for m in _CODE.finditer(text)]
    spans += [(start, end, "name") for start, end in names]
    spans.sort(key=lambda s: (s[0], -s[1]))
    merged: list[Span] = []
    for start, end, kind in spans:
        if merged and start < merged[-1][1]:
            first, last, known = merged[-1]
            merged[-1] = (first, max(last, end), known)
        else:
            merged.append((start, end, kind))
    return merged


def cut(text: str, spans: Sequence[Span]) -> list[Piece]:
    """Cut a text into pieces; ``join`` of them is the text again, white space at its end apart.

    >>> [p.text for p in cut("인근 업소는 500m 거리입니다.", fact_spans("인근 업소는 500m 거리입니다."))]
    ['인근', '업소', '는', '500m', '거리', '입니다', '.']
    """
    pieces: list[Piece] = []
    at = 0
    for start, end, kind in spans:
        _cut_words(text[at:start], pieces)
        space = text[at:start][len(text[at:start].rstrip()) :]
        pieces.append(Piece(text[start:end], space, f"#{kind}", True))
        at = end
    _cut_words(text[at:], pieces)
    return pieces


def join(pieces: Sequence[Piece]) -> str:
    """Return the text of the pieces."""
    return "".join(piece.space + piece.text for piece in pieces)


def agreeing(word: str, key: str) -> str:
    """Return the form of a particle's key ("{은는}") that agrees with the word; another key is its own text.

    >>> agreeing("가게", "{은는}"), agreeing("가게", "에서")
    ('는', '에서')
    """
    return particle(word, key[1:-1]) if key[0] == "{" else key


def _cut_words(text: str, pieces: list[Piece]) -> None:
    for match in _RUN.finditer(text):
        space = match["space"]
        if match["hangul"] is None:
            pieces.append(Piece(match["other"], space, match["other"]))
            continue
        after_fact = not space and bool(pieces) and pieces[-1].is_fact
        for i, part in enumerate(_parts(match["hangul"], after_fact)):
            glued = i > 0 or (not space and bool(pieces))
            key = part
            if glued and part in _PAIR_OF and (part not in _ONLY_AFTER_FACT or (after_fact and i == 0)):
                key = "{" + _PAIR_OF[part] + "}"
            pieces.append(Piece(part, "" if i else space, key))


def _parts(word: str, after_fact: bool) -> list[str]:
    """Split stem and ending of one run of Hangul; after a fact ("5,900원" + "입니다") the run may be an ending alone."""
    if after_fact and (word in PARTICLES or word in _PAIR_OF):
        return [word]
    if _WHOLE.fullmatch(word):
        return [word]
    if len(word) >= 3 and (verb := _VERB_TAIL.match(word)):
        whole = verb[2][0] == "드" and verb[1][-1] in _VERB_STEMS
        return [word] if whole else [verb[1], verb[2]]
    if after_fact and len(word) >= 3 and word[1:] in ("입니다", "이며", "이고", "이에요", "예요"):
        return [word[0], word[1:]]
    for tail in PARTICLES:
        stem = len(word) - len(tail)
        if (
            stem >= 1
            and word.endswith(tail)
            and not (tail in ("로", "으로") and "므" in word[stem - 1 : stem + 1])
            and (stem >= 2 or after_fact or word[0] in _SHORT_STEMS)
        ):
            return [word[:stem], tail]
    return [word]
