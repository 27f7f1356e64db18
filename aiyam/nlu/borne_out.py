"""What an utterance bears out of the constraints a language model names: a filter needs its words in the text."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiyam.contracts import RECOMMENDING_INTENTS, EntityType, Filters
from aiyam.korean.numerals import counts_other_things
from aiyam.korean.spelling import Normalised, normalise
from aiyam.nlu.directions import turns_place_down
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.lexicon import ALLERGEN_GROUPS, find_words, named_allergens, short_named_allergen
from aiyam.nlu.values import NO_FILTERS, Span, filters_of, is_negated, value_of

_AMOUNTS = {
    "budget_min": EntityType.BUDGET,
    "budget_max": EntityType.BUDGET,
    "max_distance_m": EntityType.DISTANCE,
    "ordinal": EntityType.ORDINAL,
}
"""Number keys, and the kind of evidence that must name the number."""
_FOOD = frozenset({EntityType.MENU, EntityType.FOOD_TYPE})
_PROPER = frozenset({EntityType.SHOP_NAME, EntityType.LOCATION})
"""Kinds whose words are a name and say nothing else: 소문난돈까스 is not about ratings."""
_NAMES = {
    "menus": _FOOD,
    "exclude_menus": _FOOD | {EntityType.ALLERGY},
    "district": frozenset({EntityType.LOCATION}),
    "place": frozenset({EntityType.LOCATION}),
}
"""Keys whose value is a name, and the kinds of evidence the name may be; a name of no known kind may be any."""
_KINDS = {
    "category": EntityType.FOOD_TYPE,
    "taste": EntityType.TASTE,
    "exclude_taste": EntityType.TASTE,
    "dietary_preferences": EntityType.DIETARY_PREFERENCE,
    "companion": EntityType.COMPANION,
    "time_of_day": EntityType.TIME_OF_DAY,
    "atmosphere": EntityType.ATMOSPHERE,
    "near_me": EntityType.LOCATION,
}
"""Keys of the vocabularies and the kind of span that says them: a span of the model's counts where the value rules read it so."""
_TOPICS = {
    ("delivery", True): re.compile(r"배달|시켜\s?먹|(?:갖다|가져다)\s?[주줘줄]"),
    ("takeout", True): re.compile(r"포장|테이크\s?아웃|가져가|들고\s?가|(?<![가-힣])싸\s?[가갈]|(?<![가-힣])사\s?(?:갈|들고)"),
    ("good_shop", True): re.compile(r"선한|선행|영향력|나눔|후원|(?:무료|공짜)(?:로|\s?(?:밥|식사|음식|급식))"),
    ("near_me", True): re.compile(r"여기서\s?먹|코앞|이\s?근방|요\s?앞|걸어갈"),
    ("sort", "price"): re.compile(r"(?<!비)싼|저렴|알뜰|절약"),
    ("sort", "distance"): re.compile(r"가까|코앞|멀지|안\s?멀|금방\s?(?:가|갈|걸)|바로\s?옆"),
    ("sort", "rating"): re.compile(r"별점|평점|(?<!수행)평가|평[이도]?\s?(?:좋|괜찮)|후기|리뷰|인기|유명|소문|핫한|핫플"),
    ("open_now", True): re.compile(r"영업|장사|오픈|브레이크|(?<![가-힣])문\s?(?:을\s?)?(?:연|여는|열|안\s?닫|닫지)|(?<![가-힣])(?:열(?:었|려|린|고)|여는|안\s?닫)"),
}  # fmt: skip
"""What must be spoken of for a wish the rules do not read; the model tells that it is one."""
_LATER = re.compile(r"내일|모레|글피|이따|나중|다음|주말|요일|오늘|명절|아침|점심|저녁|새벽|밤|\d\s?시(?!간)")
_NOW = re.compile(r"지금|당장|현재|아직")
"""Open at another time is not open now, unless now is said too."""
_HARM = re.compile(
    r"알레르기|두드러기|발진|불내증|예민|민감|체질|거부|가려(?:워|웠|운)|가렵|간지|간질|근지|따가|따갑|따끔|[붓붇]|부어|부었|부풀|토[해하할했]|체[해하할했]|탈이?\s?[나났]|배탈|설사"
    r"|뾰루지|여드름|물집|아토피|천식|구역질|메스꺼|빨개(?:지(?!는)|져|졌)|빨갛게|벌게|울긋불긋|소화\s?(?:가|를|도)?\s?(?:잘\s?|전혀\s?)?(?:못|안\s?[되돼])|화장실\s?(?:을|로|에|부터|만)?\s?(?:직행|달려|뛰어|들락|행|가게\s?[되돼])"
    r"|(?:배|속|목|입|몸|머리)[이가]?\s?.{0,4}(?:아[파프픈팠]|안\s?좋|이상|뒤집)|(?:목|숨|코)[이가]?\s?막|쓰러|쇼크|숨\s?(?:이|을|쉬)|응급|입원|실려\s?[가갔]|병원|큰일|위험|조심|죽을\s?뻔|상극|독이|문제"
)
"""What food does to someone who cannot have it."""
_AVOIDED = re.compile(
    r".{0,12}?(?:못\s?(?:먹|드)|먹지\s?(?:말|마|못)|안\s?(?:먹|맞|받|들어|쓰|[되돼])|피해|피하|빼[고야달줘주]|없는|들어가지|넣지|닿으면)"
)
"""What avoids the food named just before."""
_AND_THEN = re.compile(
    r"[가-힣]{0,3}\s?(?:조금만\s?|한\s?입만\s?)?(?:(?:먹|마시|드시|만지|닿|들어가|씹|삼키|스치|바르)(?:기만\s?하|었다\s?하|으)?면|(?:먹|만지|씹)(?:고\s?나면|을\s?때마다|는\s?족족)|(?:마시|닿|들어가)고\s?나면|(?:마실|만질|닿을)\s?때마다|냄새만\s?맡)"
    r"(?!.{0,14}(?:좋|행복|맛|기분|힘\s?[나난]|키|될까|되나|되냐|돼\?|[될]까|딱|최고|비싸|어때|뭐|얼마|살\s?[찌빠]|건강|튼튼|싶|추천|배부|풀[리려]))"
)
"""What happens after the food named just before was eaten or touched, whatever it is, where it is nothing to be wished for."""
_N_NEAR = 8
_SPOKEN_OF = re.compile(
    r"류?(?:이?랑은|하고는|[과와]는|은|는|이?라면|이?면|때문)(?!.{0,12}(?:좋아|맛있|먹고\s?싶|먹을|추천|찾|있[는나어]|파는|땡|당[겨기]|어때|얼마))"
)
"""What makes the word before it the matter of the sentence, and no wish."""


@dataclass(frozen=True)
class Claimed:
    """An utterance, what the rules found in it, and the intent and spans (of the normalised text) a model gave it."""

    typed: str
    plain: Normalised
    evidence: tuple[Span, ...]
    intent: str
    gazetteer: Gazetteer
    spans: tuple[tuple[str, int, int], ...] = ()

    @cached_property
    def ruled(self) -> dict[str, Any]:
        """The filters the rules alone read in these words, said with this intent."""
        return filters_of(self.plain.text, self.intent, self.evidence).model_dump(exclude_none=True)

    def places_of(self, surface: str) -> list[tuple[int, int]]:
        """Return where a surface form stands in the normalised text: first as it was typed, then as it is spelt plainly."""
        plain, found = self.plain, []
        for start, end in _occurrences(surface, self.typed):
            inside = [i for i in range(len(plain.text)) if plain.starts[i] < end and plain.ends[i] > start]
            if inside:
                found.append((inside[0], inside[-1] + 1))
        return found + _occurrences(normalise(surface).text.strip(), plain.text)

    def bears_out(self, key: str, value: Any) -> bool:
        """Tell whether the words say what a filter of the contract says; false for a key or value it does not have.

        What the rules read in the same words is borne out. Beyond them, a name must stand in the text and be no other
        kind of thing, an amount must be named, an allergen be named as more than a wish, a wish (delivery, the order of
        the list) be spoken of and not turned down, and a word of a vocabulary be one the value rules read in a span of
        the model's. The meal card is the rules' alone: it is a hard constraint, and their words for it are all there are.
        """
        if key not in Filters.model_fields or not isinstance(value, str | int) or self.intent in NO_FILTERS:
            return False
        if key in _AMOUNTS:
            return self._names_the_amount(key, value)
        if self._is_ruled(key, value):
            return True
        if key in _NAMES:
            return isinstance(value, str) and self._names_the_thing(key, value.strip())
        if key == "allergies":
            return isinstance(value, str) and self.names_allergen(value)
        if self.intent not in RECOMMENDING_INTENTS:
            return False
        return self._speaks_of(key, value) or self._is_tagged(key, value)

    def _is_ruled(self, key: str, value: str | int) -> bool:
        said = self.ruled.get(key)
        return value in said if isinstance(said, tuple) else value == said

    def _names_the_amount(self, key: str, value: str | int) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        kind, is_budget = _AMOUNTS[key], key.startswith("budget")
        numbers = {n for s in self.evidence if s.entity == kind for n in (s.low, s.high, s.value) if isinstance(n, int)}
        off = (0, -1, 1) if is_budget else (0,)  # "under 10,000" is at most 9,999
        return any(value + d in numbers - {0} for d in off) or (is_budget and self._has_bare_won(value))

    def _has_bare_won(self, won: int) -> bool:
        """Tell whether an amount from 1,000 won stands in the text without its unit (9500 남음)."""
        if won < 1000:
            return False
        spelt = re.compile(rf"(?<![\d.,-])(?:{won}|{won:,})(?!\d|[.,-]\d)")
        return any(not counts_other_things(self.plain.text, *m.span()) for m in spelt.finditer(self.plain.text))

    def _names_the_thing(self, key: str, value: str) -> bool:
        if key == "district" and not re.search(r"[구군시]$", value):
            return False
        wanted = key != "exclude_menus"
        known = [s for s in self.evidence if s.entity in _NAMES[key] and s.value == value]
        if known:
            return any(not (wanted and s.negated) for s in known)
        return len(value) > 1 and any(
            not (wanted and is_negated(self.plain.text, start, end))
            and all(s.entity in _NAMES[key] for s in self.evidence if s.start < end and s.end > start)
            for start, end in self.places_of(value)
        )

    def names_allergen(self, value: str) -> bool:
        """Tell whether an allergen, or a group it belongs to, is named as more than a food somebody wants.

        Where harm is spoken of, naming it is enough: a constraint too many costs a choice, one too few may cost health.
        Elsewhere it must be what the sentence is about ("땅콩은 …"), or what something comes of ("땅콩 먹으면 …").
        """
        names = {value, *(group for group, members in ALLERGEN_GROUPS.items() if value in members)}
        text, harm = self.plain.text, self._speaks_of_harm()
        hits = [(start, end) for name, start, end in named_allergens(text) if name in names]
        hits += [(start, end) for start, end in short_named_allergen(text, value) if harm or _AVOIDED.match(text, end)]
        return any(
            not self._lies_in(_PROPER, start, end)
            and (
                harm
                or _AND_THEN.match(text, end)
                or ((_AVOIDED.match(text, end) or _SPOKEN_OF.match(text, end)) and not self._lies_in(_FOOD, start, end))
            )
            for start, end in hits
        )

    def _speaks_of_harm(self) -> bool:
        """Tell whether harm is spoken of beyond the allergies the rules found, whose harm is no other food's."""
        text, explained = self.plain.text, []
        for span in self.evidence:
            if span.entity == EntityType.ALLERGY:
                near = _HARM.search(text, span.end, span.end + _N_NEAR)
                explained.append(range(span.start, near.end() if near else span.end))
        return any(all(m.start() not in part for part in explained) for m in _HARM.finditer(text))

    def is_an_allergy(self, start: int, end: int) -> bool:
        """Tell whether words tagged as an allergy are one: the value rules would take any food there for one."""
        value = value_of(EntityType.ALLERGY, self.plain.text[start:end], self.gazetteer)
        return any(self.bears_out("allergies", a) for a in ALLERGEN_GROUPS.get(str(value), (str(value),)))

    def _lies_in(self, kinds: Container[str], start: int, end: int) -> bool:
        """Tell whether ``text[start:end]`` is part of something of these kinds that is not turned down."""
        return any(s.start <= start and end <= s.end and not s.negated for s in self.evidence if s.entity in kinds)

    def _speaks_of(self, key: str, value: str | int) -> bool:
        text, pattern = self.plain.text, _TOPICS.get((key, value))
        if pattern is None or (key == "open_now" and _LATER.search(text) and not _NOW.search(text)):
            return False
        if key == "near_me" and self.ruled.keys() & {"place", "district"}:
            return False
        return any(
            not self._lies_in(_PROPER, *m.span()) and (key == "sort" or not _is_turned_down(text, *m.span()))
            for m in pattern.finditer(text)
        )

    def _is_tagged(self, key: str, value: str | int) -> bool:
        """Tell whether the vocabulary's words for the value are there, in its direction.

        They are words of the lexicon, also where the rules think that they mean someone else (company that stays at
        home), or words the model tagged that the value rules read so.
        """
        text, kind = self.plain.text, _KINDS.get(key)
        said: str | int = "near_me" if key == "near_me" else value
        if key == "companion" and any(
            hit.entity == kind and hit.value == said and not is_negated(text, hit.start, hit.end)
            for hit in find_words(text)
        ):
            return True
        return any(
            span == kind
            and value_of(kind, text[start:end], self.gazetteer) == said
            and is_negated(text, start, end) == (key == "exclude_taste")
            and all(s.end <= start or s.start >= end for s in self.evidence)
            for span, start, end in self.spans
        )


def _is_turned_down(text: str, start: int, end: int) -> bool:
    return is_negated(text, start, end) or turns_place_down(text, end)


def _occurrences(surface: str, text: str) -> list[tuple[int, int]]:
    found = []
    at = text.find(surface) if surface else -1
    while at >= 0:
        found.append((at, at + len(surface)))
        at = text.find(surface, at + 1)
    return found
