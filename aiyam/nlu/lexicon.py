"""Words and what they mean in the filter vocabulary: kinds of food, tastes, diets, allergens, company, times, places nearby."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aiyam.contracts import EntityType

FOOD_TYPES: dict[str, str] = {
    "한식": r"(?<!착)한식|한정식|백반집|집밥|가정식|한국\s?음식",
    "중식": r"중식|중국집|중국\s?음식|중국\s?요리|중화요리",
    "일식": r"일식|일본\s?음식|일본\s?요리",
    "양식": r"양식(?!장)|이탈리안|이태리\s?음식|서양\s?음식|경양식",
    "분식": r"분식",
    "치킨": r"치킨(?!마요|버거|무|너겟|랩|가스|카레|샐러드|텐더)|닭집",
    "피자": r"피자(?!빵|토스트|떡볶이)",
    "패스트푸드": r"패스트\s?푸드|패푸|버거집|버거킹|맥도날드|롯데리아",
    "고기": r"고깃집|고기집|고기\s?구이|구이집|(?<![가-힣])고기(?=\s|$|[먹무뷔파땡당랑를는도로말종빼나?!])",
    "아시안": r"아시안|동남아\s?음식|베트남\s?(?:음식|요리)|태국\s?(?:음식|요리)|인도\s?(?:음식|요리)",
    "카페": r"카페|까페|커피숍|커피집|디저트|찻집",
    "베이커리": r"베이커리|빵집|제과점|(?<![가-힣])빵(?=\s|$|[이을은도만류사먹])",
    "도시락": r"도시락",
    "편의점": r"편의점|씨유|gs25|세븐일레븐|이마트24",
}
TASTES: dict[str, str] = {
    "매운": r"매운|매콤한?|매워(?:서|도)?|맵(?=고|지|게|찔이|닥)|얼큰한?|칼칼한?|화끈한?|불맛",
    "순한": r"순한|자극적이지\s?않은|자극\s?없는|맹맹한|순하",
    "단": r"달달한?|달콤한?|단\s?(?=거|것|맛|음식|디저트)|당\s?땡|단짠",
    "짠": r"짭짤한?|짠\s?(?=거|것|맛|음식)|짜(?=지\s?않|지않)",
    "담백한": r"담백한?|깔끔한\s?맛|느끼하지\s?않은|안\s?느끼한",
    "시원한": r"시원한?|차가운|찬\s?(?=거|것|음식)|이열치열",
    "따뜻한": r"따뜻한?|뜨끈한?|뜨거운|뜨뜻한?|따끈한?|국물\s?있는|뜨끈뜨끈",
    "바삭한": r"바삭한?|바삭바삭한?|빠삭한?|겉바속촉",
}
DIETS: dict[str, str] = {
    "건강식": r"건강식|건강한?|건강에\s?좋은|몸에\s?좋은|영양\s?(?:있는|가\s?있는|가\s?많은|만점|가)|웰빙",
    "채식": r"채식주의자?|채식|비건|베지테리언|고기\s?(?:없는|안\s?들어간|안들어간)|야채\s?많은|채소\s?많은",
    "저염": r"저염식?|싱거운|싱겁게|간\s?(?:이\s?)?(?:약한|세지\s?않은)|나트륨\s?적은",
    "저당": r"저당|당\s?(?:적은|없는|낮은)|설탕\s?(?:없는|적은|안\s?들어간)|무설탕|당뇨",
    "다이어트": r"다이어트|살\s?(?:안\s?찌는|빼|뺄)|칼로리\s?(?:낮은|적은)|저칼로리",
    "할랄": r"할랄|무슬림|이슬람",
}
ALLERGENS: dict[str, str] = {
    "알류": r"계란|달걀|알류|난류|메추리알",
    "우유": r"우유|유제품|치즈|유당",
    "메밀": r"메밀",
    "땅콩": r"땅콩",
    "대두": r"대두|콩(?!나물|국수|밥)|두부",
    "밀": r"밀가루|글루텐|밀(?=\s?알레르기)",
    "고등어": r"고등어",
    "새우": r"새우",
    "게": r"꽃게|대게|게(?=\s?알레르기|랑\s?새우)",
    "돼지고기": r"돼지고기|돼지",
    "복숭아": r"복숭아",
    "토마토": r"토마토",
    "아황산류": r"아황산류?",
    "호두": r"호두",
    "닭고기": r"닭고기|닭(?=\s?알레르기)",
    "쇠고기": r"쇠고기|소고기",
    "오징어": r"오징어",
    "조개류": r"조개류?|굴(?=\s?알레르기|이나|이랑)|전복|홍합",
    "잣": r"잣",
    "견과류": r"견과류?|견과",
    "갑각류": r"갑각류",
}
ALLERGEN_GROUPS: dict[str, tuple[str, ...]] = {"견과류": ("땅콩", "호두", "잣"), "갑각류": ("게", "새우")}
COMPANIONS: dict[str, str] = {
    "group": r"단체|반\s?(?:애들|친구들|아이들)|학급|동아리|여럿이?|\d{1,2}\s?명|(?:네|다섯|여섯|일곱|여덟|열)\s?명|우르르|수련회|학생들",
    "alone": r"혼자(?:서)?|나\s?혼자|홀로",
    "couple": r"여친|남친|여자\s?친구|남자\s?친구|데이트|커플|애인|썸남|썸녀|와이프|남편|짝꿍",
    "friends": r"친구(?:들)?|칭구|베프|절친|찐친|친한\s?(?:언니|오빠|형|누나)",
    "family": r"가족(?:들)?|온\s?가족|부모님|엄마(?:랑\s?아빠)?|아빠|어머니|아버지|할머니|할아버지|애들|아이들|아이(?!폰|패드|스|디)|아기|애기|(?<=우리 )애(?=[가는도를 ])|(?<=우리)애(?=[가는도를 ])|손주(?:들)?|손자|손녀|동생(?:들)?|누나|언니|오빠|(?<![인균평])형(?=이?랑|하고|이|\s)|딸(?:내미)?|아들(?:내미)?|조카|이모|삼촌|고모|식구",
}
TIMES: dict[str, str] = {
    "late_night": r"야식|밤늦게|늦은\s?밤|한밤|심야|새벽|밤(?=\s?(?:에|늦|중|\d|열|아홉))|오밤중",
    "breakfast": r"아침(?:밥|식사)?|조식|브런치|등교\s?전",
    "lunch": r"점심(?:밥|식사|때)?|런치|lunch|낮(?:에|밥)|오찬",
    "dinner": r"저녁(?:밥|식사|때)?|디너|석식|하원\s?후",
    "snack": r"간식|군것질|새참|주전부리|출출",
}
ATMOSPHERES: dict[str, str] = {
    "조용한": r"조용한?|안\s?시끄러운|시끄럽지\s?않은|한적한?|차분한",
    "혼밥": r"혼밥",
    "넓은": r"넓은|넓고|자리\s?(?:많은|넓은)|좌석\s?많은|큰\s?(?:식당|가게|데)",
    "깨끗한": r"깨끗한?|청결한?|위생\s?(?:좋은|적인)|깔끔한(?!\s?맛)",
    "놀이방": r"놀이방|키즈\s?존|놀이터|키즈카페|놀\s?수\s?있는",
}
PAYMENTS: dict[str, str] = {"meal_card": r"아동\s?급식\s?카드|급식\s?카드|꿈나무\s?카드|컬러풀\s?카드|푸르미\s?카드|아동카드|급식비\s?카드|푸드카드|g드림카드"}
NEARBY: dict[str, str] = {
    "near_me": r"(?:우리\s?)?(?:집|학교|학원|회사)\s?(?:근처|앞|주변|옆|가까운)|(?:우리|이|내)\s?동네|이\s?근처|이\s?주변|여기\s?(?:근처|주변)|여기서(?=\s?(?:가까|걸어|제일|젤|가장|더|도보|\d))|(?:도서관|공원|병원|복지관|지역아동센터|센터|아파트)\s?(?:근처|앞|주변|옆)|근처|주변|근방|내\s?주위|동네|요\s?앞|집앞"
}

_TABLES: dict[EntityType, dict[str, str]] = {
    EntityType.FOOD_TYPE: FOOD_TYPES,
    EntityType.TASTE: TASTES,
    EntityType.DIETARY_PREFERENCE: DIETS,
    EntityType.COMPANION: COMPANIONS,
    EntityType.TIME_OF_DAY: TIMES,
    EntityType.ATMOSPHERE: ATMOSPHERES,
    EntityType.PAYMENT: PAYMENTS,
    EntityType.LOCATION: NEARBY,
}


@dataclass(frozen=True)
class Hit:
    """One word of the lexicon found in a text, ``text[start:end]``, and its value."""

    entity: EntityType
    value: str
    start: int
    end: int


def _compile(table: dict[str, str]) -> tuple[re.Pattern[str], dict[str, str]]:
    names = {f"g{i}": value for i, value in enumerate(table)}
    return re.compile("|".join(f"(?P<g{i}>{p})" for i, p in enumerate(table.values()))), names


_COMPILED = {entity: _compile(table) for entity, table in _TABLES.items()}
_ALLERGEN, _ALLERGEN_NAMES = _compile(ALLERGENS)
_LIST_JOINT = re.compile(r"\s?(?:이?랑|하고|과|와|이?나|,|및|도)?\s?")
_ALLERGY_CONTEXT = re.compile(r"알레르기|못\s?먹|먹으면\s?안|두드러기|들어간\s?(?:거|것|건|음식)\s?(?:말고|빼고)|안\s?들어간|없는\s?(?:거|것|걸)|빼고|들어\s?있으면")


def find_words(text: str) -> Iterator[Hit]:
    """Yield the lexicon's words in a normalised text, kind by kind, longest alternative of each place first."""
    for entity, (pattern, names) in _COMPILED.items():
        for match in pattern.finditer(text):
            group = match.lastgroup
            if group is not None and match.group().strip():
                end = match.end() - (len(match.group()) - len(match.group().rstrip()))
                yield Hit(entity, names[group], match.start(), end)


def find_allergens(text: str) -> Iterator[Hit]:
    """Yield allergens said as an allergy (땅콩 알레르기, 새우 못 먹어); a dish that merely names one is not."""
    if not _ALLERGY_CONTEXT.search(text):
        return
    previous_end = -9
    hits = []
    for match in _ALLERGEN.finditer(text):
        if match.lastgroup is not None:
            hits.append(Hit(EntityType.ALLERGY, _ALLERGEN_NAMES[match.lastgroup], match.start(), match.end()))
    for hit in reversed(hits):  # a list (땅콩이랑 새우 알레르기) is an allergy as far back as its words touch
        gap = text[hit.end : previous_end] if previous_end > hit.end else text[hit.end : hit.end + 14]
        listed = previous_end > hit.end and _LIST_JOINT.fullmatch(gap)
        if listed or re.match(r"(?:이|가|에|는|은|을|를|류)?\s?(?:심한\s?|도\s?)?(?:알레르기|못\s?먹|먹으면\s?안|(?:들어간|있는)\s?(?:거|것|건|음식)|안\s?들어간|들어\s?있으면|두드러기|먹으면\s?(?:두드러기|가려))", gap):
            previous_end = hit.start
            yield hit


NEGATED_AFTER = re.compile(
    r"\s?(?:집|음식|요리|종류|류|맛)?\s?(?:거|것|건|걸|게|곳|데)?\s?(?:은|는|을|를|이|가|도|만)?\s?(?:제발\s?|좀\s?|너무\s?|절대\s?|다\s?)?(?:말고|말구|빼고|빼구|뺴고|빼(?:줘|주|면|서)|제외|싫|시러|못\s?먹(?!었)|안\s?먹(?!었)|안\s?좋아|별로|질렸|질려|질리|물렸|물려|그만|아닌|아니고|노노|지\s?않|지\s?말|안\s?들어간|없는|없이|안\s?땡|안\s?당|어제\s?먹|또\s?(?:야|먹기)|엔\s?약|잘\s?못)"
)
NEGATED_BEFORE = re.compile(r"(?:^|[\s가-힣])(?:안|덜|너무\s?안|별로\s?안|못)\s?$")
POOR = re.compile(
    r"돈(?:이|은|도|을)?\s?(?:별로|많이|거의|진짜|하나도|너무|얼마|좀|다|지금|조금밖에|아직)?\s?(?:없|업|부족|모자|적어|조금|떨어|썼|쪼들|안\s?들|아끼|아껴|궁)|용돈(?:이|을)?\s?(?:다|거의|얼마|벌써|좀)?\s?(?:떨어|없|썼|부족|모자|바닥|안\s?남|얼마\s?안)|주머니\s?사정|거지(?:야|임|라|다|인데|됐)|텅장|빈털터리|지갑(?:이)?\s?(?:얇|텅|비)|돈\s?별로|돈\s?아[끼껴]|잔액(?:이)?\s?(?:얼마\s?없|별로\s?없|조금|부족)|가난"
)
