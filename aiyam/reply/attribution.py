"""Which shop each part of a text is about: the one named before it, the one it describes, or all of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from aiyam.reply.known import Known, OneShop

COVER = "\ue000"  # no letter and no space: what follows a covered name ("…은 하루") does not begin a word
SENTENCE_END = re.compile(r"(?<=[.!?~])(?<!\d\.)\s+|\n+")

_ORDINAL = re.compile(r"(첫|두|세)\s*번째\s*(?:가게|집|곳|식당|데)?")
_ORDINALS = {"첫": 1, "두": 2, "세": 3}
_NOT_ABOUT = re.compile(r"\s*(?:보다|말고|대신)")
_JOINED = re.compile(r"\s*(?:과|와|,|랑|이랑|하고|그리고|및|나|이나|도)?\s*,?\s*(?:그리고\s*)?")
_DESCRIBES = re.compile(
    r"\s*(?:인|짜리|의|에|에서)\s*(?:[가-힣 ]{0,10}(?:는|은|인|한|된|진|던))?\s*|\s*(?:거리|떨어진|안쪽)(?:인|의|에)?\s*(?:[가-힣 ]{0,8}(?:는|은|인))?\s*|\s*까지\s*(?:하는|여는|열린|영업하는)\s*"
)
_INSIDE_WORD = re.compile(rf"[가-힣A-Za-z0-9{COVER}]")
_EVERY_ONE = re.compile(
    r"(?:둘|셋|두 곳|세 곳|두 군데|세 군데)\s*(?:다|모두)(?![가-힣])|모두|전부|다들|어디든|어느 (?:곳|데|가게)(?:이?든)"
)
_POINTS_BACK = re.compile(r"거기|여기|이곳|그곳|저기|이\s?집|그\s?집|이\s?가게|그\s?가게")
_EACH = re.compile(r"각각|각자|차례(?:로|대로)")

About = list[tuple[OneShop, ...]]
"""What is said must hold for one shop of each tuple; empty where no shop is spoken of."""


@dataclass(frozen=True)
class Named:
    """Shops named at ``text[start:end]``: several where they share the name."""

    start: int
    end: int
    shops: tuple[OneShop, ...]


class Attribution:
    """Reads a text once; ``about`` then tells of any part of it which shops it speaks of.

    ``covered`` is the text with names, dishes, addresses and places blanked out letter by letter, ``dishes`` where dishes
    stand in it.
    """

    def __init__(self, text: str, known: Known) -> None:
        self.known = known
        self.covered, self.dishes, self._named = _read(text, known)
        self._starts = [0, *(m.end() for m in SENTENCE_END.finditer(text))]
        self._text = text

    def sentence(self, at: int) -> tuple[int, int]:
        """Return where the sentence around a position begins and ends."""
        i = bisect_right(self._starts, at) - 1
        return self._starts[i], self._starts[i + 1] if i + 1 < len(self._starts) else len(self._text)

    def about(self, start: int, end: int) -> About:
        """Return the shops that ``text[start:end]`` is about."""
        shops = self.known.shops
        if len(shops) < 2:
            return [tuple(shops)] if shops else []
        first, last = self.sentence(start)
        sentence = self.covered[first:last]
        here = [n for n in self._named if first <= n.start < last and not _NOT_ABOUT.match(self.covered, n.end)]
        before = [n for n in here if n.end <= start]
        after = [n for n in here if n.start >= end]
        if after and _DESCRIBES.fullmatch(self.covered, end, after[0].start):
            return self._group(here, here.index(after[0]), sentence)
        if before:
            return self._group(here, here.index(before[-1]), sentence)
        if after and not _EVERY_ONE.search(sentence):
            return self._group(here, here.index(after[0]), sentence)
        if _EVERY_ONE.search(sentence):
            return [(shop,) for shop in shops]
        if sellers := self._sellers(start, first, last):
            return [sellers]
        earlier = [n for n in self._named if n.end <= first]
        if earlier and "\n\n" not in self.covered[earlier[-1].end : first]:
            group = self._group(earlier, len(earlier) - 1, "")
            return [tuple(shop for named in group for shop in named)]
        return [tuple(shops)]

    @property
    def is_list(self) -> bool:
        """Whether the reply is of several shops."""
        return len(self.known.shops) > 1

    def names_in(self, start: int, end: int) -> bool:
        """Tell whether a shop is named in a part of the text."""
        return any(start <= named.start < end for named in self._named)

    def named_before(self, at: int) -> tuple[OneShop, ...]:
        """Return the shops whose name ends just here: the one compared with in "A보다"."""
        return next((named.shops for named in self._named if named.end == at), ())

    def _sellers(self, start: int, first: int, last: int) -> tuple[OneShop, ...]:
        """Return the shops of the dish that a sentence without a name is about; none where it points back ("거기는")."""
        if _POINTS_BACK.search(self.covered, first, last):
            return ()
        here = [(at, dish) for at, _, dish in self.dishes if first <= at < last]
        before = [dish for at, dish in here if at <= start]
        dish = before[-1] if before else here[0][1] if here else None
        return tuple(shop for shop in self.known.shops if dish in shop.dishes)

    def scoped(self, start: int) -> bool:
        """Tell whether a part is about shops that were named, not about whichever the reply is of."""
        return len(self.known.shops) == 1 or self.about(start, start) != [tuple(self.known.shops)]

    def _group(self, named: list[Named], at: int, sentence: str) -> About:
        """Return the shop named and those joined to it: "A와 B는"; of "각각" any of them."""
        low = high = at
        while low > 0 and _JOINED.fullmatch(self.covered, named[low - 1].end, named[low].start):
            low -= 1
        while high + 1 < len(named) and _JOINED.fullmatch(self.covered, named[high].end, named[high + 1].start):
            high += 1
        group = [n.shops for n in named[low : high + 1]]
        return [tuple(shop for shops in group for shop in shops)] if _EACH.search(sentence) else group


def _read(text: str, known: Known) -> tuple[str, list[tuple[int, int, str]], list[Named]]:
    by_name: dict[str, list[OneShop]] = {}
    for shop in known.shops:
        by_name.setdefault(shop.name, []).append(shop)
    named = list[Named]()
    dishes = list[tuple[int, int, str]]()
    for span in _longest_first(known.verbatim()):
        at = text.find(span)
        while at >= 0:
            end = at + len(span)
            in_word = at > 0 and _INSIDE_WORD.match(text, at - 1) is not None
            if not in_word or span in by_name or span not in known.dishes:
                text = text[:at] + COVER * len(span) + text[end:]
                if span in by_name:
                    named.append(Named(at, end, tuple(by_name[span])))
                elif span in known.dishes:
                    dishes.append((at, end, span))
            # A dish within a word stays: no 라면 in "마라왕이라면", and no 찐빵 in another shop's name.
            at = text.find(span, end)
    for match in _ORDINAL.finditer(text):
        ranked = tuple(shop for shop in known.shops if shop.rank == _ORDINALS[match[1]])
        if ranked:
            named.append(Named(match.start(), match.end(), ranked))
    named.sort(key=lambda n: n.start)
    for one in [n for n in named if n.shops[0].name in known.dishes]:
        if any(_sells_before(other, one, text) for other in named):
            named.remove(one)
            dishes.append((one.start, one.end, one.shops[0].name))
    return text, sorted(dishes), named


def _sells_before(other: Named, one: Named, text: str) -> bool:
    """Whether a name that is a dish too ("꼬마김밥") stands in the line of another shop, named before it, that sells it."""
    if other is one or other.end > one.start or "\n" in text[other.end : one.start]:
        return False
    return any(one.shops[0].name in shop.dishes and shop not in one.shops for shop in other.shops)


def _longest_first(spans: Iterable[str]) -> list[str]:
    return sorted((s for s in spans if len(s) > 1), key=len, reverse=True)
