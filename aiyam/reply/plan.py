"""What a reply says, decided as data before any backend words it: kind, shops, what was relaxed, facts, one question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiyam.contracts import (
    RECOMMENDING_INTENTS,
    SHOP_QUESTION_INTENTS,
    AgeBand,
    CompareAspect,
    Filters,
    Intent,
    Question,
    Recommendation,
    ReplyPlan,
    SafetyVerdict,
)
from aiyam.reply.markdown import inline, unescape

MAX_SHOPS = 3
"""A reply words at most three shops; the cards may show more."""

CARING_TOPICS = ("ill", "worry")
"""Small talk that is answered with care alone: no cheer, no food, an adult or a line to turn to."""

_MAY_HOLD_NEED = (Intent.SMALL_TALK, Intent.OUT_OF_SCOPE, Intent.FEEDBACK)
_CARD_WORDS = re.compile(r"급식\s*카드|급\s*카|꿈나무|카드|결제|컬러풀|푸르미")
_AI_WORDS = re.compile(
    r"사람이(야|에요|니|냐|지|예요)|사람\s*맞|로봇|인공지능|(?<![a-z])ai(?![a-z])|챗봇|진짜\s*사람|기계(야|니|냐|예요)|몇\s*살"
    r"|누가\s*만들|너\s*(는|넌)?\s*(누구|뭐야|뭐니|정체)",
    re.IGNORECASE,
)
_ILL = re.compile(
    r"(?:배|머리|목|속|다리|팔|몸|귀|눈|허리|가슴|발|손|(?<![가-힣])이|이빨|치아)(?:가|이|도|는|은)?\s*(?:너무|진짜|많이|좀|막|계속|자꾸|엄청|갑자기)?\s*"
    r"(?:아파|아프(?!게|도록)|아픔|아픈|아팠|쓰려|쓰리|안\s*좋아|(?<=속)\s*울렁)"
    r"|(?:^|나|저|너무|많이|진짜|엄마가|아빠가|할머니가|할아버지가|동생이|친구가)\s*(?:너무|많이)?\s*아(?:파|프)(?!트)"
    r"|토할(?!\s*(?:뻔|만큼|정도))|토했|토가\s*나|구토|열\s*나(?=$|[요서고ㅠㅜ.!? ]*$|는데|는\s*것)|열이\s*(?:너무|많이|막|계속|자꾸|조금|좀)?\s*(?:나|있|높|많|심)|어지러|어지럽|설사|배탈|체했|체한\s*(?:것|거)|몸살|감기"
    r"|두드러기|숨\s*(?:을|이)?\s*(?:못\s*쉬|안\s*쉬어|막혀|차)|쓰러질|(?<![가-힣])피가?\s*(?:나|났)|다쳤"
)
_WELL_AGAIN = re.compile(r"다\s*나았|나았어|안\s*아(?:파|프)|괜찮아졌")
_WORRY = re.compile(
    r"학교(?:에|를)?\s*(?:가기|다니기|가는\s*거|가는\s*게)?\s*(?:너무|진짜|정말)?\s*(?:싫|시러|무서)"
    r"|(?:학원|유치원|어린이집)(?:에)?\s*가기\s*(?:너무|진짜|정말)?\s*(?:싫|시러|무서)"
    r"|(?:친구|애|짝꿍|선생님)(?:들)?(?:이|가|도|는|은|께서)?\s*(?:다|막|자꾸|맨날|진짜)?\s*(?:나|날|저|내)(?:를|만|랑|하고|가)?\s*(?:다|막|자꾸|맨날|진짜|너무)?\s*"
    r"(?:싫[어은]|미워|안\s*놀|안\s*좋아|무시)"
    r"|(?:친구|짝꿍)(?:들)?(?:이|가|랑|도)?\s*(?:안\s*놀아|절교|미워)|친구(?:가|도)?\s*(?:하나도|한\s*명도)?\s*없|선생님(?:이|도)?\s*무서"
)
_SMALL_TALK = (
    ("ill", _ILL),
    ("worry", _WORRY),
    ("ai", _AI_WORDS),
    ("love", re.compile(r"(?:^|너|네가|니가)\s*사랑해|나(?:를|도)?\s*좋아해\s*줘|나랑\s*(?:사귀|사귈|결혼)|뽀뽀해")),
    (
        "sad",
        re.compile(
            r"보고\s*싶|속상|슬프|슬퍼|우울|힘들|힘드|짜증|화나|화났|외로|기분\s*안|망했|망쳤|싸웠|혼났|울었|최악|지쳤|지친|피곤"
        ),
    ),
    ("happy", re.compile(r"신나|신난|기뻐|기분\s*좋|행복|생일|상\s*받|합격|잘\s*봤|최고야|이겼")),
    ("joke", re.compile(r"농담|웃긴|웃겨|개그|재밌는|재미있는|수수께끼|넌센스|심심|놀아")),
    ("name", re.compile(r"이름|뭐라고\s*불러")),
    ("hungry", re.compile(r"배고|배\s*고|출출|허기")),
    (
        "not_now",
        re.compile(
            r"안\s*(?:갈래|갈게|갈\s*거|가요?[.!~ ]*$|먹을래|먹을게|먹을\s*거|시킬래|할래)|(?:다음|나중)에\s*(?:갈|먹|할)"
        ),
    ),
)
UNKNOWN_FACTS = (
    ("주차", re.compile(r"주차|차\s*(?:댈|세울)")),
    ("와이파이", re.compile(r"와이\s*파이|(?<![a-z])wi-?fi", re.IGNORECASE)),
    ("화장실", re.compile(r"화장실")),
    ("예약", re.compile(r"예약")),
    ("콘센트", re.compile(r"콘센트|충전")),
    ("아기 의자", re.compile(r"(?:아기|유아|아이|어린이|애기)\s*의자")),
    ("반려동물", re.compile(r"반려|애견|강아지")),
    ("엘리베이터", re.compile(r"엘리베이터|엘베|휠체어")),
    ("유모차", re.compile(r"유모차")),
    ("놀이방", re.compile(r"놀이방|키즈\s*존")),
    ("에어컨", re.compile(r"에어컨")),
    ("기다리는 시간", re.compile(r"웨이팅|대기|줄\s*(?:서|길)")),
)
"""What children ask of a shop and no row tells: the thing as a reply names it, and the words for it."""

_TOLD_IN_FULL = ("cheaper", "dietary_preferences")
"""Said in full each time: the one is another answer each time, the other may be a matter of faith or health."""

_WANTED = re.compile(r"있는|있으면|있었|있어야|되는|되면|됐으면|가능한|들어갈\s*수|갈\s*수\s*있는|없는")
_LATER = re.compile(
    r"(?:내일|모레|글피|다음\s*주|주말|[월화수목금토일]요일|새벽|밤늦게|24시간?|\d{1,2}시(?!간)).{0,12}(?:여는|하는|연|열려|영업하는|갈\s*(?:수|만))"
)
"""Open at another time than now, which the list is not chosen by."""
_ASKED_WHETHER = re.compile(r"있|되|돼|됨|가능|어디|길어|많아")
_ASPECTS = (
    ("phone", re.compile(r"전화|번호|연락처|전번|폰번|연락")),
    ("unknown_fact", re.compile("|".join(words.pattern for _, words in UNKNOWN_FACTS), re.IGNORECASE)),
    ("card", re.compile(r"급식\s*카드|급\s*카|꿈나무|카드|결제")),
    ("allergy", re.compile(r"알레르기|알러지|들어\s*(있|가)")),
    ("rating", re.compile(r"평점|별점|리뷰|후기|평가|맛있(어|나|니|냐|을까)|몇\s*점|인기")),
    ("takeout", re.compile(r"포장|테이크")),
    ("delivery", re.compile(r"배달")),
    ("distance", re.compile(r"멀어|거리|가까|얼마나\s*걸|몇\s*분|몇\s*미터|걸어")),
    ("address", re.compile(r"주소|어디|위치|어떻게\s*가|가는\s*길|찾아가")),
    ("good_shop", re.compile(r"착한\s*가게|선한")),
)


def make_plan(
    *,
    intent: Intent,
    age_band: AgeBand = "10-12",
    text: str = "",
    filters: Filters | None = None,
    recommendations: Sequence[Recommendation] = (),
    relaxed: Sequence[str] = (),
    gave_up_before: Sequence[str] = (),
    shop_facts: Mapping[str, Any] | None = None,
    card: Mapping[str, int | None] | None = None,
    limit_won: int | None = None,
    avoid: Sequence[str] = (),
    kept: Sequence[str] = (),
    compared: Sequence[Mapping[str, Any]] = (),
    compared_by: CompareAspect = "general",
    question: Question | None = None,
    choices: Sequence[str] = (),
    safety: SafetyVerdict | None = None,
    safety_text: str = "",
    failed: bool = False,
) -> ReplyPlan:
    """Decide what the reply says. Every argument is keyword only; only ``intent`` is needed.

    Args:
        intent: what the request is taken to want.
        age_band: ``UserProfile.age_band``; picks the register.
        text: the user's masked message; read for what was asked of a shop, and whether the card was mentioned.
        filters: the merged filters of the request (budget and distance may be repeated in the reply).
        recommendations: ranked shops; the first three are worded, each with its one ``reason``.
        relaxed: filter keys given up, in order (``CandidateSet.relaxed``); the first is told.
        gave_up_before: those of the list before in the same topic: what was told then is told in short.
        shop_facts: ``shop_facts.facts(...)`` of the shop asked about, for hours, menu and detail questions. A shop that
            is no place for children (``venue_ok`` false) is answered like one that is not known.
        card: {"balance_won", "meal_limit_won", "monthly_limit_won"} (None where unknown); kept only for
            MEAL_CARD_INQUIRY, since the card is not mentioned unless the child did.
        limit_won: what one meal may cost on the card (``UserProfile.payable_won``); told only where the child spoke of the
            card and a shop worded costs more.
        avoid: allergens to keep away from; a menu answer leaves out dishes known to hold one, and says to ask.
        kept: foods the message says must not be eaten, as it names them; the reply says that they are kept.
        compared: facts of several shown shops (``shop_facts.facts`` with ``number``, ``card_menu``, ``card_price_won``) that
            are asked about at once, by ``compared_by``.
        question: what is asked back instead of answering; choices: what can be tapped.
        safety: the screen's verdict. ``escalate`` and ``refuse`` leave no shop in the plan.
        safety_text: the fixed words for such a verdict (``Screen.message``), said verbatim.
        failed: something broke; an apology is worded.

    Returns:
        A plan whose ``facts`` hold: intent, asked_card (bool), filters (given), and where they apply shop, aspect,
        dishes, card, limit_won, topic, thing, later (another time was named), unknown ("price", "hours" that no shown shop tells), still (what is given up was told before), masked (kinds of personal data hidden from the message), fixed_text, safety_kinds.
    """
    if shop_facts is not None and not shop_facts.get("venue_ok", True):
        shop_facts = None
    verdict = safety or SafetyVerdict()
    given = filters or Filters()
    facts: dict[str, Any] = {
        "intent": intent.value,
        "asked_card": mentions_card(text, given, intent),
        "filters": given.given(),
    }
    if failed:
        return ReplyPlan(kind="error", age_band=age_band, facts=facts)
    if verdict.action in ("escalate", "refuse") or intent is Intent.SAFETY:
        facts |= {"fixed_text": safety_text, "safety_kinds": list(verdict.kinds), "lines": list(verdict.lines)}
        kind = "refuse" if verdict.action == "refuse" else "safety"
        if verdict.kinds[:1] == ("distress",) and small_talk_topic(text) == "ill":
            facts["topic"] = "ill"  # the fixed words speak of the heart; for the body there are others
        return ReplyPlan(kind=kind, age_band=age_band, facts=facts)
    if verdict.kinds:
        facts["masked"] = list(verdict.kinds)
    if kept:
        facts["kept"] = list(kept)
    if (question is not None or intent in _MAY_HOLD_NEED) and small_talk_topic(text) in CARING_TOPICS:
        facts["topic"] = small_talk_topic(text)  # whatever else was meant, a child in need is not asked about food
        return ReplyPlan(kind="small_talk", age_band=age_band, facts=facts)
    if question is not None:
        return ReplyPlan(kind="clarify", age_band=age_band, question=question, choices=tuple(choices), facts=facts)
    if intent in RECOMMENDING_INTENTS:
        kind = "recommend" if recommendations else "no_result"
        shops = tuple(recommendations[:MAX_SHOPS])
        facts["unknown"] = _not_told(shops)
        facts["still"] = bool(relaxed) and relaxed[0] in gave_up_before and relaxed[0] not in _TOLD_IN_FULL
        if (thing := unknown_fact(text)) and _WANTED.search(text) and thing not in (given.atmosphere or ()):
            facts["thing"] = thing
        facts["later"] = _LATER.search(text) is not None
        if facts["asked_card"] and limit_won and any((s.price_won or 0) > limit_won for s in shops):
            facts["limit_won"] = limit_won
        return ReplyPlan(kind=kind, age_band=age_band, shops=shops, relaxed=tuple(relaxed), facts=facts)
    if avoid:
        facts["avoid"] = list(avoid)
    if compared:
        facts |= {"compared": [dict(shop) for shop in compared], "aspect": compared_by}
        return ReplyPlan(kind="compare", age_band=age_band, facts=facts)
    if intent in SHOP_QUESTION_INTENTS:
        return _shop_answer(intent, age_band, text, given, facts, recommendations, shop_facts)
    if intent is Intent.MEAL_CARD_INQUIRY:
        facts["card"] = {k: v for k, v in (card or {}).items() if v is not None}
        facts["aspect"] = _card_aspect(text)
        if facts["aspect"] == "varies":
            facts["matter"] = _card_matter(text)
        return ReplyPlan(kind="card", age_band=age_band, facts=facts)
    if intent is Intent.SMALL_TALK:
        facts["topic"] = verdict.about or small_talk_topic(text)
    if intent is Intent.OUT_OF_SCOPE and unknown_fact(text) and _ASKED_WHETHER.search(text):
        facts["topic"] = "unknown_fact"
    if intent is Intent.FEEDBACK:
        facts["topic"] = _feedback_tone(text)
    kind = {
        Intent.FEEDBACK: "feedback",
        Intent.GREETING: "greeting",
        Intent.THANKS: "thanks",
        Intent.HELP: "help",
        Intent.SMALL_TALK: "small_talk",
    }.get(intent, "out_of_scope")
    if intent is Intent.HELP and _GOOD_SHOP.search(text):
        facts["topic"] = good_shop_topic(text)
    return ReplyPlan(kind=kind, age_band=age_band, facts=facts)


def names_of(plan: ReplyPlan) -> set[str]:
    """Names of shops and dishes that a reply to the plan may hold, as rows and as replies write them."""
    names = {s.name for s in plan.shops} | {s.menu for s in plan.shops if s.menu}
    if asked := plan.facts.get("shop"):
        names |= {str(asked["name"])} | {str(m["name"]) for m in asked.get("menus", ())}
    names |= {str(shop["name"]) for shop in plan.facts.get("compared", ())}
    if plan.question is not None:
        names |= set(plan.question.shops)
    return names | {unescape(inline(name)) for name in names}


def mentions_card(text: str, filters: Filters, intent: Intent) -> bool:
    """Whether the child brought up the card, so that the reply may speak of it.

    >>> mentions_card("급카 되는 치킨집", Filters(), Intent.FOOD_RECOMMENDATION)
    True
    """
    return intent is Intent.MEAL_CARD_INQUIRY or bool(filters.meal_card) or bool(_CARD_WORDS.search(text))


def asked_aspect(text: str) -> str:
    """What of one shop is asked.

    One of phone, unknown_fact (parking and the like, which no row tells), card, allergy, rating, takeout, delivery,
    distance, address, good_shop, general.

    >>> asked_aspect("거기 전화번호 알려줘"), asked_aspect("거기 어때?")
    ('phone', 'general')
    """
    return next((aspect for aspect, words in _ASPECTS if words.search(text)), "general")


def small_talk_topic(text: str) -> str:
    """Name the small talk: ill, worry, ai, love, sad, happy, joke, name, hungry, not_now, or any.

    >>> small_talk_topic("너 사람이야?"), small_talk_topic("오늘 시험 망했어")
    ('ai', 'sad')
    """
    well = bool(_WELL_AGAIN.search(text))
    return next((topic for topic, words in _SMALL_TALK if words.search(text) and not (well and topic == "ill")), "any")


def unknown_fact(text: str) -> str | None:
    """The thing asked of a shop that no row tells, as a reply names it; None when nothing such is asked.

    >>> unknown_fact("거기 와이파이 돼?"), unknown_fact("거기 어때?")
    ('와이파이', None)
    """
    return next((thing for thing, words in UNKNOWN_FACTS if words.search(text)), None)


def _not_told(shops: Sequence[Recommendation]) -> list[str]:
    """What the rows of all these shops are silent about: "price", "hours"."""
    if not shops:
        return []
    silent = {
        "price": all(s.price_won is None for s in shops),
        "hours": all(s.open_state == "unknown" for s in shops),
    }
    return [name for name, unknown in silent.items() if unknown]


def _feedback_tone(text: str) -> str:
    if re.search(r"별로|맛없|맛\s*없|불친절|실망|안\s*좋|싫|최악|노맛|늦|비쌌|비싸|짰|차가", text):
        return "bad"
    if re.search(r"맛있|좋았|좋아|최고|굿|친절|존맛|꿀맛|만족|고마|대박|짱", text):
        return "good"
    return "any"


_CARD_ASPECTS = (
    ("pin", r"비밀\s*번호|비번"),
    ("lost", r"잃어|분실|도난|없어졌|고장|망가|부러|훔쳐"),
    (
        "declined",
        r"(?:안|못)\s*(?:된대|된다|됐|됨|긁|먹혀|받는대|받는다|받아\s*줘)|거절|결제가?\s*안|안\s*돼[요서]?\s*(?:어떡|어떻|왜|ㅠ|ㅜ)|왜\s*안\s*(?:돼|되)",
    ),
    ("apply", r"신청|발급|만들|받을\s*수|어떻게\s*받|자격|재발급"),
    ("varies", r"충전|언제\s*(?:들어|나와|채워|주)|다시\s*(?:차|채워)"),
    ("spent", r"(?:얼마|몇\s*원)(?:나|를|이나)?\s*(?:썼|쓴)|쓴\s*(?:돈|거|곳)|사용\s*내역|어디서?\s*썼"),
    ("balance", r"잔액|남았|남은|얼마\s*(?:있|남)|몇\s*원\s*(?:있|남)"),
    ("limit", r"한도|한\s*끼|하루|한\s*번에|몇\s*번|까지\s*(?:쓸|써|돼|되)"),
    (
        "varies",
        r"온라인|인터넷|앱\s*(?:으로|에서)|배달|배민|요기요|쿠팡|주문|시켜|[월화수목금토일]요일|주말|공휴일|명절|방학|[사살]\s*수\s*있|뭐\s*살|사\s*줄|친구\s*(?:것|꺼|거)|나눠|빌려|다음\s*달|이월|못\s*사",
    ),
    ("balance", r"얼마"),
    ("where", r"어디|되는|가맹|쓸\s*수|사용처|편의점"),
)
_CARD_MATTERS = (
    ("돈이 들어오는 날", r"충전|언제\s*(?:들어|나와|채워|주)|다시\s*(?:차|채워)"),
    ("배달이나 온라인 주문", r"온라인|인터넷|앱|배달|배민|요기요|쿠팡|주문|시켜"),
    ("쓸 수 있는 날", r"[월화수목금토일]요일|주말|공휴일|명절|방학"),
    ("남은 돈이 넘어가는지", r"다음\s*달|이월"),
    ("함께 쓸 수 있는지", r"사\s*줄|친구|나눠|빌려"),
    ("살 수 있는 것", r""),
)
"""What differs from card to card and place to place, as a reply names it, and the words for it."""


def _card_aspect(text: str) -> str:
    return next((aspect for aspect, words in _CARD_ASPECTS if re.search(words, text)), "general")


def _card_matter(text: str) -> str:
    return next(matter for matter, words in _CARD_MATTERS if re.search(words, text))


_GOOD_SHOP = re.compile(r"착한\s*가게|선한")
_GOOD_SHOP_ASPECTS = (
    ("good_shop_free", re.compile(r"공짜|무료|돈\s*(?:안|내|받)|얼마|할인")),
    (
        "good_shop_who",
        re.compile(r"누구|아무나|나도|저도|우리도|누가|어른도|혼자|(?:갈|쓸|이용할)\s*수|가도\s*(?:돼|되)"),
    ),
    ("good_shop_how", re.compile(r"어떻게|뭐\s*(?:가져|보여|필요)|방법")),
)


def good_shop_topic(text: str) -> str:
    """Name what is asked of 착한가게 as such: good_shop_free, good_shop_who, good_shop_how, good_shop_what.

    >>> good_shop_topic("착한가게는 진짜 공짜야?"), good_shop_topic("착한가게가 뭐야")
    ('good_shop_free', 'good_shop_what')
    """
    return next((topic for topic, words in _GOOD_SHOP_ASPECTS if words.search(text)), "good_shop_what")


_HOURS_ASPECTS = (
    (
        "off_days",
        re.compile(
            r"쉬는\s*(?:날|요일)|휴무|휴일이|무슨\s*요일에?\s*(?:쉬|닫|안)|언제\s*(?:쉬|닫는\s*날)|며칠에\s*쉬|안\s*(?:여는|하는)\s*(?:날|요일)"
        ),
    ),
    (
        "day",
        re.compile(
            r"(?P<day>[월화수목금토일]요일)(?:에|날)?(?:도|은|는|만)?\s*(?:문|영업|장사)?\s*(?:을)?\s*(?:해|하|열|여|연|닫|쉬|안|갈|가도|돼|되)"
        ),
    ),
)


def hours_asked(text: str) -> tuple[str, str | None]:
    """What of a shop's hours is asked: ("off_days", None), ("day", "일요일"), or ("general", None).

    >>> hours_asked("쉬는 날 언제야"), hours_asked("일요일에도 해?")
    (('off_days', None), ('day', '일요일'))
    """
    for aspect, words in _HOURS_ASPECTS:
        if match := words.search(text):
            return aspect, match["day"] if aspect == "day" else None
    return "general", None


def _shop_answer(
    intent: Intent,
    age_band: AgeBand,
    text: str,
    filters: Filters,
    facts: dict[str, Any],
    recommendations: Sequence[Recommendation],
    shop_facts: Mapping[str, Any] | None,
) -> ReplyPlan:
    if shop_facts is None:
        names = tuple(r.name for r in recommendations[:MAX_SHOPS])
        which = Question(kind="which_shop", shops=names)
        return ReplyPlan(kind="clarify", age_band=age_band, question=which, choices=names, facts=facts)
    facts["shop"] = dict(shop_facts)
    facts["dishes"] = list(filters.menus or ())
    kind = {Intent.OPENING_HOURS_INQUIRY: "hours", Intent.MENU_INQUIRY: "menu", Intent.SHOP_DETAIL: "detail"}[intent]
    facts["aspect"] = asked_aspect(text)
    if kind == "hours":
        facts["aspect"], facts["day"] = hours_asked(text)
    if facts["aspect"] == "unknown_fact":
        facts["thing"] = unknown_fact(text)
        if kind == "menu" and not facts["dishes"]:
            kind = "detail"
    shops = tuple(r for r in recommendations if r.shop_id == shop_facts.get("shop_id"))[:1]
    return ReplyPlan(kind=kind, age_band=age_band, shops=shops, facts=facts)
