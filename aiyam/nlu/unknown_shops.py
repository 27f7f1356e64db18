"""Questions about a shop by a name the catalogue may not have: a brand everyone knows, or a word built like a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from aiyam.contracts import SHOP_QUESTION_INTENTS, EntityType, Intent, Understanding
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.lexicon import BRANDS, FOOD_TYPES

_BRAND = re.compile("|".join(BRANDS.values()))
_BARE = re.compile(r"(?:은|는|이|가|요|도|에서|집)?\s?(?:요)?[~!.?ㅠㅜㅋㅎ ]*")
_HOURS = re.compile(r"몇\s?시|언제|영업|여(?:는|나|냐)|열(?:어|었|려|까|리)|연대|닫|쉬는|휴무|문\s?(?:열|닫|연)")
_MENU = re.compile(r"메뉴|뭐\s?(?:파|팔|있)|얼마|가격|맛있는\s?(?:거|게)\s?뭐")
_PLACE = re.compile(
    r"어디|어딨|위치|주소|전화|전번|연락처|가는\s?길|어떻게\s?가|어때|있(?:어|나|음|니)|알려|가고\s?싶|갈래|가자"
)
_POINTING = re.compile(r"(?:^|\s)(?:거기|거긴|여기|여긴|저기|그\s?(?:집|가게|식당|곳)|이\s?(?:집|가게)|방금|아까)")
_WORD = re.compile(r"[가-힣a-z0-9]+")
_PARTICLE = r"(?:은|는|이|가|도|에|의|랑|만|에서|까지|요|이요|을|를)?"
_LIKE_A_NAME = re.compile(
    rf"(?P<name>(?P<trunk>[가-힣a-z0-9]{{2,}}?)(?:식당|분식|반점|치킨|통닭|피자|카페|베이커리|제과점?|횟집|면옥|회관|가든|밥상|국밥집|밥집|떡집|[가-힣]점)){_PARTICLE}$"
)
_NO_NAME = re.compile(
    r"(?:그|이|저|아까|방금|여기|거기|첫|[두세네]번|\d+번|마지막|우리|동네|근처|주변|이런|그런|어느|어떤|무슨|다른|딴|또|제일|가장|모든|착한|일반|음식|학교|구내|회사|휴게소|급식|아동|뷔페|한식|중식|일식|양식|매운|지금|혹시|근데|그럼).*"
    r"|.*(?:[가-힣](?:는|운|던)|싼|좋은|큰|맛있는|번째|받는)"
)
_NOT_SHOPS = re.compile(
    r".*(?:장점|단점|평점|별점|시점|요점|문제점|[은는운한쉬던할]점|편의점|음식점|전문점|가맹점|체인점|매점|서점|백점|만점|상점|주점|할인점|관점|초점|차이점)"
)
_A_DISH_TOO = re.compile(r"(?:치킨|통닭|피자)$")
_FOOD = re.compile("|".join(f"(?:{p})" for p in FOOD_TYPES.values()))


_ABOUT_A_SHOP = re.compile(
    r"몇\s?시|언제|영업|오픈|마감|여(?:는|나|냐)|열(?:어|었|려|까|리|어요)|닫|쉬(?:는|나|어|니)|휴무|브레이크|24시|장사|메뉴|얼마|가격|값|뭐\s?(?:파|팔)|팔아|파나|파냐|있나요|전화|전번|번호|연락처|주소|위치|지도|화장실|주차|자리|예약|평점|별점|후기|리뷰|키오스크"
    r"|콘센트|와이파이|엘리베이터|휠체어|웨이팅|줄\s|룸|좌석|받아|받나|받냐|받음|되나|돼\?|됨\?|어디(?:야|에|임|있|쯤|더라)|어딨|어때|어떤(?:가|지)|유명|사장|포장|배달|카드|양\s?많|혼자\s?가|평이"
    r"|[뭐머모][가에예]|[뭐머]\s?(?:있|나와|시)|먹을\s?(?:수\s?있는|만한)|몇\s?(?:명|인분|분|개|번)|공짜|무료|할인|사이드|시그니처|원조|세트|종류|어느\s?역|걸려|걸리|하는지|할까|하나요|있(?:[대는다](?:요|지|던)|습니까|어요|어\s?\?|음\s?\?)|준비\s?시간|들어갈\s?수|말이(?:에요|야|예요)|많이\s?[가감와옴오]|주문|사람|넓|좁|청결|친절|역에서|단체|계산|리필|공기밥|사진|인상|자세히|(?:제일|젤|가장)\s?(?:싼|비싼|잘\s?나가는|맛있는)\s?(?:거|게|건|메뉴)"
)
_NAME_END = r"(?:식당|분식|반점|치킨|통닭|피자|카페|베이커리|제과점?|횟집|면옥|회관|가든|밥상|국밥|국수|김밥|떡볶이|라면|우동|돈가스|만두|카레|토스트|버거|닭갈비|초밥|마라|마라탕|공방|마을|밥집|떡집|빵집|고깃집|국밥집|분식집|김밥집|만두집|칼국수|손맛|식탁|부엌|주방|정원|밥상|방앗간|키친|포차|냉면|죽집|도시락|핫도그)"
_ASKED_NAME = re.compile(
    rf"(?<![가-힣a-z0-9])(?P<name>(?P<trunk>[가-힣a-z0-9]{{1,5}}?){_NAME_END})(?:{_PARTICLE}|에요|예요|이요|인데|까지|하고|이랑)(?:거기|여기)?(?![가-힣a-z0-9])"
)
_NO_TRUNK = re.compile(
    r"(?:그|이|저|아까|방금|여기|거기|첫|한|두|세|네|[두세네]번|\d+번?|마지막|동네|근처|주변|이런|그런|어느|어떤|무슨|다른|딴|또|제일|젤|가장|모든|착한|일반|음식|학교|구내|회사|휴게소|급식|아동|한식|중식|일식|양식|매운|안매운|지금|혹시|근데|그럼|새|옛날|진짜|혼밥|가성비|갓성비|감성|애견|채식|비건|할랄|무한리필|24시(?:간)?|한우|역앞|대학가|집앞|인기|유명|키즈|대형|신상|핫플|단체|가족|외식|회식|데이트|뷔페|무인|브런치|디저트|룸|1인|가맹|수제|국물|치즈|로제|마라|컵|짜장|비빔|참치|야채|불고기|간장|양념|해물|왕|물|손|즉석|카레|크림|애기|어린이|병원|도서관|시장|삼각|편의점|프랜차이즈|체인|단골|무한|맛|생|군|찐|까르보|순|쌀|돼지|먹을|갈|살|할|끓일|소|소고기|닭|김치)"
    r"|.*(?:[가-힣](?:는|운|던|한)|싼|좋은|큰|맛있는|번째|받는|되는|연)"
)


def names_asked_about(text: str) -> Iterator[tuple[int, int]]:
    """Yield words built like a shop's name in a text that asks something of a shop, as (start, end).

    >>> list(names_asked_about("모퉁이카레 몇시에 열어")), list(names_asked_about("매운 카레 먹고 싶다"))
    ([(0, 5)], [])
    """
    if not _ABOUT_A_SHOP.search(text):
        return
    for match in _ASKED_NAME.finditer(text):
        name = match["name"]
        if not (_NO_TRUNK.fullmatch(match["trunk"]) or _NOT_SHOPS.fullmatch(name)):
            yield match.span("name")


_FIRST_WORD = re.compile(
    r"(?P<name>[가-힣]{3,7}?)(?:은|는|이|가|에서|에|의)?\s(?:(?:지금|오늘|내일|주말에?|요즘|몇\s?층)\s)?"
    r"(?:메뉴판|메뉴\s?(?:뭐|알려|사진|보여|가격)|몇\s?시(?:에\s?(?:끝|열|닫|여|문|오픈|마감)|까지|부터)|영업|전화\s?번호|전번|주차|휴무|브레이크|마감|문\s?(?:열|닫|여)|룸\s?있|룸이|휠체어|웨이팅|대표\s?메뉴)"
)
_NO_FIRST_WORD = re.compile(
    r"(?:혹시|몇|근처|주변|동네|여기|거기|저기|우리|아까|방금|오늘|내일|어제|모레|지금|요즘|이번|다음|평일|주말|매일|그런|이런|사장|점장|담당|고객|상담|급식|학교|학원|병원|도서|화장|마트|은행|약국|추천|전체|모든|대표|인기|어린이|추가|신규|계절|일반|나비얌|챗봇|엄마|아빠|친구|동생|할머니|할아버지|혼자|다시|일단|그냥|제발|진짜|[첫두세네]\s?(?:번|째|집|가게)|마지막).*"
    r"|.*(?:시간|요일|에도|에|도|휴일|명절|방학|설날|추석|식당|가게|카드|번째|서|데|고|면|까|요|게|은|는|던|한|운|지만|려|며|해|라|니|집|곳|번|들|님|죠|점심|저녁|아침|밤에|낮에|중에)"
)
_HOUSE = re.compile(r"(?:아\s|그\s)?(?P<name>[가-힣]{2,5}(?:집|네))(?:은|는|이|가|에서|에|의|도)?\s")
_NO_HOUSE = re.compile(
    r"(?:우리|이|그|저|요|울|내|자기|친구|할머니|할아버지|이모|고모|삼촌|언니|누나|형|오빠|동생|엄마|아빠|옆|앞|윗|아랫|첫|두|세|마지막|다른|딴|동네|근처|외갓|시골|큰|작은|새|옛날|맛|단골|추천|어느|아무|착한|혼밥).*|너희네|걔네|쟤네|얘네|너네|쟈네|.*(?:번째|번|[은는운한던싼준좋큰난린간]|[가-힣]+[^가-힣])(?:집|네)"
)


def first_words_asked_about(text: str) -> Iterator[tuple[int, int]]:
    """Yield the word a question about a shop begins with where nothing but its place tells that it is a name.

    >>> list(first_words_asked_about("하늘정원 메뉴판")), list(first_words_asked_about("근처에는 몇시까지 하는 데 있어"))
    ([(0, 4)], [])
    """
    match = _FIRST_WORD.match(text)
    if match is not None and not (_NO_FIRST_WORD.fullmatch(match["name"]) or _NOT_SHOPS.fullmatch(match["name"])):
        yield match.span("name")
        return
    house = _HOUSE.match(text)
    if house is not None and not _NO_HOUSE.fullmatch(house["name"]) and _ABOUT_A_SHOP.search(text, house.end()):
        yield house.span("name")


def asked_intent(text: str) -> Intent | None:
    """Return what a message asks about a shop; None when it asks nothing."""
    if _HOURS.search(text):
        return Intent.OPENING_HOURS_INQUIRY
    if _MENU.search(text):
        return Intent.MENU_INQUIRY
    return Intent.SHOP_DETAIL if _PLACE.search(text) else None


def named_by_rule(text: str, understanding: Understanding) -> tuple[str, Intent] | None:
    """Find the shop a normalised text asks about where the tagger named none: its name and what is asked.

    Only questions about a shop and small talk are looked at; a brand inside a request for food stays a wish for food.
    """
    intent = understanding.intent
    about = intent in SHOP_QUESTION_INTENTS
    if not about and intent not in (Intent.SMALL_TALK, Intent.OUT_OF_SCOPE, Intent.HELP):
        return None
    if any(e.entity in (EntityType.SHOP_NAME, EntityType.ORDINAL) for e in understanding.entities):
        return None
    if _POINTING.search(text):
        return None
    asked = intent if about else asked_intent(text)
    if brand := _BRAND.search(text):
        if text[: brand.start()].strip() == "" and _BARE.fullmatch(text, brand.end()):
            return brand.group(), asked or Intent.SHOP_DETAIL
        return (brand.group(), asked) if asked else None
    name = _name_in(text, understanding) if asked else None
    if name is None or asked is None or (asked is Intent.MENU_INQUIRY and _A_DISH_TOO.search(name)):
        return None
    return name, asked


def _name_in(text: str, understanding: Understanding) -> str | None:
    covered = {
        word
        for e in understanding.entities
        if e.entity in (EntityType.MENU, EntityType.FOOD_TYPE)
        for word in e.text.split()
    }
    for word in _WORD.finditer(text):
        match = _LIKE_A_NAME.fullmatch(word.group())
        if match is None or match["name"] in covered:
            continue
        name = match["name"]
        if _NO_NAME.fullmatch(match["trunk"]) or _NOT_SHOPS.fullmatch(name) or _FOOD.fullmatch(name):
            continue
        if not _dishes().is_dish(name):
            return name
    return None


@lru_cache(maxsize=1)
def _dishes() -> Gazetteer:
    return Gazetteer.from_shipped()
