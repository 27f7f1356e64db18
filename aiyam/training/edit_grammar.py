"""What a phrase is in its sentence, told by how it ends: a counterpart must fit where the phrase stood."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from aiyam.reply.edits import Keys, bare
from aiyam.training.edit_alignment import Side

Role = Literal["noun", "loose", "particle", "genitive", "adnominal", "joining", "bare", "final", "mark", "nothing"]
MARKS = frozenset(".,!?~:;")
_SENTENCE_MARKS = frozenset(".!?")
_FINAL = re.compile(
    r"(?:요|니다|이다|한다|된다|했다|이다|있다|없다|는다|았다|었다|시오|까|죠|하다|같다|좋다|크다|싸다)$|^\{이에요예요\}$|^\{이었어요였어요\}$"
)
_JOINING = re.compile(
    r"(?:고|며|서|면|니|만|므로|니까|는데|은데|한데|인데|거나|려면|도록|면서|려고|자마자|으나|오니|하나|되나|기에|길래|든지)$|^\{(?:이고고|이며며|이라서라서|이지만지만|이나나)\}$"
)
_BARE = re.compile(r"(?:[가-힣]*(?:하여|되어|어|아|여|해|돼|려|겨|켜|져|봐|와|줘|춰|게|지))$")
_GENITIVE = frozenset(("의",))
_PARTICLES = frozenset(
    ("에", "도", "만", "에서", "에는", "에도", "에서는", "에서도", "에게", "까지", "부터", "마다", "보다", "처럼", "하고", "이나", "으로도", "로도",
     "으로만", "로만", "만을", "만이", "까지는", "까지만", "부터는", "보다는")
)  # fmt: skip
_ADNOMINAL = re.compile(r"(?:는|던|은|을)$|^(?:인|일|라는|이라는|이란|란)$")
_VERB = re.compile(r"(?:하|한|할|합니|해|했|되|된|될|됩니|돼|됐)")
_TAIL = re.compile(r"[하해했할한함합되돼됐될된됨됩]")
"""How endings of 하다 and 되다 begin."""
_ADVERBS = frozenset(["꼭", "더", "곧", "안", "다", "잘", "또", "참", "꽤"])
_LEANING = re.compile(
    r"(?:하|되)(?:며|고|지|는|여|서|니|시|므|였|었|기|면|실|신|십)|(?:주|보)(?:세요|시|십|었|는|면)|줘|줄|봐|드리|드립|드려|할게|해야|했|해요$|돼요$"
)
"""Forms that need a verb or a noun right before them."""
_BOUND = frozenset(
    ("수", "것", "때", "줄", "거", "게", "걸", "건", "것이", "만큼", "대로", "때는", "뿐", "적", "것을", "수도", "수는", "채")
)  # fmt: skip
_BOUND_BEFORE = _BOUND | frozenset(["경우", "시", "바", "점", "사항", "후", "전", "중", "뒤"])
_MAY_BECOME: dict[Role, frozenset[Role]] = {
    "noun": frozenset(("noun", "loose", "particle", "joining", "nothing")),
    "loose": frozenset(("noun", "loose", "particle", "joining", "nothing")),
    "particle": frozenset(("noun", "particle", "joining")),
    "genitive": frozenset(("genitive", "adnominal", "noun", "nothing")),
    "adnominal": frozenset(("adnominal", "genitive", "nothing")),
    "joining": frozenset(("joining",)),
    "bare": frozenset(("bare", "joining")),
    "final": frozenset(("final",)),
    "mark": frozenset(("mark", "nothing")),
}


class Grammar:
    """Tells roles; words that were seen with a particle behind them are nouns, whatever they end in."""

    def __init__(self, sides: Iterable[Side]) -> None:
        seen: Counter[str] = Counter()
        verbal: set[str] = set()
        for side in sides:
            for piece, after in zip(side.pieces, side.pieces[1:], strict=False):
                if not after.space and (after.key in ("{이가}", "{을를}", "{이에요예요}") or after.key in _PARTICLES):
                    seen[piece.key] += 1
                elif not after.space and not piece.is_fact and _VERB.match(after.key):
                    verbal.add(piece.key)
        self.verbal: Collection[str] = frozenset(verbal)
        self._declined = frozenset(seen)
        self.nouns: Collection[str] = frozenset(word for word, n in seen.items() if n >= 2 and not _verbal(word))

    def role(self, words: Sequence[str], *, strict: bool = False) -> Role:
        """Return the role of a phrase, marks at its end left out; ``strict`` takes any ㄴ or ㄹ for a verb's before a noun."""
        rest = [bare(word) for word in words]
        while rest and rest[-1] in MARKS:
            rest.pop()
        if not rest:
            return "mark" if words else "nothing"
        return self._role(rest[-1], strict=strict)

    def fits(self, source: Keys, words: Keys) -> bool:
        """Tell whether the counterpart may stand where the source stood; the source's last key tells how it is closed."""
        source, closing = source[:-1], source[-1]
        if closing == "+p" and words and bare(words[-1]) not in self._declined:
            return False
        before, after = self.role(source), self.role(words, strict=True)
        if words and bare(words[0]) in _BOUND and bare(source[0]) not in _BOUND_BEFORE:
            return False
        if words and _LEANING.match(bare(words[0])) and words[0][0] != "~" and not _LEANING.match(bare(source[0])):
            return False
        if words and words[0] in MARKS and bare(source[0]) not in MARKS:
            return False
        if source[0][0] == "~" and _TAIL.match(bare(source[0])) and words and not _TAIL.match(bare(words[0])):
            return False
        if _past(source) != _past(words):
            return False
        if after == "loose" and len(bare(words[-1])) == 1 and bare(words[-1]) not in _ADVERBS:
            return False
        ends_before, ends_after = _ends(source), _ends(words)
        if before == "joining" and after == "final":
            return ends_after
        if ends_before != ends_after:
            return False
        if words and bare(words[-1]) in _BOUND and bare(source[-1]) not in _BOUND_BEFORE:
            return False
        last, new = bare(source[-1]), bare(words[-1]) if words else ""
        if before == "particle":
            return new == last or (last == "{으로로}" and after == "joining")
        if before in ("noun", "loose") and after == "joining":
            return new.endswith("서") or last in _BOUND_BEFORE
        if before in ("noun", "loose") and new.endswith("기") and not last.endswith("기"):
            return False
        return after in _MAY_BECOME[before]

    def bends(self, source: Keys, words: Keys) -> bool:
        """Tell whether one form of a verb became another: what an ending may be learnt from."""
        return (
            self.role(source[:-1]) in ("final", "joining")
            and self.fits(source, words)
            and not any(" " in w for w in words)
        )

    def _role(self, word: str, *, strict: bool) -> Role:
        if word in self.nouns:
            return "noun"
        if _FINAL.search(word):
            return "final"
        if _JOINING.search(word) and word not in _PARTICLES:
            return "joining"
        if word[0] == "{" or word in _PARTICLES:
            return "particle"
        if word in _GENITIVE:
            return "genitive"
        if _BARE.fullmatch(word) and len(word) > 1:
            return "bare"
        if _ADNOMINAL.search(word) or _ends_as_adnominal(word, strict=strict):
            return "adnominal"
        return "loose"


def _verbal(word: str) -> bool:
    return bool(re.search(r"(?:하|되|있|없)는$|(?:할|될|한|된|먹을|는)$", word))


def _ends_as_adnominal(word: str, *, strict: bool) -> bool:
    """Tell whether a word ends in ㄴ or ㄹ as verbs before nouns do, and is no common noun."""
    final = (ord(word[-1]) - 0xAC00) % 28 if "가" <= word[-1] <= "힣" else 0
    return final in (4, 8) and (strict or word[-1] in "할될한된갈간볼본줄준쓸쓴올온살산들든낼낸")


def _past(words: Sequence[str]) -> bool:
    return any((ord(c) - 0xAC00) % 28 == 20 and c not in "있겠" for word in words for c in word if "가" <= c <= "힣")


def _ends(words: Sequence[str]) -> bool:
    return bool(words) and bare(words[-1]) in _SENTENCE_MARKS
