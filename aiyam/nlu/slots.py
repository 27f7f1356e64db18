"""What fills the slots of a template: words of the catalogue, places, amounts in every form, company, times, shop names."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiyam.korean.numerals import band, to_korean, to_mixed
from aiyam.korean.places import shipped_places
from aiyam.korean.spelling import normalise
from aiyam.nlu.dish_words import DISHES
from aiyam.nlu.gazetteer import SHIPPED_DISHES, Gazetteer
from aiyam.nlu.invented_shops import BRANDS, SHOP_NAMES
from aiyam.nlu.place_words import full_name
from aiyam.settings import REPO_ROOT

SIGNBOARDS = REPO_ROOT / "datasets" / "catalogue" / "city_words.json"
Filled = tuple[str, str]
"""What is said, and its mark (``kind:value``)."""
Filler = Callable[[random.Random], Filled]

_FOODS = {
    "한식": "한식 한식 백반집 한국음식 한정식 집밥", "중식": "중식 중국집 중국집 중국음식 중국요리", "일식": "일식 일식 일본음식 일본요리", "양식": "양식 양식 경양식 이탈리안",
    "분식": "분식", "치킨": "치킨", "피자": "피자", "패스트푸드": "패스트푸드 버거집 패푸", "고기": "고기 고깃집 고깃집 고기집",
    "아시안": "아시안 베트남음식 태국음식 동남아음식 인도음식", "카페": "카페 카페 디저트 까페", "베이커리": "빵집 빵집 빵 베이커리 제과점", "도시락": "도시락", "편의점": "편의점 편의점",
}  # fmt: skip
_TASTES = {
    "매운": "매운 매운 매운 매콤한 얼큰한 칼칼한 화끈한", "순한": "순한 자극적이지_않은 안_자극적인", "단": "달달한 달콤한 단", "짠": "짭짤한 짠", "담백한": "담백한 담백한 안_느끼한 느끼하지_않은",
    "시원한": "시원한 시원한 차가운", "따뜻한": "따뜻한 뜨끈한 뜨거운 따끈한 뜨뜻한 국물_있는 뜨신", "바삭한": "바삭한 바삭바삭한 바삭한",
}  # fmt: skip
_DIETS = {
    "건강식": "건강한 건강식 몸에_좋은 건강에_좋은 영양가_있는", "채식": "채식 비건 고기_없는 야채_많은 채소_많은", "저염": "저염 저염식 싱거운 간이_약한 간이_세지_않은 심심한", "저당": "저당 설탕_없는 당_적은 무설탕 설탕_안_들어간",
    "다이어트": "다이어트 칼로리_낮은 살_안_찌는 저칼로리", "할랄": "할랄",
}  # fmt: skip
_ALLERGENS = {
    "알류": "계란 달걀 계란 메추리알", "우유": "우유 우유 유제품 치즈", "메밀": "메밀", "땅콩": "땅콩 땅콩", "대두": "콩 대두 두부", "밀": "밀가루 글루텐", "고등어": "고등어", "게": "게 꽃게", "새우": "새우 새우",
    "돼지고기": "돼지고기", "복숭아": "복숭아", "토마토": "토마토", "아황산류": "아황산류", "호두": "호두", "닭고기": "닭고기", "쇠고기": "소고기 쇠고기", "오징어": "오징어", "조개류": "조개 굴 전복 홍합 조개류", "잣": "잣",
    "견과류": "견과류 견과류", "갑각류": "갑각류 갑각류",
}  # fmt: skip
_COMPANY = {
    "friends": "친구 친구 친구 친구들 베프 절친 찐친 단짝", "couple": "여친 남친 남자친구 여자친구 애인 썸남 썸녀 남편 아내", "group": "반_애들 반_친구들 반_아이들 학생들 우리_반 동아리 축구부_애들 5명 여섯명 4명 10명 일곱_명 넷 12명",
    "family": "엄마 엄마 아빠 동생 동생 가족 가족 할머니 할머니 할아버지 부모님 누나 언니 오빠 애들 아이 아이 아이들 손주 손자 손녀 이모 삼촌 고모 조카 아들 딸 엄빠 온_가족 애 애 형 형아 애기 아기 며느리 어머니 아버지 할매 손주들 딸아이 사촌 시어머니 식구들",
}  # fmt: skip
_TIMES = {
    "breakfast": "아침", "lunch": "점심", "dinner": "저녁", "late_night": "야식", "snack": "간식",
}  # fmt: skip
_MOODS = {
    "조용한": "조용한 조용한 한적한 차분한 안_시끄러운 시끄럽지_않은", "넓은": "넓은 자리_많은", "깨끗한": "깨끗한 깨끗한 청결한 위생_좋은 깔끔한",
}  # fmt: skip
_CARDS = "급식카드 급식카드 급카 급카 급카 꿈나무카드 아동급식카드 급식_카드 푸르미카드 컬러풀카드 꿈나무_카드 푸드카드 g드림카드 아동카드 카드 카드"
_NEAR = "근처 근처 주변 이_근처 여기_근처 여기_주변 우리_동네 우리동네 동네 집앞 학교앞 요_앞 내_주변 이_동네"
_LANDMARKS = (
    "집",
    "학교",
    "학원",
    "도서관",
    "독서실",
    "센터",
    "복지관",
    "병원",
    "교회",
    "놀이터",
    "스카",
    "아파트",
    "회사",
    "공원",
    "태권도장",
    "피방",
    "동사무소",
    "지역아동센터",
)
_BESIDE = ("근처", "앞", "옆", "주변")
_DISTANCES = {
    400: "걸어서_5분 도보_5분 걸어서_오분 도보_오분", 800: "걸어서_10분 도보_10분 걸어서_십분 도보_십분", 1200: "걸어서_15분 도보_15분", 240: "걸어서_3분 도보_3분", 560: "도보_7분", 1600: "걸어서_20분 도보_20분",
    100: "100m 100미터", 200: "200m", 300: "300m 300미터 삼백미터", 500: "500m 500미터 오백미터 500_m", 700: "700m", 1000: "1km 1키로 1킬로 일키로", 1500: "1.5km", 2000: "2km 2키로",
}  # fmt: skip
_ORDINALS: dict[int | str, str] = {
    1: "첫번째 첫_번째 1번 첫째 맨_위 일번 1번째 맨_처음", 2: "두번째 두_번째 2번 둘째 2번째", 3: "세번째 세_번째 3번 셋째 3번째", 4: "네번째 4번 네_번째", 5: "다섯번째 5번", "last": "마지막 맨_끝 맨_아래 마지막",
}  # fmt: skip
_ALONE = "혼자"
_AMOUNTS = (*range(1000, 10_000, 500), *range(3000, 11_000, 1000), 10_000, 10_000, 10_000, *range(11_000, 21_000, 1000), 25_000, 30_000, 30_000, 40_000, 50_000, 3800, 4300, 6800, 7200, 12_500, 800)  # fmt: skip
_BANDS = (3000, 4000, 5000, 5000, 6000, 7000, 8000, 9000, 10_000, 10_000, 10_000, 20_000)
_TOPPINGS = ("신림점", "본점", "2호점", "시장점", "사거리점", "학교앞점", "역점")
_KINDS_OF = {
    "meal": ("한식", "중식", "일식", "양식", "고기", "아시안"),
    "bite": ("분식", "카페", "베이커리", "패스트푸드", "편의점"),
    "sweet": ("카페", "베이커리"),
}
_NOT_WISHED = frozenset(["치킨", "피자", "도시락", "빵", "카페", "물", "생수", "밥", "롤", "집밥", "정식", "피클", "치킨무", "공기밥", "공깃밥", "사리", "양념", "반반", "우유", "과자", "콜라", "사이다", "에이드", "무한리필", "브런치", "통닭"])  # fmt: skip


def _pairs(table: dict[Any, str]) -> list[tuple[str, Any]]:
    return [(said.replace("_", " "), value) for value, words in table.items() for said in words.split()]


def _of(kind: str, table: dict[Any, str]) -> Filler:
    choices = [(said, f"{kind}:{value}") for said, value in _pairs(table)]
    return lambda rng: rng.choice(choices)


def amount_forms(won: int) -> tuple[str, ...]:
    """Return the ways people type an amount: 만이천원, 12000원, 12,000원, 1만2천원, 1만 2천원, 1.2만원, 12000, 1만2천."""
    words, mixed = to_korean(won), to_mixed(won)
    forms = [f"{words}원", f"{words}원", f"{won}원", f"{won:,}원", f"{mixed}원", f"{words} 원"]
    if won < 1000:
        return tuple(forms)
    forms += [f"{won}", mixed]
    if won >= 10_000 and won % 10_000:
        forms += [f"{mixed}원".replace("만", "만 ", 1), words]
        forms += [f"{won / 10_000:g}만원", f"{won / 10_000:g}만"] if won % 1000 == 0 else []
    elif won < 10_000 and won % 1000 == 500:
        forms += [f"{won / 1000:g}천원", f"{won / 1000:g}천"]
    if won == 10_000:
        forms += ["만원", "만 원", "만원", "만원"]
    elif words != "천":
        forms.append(words)
    return tuple(forms)


def band_forms(low: int) -> tuple[str, ...]:
    """Return the ways people type a band of prices: 만원대, 1만원대, 5천원대, 5천대, 5000원대."""
    words, mixed = to_korean(low), to_mixed(low)
    return (
        f"{words}원대",
        f"{words}원대",
        f"{mixed}원대",
        f"{mixed}대" if low < 10_000 else f"{words}원대",
        f"{low}원대",
    )


def range_forms(low: int, high: int) -> tuple[str, ...]:
    """Return the ways people type a range of amounts: 5천~8천, 5000~8000원, 5천원에서 8천원, 오천원부터 만원."""
    forms = [
        f"{to_mixed(low)}~{to_mixed(high)}",
        f"{to_mixed(low)}~{to_mixed(high)}원",
        f"{low}~{high}원",
        f"{low}원~{high}원",
        f"{to_mixed(low)}원에서 {to_mixed(high)}원",
        f"{to_korean(low)}원에서 {to_korean(high)}원",
        f"{to_mixed(low)}-{to_mixed(high)}",
        f"{low:,}원~{high:,}원",
    ]
    if high < 10_000 and not low % 1000 and not high % 1000:
        forms += [f"{low // 1000}~{high // 1000}천원", f"{low // 1000}-{high // 1000}천원"]
    return tuple(forms)


def _won(rng: random.Random) -> Filled:
    won = rng.choice(_AMOUNTS)
    return rng.choice(amount_forms(won)), f"budget:{won}"


def _band(rng: random.Random) -> Filled:
    low = rng.choice(_BANDS)
    return rng.choice(band_forms(low)), f"budget:{low}-{band(low)}"


def _range(rng: random.Random) -> Filled:
    low = rng.choice((3000, 4000, 5000, 5000, 6000, 7000, 10_000))
    high = low + rng.choice((1000, 2000, 3000, 5000))
    return rng.choice(range_forms(low, high)), f"budget:{low}-{high}"


@dataclass(frozen=True)
class Words:
    """Names of the shipped catalogue words and places, ready to be drawn from."""

    dishes: dict[str, list[Filled]]
    common_dishes: list[Filled]
    places: dict[str, list[Filled]]
    signs: list[str]
    sign_words: dict[str, list[str]]


@lru_cache(maxsize=1)
def words() -> Words:
    """Return the words templates draw on, read once: dishes as the gazetteer spells them, places by their full name."""
    gazetteer = Gazetteer.from_shipped()
    category: dict[str, str] = {}
    for line in SHIPPED_DISHES.read_text("utf-8").splitlines():
        dish = json.loads(line)
        for name in (dish["name"], *dish["aliases"]):
            category.setdefault(name, dish["category"])

    def filled(name: str) -> Filled | None:
        if not re.fullmatch("[가-힣]{2,9}|죽|회", name) or name in _NOT_WISHED:
            return None
        plain = normalise(name).text
        hits = gazetteer.find_dishes(plain)
        whole = len(hits) == 1 and not hits[0].fuzzy and (hits[0].start, hits[0].end) == (0, len(plain))
        return (name, f"menu:{hits[0].value}") if whole else None

    dishes: dict[str, list[Filled]] = {"menu": [], **{kind: [] for kind in _KINDS_OF}}
    for name in dict.fromkeys((*category, *DISHES)):
        if (found := filled(name)) is not None:
            dishes["menu"].append(found)
            for kind, categories in _KINDS_OF.items():
                if category.get(name) in categories:
                    dishes[kind].append(found)
    common = [found for name in DISHES if (found := filled(name)) is not None]
    signboards = json.loads(SIGNBOARDS.read_text("utf-8"))
    signs = [pattern for kind in signboards["kinds"].values() for pattern in kind["names"]]
    return Words(dishes, common, _places(), signs, signboards["words"])


def _places() -> dict[str, list[Filled]]:
    """Return what may be said of a place by kind; a short form only where it is read as that place alone."""
    found: dict[str, list[Filled]] = {"station": [], "district": [], "dong": [], "other": []}
    for place in shipped_places().places:
        kind = place.kind if place.kind in found else "other"
        short = {"station": "역", "district": "구", "city": "시"}.get(place.kind)
        said = [place.name]
        if short and len(place.name) > 2 and place.name.endswith(short):
            said.append(place.name.removesuffix(short))
        if place.kind == "dong" and re.search(r"\d", place.name):
            said.append(re.sub(r"\d", "", place.name))
        for form in said:
            if full_name(form) == place.name and len(form) >= 2:
                found[kind].append((form, f"location:{place.name}"))
    return found


def _menu(kind: str) -> Filler:
    def fill(rng: random.Random) -> Filled:
        # common dishes come more often, rare ones still teach the shape
        return rng.choice(words().common_dishes if kind == "menu" and rng.random() < 0.55 else words().dishes[kind])

    return fill


def _place(rng: random.Random) -> Filled:
    kind = rng.choices(("station", "district", "dong", "other"), (42, 23, 28, 7))[0]
    return rng.choice(words().places[kind])


def _near(rng: random.Random) -> Filled:
    return (rng.choice(_NEAR.split()).replace("_", " "), "location:near_me") if rng.random() < 0.55 else _by(rng)


def _by(rng: random.Random) -> Filled:
    return f"{rng.choice(_LANDMARKS)} {rng.choice(_BESIDE)}", "location:near_me"


def _shop(rng: random.Random) -> Filled:
    roll = rng.random()
    if roll < 0.3:
        name = rng.choice(SHOP_NAMES)
    elif roll < 0.42:
        name = rng.choice(BRANDS)
    else:
        name = re.sub(r"\{(.+?)\}", lambda slot: _sign_word(slot.group(1), rng), rng.choice(words().signs))
        if words().dishes["menu"] and len(name) < 3:
            name += rng.choice(("식당", "분식", "밥집", "키친"))
    if rng.random() < 0.1:
        name += " " + rng.choice(_TOPPINGS)
    return name, f"shop_name:{name}"


def _sign_word(slot: str, rng: random.Random) -> str:
    if slot == "동":
        return rng.choice(words().places["dong"])[0].removesuffix("동")
    if slot == "역":
        return rng.choice(words().places["station"])[0].removesuffix("역").removesuffix("입구")
    return rng.choice(words().sign_words[slot])


def _mash(rng: random.Random) -> Filled:
    keys = rng.choice(
        ("ㅁㄴㅇㄹㅎ", "ㅂㅈㄷㄱㅅ", "ㅏㅓㅣㅗㅜ", "asdfghjkl", "qwerty", "0123456789", "ㅋㅌㅊㅍ;/.,", "뷁쀍쑻줾꿹")
    )
    return "".join(rng.choices(keys, k=rng.randint(3, 9))), "food_type:편의점"


SLOTS: dict[str, Filler] = {
    **{kind: _menu(kind) for kind in ("menu", *_KINDS_OF)},
    "food": _of("food_type", _FOODS),
    "taste": _of("taste", _TASTES),
    "hot": _of("taste", {"매운": _TASTES["매운"]}),
    "mild": _of("taste", {k: v for k, v in _TASTES.items() if k != "매운"}),
    "diet": _of("dietary_preference", _DIETS),
    "allergen": _of("allergy", _ALLERGENS),
    "who": _of("companion", _COMPANY),
    "friend": _of("companion", {"friends": _COMPANY["friends"]}),
    "family": _of("companion", {"family": _COMPANY["family"]}),
    "child": _of(
        "companion", {"family": "아이 아이 애 애 애 아이들 손주 손녀 손자 동생 애들 딸 아들 조카 애기 아기 막내"}
    ),
    "elder": _of("companion", {"family": "할머니 할아버지 부모님 엄마 아빠 어머니 아버지 시어머니 장모님 할매"}),
    "many": _of(
        "companion",
        {"group": "5명 4명 6명 다섯명 네_명 여섯명 8명 10명 일곱명 넷 12명 열_명 스무_명 15명 두_명 세_사람 두_사람"},
    ),
    "herd": _of("companion", {"group": "학생들 아이들 애들 아동들 초등학생 학부모님들 반_애들 동아리 축구부_아이들"}),
    "alone": _of("companion", {"alone": _ALONE}),
    "when": _of("time_of_day", _TIMES),
    "mood": _of("atmosphere", _MOODS),
    "card": _of("payment", {"meal_card": _CARDS}),
    "near": _near,
    "by": _by,
    "walk": _of("distance", _DISTANCES),
    "nth": _of("ordinal", _ORDINALS),
    "won": _won,
    "band": _band,
    "range": _range,
    "place": _place,
    "shop": _shop,
    "mash": _mash,
}
"""Every slot a template may name; ``mash`` is a thumb on the keyboard, and never a span."""
