"""Questions about several of the shops just shown: which is cheaper, nearer, better rated, open later, open now, near enough to walk to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiyam.contracts import CompareAspect, DialogueState, EntityType, Intent, Understanding
from aiyam.korean.numerals import find_ordinals
from aiyam.nlu.reference import EARLIER, THAT_ONE_REJECTED, chosen_instead

_ASPECTS: tuple[tuple[CompareAspect, re.Pattern[str]], ...] = (
    ("price", re.compile(r"싸(?!우)|싼|저렴|비싸|비싼|가격|값|얼마")),
    ("closing", re.compile(r"늦게|오래|늦도록|몇\s?시까지|언제까지|일찍\s?닫|먼저\s?닫")),
    ("distance", re.compile(r"가까|가깝|멀어|멀(?:지|까)|먼\s|거리|빨리\s?(?:가|도착)")),
    ("rating", re.compile(r"별점|평점|평이|평가|점수|리뷰|후기|인기|유명")),
    (
        "open",
        re.compile(r"열(?:었|려|린|어)|연\s?(?:데|곳|집)|영업|문\s?(?:열|닫|연)|닫(?:았|혔|힌)|지금\s?(?:하|해|가)"),
    ),
    ("walk", re.compile(r"걸어")),
    ("general", re.compile(r"나아|낫|나을|좋아|좋을|좋은|괜찮|추천|고를|골라|차이|비교|맛있")),
)
_WHICH = re.compile(
    r"중(?:에|에서|에선|엔)?|(?:둘|셋|넷|다섯)\s?다|어디|뭐가|뭐\s|어느|누가|보다|차이|비교|vs|더\s|모두|다\s|\d\s?번[이가]\s?\S+\s?(?:아니면\s?)?\d\s?번[이가]"
)
_AMONG = re.compile(
    r"(?:(?:그|이|저|요|여기|거기|나온\s?(?:거|것|데|곳)|보여\s?준\s?(?:거|것|데|곳)|위에?\s?(?:거|것)?)\s?중(?:에|에서|에선|엔)?|(?P<count>둘|셋|넷|다섯|[2-5]\s?(?:개|곳))\s?중(?:에|에서|에선|엔)?)"
)
_MOST = re.compile(r"제일|가장|젤|더|덜|높은|최고|뭐가|어디|어느|나아|낫")
_NOT_THESE = re.compile(r"없|별로|말고|맘에|마음에|다른|빼고|싫")
_COUNTS = {"둘": 2, "셋": 3, "넷": 4, "다섯": 5}
_ARE_OPEN = re.compile(
    r"(?:근데|그럼|혹시|여기|거기|이거|얘네|저기)?(?:들)?\s?(?:은|는)?\s?(?:지금|현재)?\s?(?P<all>다|모두|전부|셋\s?다|둘\s?다)?\s?(?:지금|현재)?\s?(?:문\s?)?(?:을\s?)?"
    r"(?:열었(?:어|나|을까|니|냐|음)|열려\s?있(?:어|나|니|을까|음)|영업\s?(?:중|해|하나|하니|해요)|하고\s?있(?:어|나)|열어|하는\s?(?:데|곳)(?:야|이야|인가|맞아)|가도\s?돼|갈\s?수\s?있어)(?:요|이야|인가|이에요)?[?!.~ ]*"
)
_WALKABLE = re.compile(
    r"(?:근데|그럼|혹시)?\s?(?:여기서?|거기|저기|집에서)?(?:들)?\s?(?:은|는)?\s?(?P<all>다|모두|전부|셋\s?다|둘\s?다)?\s?(?:걸어(?:서)?\s?(?:갈|가)|도보로\s?(?:갈|가)|걸어도)\s?(?:(?:수|만)\s?(?:있|해|한)|도\s?(?:돼|되|괜찮)|지나|돼)[가-힣]{0,3}[?!.~ ]*"
)


@dataclass(frozen=True)
class Comparison:
    """The shops that are compared, as (number on the screen, id), and what of them is asked."""

    shops: tuple[tuple[int, str], ...]
    aspect: CompareAspect


def comparison(text: str, understanding: Understanding, state: DialogueState) -> Comparison | None:
    """Return what a normalised text asks of several shops of the newest list; None where it asks nothing such.

    Two numbers and a word that compares, "of these" with what to choose by, or a question about all of them at once.
    """
    shown = tuple(enumerate(state.shown_shop_ids, 1))
    if len(shown) < 2 or EARLIER.search(text) or understanding.intent is Intent.SAFETY:
        return None
    named = {e.entity for e in understanding.entities}
    if EntityType.SHOP_NAME in named and EntityType.ORDINAL not in named:
        return None
    numbers = list(dict.fromkeys(o.number if o.number > 0 else len(shown) for o in find_ordinals(text)))
    if len(numbers) >= 2:
        if max(numbers) > len(shown) or THAT_ONE_REJECTED.search(text) or chosen_instead(text):
            return None
        aspect = _aspect(text)
        return (
            Comparison(tuple(shown[n - 1] for n in sorted(numbers)), aspect) if aspect and _WHICH.search(text) else None
        )
    if numbers:
        return None
    return _of_these(text, understanding, shown) or _of_all(text, state, shown)


def _of_these(text: str, understanding: Understanding, shown: tuple[tuple[int, str], ...]) -> Comparison | None:
    among = _AMONG.search(text)
    if among is None or _NOT_THESE.search(text) or not _MOST.search(text, among.end()):
        return None
    said = understanding.filters
    if said.menus or said.category or said.budget_max or said.exclude_menus or said.taste:
        return None
    aspect = _aspect(text[among.end() :])
    n = _COUNTS.get((among["count"] or "")[:2].strip()) or int(
        next(iter(re.findall(r"\d", among["count"] or "")), len(shown))
    )
    return Comparison(shown[:n], aspect) if aspect is not None and n >= 2 else None


def _of_all(text: str, state: DialogueState, shown: tuple[tuple[int, str], ...]) -> Comparison | None:
    patterns: tuple[tuple[CompareAspect, re.Pattern[str]], ...] = (("walk", _WALKABLE), ("open", _ARE_OPEN))
    for aspect, pattern in patterns:
        match = pattern.fullmatch(text.strip())
        if match is not None and (match["all"] or state.focus_shop_id is None):
            return Comparison(shown, aspect)
    return None


def first_by_card(compared: Comparison, state: DialogueState) -> str | None:
    """Return the shop that is cheapest or nearest by what the cards told, which is the one spoken of from then on."""
    if compared.aspect not in ("price", "distance"):
        return None
    ids = {shop_id for _, shop_id in compared.shops}
    told = [
        (value, card.shop_id)
        for card in state.shown_cards
        if card.shop_id in ids
        and (value := card.price_won if compared.aspect == "price" else card.distance_m) is not None
    ]
    least = [shop_id for value, shop_id in told if value == min(told)[0]]
    return least[0] if len(least) == 1 else None


def asks_to_walk(text: str) -> bool:
    """Tell whether a normalised text asks if a place can be walked to, and nothing else."""
    return _WALKABLE.fullmatch(text.strip()) is not None


def _aspect(text: str) -> CompareAspect | None:
    return next((aspect for aspect, words in _ASPECTS if words.search(text)), None)
