"""What the wording makes of an amount and of a request: at most or at least, open now, delivered, the cheapest first."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from aiyam.korean.letter_scan import LetterScan

_AT_MOST = re.compile(
    r"\s?(?:원)?\s?(?:이하|이내|까지|안(?:으로|에서|쪽|에)|내로|내에서|언더|밑으로|아래로?|선에서|선이면|안\s?넘|안넘|넘지|넘기지|넘기면|넘으면|넘어가면|한도|미만)"
)
_BELOW = re.compile(
    r"\s?(?:도\s?)?(?:미만|보다\s?(?:더\s?)?(?:싼|싸|저렴|낮|적|아래|밑)|이?\s?안\s?되는|이?\s?(?:채|도)?\s?안\s?(?:되는|하는|돼))"
)
_DIFFERENCE = re.compile(r"\s?(?:원)?\s?(?:이라도|만|정도|쯤)?\s?(?:더|덜)\s?(?:싼|싸|저렴|비싼|비싸|적|낮)")
"""An amount by which another is less: 500원이라도 더 싼 거."""
_AT_LEAST = re.compile(r"\s?(?:짜리\s?)?(?:이상|부터(?!\s?(?:시작|있|뭐|말)))")
_LEAST_BEFORE = re.compile(r"(?:최소|적어도|못해도)(?:한)?\s?$")
_ABOVE = re.compile(
    r"\s?(?:이|은|을|도)?\s?(?:조금\s?|좀\s?|살짝\s?|약간\s?)?(?:초과|넘는|넘게|넘어도|넘는데|넘어가는|넘기는|웃도는|보다\s?(?:더\s?)?(?:비싼|비싸))"
)
_REFUSED_AFTER = re.compile(
    r"\s?(?:짜리|하는)?\s?(?:곳|데|집|가게|식당|메뉴|거|건|것|게|걸)?\s?(?:들)?(?:은|는|이|가|을|를|면|로|도)?\s?(?:좀|다|너무|제발|무조건|저한텐|저는|사\s?먹으면|먹으면|가면)?\s?"
    r"(?:빼|말고|말구|제외|패스(?!트)|싫|곤란|부담|무리|혼[나내]|못\s?[가먹사내]|양심|비싸|힘들|어려|안\s?[되돼갈가먹]|노노|사절|지양|좀\s?그래)"
)
_NOT_OVER = re.compile(r".{0,14}(?:안|못)\s?(?:넘|넘는|넘게)|.{0,8}그\s?(?:밑|아래|안)(?:으로|쪽|에서)?")


def budget_of(text: str, start: int, end: int, low: int, high: int) -> dict[str, int]:
    """Return the bounds an amount at ``text[start:end]`` sets; a bare one is an upper bound, a range sets both.

    >>> budget_of("만원 넘는 데", 0, 2, 10_000, 10_000), budget_of("만원 넘는 데는 빼줘", 0, 2, 10_000, 10_000)
    ({'budget_min': 10001}, {'budget_max': 10000})
    """
    if low != high:
        return {"budget_min": low, "budget_max": high}
    if not high or _DIFFERENCE.match(text, end):
        return {}
    if above := _ABOVE.match(text, end):
        refused = _REFUSED_AFTER.match(text, above.end()) or _NOT_OVER.match(text, above.end())
        return {"budget_max": high} if refused else {"budget_min": high + 1}
    if _LEAST_BEFORE.search(text, max(0, start - 5), start):
        return {"budget_min": high}
    if least := _AT_LEAST.match(text, end):
        return {"budget_max": high - 1} if _REFUSED_AFTER.match(text, least.end()) else {"budget_min": high}
    if _BELOW.match(text, end):
        return {"budget_max": high - 1}
    return {"budget_max": high}


# --------------------------------------------------------------------------- what is said of no single word

_SHOP = r"(?:데|곳|집|가게|식당|분식|음식점|거|[가-힣]{1,5}(?:집|점|가게|식당))"
_OPEN_NOW = (
    rf"지금\s?(?:도|당장|바로|막|이\s?시간에?)?\s?(?:문\s?)?(?:연|여는|열려|열린|열었|열은|열어|영업|하는\s?{_SHOP}|(?:들어\s?)?갈\s?수\s?있|먹을\s?수\s?있|갈\s?만)|(?:영업|장사)\s?(?:중|하는)|오픈\s?(?:한|중인|된)\s?(?:데|곳|집|가게|식당)|현재\s?(?:영업|연|열)"
    rf"|문\s?(?:을\s?)?(?:연|열은|열린|열려\s?있는|안\s?닫은|안닫은)\s?(?:데|곳|집|가게|식당|거|[가-힣]{{1,5}}(?:집|점|가게|식당)|$)|(?<![가-힣])(?:문\s?)?닫(?:은|는|힌)\s?(?:데|곳|집|가게|거)?[은는]?\s?(?:빼|말고|제외|패스)"
    r"|(?:이\s?시간에?|지금)도?\s?(?:문\s?)?(?:연|여는|열려|열린|열은|하는)|(?<![가-힣])안\s?닫은\s?(?:데|곳|집|식당|가게|거)|아직\s?(?:도\s?)?(?:문\s?)?(?:연|여는|하는|열려|열린|열은|영업|안\s?닫)|24시(?:간)?\s?(?:하는|여는|영업)?\s?(?:데|곳|집|식당|분식)"
)
_DELIVERY = r"배달(?!\s?(?:은|는|이|도)?\s?(?:말고|말구|빼고|싫|필요\s?없|시키지|안\s?(?:되|된|돼|하|시)|못)|\s?(?:알바|로봇|기사|아저씨|오토바이|의\s?민족|앱|비\s?(?:가\s?)?(?:아까|비싸|없는)|음식\s?(?:말고|질)))|시켜\s?먹|집으로\s?시켜|시킬\s?(?:데|곳|만한)|시킬\s?수\s?있는\s?(?:데|곳)"
_TAKEOUT = r"포장(?!\s?(?:은|는|이)?\s?(?:말고|안\s?되|빼고|싫|필요\s?없)|마차)|테이크\s?아웃|싸\s?(?:갈|가서|가지고|들고)|싸갈|싸\s가려|가져가서\s?먹|(?:집에|집으로)\s?가져가|가져갈\s?수|사\s?가지고\s?(?:가|갈)|사\s?들고\s?갈|(?<!카드 )(?<!카드)(?<!카드[를만] )(?<![원돈] )(?<!원만 )들고\s?(?:들어\s?)?(?:갈|가서)|(?<![가-힣])사갈"
_GOOD_SHOP = r"(?<!가격 )(?<!가격이 )(?<!가격)착한\s?(?:가게|식당|음식점|가격\s?업소|집(?!밥)|분식집|밥집|빵집)|선한\s?영[향양]력?(?:\s?가게)?|선한\s?가게|선영가|good\s?shop"
_BY_PRICE = (
    r"(?<![가-힣])(?:더\s?|제일\s?|젤\s?|가장\s?|좀\s?|완전\s?|개)?(?:싼(?!\s?티)|싸고|싸게|싸면서|싸구|싸면|저렴|값싼|값이\s?싼|쌈(?=$|[?!\s])|싸[냐나니](?=$|[?!\s])|가격\s?(?:낮은|순|싼|착한|저렴|이?\s?착한))|가성비|갓성비|최저가|착한\s?가격(?!\s?업소)|혜자|싼\s?순|덜\s?비싼|비싸지\s?않|안\s?비싼"
    r"|비싼\s?(?:거|데|곳|집)?\s?(?:은|는)?\s?(?:말고|빼고|싫)"
)
_TOO_DEAR = r"(?:너무|다|넘|좀|개)\s?비(?:싸(?!도|면|서)|싼데(?=$|[.,!?~ㅠ\s]))|비싸(?:다|네|요|잖아)?\s?다른|(?:^|[.!~]\s?)(?:아|와|음|헐|어)?\s?비(?:싸(?:다|네|요|잖아)|싼데)(?:[요용예])?(?=$|[.,!?~ㅠ]|\s(?:다른|딴|더))|가격\s?(?:이|대가)?\s?(?:좀|너무|많이|조금)?\s?부담(?!\s?(?:없|안|스럽지\s?않))"
_NOT_BY_PRICE = re.compile(
    r"[원천만]\s?보다\s?(?:더\s?)?(?:싼|싸|저렴)|비싼\s?순|(?<!비)싼\s?(?:거|게)\s?(?:아니|싫|말고)|싼\s?맛"
)
_BY_DISTANCE = r"가까운|가깝고|가까이|거리\s?순|최단\s?거리|제일\s?가까|가차운|(?:너무\s?)?(?:멀지\s?않|안\s?먼|안\s?멀)|먼\s?(?:데|거|곳)\s?(?:는|은)?\s?(?:말고|싫|빼고)"
_TOO_FAR = r"(?:너무|넘|좀|다)\s?(?:멀어(?!도)|멀다|먼데|멀잖|머네|멀구)"
_BY_RATING = r"별점|평점|평\s?(?:이\s?)?좋은|평가\s?좋은|(?:리뷰|후기)\s?(?:가\s?|도\s?)?(?:제일\s?|젤\s?|가장\s?|더\s?|좀\s?)*(?:좋은|많은|순)|인기\s?(?:가\s?)?(?:많은|있는|순|좋은|최고)|(?:제일|젤|가장)\s?(?:유명|인기|핫|잘\s?나가)"
_WISHES = {"open_now": _OPEN_NOW, "delivery": _DELIVERY, "takeout": _TAKEOUT, "good_shop": _GOOD_SHOP}
_ORDERS = {"price": _BY_PRICE, "distance": _BY_DISTANCE, "rating": _BY_RATING}
_COMPLAINTS = {"price": _TOO_DEAR, "distance": _TOO_FAR}
_PLACE_REFUSED = re.compile(
    r"(?:\s?(?:안|못)\s?(?:되|하|해|받|열|여|오)[가-힣]{0,2}\s?(?:데|곳|집|가게|식당)(?!\s?(?:은|는)?\s?(?:말고|말구|빼|제외|싫|지[우워]|거르|패스))"
    r"|(?:\s?(?:되|돼|하|해\s?주|가능|오|열|여|여시|시키)[가-힣]{0,2})?\s?(?:데|곳|집|가게|식당)\s?(?:은|는|이|도)?\s?(?:좀\s?|다\s?)?(?:말고|말구|빼|제외|싫|시러|별로(?!\s?(?:없|안))|패스(?!트)|아닌|아니고))"
)
"""What turns down the places a wish describes: 배달 되는 데 싫어, 포장 안 되는 집; not 포장 안 되는 집은 빼고."""
_SAID = LetterScan({table: {"": pattern} for patterns in (_WISHES, _ORDERS) for table, pattern in patterns.items()})
_COMPLAINED = LetterScan({order: {"": pattern} for order, pattern in _COMPLAINTS.items()})


_WALKABLE = re.compile(
    r"(?:걸어(?:서)?|도보로)\s?(?:갈|다닐)\s?(?:수\s?있는|만\s?한|수\s?있을|(?:데|곳|식당|거리)(?!\s?(?:말고|싫|아니)))|(?:걸어서|도보로)\s?(?:되는|가능한|가는)\s?(?:데|곳|집|식당|거리)"
)


def is_to_be_walked(text: str) -> bool:
    """Tell whether a request wishes for places near enough to walk to.

    >>> is_to_be_walked("걸어갈 수 있는 데만"), is_to_be_walked("걸어가기 싫어")
    (True, False)
    """
    return _WALKABLE.search(text) is not None


def turns_place_down(text: str, end: int) -> bool:
    """Tell whether the places a wish describes are turned down after the words of the wish, which stop at ``end``.

    >>> turns_place_down("배달 되는 데 싫어", 2), turns_place_down("배달 되는 데 있어?", 2)
    (True, False)
    """
    return _PLACE_REFUSED.match(text, end) is not None


def wishes_of(text: str, *, limited: Container[str] = ()) -> dict[str, Any]:
    """Return what a request says without naming a thing: open now, delivery, takeout, good shops, the order of the list.

    ``limited`` names the orders (price, distance) for which the request sets a limit: a complaint is that limit then.

    >>> wishes_of("지금 문 연 데 중에 싼 순으로"), wishes_of("배달 말고 앉아서 먹을 데")
    ({'open_now': True, 'sort': 'price'}, {})
    """
    said = {
        name
        for name, end in ((_SAID.names[number], end) for number, _, _, end in _SAID.find(text))
        if name in _ORDERS or not turns_place_down(text, end)
    }
    found: dict[str, Any] = {key: True for key in _WISHES if key in said}
    for order in _ORDERS:
        if order in said and not (order == "price" and _NOT_BY_PRICE.search(text)):
            found["sort"] = order
            return found
    complaints = {_COMPLAINED.names[number] for number, *_ in _COMPLAINED.find(text)}
    for order in _COMPLAINTS:
        if order in complaints and order not in limited:
            found["sort"] = order
            break
    return found
