"""Which words may stand for which: what keeps a learnt edit from saying something else than the original."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from aiyam.reply.edits import Keys, bare
from aiyam.reply.pieces import PARTICLES
from aiyam.training.edit_alignment import Segment, Side

_LIGHT = re.compile(
    r"(?:있|없|않|싶|같)[가-힣]{0,4}|못(?:해요|했어요|하[가-힣]{0,2})?|안|수|것|거|건|게|걸|때|때는|때문에|"
    r"해(?:요|서|도|야|주|줄)?|하(?:는|면|고|지|기|려면|게|세요|니|니까)|돼(?:요|서|도)?|되(?:는|면|고|지|어|니)|될|된|할|한|했어요|하겠[가-힣]*|할게요|"
    r"주(?:세요|어|는|고|면|지)|줘(?:요|서)?|줄(?:게요|래요)?|봐(?:요)?|보(?:세요|고|면|는)|볼(?:게요|까요)?|"
    r"그래서|그리고|그런데|하지만|그러면|그래도|또는|아니면|거나|뒤|뒤에|후|후에|전|전에|중|중에|동안|쯤|다|더|잘|이|그|및|등|점|꼭|아직|모두|바로|쉽게|정말|아주|지금|"
    r"바랍니다|바라며|주시기|주십시오|드립니다|드려요|있습니다|합니다|됩니다|경우|시"
)
_TAIL = re.compile(
    r"(?:하였|하시|하여|하실|하신|하오|하십|하므|하며|하는|하기|하고|하면|하지|하다|합니|했|해야|해서|해주|되었|되며|되시|되므|되오|되어|됩니|됐|될|드립|드리|입니|이며|이므|이오)"
)
_NEGATED = re.compile(r"없|않|못|^안$|아니|아닌|마세요|말아|말고|모르|몰라|불가|부재|빼|어려|어렵")
_NEGATING = re.compile(
    r"없|않|못|^안$|아니|아닌|불|부재|^미|^무|^비|금|삼가|제한|제외|거부|거절|중단|중지|폐|휴|마감|품절|매진|소진|어려|어렵|곤란|지양|자제|외|한하|초과|실패|만|모르|마시|말|오류|누락|결|차단|취소|종료|지체|상실|부족"
)
_PLAINLY_NEGATED = re.compile(r"없|않|못|아니|아닌|불가|부재")
FEWEST, LEAST_LIFT, LEAST_OF_CLOSEST = 2, 4.0, 0.6
"""Originals in which two words must meet, how much more often than by chance, how closely beside the closest word."""


def is_content(key: str) -> bool:
    """Tell whether a word says something of its own: no particle, mark, fact or auxiliary.

    >>> is_content("도보"), is_content("{은는}"), is_content("있어요")
    (True, False, False)
    """
    return "가" <= key[0] <= "힣" and not _LIGHT.fullmatch(key) and not _TAIL.match(key) and key not in PARTICLES


class Licence:
    """What the pairs bear out: two words that meet in several originals, or that are all that changed at one place.

    Args:
        pairs: number of the original, both sides, their segments.
        names: words that no edit may bring in: dishes, places.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[int, Side, Side, Sequence[Segment]]],
        names: Collection[str] = (),
    ) -> None:
        self._names = names
        together: set[tuple[int, str, str]] = set()
        ours: set[tuple[int, str]] = set()
        theirs: set[tuple[int, str]] = set()
        self._met: set[tuple[str, str]] = set()
        originals = set()
        for original, source, target, segments in pairs:
            originals.add(original)
            left = {p.key for p in source.pieces if is_content(p.key)}
            right = {p.key[0] for p in target.pieces if is_content(p.key) and p.key not in left}
            ours.update((original, s) for s in left)
            theirs.update((original, t) for t in right)
            together.update((original, s, t) for s in left for t in right)
            self._met.update(_alone(source, target, segments))
        n = len(originals)
        n_ours, n_theirs = Counter(s for _, s in ours), Counter(t for _, t in theirs)
        meetings = Counter((s, t) for _, s, t in together)
        closest: dict[str, float] = {}
        for (s, t), met in meetings.items():
            closest[t] = max(closest.get(t, 0.0), met / (n_ours[s] + n_theirs[t]))
        for (s, t), met in meetings.items():
            close = met / (n_ours[s] + n_theirs[t])
            likely = met * n >= LEAST_LIFT * n_ours[s] * n_theirs[t]
            if met >= FEWEST and likely and close >= LEAST_OF_CLOSEST * closest[t]:
                self._met.add((s, t))

    def permits(self, source: Keys, words: Keys, n_seen: int) -> bool:
        """Tell whether this counterpart may stand for a phrase (how it is closed last); ``n_seen`` originals show it."""
        plain = [bare(word) for word in words]
        said = [bare(key) for key in source[:-1]]
        if _negated(plain) and not any(_NEGATING.search(key) for key in said):
            return False
        if any(_PLAINLY_NEGATED.search(key) for key in said) and not _negated(plain):
            return False
        contents = [key for key in said if is_content(key)]
        wanted = [word for word in plain if is_content(word)]
        if len(wanted) > max(len(contents), 1):
            return False
        for word in wanted:
            if word in said:
                continue
            if word in self._names:
                return False
            if not any(key[0] == word[0] or (key, word[0]) in self._met for key in contents):
                return False
        return bool(wanted) or not contents or n_seen > FEWEST


def _alone(source: Side, target: Side, segments: Sequence[Segment]) -> list[tuple[str, str]]:
    """Return words that are the only ones of content in a segment between two that did not change."""
    told = []
    changed = [source.keys[i:ie] != target.keys[j:je] for i, ie, j, je in segments]
    for n, (i, i_end, j, j_end) in enumerate(segments):
        if not changed[n] or any(changed[max(n - 1, 0) : n]) or any(changed[n + 1 : n + 2]):
            continue
        ours = [p.key for p in source.pieces[i:i_end] if is_content(p.key)]
        theirs = [p.key for p in target.pieces[j:j_end] if is_content(p.key)]
        if len(ours) == 1 and len(theirs) == 1:
            told.append((ours[0], theirs[0][0]))
    return told


def _negated(words: Sequence[str]) -> bool:
    return any(_NEGATED.search(word) for word in words)
