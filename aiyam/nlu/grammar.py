"""Utterances generated from templates: slots filled from the product's vocabulary, alternatives chosen by chance, spans kept."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiyam.errors import DataError
from aiyam.korean.jamo import is_syllable, parts
from aiyam.korean.numerals import to_korean, to_mixed
from aiyam.nlu.dish_words import DISHES
from aiyam.nlu.examples import Example
from aiyam.nlu.markup import row_of

TEMPLATES_FILE = "templates.tsv"
_CHOICE = re.compile(r"<([^<>]*)>")
_SLOT = re.compile(r"\{([a-z_]+)(!)?(?:\+([가-힣]*)/([가-힣]*))?\}")

SHOP_NAMES: tuple[str, ...] = (
    "신림할매분식",
    "엄마손김밥",
    "봉천동떡볶이",
    "행운칼국수",
    "명동왕만두",
    "한솥밥상",
    "착한밥집",
    "은하수분식",
    "골목식당",
    "은행나무치킨",
    "바삭통닭",
    "용문각",
    "홍성반점",
    "만리장성",
    "스시하루",
    "이태리면가",
    "달빛파스타",
    "하늘도시락",
    "빵굽는마을",
    "햇살베이커리",
    "코코카페",
    "별빛카페",
    "청년돈가스",
    "할머니손칼국수",
    "원조감자탕",
    "삼거리국밥",
    "서울설렁탕",
    "고향순대국",
    "대박곱창",
    "황금족발",
    "별난김밥",
    "김밥마을",
    "맛나분식",
    "또와분식",
    "행복한밥상",
    "푸른식당",
    "미소국수",
    "제일반점",
    "북경루",
    "마라왕",
    "마라공방",
    "훠궈마당",
    "하노이쌀국수",
    "방콕식당",
    "타코집",
    "버거마을",
    "수제버거공방",
    "피자나라",
    "화덕피자집",
    "우주피자",
    "동네빵집",
    "소문난떡집",
    "떡볶이연구소",
    "국대볶이",
    "죽이야기집",
    "본가죽",
    "영양죽집",
    "왕돈가스",
    "신촌수제비",
    "종로김치찌개",
    "부대찌개마을",
    "고기굽는날",
    "참숯갈비",
    "돼지네",
    "연탄불고기",
    "닭한마리집",
    "춘천닭갈비마을",
    "양념천국",
    "크리스피치킨",
    "후라이드참잘하는집",
    "만나도시락",
    "엄마도시락",
    "오늘의밥상",
    "집밥선생",
    "라멘하루",
    "우동한그릇",
    "돈부리야",
    "초밥이야기",
    "텐동마을",
    "카레하우스",
    "커리랜드",
    "샐러드팩토리",
    "초록밥상",
    "토스트가게",
    "이삭네토스트",
    "와플대장간",
    "빙수나라",
    "눈꽃빙수집",
    "버블티스토어",
    "꽈배기마을",
    "호떡할머니",
    "붕어빵아저씨",
    "컵밥상회",
    "주먹밥공장",
)
"""Invented shops: they teach what a shop name looks like, and name no real one."""

DISTRICTS = ("강남구", "강동구", "강북구", "강서구", "관악구", "광진구", "구로구", "금천구", "노원구", "도봉구", "동대문구", "동작구", "마포구", "서대문구", "서초구", "성동구", "성북구", "송파구", "양천구", "영등포구", "용산구", "은평구", "종로구", "중구", "중랑구")  # fmt: skip
STATIONS = ("신림역", "서울대입구역", "봉천역", "사당역", "강남역", "홍대입구역", "합정역", "신촌역", "건대입구역", "잠실역", "노원역", "수유역", "미아역", "목동역", "화곡역", "구로역", "신도림역", "영등포역", "노량진역", "이수역", "왕십리역", "성수역", "천호역", "길동역", "연신내역", "불광역", "혜화역", "종각역", "동대문역", "상봉역")  # fmt: skip
DONGS = ("신림동", "봉천동", "상도동", "흑석동", "망원동", "연남동", "서교동", "창천동", "화양동", "자양동", "상계동", "중계동", "수유동", "미아동", "목동", "신월동", "화곡동", "등촌동", "독산동", "시흥동", "역삼동", "대치동", "잠실동", "방이동", "천호동", "암사동", "녹번동", "응암동", "성수동", "이태원동")  # fmt: skip

_FOODS = (("한식", "한식"), ("중식", "중식"), ("중국집", "중식"), ("중국음식", "중식"), ("일식", "일식"), ("양식", "양식"), ("분식", "분식"), ("분식", "분식"), ("분식집", ""),
          ("치킨", "치킨"), ("치킨", "치킨"), ("피자", "피자"), ("패스트푸드", "패스트푸드"), ("고깃집", "고기"), ("고기", "고기"), ("고기집", "고기"), ("카페", "카페"), ("디저트", "카페"), ("빵집", "베이커리"),
          ("빵", "베이커리"), ("도시락", "도시락"), ("편의점", "편의점"), ("베트남음식", "아시안"), ("집밥", "한식"), ("일본음식", "일식"))  # fmt: skip
_TASTES = (("매운", "매운"), ("매콤한", "매운"), ("얼큰한", "매운"), ("칼칼한", "매운"), ("달달한", "단"), ("달콤한", "단"), ("담백한", "담백한"), ("시원한", "시원한"), ("따뜻한", "따뜻한"), ("뜨끈한", "따뜻한"),
           ("바삭한", "바삭한"), ("순한", "순한"), ("짭짤한", "짠"), ("차가운", "시원한"), ("뜨거운", "따뜻한"))  # fmt: skip
_DIETS = (
    ("건강한", "건강식"),
    ("건강식", "건강식"),
    ("몸에 좋은", "건강식"),
    ("채식", "채식"),
    ("비건", "채식"),
    ("저염", "저염"),
    ("싱거운", "저염"),
    ("저당", "저당"),
    ("다이어트", "다이어트"),
    ("할랄", "할랄"),
)
_ALLERGENS = (("땅콩", "땅콩"), ("새우", "새우"), ("계란", "알류"), ("달걀", "알류"), ("우유", "우유"), ("밀가루", "밀"), ("견과류", "견과류"), ("갑각류", "갑각류"), ("게", "게"), ("메밀", "메밀"), ("콩", "대두"), ("복숭아", "복숭아"),
              ("토마토", "토마토"), ("고등어", "고등어"), ("오징어", "오징어"), ("조개", "조개류"), ("돼지고기", "돼지고기"), ("닭고기", "닭고기"), ("호두", "호두"), ("유제품", "우유"))  # fmt: skip
_COMPANY = (("친구", "friends"), ("친구들", "friends"), ("베프", "friends"), ("엄마", "family"), ("아빠", "family"), ("동생", "family"), ("가족", "family"), ("할머니", "family"), ("할아버지", "family"), ("애들", "family"), ("아이", "family"),
            ("아이들", "family"), ("누나", "family"), ("부모님", "family"), ("여친", "couple"), ("남친", "couple"), ("남자친구", "couple"), ("반 애들", "group"), ("동아리 애들", ""))  # fmt: skip
_TIMES = (
    ("아침", "breakfast"),
    ("점심", "lunch"),
    ("저녁", "dinner"),
    ("야식", "late_night"),
    ("간식", "snack"),
    ("점심", "lunch"),
    ("저녁", "dinner"),
    ("아침밥", "breakfast"),
    ("저녁밥", "dinner"),
)
_PLACES = (
    ("조용한", "조용한"),
    ("혼밥하기 좋은", ""),
    ("넓은", "넓은"),
    ("깨끗한", "깨끗한"),
    ("놀이방", "놀이방"),
    ("자리 넓은", "넓은"),
    ("한적한", "조용한"),
)
_CARDS = ("급식카드", "급카", "급카", "꿈나무카드", "아동급식카드", "급식 카드")
_NEAR = ("근처", "주변", "이 근처", "우리 동네", "집 근처", "학교 앞", "학교 근처", "학원 근처", "여기", "우리집 근처")
_DISTANCES = (
    ("걸어서 5분", 400),
    ("걸어서 10분", 800),
    ("도보 5분", 400),
    ("도보 10분", 800),
    ("500미터", 500),
    ("500m", 500),
    ("1km", 1000),
    ("1키로", 1000),
    ("300m", 300),
    ("5분 거리", 400),
    ("걸어서 십분", 800),
    ("걸어서 15분", 1200),
)
_ORDINALS = (
    ("첫번째", 1),
    ("첫 번째", 1),
    ("두번째", 2),
    ("두 번째", 2),
    ("세번째", 3),
    ("세 번째", 3),
    ("1번", 1),
    ("2번", 2),
    ("3번", 3),
    ("네번째", 4),
    ("맨 위", 1),
    ("마지막", "last"),
    ("첫째", 1),
)

_Filler = Callable[[random.Random], tuple[str, str]]


def _of(kind: str, pairs: tuple[tuple[str, str | int], ...]) -> _Filler:
    usable = [(s, v) for s, v in pairs if v != ""]

    def fill(rng: random.Random) -> tuple[str, str]:
        surface, value = rng.choice(usable)
        return surface, f"{kind}:{value}"

    return fill


def _dish(rng: random.Random) -> tuple[str, str]:
    # common dishes come more often, rare ones still teach the shape
    name = rng.choice(DISHES[:90]) if rng.random() < 0.6 else rng.choice(DISHES)
    return name, f"menu:{name}"


def _amount(rng: random.Random) -> tuple[str, str]:
    won = rng.choice(
        [
            3000,
            4000,
            5000,
            5000,
            6000,
            7000,
            8000,
            8000,
            9000,
            10000,
            10000,
            10000,
            12000,
            15000,
            20000,
            30000,
            6500,
            7500,
            25000,
        ]
    )
    written = rng.choice(
        [
            f"{to_korean(won)}원",
            f"{to_korean(won)}원",
            to_mixed(won),
            f"{to_mixed(won)}원",
            f"{won}원",
            f"{won:,}원",
            to_korean(won),
            f"{won}",
        ]
    )
    if won == 10000 and rng.random() < 0.5:
        written = rng.choice(["만원", "만 원", "1만원", "만원"])
    return written, f"budget:{won}"


def _place(rng: random.Random) -> tuple[str, str]:
    roll = rng.random()
    if roll < 0.3:
        name = rng.choice(DISTRICTS)
        return name, f"location:{name}"
    if roll < 0.75:
        name = rng.choice(STATIONS)
        if rng.random() < 0.25:
            return name.removesuffix("역"), f"location:{name}"
        return name, f"location:{name}"
    name = rng.choice(DONGS)
    return name, f"location:{name}"


def _shop(rng: random.Random) -> tuple[str, str]:
    name = rng.choice(SHOP_NAMES)
    if rng.random() < 0.3:  # a made-up name of the same shape
        name = rng.choice(["신림", "봉천", "우리", "할매", "엄마", "행복", "소문난", "원조", "왕", "황금", "서울", "별", "달", "하늘", "푸른", "진짜", "맛있는", "옛날", "고향", "시골", "대박", "청년", "이모네", "삼촌네"]) + rng.choice(
            ["분식", "김밥", "식당", "칼국수", "국밥", "치킨", "반점", "밥상", "돈가스", "떡볶이", "빵집", "카페", "피자", "버거", "국수", "만두", "갈비", "감자탕", "족발", "마라탕", "초밥", "파스타", "도시락"]
        )  # fmt: skip
    if rng.random() < 0.12:
        name += " " + rng.choice(["신림점", "본점", "강남점", "2호점", "서울대점", "사당점"])
    return name, f"shop_name:{name}"


_SLOTS: dict[str, _Filler] = {
    "menu": _dish,
    "food": _of("food_type", _FOODS),
    "taste": _of("taste", _TASTES),
    "diet": _of("dietary_preference", _DIETS),
    "allergen": _of("allergy", _ALLERGENS),
    "who": _of("companion", _COMPANY),
    "alone": _of("companion", (("혼자", "alone"), ("혼자서", "alone"), ("나 혼자", "alone"))),
    "when": _of("time_of_day", _TIMES),
    "mood": _of("atmosphere", _PLACES),
    "card": lambda rng: (rng.choice(_CARDS), "payment:meal_card"),
    "near": lambda rng: (rng.choice(_NEAR), "location:near_me"),
    "place": _place,
    "won": _amount,
    "walk": _of("distance", _DISTANCES),
    "nth": _of("ordinal", _ORDINALS),
    "shop": _shop,
}


@dataclass(frozen=True)
class Template:
    """One line of the templates file: an intent, a pattern, and filters its fixed words carry."""

    name: str
    intent: str
    pattern: str
    extra: str


def read_templates(path: Path) -> list[Template]:
    """Read ``intent<TAB>pattern<TAB>filters`` lines; ``#`` begins a comment line.

    Raises:
        DataError: a line without an intent and a pattern, or with an unknown slot.
    """
    templates = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        intent, _, rest = line.partition("\t")
        pattern, _, extra = rest.partition("\t")
        unknown = {m.group(1) for m in _SLOT.finditer(pattern)} - set(_SLOTS)
        if not pattern or unknown:
            raise DataError(
                f"{path.name}:{number}: expected intent, pattern and known slots, got {unknown or line!r}.",
                hint="Mend the line.",
            )
        templates.append(Template(f"t{number}", intent.strip(), pattern.strip(), extra.strip()))
    return templates


def expand(template: Template, rng: random.Random) -> str:
    """Write one marked utterance of a template."""
    pattern = template.pattern
    while match := _CHOICE.search(pattern):
        pattern = pattern[: match.start()] + rng.choice(match.group(1).split("|")) + pattern[match.end() :]

    def fill(match: re.Match[str]) -> str:
        surface, mark = _SLOTS[match.group(1)](rng)
        particle = ""
        if match.group(3) is not None:
            closed = is_syllable(surface[-1]) and parts(surface[-1])[2] != 0
            if match.group(3) == "으로" and closed and parts(surface[-1])[2] == 8:
                closed = False
            particle = match.group(3) if closed else match.group(4)
        return f"[{surface}]({mark}{match.group(2) or ''}){particle}"

    return re.sub(r" {2,}", " ", _SLOT.sub(fill, pattern)).strip()


def generate(path: Path, n: int, *, seed: int) -> list[Example]:
    """Generate about ``n`` distinct rows, every template about equally often; a seed gives the same rows again."""
    rng = random.Random(seed)
    templates = read_templates(path)
    each = max(1, n // max(1, len(templates)))
    examples: list[Example] = []
    seen: set[str] = set()
    for template in templates:
        misses = made = 0
        while made < each and misses < 12:
            row = row_of(expand(template, rng), template.intent, template.extra)
            if row["text"] in seen:
                misses += 1
                continue
            seen.add(row["text"])
            made += 1
            spans = tuple((e["entity"], e["start"], e["end"], e["value"]) for e in row["entities"])
            examples.append(Example(row["text"], row["intent"], spans, row["filters"], template.name))
    return examples
