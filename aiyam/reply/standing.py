"""Whether what a text states stands in the rows of the shops it is about: claims in figures, and dishes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiyam.reply.attribution import About, Attribution
from aiyam.reply.claims import Claim, find_claims
from aiyam.reply.known import Known, OneShop

HELPLINES = frozenset({"109", "112", "119", "1388", "1366", "1577-1391", "129", "117"})
_LIST_NUMBER = re.compile(r"^\s*(?:- )?(\d{1,2})(?=[.)]\s|번)", re.MULTILINE)
_OF_FIVE = re.compile(r"(?<!\d)5점\s*만점")
_UPPER = re.compile(
    r"\s*(?:이하|안(?!\s*(?:돼|되|해|하))|이내|까지|밑|아래|미만|으로|로|보다\s*(?:싼|싸|저렴|적|가까)|(?:이|을|를)?\s*안?\s*(?:안\s*넘|넘지))"
)
_LOWER = re.compile(r"\s*(?:이상|넘|부터|보다\s*(?:비|많|멀))")
_ABOUT_AS_MUCH = re.compile(r"\s*대(?![가-힣]*\s*로)")
_DENIED = re.compile(
    r"\s*(?:쯤|정도)?\s*(?:이|은|는|가|도|에|에는|까지|부터)?\s*(?:아니|안\s*(?:돼|되|해|하|열|팔|걸)|도\s*안|도\s*채|못)"
)
_NO_SUCH = re.compile(r"(?:(?!고 |지만|는데)[^.!?\n,]){0,30}?(?:없|안\s|않|못|모르|모릅|몰라|아니|말고|빼고|대신)")
_SAID_TO_BE_OUT = re.compile(
    r"\s*(?:은|는|이|가|도|만)?\s*(?:이제|지금|오늘은?|벌써|다)*\s*(?:없(?!이|을까)|안\s*(?:팔|해|나와)|다\s*(?:팔|나갔)|품절|팔지|빠졌)"
)
_UNTIL, _FROM, _AT = re.compile(r"\s*까지"), re.compile(r"\s*(?:부터|이후|넘어)"), re.compile(r"\s*(?:에|이\s*되면)")
_OPENS = re.compile(r"[가-힣 ]{0,8}?(?:열|시작|연다|여니|오픈|들어갈)")
_CLOSES = re.compile(r"[가-힣 ]{0,8}?(?:닫|마감|끝나|끝내|마치|마쳐)")
_RESTS = re.compile(r"[가-힣 ]{0,8}?(?:쉬|쉰|쉽|브레이크)")
_RESTS_FROM = re.compile(r"(?:(?!고 )[가-힣 \d:]){0,16}?(?:쉬|쉰|쉽|브레이크)")
_DAYS_OFF = re.compile(r"쉬|쉰|쉽|휴무|휴일|닫|안\s*(?:열|해)|못\s*가|지\s*않")
_DAYS_ON = re.compile(r"열(?!리지)|여는|엽니다|영업|해요|합니다")
_WITH_TIME = re.compile(r"\s*(?:\d|밤|새벽|오전|오후|아침|저녁)")
_ON_FOOT = re.compile(r"(?:걸어서|걸으면|걸어가면|도보(?:로)?)\s*$")


def false_claims(read: Attribution) -> Iterator[Claim]:
    """Yield the claims in figures that do not stand, and those that state the opposite of what does."""
    known, covered = read.known, read.covered
    for match in _LIST_NUMBER.finditer(covered):
        if int(match[1]) <= max(known.n_shops, 1):
            covered = covered[: match.start(1)] + " " * len(match[1]) + covered[match.end(1) :]
    covered = _OF_FIVE.sub(lambda m: " " * len(m.group()), covered)
    for claim in find_claims(covered):
        if not _stands(claim, covered, read):
            yield claim


def false_dishes(read: Attribution) -> Iterator[tuple[int, str]]:
    """Yield where dishes stand that are said of a shop that does not sell them, or said to be out though they are not."""
    for start, end, dish in read.dishes:
        about = read.about(start, end)
        out = bool(_SAID_TO_BE_OUT.match(read.covered, end))
        if out and about and all(all(_sells(s, dish) and not _sold_out(s, dish) for s in shops) for shops in about):
            yield start, dish
        elif out or not read.scoped(start) or _NO_SUCH.match(read.covered, end):
            continue
        elif not all(any(_sells(shop, dish) for shop in shops) for shops in about):
            yield start, dish


def _sells(shop: OneShop, dish: str) -> bool:
    asked = _tight(dish)
    return any(asked in _tight(own) or _tight(own) in asked for own in shop.dishes)


def _sold_out(shop: OneShop, dish: str) -> bool:
    if dish in shop.dishes:
        return dish in shop.sold_out
    return any(_tight(dish) in _tight(own) for own in shop.sold_out)


def _stands(claim: Claim, text: str, read: Attribution) -> bool:
    known, value = read.known, claim.value
    if claim.kind == "phone" and claim.text in HELPLINES:
        return True
    if claim.kind == "count":
        return value == known.n_shops
    if claim.kind == "number":
        return claim.text in HELPLINES
    about = read.about(claim.start, claim.end)
    if claim.kind == "price":
        return _price_stands(int(value), claim, text, read, about)
    if claim.kind == "distance":
        return _distance_stands(float(value), claim, text, known, about)
    if claim.kind == "clock" and text[claim.start - 1 : claim.start] != "~" and _DENIED.match(text, claim.end):
        return False
    return bool(about) and all(any(_holds(claim, text, shop, read) for shop in shops) for shops in about)


def _holds(claim: Claim, text: str, shop: OneShop, read: Attribution) -> bool:
    value = claim.value
    if claim.kind == "clock":
        halves = {int(value), (int(value) + 720) % 1440} if claim.uncertain_half else {int(value)}
        return bool(halves & _times_meant(claim, text, shop))
    if claim.kind == "minutes":
        walks = value in shop.walk_min
        return walks if _ON_FOOT.search(text, 0, claim.start) else walks or value in shop.minutes
    if claim.kind == "rating":
        return any(abs(float(value) - r) < 0.05 for r in shop.ratings)
    if claim.kind == "phone":
        return value in shop.phones
    first, last = read.sentence(claim.start)
    off, on = (bool(words.search(text, first, last)) for words in (_DAYS_OFF, _DAYS_ON))
    days = (
        shop.off_days | shop.open_days
        if off == on or _WITH_TIME.match(text, claim.end)
        else shop.off_days
        if off
        else shop.open_days
    )
    return value in days


def _times_meant(claim: Claim, text: str, shop: OneShop) -> set[int]:
    """Return the times that a clock claim may name: when it opens, closes, rests, or any where its words do not tell."""
    end = claim.end
    if text[claim.start - 1 : claim.start] == "~":
        return shop.break_end | shop.closing
    if until := _UNTIL.match(text, end):
        return shop.break_end | shop.opening if _RESTS.match(text, until.end()) else shop.closing | shop.break_start
    if begins := _FROM.match(text, end):
        return shop.break_start if _RESTS_FROM.match(text, begins.end()) else shop.opening | shop.break_end
    if at := _AT.match(text, end):
        for words, times in (
            (_RESTS, shop.break_start),
            (_CLOSES, shop.closing | shop.break_start),
            (_OPENS, shop.opening | shop.break_end),
        ):
            if words.match(text, at.end()):
                return times
    return shop.clocks


def _price_stands(value: int, claim: Claim, text: str, read: Attribution, about: About) -> bool:
    known = read.known
    upper, lower = _UPPER.match(text, claim.end), _LOWER.match(text, claim.end)
    if value in known.limits and (upper or lower):
        if not read.scoped(claim.start):
            return True
        fits = (lambda p: p <= value) if upper else (lambda p: p >= value)
        if all(any(any(map(fits, shop.prices)) for shop in shops) for shops in about):
            return True
        return bool(_NO_SUCH.match(text, claim.end))
    if lower or _DENIED.match(text, claim.end):
        return False
    if value in known.amounts:
        return True
    if _ABOUT_AS_MUCH.match(text, claim.end):
        step = 10_000 if value >= 10_000 else 1_000
        if value in known.limits and not read.scoped(claim.start):
            return True
        return bool(about) and all(any(value <= p < value + step for s in shops for p in s.prices) for shops in about)
    dish = _dish_priced(claim, read)
    return bool(about) and all(any(value in _prices(shop, dish) for shop in shops) for shops in about)


def _prices(shop: OneShop, dish: str | None) -> set[int]:
    """Return what a shop's dish costs; all its prices where none is named, or none of its own."""
    if dish is None:
        return shop.prices
    exact = shop.dishes.get(dish)
    if exact:
        return exact
    near = [prices for own, prices in shop.dishes.items() if _tight(dish) in _tight(own) or _tight(own) in _tight(dish)]
    return set().union(*near)


def _dish_priced(claim: Claim, read: Attribution) -> str | None:
    """Return the dish that an amount is said of: the last before it in its sentence, else the one it describes."""
    first, last = read.sentence(claim.start)
    before = [dish for start, end, dish in read.dishes if first <= start and end <= claim.start]
    after = [(start, dish) for start, _, dish in read.dishes if claim.end <= start < last]
    if after and re.fullmatch(r"\s*(?:짜리|인|하는|에 파는|의)?\s*", read.covered[claim.end : after[0][0]]):
        return after[0][1]
    return before[-1] if before else None


def _distance_stands(value: float, claim: Claim, text: str, known: Known, about: About) -> bool:
    if any(abs(value - reach) < 0.5 for reach in known.reaches) and (
        _UPPER.match(text, claim.end) or _LOWER.match(text, claim.end)
    ):
        return True
    if _DENIED.match(text, claim.end):
        return False
    return bool(about) and all(any(abs(value - d) < 0.5 for shop in shops for d in shop.distances) for shops in about)


def _tight(text: str) -> str:
    return "".join(text.split())
