"""What a language model may state without a figure: open or shut, near, cheapest, free, famous; false unless a row says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiyam.contracts import ALLERGENS
from aiyam.korean.places import find_places
from aiyam.reply.attribution import Attribution
from aiyam.reply.known import OneShop

NEAR_M, NEXT_DOOR_M = 1_000, 100
"""How far a shop may be that is called near, and next door."""

_ASKED_ABOUT = re.compile(
    r"[가-힣 ]{0,6}?(?:는지|은지|을지|인지|ㄴ지|여부)|[가-힣 ]{0,12}?(?:몰라|모르|모릅|물어|확인해\s*(?:봐|보|주|줘)|알아보|알아봐|적혀 있지|나와 있지|궁금)|[가-힣]{0,3}?(?:면 |거든)"
)
_ALLERGEN = "|".join([*(a for a in ALLERGENS if len(a) > 1), "달걀", "계란", "견과", "밀가루", "알레르기", "알러지"])
_MANY_WORDS = re.compile(r"[A-Za-z]{3,}[^가-힣\n]{1,3}[A-Za-z]{3,}")
_OTHER_SCRIPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0400-\u04ff\u0e00-\u0e7f\u0600-\u06ff]")
_LINE_NAME = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_SUGGESTED = re.compile(
    r"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9&]{2,14}?)(?:은|는|이|가|을|를|도|에|으로|로|이나|나)?\s*(?:어때|어떨까|어떠|(?:를|을)?\s*추천|가\s*(?:봐|보는|볼까|보세)|들러)"
)
_QUOTED = re.compile(r"[\"'‘“「『]([가-힣A-Za-z0-9& ]{2,20})[\"'’”」』]")
_KIND_OF_NAME = re.compile(
    r"(?<![가-힣A-Za-z0-9])[가-힣A-Za-z0-9&]{2,10}(?:분식|반점|식당|식탁|밥상|치킨|통닭|피자|국밥|버거|베이커리|마라탕|돈까스|김밥|떡볶이|곱창|족발|칼국수|냉면|카페|상회|포차)(?=(?:은|는|이|가|을|를|도|에|에서|으로|로|의|이에요|예요|입니다)?(?:[\s,.!?]|$))"
)
_ORDINARY = re.compile(
    r"여기|거기|저기|이곳|그곳|이거|그거|이건|그건|이것|그것|오늘|내일|지금|이번|다음|먼저|같이|함께|천천히|한번|한 번|직접|다시|이렇게|그럼|그러면|또|꼭|얼른|어서|바로|마음|기분|맛|날씨|메뉴|음식|가게|식당|곳|데|집|친구|엄마|아빠|가족|둘|셋|하나|첫|두|세|둘 중|중|쪽|근처|다른|편|때|점심|저녁|아침|간식|밥|이런|그런|저런|어떤|혼자|[가-힣]*(?:번째|가운데|중에서|들|곳|데|집|거|것|쪽|면|서|고|게|지|음식점|편의점|면서|보고|먹고|구경|한번|볼|가|써|어|아|요|죠)"
)
_CATEGORY_OF = {
    "중국집": "중식", "중식당": "중식", "일식집": "일식", "초밥집": "일식", "양식집": "양식", "분식집": "분식", "치킨집": "치킨", "피자집": "피자",
    "고깃집": "고기", "빵집": "베이커리", "도시락집": "도시락", "햄버거집": "패스트푸드", "한식집": "한식", "한식당": "한식", "쌀국숫집": "아시안", "카페": "카페", "편의점": "편의점",
}  # fmt: skip


@dataclass(frozen=True)
class _Rule:
    """Words, and when they hold of a shop. Whatever a shop's own reason says may be said of it."""

    words: re.Pattern[str]
    holds: Callable[[OneShop], bool] = lambda shop: False


def _rule(words: str, holds: Callable[[OneShop], bool] = lambda shop: False) -> _Rule:
    return _Rule(re.compile(words), holds)


_SHUT = ("closed", "break")
_RULES = (
    _rule(r"반값|절반\s*(?:가격|값)|반의\s*반|할인|세일|무료|공짜|서비스로|덤으로|쿠폰|이벤트|행사|원\s*플러스|적립|포인트|리필|곱빼기|깎아|[두세네]\s*배"),
    _rule(r"방송|텔레비전|티브이|TV|유튜브|미[쉐슐]린|백종원|원조|전통|1등|일등|[1일]위|연예인|줄\s*(?:을\s*)?서|새로\s*(?:생|열|연|오픈)|얼마\s*전에|유명|맛집으로\s*소문|소문난|대박집"),
    _rule(r"사장님|주인(?:아저씨|아주머니|이|은)|직원|친절"),
    _rule(r"인기|많이\s*찾|손님이\s*많|단골|자주\s*(?:가|오|먹)|(?<!그 )전에\s*(?:가\s*[본봤]|갔|먹)|가\s*본\s*곳|찜"),
    _rule(r"폐업|없어졌|사라졌|망했|이사\s*(?:갔|했|를)|문\s*닫은\s*(?:가게|지)|옮겼"),
    _rule(rf"(?:{_ALLERGEN})[가-힣]{{0,2}}\s*(?:전혀|하나도|하나|걱정|재료[가는도]?)?\s*(?:안\s*(?:들|써|넣|쓰)|없|빠|빼|괜찮|들어가지\s*않|들어\s*있지\s*않|쓰지\s*않|프리|걱정)|안심하고|먹어도\s*안전|안전하게\s*먹|알레르기가\s*있[가-힣]*\s*[가-힣]*도\s*먹|(?:{_ALLERGEN})[가-힣]{{0,2}}\s*있어도"),
    _rule(rf"(?<![가-힣])(?:{_ALLERGEN})[가-힣]?\s*(?:들어|들었|포함)", lambda s: bool(s.allergens)),
    _rule(r"(?:주차|와이파이|화장실|콘센트|에어컨|휠체어|단체석|예약|아기\s*의자|반려동물|강아지)[가-힣]{0,2}\s*(?:있|되|돼|가능|할\s*수|쓸\s*수|[가-힣]{1,3}\s*수\s*있)"),
    _rule(r"놀이방", lambda s: "놀이방" in s.reason),
    _rule(r"연중무휴|매일|날마다|쉬는\s*날(?:이|은|도)?\s*없|안\s*쉬|쉬지\s*않|주말|평일|공휴일|명절|토일|월화"),
    _rule(r"24\s*시간|이십사\s*시간|하루\s*종일|종일|온종일|밤새|닫는\s*시간(?:이|은)?\s*없", lambda s: s.is_24h),
    _rule(r"쉬는\s*시간(?:이|은|도)?\s*없"),
    _rule(r"밤늦|늦게까지|새벽까지|아침까지|일찍(?:부터)?\s*(?:열|문)|(?:점심|저녁|아침|낮|밤)에만"),
    _rule(r"(?:지금|현재|오늘|아직)?[은는도]?\s*(?:문[을이]?\s*)?(?:열려\s*있(?!지)|열었(?!는지)|연\s+(?:곳|데|가게)|영업\s*중|열고\s*있)", lambda s: s.state == "open"),
    _rule(r"닫(?:혀|았|혔|힌|은\s)|영업[이을은]?\s*(?:끝|종료|안|하지)|안\s*(?:열|연)|열지\s*않|못\s*들어가|들어갈\s*수\s*없|문\s*닫은", lambda s: s.state in _SHUT),
    _rule(r"지금[은]?\s*[가-힣 ]{0,4}쉬|쉬는\s*(?:시간|중)이|쉬고\s*있", lambda s: s.state == "break"),
    _rule(r"쉬는\s*날이(?:에요|라|고|니|어서)|오늘[은]?\s*쉬", lambda s: s.state == "closed" and bool(s.off_days)),
    _rule(r"바로\s*(?:옆|앞)|옆집|코앞|코\s*닿|한\s*걸음|엎어지면", lambda s: s.distance_m is not None and s.distance_m <= NEXT_DOOR_M),
    _rule(r"(?<!안 )(?<!보다 )(?<!더 )(?<!훨씬 )(?<!가장 )(?<!제일 )가까(?!이에는|운 역)(?!지 않)", lambda s: s.distance_m is not None and s.distance_m <= NEAR_M),
    _rule(r"(?<!더 )(?<!훨씬 )(?<!보다 )멀어요|멀지만|먼\s*(?:편|곳)|꽤\s*멀", lambda s: s.distance_m is not None and s.distance_m > NEAR_M),
    _rule(r"(?:급식\s*카드|급카|꿈나무\s*카드|카드)[가-힣]{0,3}\s*(?:결제[가는도]?\s*)?(?:안\s*(?:돼|되|받)|못\s*(?:쓰|써)|쓸\s*수\s*없|받지\s*않)", lambda s: s.meal_card == "no"),
    _rule(r"(?:급식\s*카드|급카|꿈나무\s*카드|카드)[가-힣]{0,3}\s*(?:결제[가는도]?\s*)?(?:돼|되|됩|받아|받습|받는\s*(?:곳|데|가게)|쓸\s*수\s*있|쓰면|가능)", lambda s: s.meal_card == "yes"),
    _rule(r"(?:착한\s*가게|선한\s*영향력)(?![가-힣 ]{0,6}(?:아니|없|않))", lambda s: s.good_shop),
    _rule(r"(?:배달|포장)[가-힣]{0,2}\s*(?:안|못)\s"),
    _rule(r"배달[이은도을]?\s*(?:돼|되|됩|해|할\s*수|가능|시)", lambda s: s.delivery),
    _rule(r"포장[이은도을]?\s*(?:돼|되|됩|해|할\s*수|가능)", lambda s: s.takeout),
    _rule(r"다\s*팔렸|품절|매진|다\s*나갔|떨어졌", lambda s: bool(s.sold_out)),
    _rule(r"(?<![가-힣])(?:" + "|".join(_CATEGORY_OF) + r")(?=이에요|예요|입니다|이고|인데|라서|이라)"),
)  # fmt: skip

_MOST = re.compile(
    r"(?:제일|가장|젤|최고로)\s*(?:더\s*)?(싸|싼|저렴|가깝|가까|비싸|비싼|멀|먼|별점|평점|평가)|(싸|싼|저렴|가까|비싸|먼|멀|별점|평점)[가-힣]*\s*(?:제일|가장)"
)
_THAN = re.compile(r"보다\s*(?:더\s*|훨씬\s*)?(싸|싼|저렴|가깝|가까|비싸|비싼|멀|먼)")
_THAN_BEFORE = re.compile(r"보다\s*$")
_MORE = re.compile(
    r"(?<![가-힣])(?:더|훨씬|좀\s*더|조금\s*더)\s*(?:많이\s*)?(싸|싼|저렴|가깝|가까|비싸|비싼|멀|먼)(?!게\s)(?!\s*(?:곳|데|가게|식당|집|메뉴|음식)(?!이에요|예요|입니다))"
)
_BY_STATION = re.compile(r"(?<![가-힣])[가-힣]{2,7}역\s*(?:앞|옆|근처|쪽|출구|에서\s*가)")
_ABOUT_PLACE = re.compile(r"\s*(?:에\s*있|근처|앞|옆|쪽|에서\s*(?:가|걸)|이에요|예요|입니다|에\s*있는|구|동네)")


def false_words(read: Attribution, start: int) -> Iterator[str]:
    """Yield words from ``start`` on that state what no row of the shops they are about says; nothing where none is spoken of."""
    if not read.known.shops:
        return
    for rule in _RULES:
        for match in rule.words.finditer(read.covered, start):
            if _ASKED_ABOUT.match(read.covered, match.end()):
                continue
            if not _holds(rule, match, read):
                yield match.group().strip()
    yield from _false_order(read, start)
    yield from _false_places(read, start)
    yield from _names_nobody_has(read, start)


def not_korean(text: str) -> bool:
    """Tell whether a text of the reply, names aside, holds another script or more than a lone foreign word."""
    return bool(_OTHER_SCRIPT.search(text) or _MANY_WORDS.search(text))


def _holds(rule: _Rule, match: re.Match[str], read: Attribution) -> bool:
    category = _CATEGORY_OF.get(match.group())
    about = read.about(match.start(), match.end())
    said = "".join(match.group().split())

    def true_of(shop: OneShop) -> bool:
        if category is not None:
            return shop.category == category
        return rule.holds(shop) or said in "".join(shop.reason.split())

    scoped = read.scoped(match.start())
    return all((any if scoped else all)(true_of(shop) for shop in shops) for shops in about)


def _false_order(read: Attribution, start: int) -> Iterator[str]:
    """Find "the cheapest", "nearer than" and the like that the shops' figures do not bear out."""
    for match in _MOST.finditer(read.covered, start):
        sign, measure = _measured(match[1] or match[2])
        values = {id(shop): measure(shop) for shop in read.known.shops}
        if any(v is None for v in values.values()):
            yield match.group()
            continue
        best = min(sign * v for v in values.values() if v is not None)
        about = read.about(match.start(), match.end())
        named = read.scoped(match.start()) or len(read.known.shops) == 1
        if named and not all(any(sign * (values[id(s)] or 0) == best for s in shops) for shops in about):
            yield match.group()
    for match in _MORE.finditer(read.covered, start):
        if _THAN_BEFORE.search(read.covered, 0, match.start()):
            continue
        sign, measure = _measured(match[1])
        about = read.about(match.start(), match.end())
        if not all(
            any(any(_less(sign, measure(s), measure(t)) for t in read.known.shops) for s in shops) for shops in about
        ):
            yield match.group()
    for match in _THAN.finditer(read.covered, start):
        sign, measure = _measured(match[1])
        than, about = read.named_before(match.start()), read.about(match.start(), match.end())
        if than and not all(any(_less(sign, measure(s), measure(t)) for s in shops for t in than) for shops in about):
            yield match.group()


def _measured(word: str) -> tuple[int, Callable[[OneShop], float | None]]:
    if word in ("별점", "평점", "평가"):
        return -1, lambda shop: shop.rating
    sign = -1 if word[0] in "비멀먼" else 1
    if word[0] in "가멀먼":
        return sign, lambda shop: shop.distance_m
    return sign, lambda shop: min(shop.prices, default=None)


def _less(sign: int, one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and sign * one < sign * other


def _false_places(read: Attribution, start: int) -> Iterator[str]:
    """Find places a shop is said to be at that its address does not name."""
    for place in find_places(read.covered):
        if place.start < start or not _ABOUT_PLACE.match(read.covered, place.end):
            continue
        where = {place.text, place.name}
        about = read.about(place.start, place.end)
        if not all(any(w in own for shop in shops for own in shop.words for w in where) for shops in about):
            yield place.text
    yield from (match.group() for match in _BY_STATION.finditer(read.covered, start))


def _names_nobody_has(read: Attribution, start: int) -> Iterator[str]:
    """Find what is put forward as a shop or dish and is neither in the plan: "새달빛은 어때요?", "'하늘채'", "3. 온누리"."""
    covered = read.covered
    for match in _SUGGESTED.finditer(covered, start):
        if not _ORDINARY.fullmatch(match[1]):
            yield match[1]
    for pattern in (_QUOTED, _KIND_OF_NAME):
        yield from (match.group().strip() for match in pattern.finditer(covered, start))
    for match in _LINE_NAME.finditer(covered, start):
        line_end = covered.find("\n", match.end())
        if read.is_list and not read.names_in(match.start(), line_end if line_end >= 0 else len(covered)):
            yield covered[match.start() : line_end if line_end >= 0 else len(covered)].strip()
