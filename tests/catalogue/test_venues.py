"""Bars, adult venues and tobacco are held back from their names alone, and harmless names are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiyam.catalogue.venues import VenueWords, classify_venue, is_adult_item
from aiyam.errors import DataError

HELD_BACK = """
호프|호 프|호프광장|황금호프|크라운호프 신림점|OB호프|카스호프|또또호프|싱싱 호프|호오프|HOF|hof 광장|H.O.F|H O F|h0f|생맥주 HOF|Hof & Chicken|독일HOF집
포차|한신포차|실내포차|헌팅포차|포 차|이모네포차|달빛 포차|포챠|심야포차|청춘포차 홍대점|포차천국|육회포차|POCHA|pocha 1988|포장마차|포장 마차|실내포장마차|ㅍㅗㅊㅏ
이자카야|이 자 카 야|이자까야|이쟈카야|이자캬야|이자카야 하루|IZAKAYA|Izakaya Moon|심야 이자카야|이자카아|이자카여
주막|할매주막|황주막|주막골|전주 주막|원조주막|산골 주막집|주점|민속주점|전통주점|퓨전 주점|학사주점|노래주점|노래 주점|단란주점|단 란 주 점|유흥주점|유흥|가요주점|룸주점|단란쥬점|유흥쥬점
소주방|룸소주방|쏘주방|소주집|이모 소주방|맥주창고|생맥주|수제맥주집|맥 주|호맥주 생맥|쌩맥|역전할머니맥주|봉구비어|펀비어킹|붐비어|비어가든|비어 하우스|BEER|Craft Beer 12|beer hall|COLD BEER
와인바|와인 바|WINE BAR|Wine & Dine|와인하우스|칵테일바|칵테일 라운지|cocktail|위스키바|몰트바|싱글몰트바|재즈바|JAZZ BAR|스카이바|루프탑바|루프탑 바|라이브바|바|BAR|B A R|The Bar|bar 1970|오뎅바|심야바|다트바|캐슬바|와인바 신림점|스카이바신림점
펍|스포츠펍|펍 앤 그릴|PUB|Irish Pub|Gastropub 88|펍하우스|브루펍|탭룸|탭하우스|브루어리|Brewery|Taproom|막걸리|막 걸 리|풍년막걸리|막걸이|동동주마을|선술집|술집|동네술집|혼술바|낮술|술도가|술상|딱한잔|소주한잔|삼겹살에소주한잔|사케바|사케집|SAKE
룸살롱|룸싸롱|룸 살 롱|나이트클럽|나이트 클럽|나이트|NIGHT CLUB|콜라텍|카바레|캬바레|가라오케|가라오께|KARAOKE|호스트바|토킹바|섹시바|CLUB OCTAGON|홀덤펍|카지노바|CASINO|준코|투다리
성인용품|성인게임랜드|성인 PC방|성인오락실|안마시술소|안마방|안마|타이마사지|스웨디시 마사지|모텔|MOTEL|제우스모텔|무인텔|키스방|휴게텔|룸카페|멀티방|DVD방
담배|담배가게|전자담배|전자 담배|전자담뱨|베이프샵|VAPE|vape zone|시가바|CIGAR|물담배|Hookah|Tobacco
치킨호프|호프치킨|돈치킨호프 우두점|치맥하우스|통닭호프|치킨앤비어
""".replace("\n", "|")
HELD_BACK_NAMES = [name for name in HELD_BACK.split("|") if name.strip()]

HARMLESS = """
호프만베이커리|포차코카페|바다횟집|바른치킨|바로덮밥|바삭돈까스|바나나김밥|바게트하우스|초밥바다|김가네바지락칼국수|바보형제쭈꾸미효자점|화락바베큐치킨춘천퇴계점
제주막국수|원주막국수|춘천새술막 막국수|공주막창구이|맥도날드 제주점|롯데리아 전주점|김밥천국 원주점|파리바게뜨 청주점|본죽 광주점|교촌치킨 여주점|뚜레쥬르 충주점|GS25 한주점|맘스터치 진주점
안마을식당|안마당 손칼국수|초안마루|동안마을 국밥|커피한잔|샐러드바 채움|스시바 하루|춘천소바|의령소바|지코바 치킨|오빠네떡볶이|아빠돈까스|파리바게뜨|빠네파스타|치킨튀기는오빠
예술의전당 분식|요술떡볶이|마술피자|미술관옆식당|춘천 연금술사|미소주방|사케동집|칵테일새우볶음밥|와인숙성삼겹살|막걸리빵집|시니어클럽 밥상|CU 강대원룸점|쇼룸 베이커리|머쉬룸 피자|브라이드 그룸 파스타
Public Table|Barbecue Chicken|Barista Coffee|Baro Gimbap|Publisher Cafe|Republic Burger|Winery 김밥|Clubhouse Sandwich|Hoffman Bakery|Beeroll 분식|Coffee Roasters|McDonald|KFC|BHC
콜드브루 카페|커피브루|비어드파파|소주고개로닭갈비|심술이네 김밥|기술고등학교앞 분식|단란한식탁|단란한 김밥|안주인의 밥상|김밥천국|엄마손분식|신림 국밥|봉봉베이커리|마라탕공방|쌀국수집|엽기떡볶이|한솥도시락|동대문 순대
""".replace("\n", "|")
HARMLESS_NAMES = [name for name in HARMLESS.split("|") if name.strip()]


def test_there_are_enough_adversarial_names() -> None:
    assert len(set(HELD_BACK_NAMES)) >= 160
    assert len(set(HARMLESS_NAMES)) >= 80


@pytest.mark.parametrize("name", HELD_BACK_NAMES)
def test_bar_adult_and_tobacco_names_are_held_back_even_when_registered_as_korean_food(name: str) -> None:
    level, reason = classify_venue(name, "한식", (), "한식")
    assert level in ("review", "blocked")
    assert reason


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_harmless_names_that_contain_such_syllables_are_left_in_peace(name: str) -> None:
    assert classify_venue(name, None, (), "") == ("ok", None)


@pytest.mark.parametrize(
    ("name", "industry"),
    [("하나축산", "정육점"), ("한아름마트", "슈퍼마켓"), ("미소", "이미용업"), ("백조", "세탁업"), ("옥천탕", "목욕업"), ("별다방", "기타서비스업"), ("신북농협", "농협(마트)"),
     ("현대 정육점", ""), ("우리 마트", ""), ("수정 미용실", ""), ("백조세탁소", ""), ("옥천 목욕탕", ""), ("히트노래방", ""), ("번개 PC방", ""), ("까치당구장", "")],
)  # fmt: skip
def test_merchants_one_does_not_eat_at_wait_for_a_person(name: str, industry: str) -> None:
    level, reason = classify_venue(name, None, (), industry)
    assert level == "review"
    assert "음식점이 아닌" in (reason or "")


def test_an_eating_category_excuses_a_shop_word_but_never_a_bar_word() -> None:
    assert classify_venue("배윤박갈비마트", "고기")[0] == "ok"
    assert classify_venue("주포정육점 한우식당", "고기")[0] == "ok"
    assert classify_venue("배윤박갈비호프", "고기")[0] != "ok"


def test_a_registered_bar_is_blocked_whatever_its_name() -> None:
    for industry in ("유흥주점", "단란주점", "호프/통닭", "소주방", "주점업", "숙박업"):
        assert classify_venue("봄날", None, (), industry)[0] == "blocked", industry


def test_menus_full_of_drinks_hold_a_shop_back_and_a_bottle_beside_the_food_does_not() -> None:
    assert classify_venue("봄날", None, ("생맥주 500", "소주", "하이볼", "모듬안주"))[0] == "blocked"
    assert classify_venue("봄날", None, ("생맥주 500", "소주", "김치찌개", "제육볶음"))[0] == "review"
    assert classify_venue("봄날", None, ("김치찌개", "제육볶음", "된장찌개", "소주"))[0] == "ok"


def test_drinks_and_tobacco_among_menus_are_told_from_food_named_like_them() -> None:
    drinks = [
        "소주",
        "참이슬 후레쉬",
        "카스 500ml",
        "생맥주",
        "막걸리 1병",
        "하이볼",
        "레드 와인",
        "Highball",
        "beer",
        "던힐 담배",
        "사케 한 병",
        "칵테일",
        "모히또",
        "전통주 한 잔",
        "탁주",
        "잔술",
        "무알콜 맥주",
        "모히또 소주 에이드",
    ]
    food = [
        "사케동",
        "칵테일새우",
        "와인숙성삼겹살",
        "막걸리빵",
        "맥주보리차",
        "소주고개 닭갈비",
        "카스테라",
        "테라미수",
        "진미채",
        "콜라",
        "Ginger tea",
        "술빵",
        "전통 주먹밥",
        "전통주꾸미볶음",
        "전통 주전부리",
        "한잔술국",
        "식탁주문세트",
        "모히또 에이드",
        "청포도 에이드 모히또",
        "무알콜 모히또",
        "모히또 (논알콜)",
    ]
    assert [item for item in drinks if not is_adult_item(item)] == []
    assert [item for item in food if is_adult_item(item)] == []


def test_any_text_is_safe_to_classify() -> None:
    for name in ("", " ", "\x00", "😋", "a" * 5000, "(((((", "바" * 2000, "ㅎㅎㅎㅎ", "()", "<script>"):
        assert classify_venue(name)[0] in ("ok", "review", "blocked")


def test_a_damaged_word_table_is_named_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("level\twhere\tpattern\treason\nblocked\tsquashed\t(호프\t주점\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        VenueWords.load(table)
