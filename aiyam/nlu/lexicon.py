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
    "밀": r"밀가루|글루텐|(?<![가-힣])밀(?=\s?(?:알레르기|못\s?먹))",
    "고등어": r"고등어",
    "새우": r"새우",
    "게": r"꽃게|대게|(?<![가-힣])게(?=\s?(?:알레르기|못\s?먹|안\s?먹|이?랑\s?새우|나\s?새우|를?\s?먹으면))",
    "돼지고기": r"돼지고기|돼지",
    "복숭아": r"복숭아",
    "토마토": r"토마토",
    "아황산류": r"아황산류?",
    "호두": r"호두",
    "닭고기": r"닭고기|(?<![가-힣])닭(?=\s?(?:알레르기|못\s?먹))",
    "쇠고기": r"쇠고기|소고기",
    "오징어": r"오징어",
    "조개류": r"조개류?|(?<![가-힣])굴(?=\s?(?:알레르기|못\s?먹|이나|이랑|을?\s?먹으면))|전복|홍합",
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
    "조용한": r"조용한?|안\s?시끄(?:러[운우웠]|럽)|시끄러운(?=\s?(?:데|곳|거)[은는]?\s?(?:말고|싫|빼))|시끄럽지\s?(?:않은|않|안)|한적한?|차분한",
    "혼밥": r"혼밥",
    "넓은": r"넓은|넓고|자리\s?(?:많은|넓은)|좌석\s?많은|큰\s?(?:식당|가게|데)",
    "깨끗한": r"깨끗한?|청결한?|위생\s?(?:좋은|적인)|깔끔한(?!\s?맛)",
    "놀이방": r"놀이방|키즈\s?존|놀이터|키즈카페|놀\s?수\s?있는",
}
PAYMENTS: dict[str, str] = {
    "meal_card": r"아동\s?급식\s?카드|급식\s?카드|꿈나무\s?카드|컬러풀\s?카드|푸르미\s?카드|아동카드|급식비\s?카드|푸드카드|g드림카드"
}
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
_ALLERGY_CONTEXT = re.compile(
    r"알레르기|못\s?먹|먹으면\s?안|두드러기|들어간\s?(?:거|것|건|음식)\s?(?:말고|빼고)|안\s?들어간|없는\s?(?:거|것|걸)|빼고|들어\s?있으면"
)


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
        if listed or re.match(
            r"(?:이|가|에|는|은|을|를|류)?\s?(?:심한\s?|도\s?)?(?:알레르기|못\s?먹|먹으면\s?안|(?:들어간|있는)\s?(?:거|것|건|음식)|안\s?들어간|들어\s?있으면|두드러기|먹으면\s?(?:두드러기|가려))",
            gap,
        ):
            previous_end = hit.start
            yield hit


TOPICS: dict[str, re.Pattern[str]] = {
    "alcohol": re.compile(
        r"소주|맥주|생맥|막걸리|와인|위스키|칵테일|하이볼|사케|보드카|양주|소맥|치맥|술집|호프|이자카야|포차|포장마차|(?:^|\s)술(?=\s|을|이|도|한|$)|담배|전자담배|전담|액상"
    ),
    "adult": re.compile(r"모텔|룸카페|룸살롱|유흥|성인용품|클럽|야한|도박|토토|카지노|나이트"),
    "venue": re.compile(
        r"병원|약국|치과|미용실|네일|헬스|수영장|체육관|노래방|피시방|피씨방|pc방|영화관|극장|서점|문구|문방구|마트|백화점|옷가게|은행|우체국|학원|독서실|호텔|펜션|숙소|세탁|안경|꽃집|도장|놀이공원|박물관|주유소|부동산"
    ),
    "goods": re.compile(
        r"신발|운동화|옷|패딩|핸드폰|휴대폰|아이폰|갤럭시|노트북|컴퓨터|이어폰|게임기|화장품|가방|선물|장난감|책|우산|티켓|표\s|자전거|사료"
    ),
    "study": re.compile(
        r"숙제|수학|영어|과학|사회|역사|한자|번역|문제|계산|더하기|빼기|곱셈|나눗셈|분수|구구단|독후감|일기|시험지|코드|코딩|파이썬|자바|프로그램|엑셀|맞춤법|띄어쓰기|글짓기"
    ),
    "media": re.compile(
        r"영화|드라마|웹툰|만화|애니|유튜브|노래|음악|게임|아이돌|가수|콘서트|넷플릭스|축구|야구|농구|월드컵|올림픽|경기"
    ),
    "world": re.compile(
        r"날씨|기온|미세먼지|황사|태풍|뉴스|주식|코인|환율|로또|복권|대통령|선거|버스|지하철|기차|비행기|택시|여행|알바|대출|취업|운세|사주|타로"
    ),
    "rules": re.compile(
        r"프롬프트|명령|지시|규칙|무시하|시스템|개발자\s?모드|관리자|해킹|비밀번호|system|prompt|ignore|select |drop |script"
    ),
    "cook": re.compile(r"레시피|끓이는\s?법|만드는\s?법|요리법|삶는|굽는\s?법"),
    "hurt": re.compile(
        r"때려|때렸|때린|때릴|맞았|맞고|맞아서|맞을|맞는|멍들|멍이|폭력|학폭|폭행|만져|만졌|쫓아|따라와|따라오|협박|칼로|칼을|피나|무서워|살려|신고"
    ),
    "self": re.compile(
        r"죽고\s?싶|죽고싶|살기\s?싫|자살|자해|손목|뛰어내|사라지고|유서|없어졌으면|없어지|그만\s?살|살고\s?싶지|태어나|그었|긋|목매|죽으면|죽는\s?(?:법|방법|게)"
    ),
    "hunger": re.compile(
        r"굶|끼도|먹을\s?게\s?없|먹을게\s?없|먹을\s?것도\s?없|쌀(?:도|이)|밥이\s?없|밥을\s?(?:안|못)\s?[줘먹주]|며칠째|이틀|사흘|나흘|토해"
    ),
    "shame": re.compile(
        r"놀려|놀림|왕따|따돌|따시켜|괴롭|뺏|삥|거지|쪽팔|창피|부끄|비웃|무시|눈치|수군|가난|소문|은따|욕해|욕하"
    ),
    "stranger": re.compile(
        r"모르는\s?(?:사람|아저씨|아줌마|형|오빠|언니)|처음\s?보는|이상한\s?아저씨|어떤\s?(?:아저씨|사람|남자)|오픈채팅|채팅에서|디엠|사진\s?보내|차에?\s?타|만나재|만나자|오래$|재워"
    ),
    "idiom": re.compile(r"[아어워려파]\s?(?:서\s?)?(?:죽겠|디지|뒤지|미치겠|쓰러지|죽을\s?(?:것|거)\s?같)"),
    "past": re.compile(r"(?:[았었였했갔왔됐]|였|웠|렸|겼|꼈|졌)(?:어|다|음|는데|더라|습니다|네|지|던데|대)"),
    "liked": re.compile(
        r"맛있었|맛있더|맛없|별로였|별로던|최고|강추|꿀맛이|존맛|실망|불친절|친절|미쳤|대박|인정|레전드|별\s?[0-9한두세네다]|점\s?만점|그저|그냥\s?그"
    ),
    "asking": re.compile(r"추천|알려|찾아|있어\??$|있나|있을까|어디|먹을|먹고\s?싶|ㅊㅊ|갈만|가고\s?싶"),
    "changing": re.compile(
        r"다시|바꿔|말고|더\s|다른|딴|줄여|남겨|빼고|빼줘|만\s?(?:보여|골라|남|다시)|이\s?중에|또\s|순으로|순서"
    ),
    "card": re.compile(r"잔액|한도|분실|재발급|충전|신청|발급|이월|유효|승인|비번|잔고|남았|남은"),
}
"""Fields of words that tell neighbouring intents apart; the intent model reads which of them a text touches."""

NEGATED_AFTER = re.compile(
    r"\s?(?:집|음식|요리|종류|류|맛)?\s?(?:거|것|건|걸|게|곳|데)?\s?(?:은|는|을|를|이|가|도|만)?\s?(?:제발\s?|좀\s?|너무\s?|절대\s?|다\s?)?(?:말고|말구|빼고|빼구|뺴고|빼(?:줘|주|면|서)|제외|싫|시러|못\s?먹(?!었)|안\s?먹(?!었)|안\s?좋아|별로|질렸|질려|질리|물렸|물려|그만|아닌|아니고|노노|지\s?않|지\s?말|안\s?들어간|없는|없이|안\s?땡|안\s?당|어제\s?먹|또\s?(?:야|먹기)|엔\s?약|잘\s?못)"
)
NEGATED_BEFORE = re.compile(r"(?:^|[\s가-힣])(?:안|덜|너무\s?안|별로\s?안|못)\s?$")
POOR = re.compile(
    r"돈(?:이|은|도|을)?\s?(?:별로|많이|거의|진짜|하나도|너무|얼마|좀|다|지금|조금밖에|아직)?\s?(?:없|업|부족|모자|적어|조금|떨어|썼|쪼들|안\s?들|아끼|아껴|궁)|용돈(?:이|을)?\s?(?:다|거의|얼마|벌써|좀)?\s?(?:떨어|없|썼|부족|모자|바닥|안\s?남|얼마\s?안)|주머니\s?사정|거지(?:야|임|라|다|인데|됐)|텅장|빈털터리|지갑(?:이)?\s?(?:얇|텅|비)|돈\s?별로|돈\s?아[끼껴]|잔액(?:이)?\s?(?:얼마\s?없|별로\s?없|조금|부족)|가난한데|땡전|빈털|한\s?푼|바닥났"
)
