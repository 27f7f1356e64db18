"""Constraints a language model makes up: each kind needs its words in the utterance, on written cases and on labelled rows."""

from __future__ import annotations

from typing import Any

import pytest

from aiyam.contracts import ALLERGENS, DIETS, EntityType, Filters
from aiyam.korean.spelling import normalise
from aiyam.llm.interface import JsonAnswer
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.borne_out import Claimed
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.llm import FilledReading, LanguageModelNlu
from aiyam.nlu.understander import Understander
from aiyam.nlu.values import find_evidence
from aiyam.settings import REPO_ROOT

GAZETTEER = Gazetteer.from_shipped()
NLU = LanguageModelNlu(OpenAIServer("http://127.0.0.1:9/v1", "none"), GAZETTEER)
MADE_UP: dict[str, Any] = {
    "category": "치킨", "menus": "짬뽕", "exclude_menus": "오이", "taste": "매운", "exclude_taste": "단",
    "dietary_preferences": "채식", "allergies": "땅콩", "companion": "family", "time_of_day": "dinner", "open_now": True,
    "meal_card": True, "good_shop": True, "delivery": True, "takeout": True, "budget_min": 1000, "budget_max": 8000,
    "district": "강남구", "place": "신림역", "near_me": True, "max_distance_m": 400, "atmosphere": "조용한",
    "sort": "price", "ordinal": 2,
}  # fmt: skip


def said(
    text: str,
    key: str,
    value: object,
    *,
    intent: str = "FOOD_RECOMMENDATION",
    entities: tuple[tuple[str, str], ...] = (),
) -> FilledReading:
    answer = {
        "intent": intent,
        "entities": [{"entity": kind, "text": surface} for kind, surface in entities],
        "filters": [{"key": key, "value": value}],
    }
    return NLU.reading_of(text, JsonAnswer(answer, ""))


def test_no_key_of_the_contract_goes_unverified() -> None:
    assert set(MADE_UP) == set(Filters.model_fields)
    for text in ("배고픈데 뭐 먹지", "김밥 먹고 싶어", "맛있는 거 추천해줘"):
        for key, value in MADE_UP.items():
            found = said(text, key, value)
            assert found.filters == Filters(), (text, key)
            assert found.dropped == (f"filter {key}: {value}",)


KEPT: list[tuple[str, str, object]] = [
    ("급카 되는 데", "meal_card", True),
    ("지금 연 데 있어?", "open_now", True),
    ("아직 장사하는 곳 없나", "open_now", True),
    ("문 안 닫았을 만한 곳", "open_now", True),
    ("짬뽕 집으로 갖다줘", "delivery", True),
    ("일요일 밤에도 여는 분식 있나 지금 당장", "open_now", True),
    ("9500 남음 급카 저메추", "budget_max", 9500),
    ("15,000이하로 치킨 반마리", "budget_max", 15000),
    ("엄마랑 싸웠는데 화해용 케이크 파는 가게", "companion", "family"),
    ("집에 들고 가서 먹을 거", "takeout", True),
    ("애들한테 공짜로 밥 주는 가게", "good_shop", True),
    ("평이 괜찮은 분식", "sort", "rating"),
    ("매운 거 말고", "exclude_taste", "매운"),
    ("고기 안 들어간 거", "dietary_preferences", "채식"),
    ("친구들하고 갈 데", "companion", "friends"),
    ("분식 어때", "category", "분식"),
    ("여기서 먹을래", "near_me", True),
    ("김치말이국수 없나", "menus", "김치말이국수"),
    ("5000 점심", "budget_max", 5000),
    ("9000 분식", "budget_max", 9000),
    ("8000 시켜먹자", "budget_max", 8000),
    ("배달 되는 데 없어?", "delivery", True),
    ("테이크아웃 안 되는 집은 지워", "takeout", True),
]


@pytest.mark.parametrize(("text", "key", "value"), KEPT)
def test_a_constraint_with_its_words_is_kept(text: str, key: str, value: object) -> None:
    found = said(text, key, value)
    assert found.filters.given() == Filters(**{key: value}).given()
    assert found.dropped == ()


TURNED_DOWN: list[tuple[str, str, object]] = [
    ("급식카드 없이 먹을 수 있는 데", "meal_card", True),
    ("배달 말고 먹고 갈 데", "delivery", True),
    ("포장은 싫어 앉아서 먹을 데", "takeout", True),
    ("내일 아침에 여는 데", "open_now", True),
    ("두 사람 식사 가능한 곳", "takeout", True),
    ("1500m 안에 밥집", "budget_max", 1500),
    ("친구 말고 나 혼자", "companion", "friends"),
    ("돈 별로 없는데 뭐먹지", "sort", "price"),
    ("매운 거 말고", "taste", "매운"),
    ("안 매운 떡볶이", "taste", "매운"),
    ("피자 말고 딴 거", "menus", "피자"),
    ("치킨 말고 딴 거", "category", "치킨"),
    ("신림역 근처 떡볶이", "near_me", True),
    ("떡볶이 줘", "place", "떡볶이"),
    ("신림역 맛집", "menus", "신림역"),
    ("혼자 신림역 가는데", "district", "신림역"),
    ("김밥 어때", "menus", "김"),
    ("전화 1588-5000", "budget_max", 5000),
    ("010-1234-5000", "budget_max", 5000),
    ("5000-1234 로 전화해", "budget_max", 5000),
    ("점수 9500 나왔어 밥", "budget_max", 9500),
    ("번호는 5000 이야", "budget_max", 5000),
    ("배달 되는 데 싫어", "delivery", True),
    ("배달하는 집 빼고", "delivery", True),
    ("배달 안 하는 집", "delivery", True),
    ("배달 안 되는 곳", "delivery", True),
    ("포장 가능한 데 말고 앉아서", "takeout", True),
    ("장사하는 데 말고", "open_now", True),
]


@pytest.mark.parametrize(("text", "key", "value"), TURNED_DOWN)
def test_a_word_that_is_turned_down_or_means_something_else_bears_nothing_out(
    text: str, key: str, value: object
) -> None:
    found = said(text, key, value)
    assert found.filters == Filters()
    assert len(found.dropped) == 1


@pytest.mark.parametrize(
    ("text", "allergen"),
    [
        ("새우 알레르기 있어", "새우"),
        ("새우만 들어가면 입술이 퉁퉁 부어", "새우"),
        ("달걀은 내 몸이 안 받아서", "알류"),
        ("우유 마시고 응급실 간 적 있어", "우유"),
        ("닭은 입에 대면 온몸이 간지러워", "닭고기"),
        ("견과류랑은 상극이라", "호두"),
        ("땅콩은 나한테 독이야", "땅콩"),
        ("새우버거 먹고 목이 부었어 딴 거", "새우"),
        ("복숭아 빼줘 제발", "복숭아"),
        ("우리 반 애가 밀을 못 먹는데 먹을 수 있는 빵이 있는지요", "밀"),
        ("돼지고기 안 되는 아이라 소고기국밥 찾는데", "돼지고기"),
        ("조개 들어간 국물은 못 먹음 칼국수 먹고픈데 ㅠ", "조개류"),
        ("땅콩 알레르기 있고 새우만 들어가도 두드러기 나", "새우"),
        ("복숭아 만지면 목이 간질간질해서 빼고 빙수", "복숭아"),
        ("새우 먹고 입원한 적 있어 초밥집", "새우"),
        ("밀가루 소화 못 시켜 빵 말고 밥", "밀"),
        ("우유 마시면 화장실 직행이라 라떼 말고", "우유"),
        ("두유 먹으면 배아파 콩국수 말고", "대두"),
        ("두유 못 먹어", "대두"),
        ("땅콩 먹으면 얼굴이 이상해져 쿠키 말고", "땅콩"),
        ("우유 먹을 때마다 방구 나와 빵집", "우유"),
        ("계란 냄새만 맡아도 힘들어 김밥", "알류"),
        ("나 게 만지면 손이 빨개져", "게"),
        ("호두 들어가면 뾰루지 나 빵집", "호두"),
    ],
)
def test_an_allergy_worded_oddly_is_kept_where_the_allergen_is_named(text: str, allergen: str) -> None:
    assert said(text, "allergies", allergen).filters.allergies == (allergen,)


@pytest.mark.parametrize(
    ("text", "allergen"),
    [
        ("새우버거 먹고 싶어", "새우"),
        ("매운 거 못 먹는데 새우볶음밥 어때", "새우"),
        ("새우 들어간 볶음밥 먹고 싶어", "새우"),
        ("우유 팥빙수 어디 있어", "우유"),
        ("땅콩 쿠키 파는 데", "땅콩"),
        ("오징어덮밥", "오징어"),
        ("새우는 어디가 맛있어?", "새우"),
        ("돼지고기 많이 들어간 거 추천해줘", "돼지고기"),
        ("토마토 스파게티 파는 데", "토마토"),
        ("땅콩 알레르기 있는데 새우버거 먹고 싶어", "새우"),
        ("콩국수 먹으면 배탈 나려나", "밀"),
        ("홍콩반점 가자", "대두"),
        ("새우 먹으면 기분 좋아져", "새우"),
        ("우유 마시면 키 커?", "우유"),
        ("새우 들어가면 비싸?", "새우"),
        ("두유 파는 데", "대두"),
        ("소화 잘 되는 우유 파는 데", "우유"),
        ("우유 빙수 화장실 깨끗한 데", "우유"),
        ("땅콩 먹으면 두드러기 나서 먹을 게 없어", "게"),
        ("새우 먹으면 토해 매운 게 땡겨", "게"),
    ],
)
def test_a_food_that_is_wished_for_or_not_named_is_no_allergy(text: str, allergen: str) -> None:
    found = said(text, "allergies", allergen)
    assert allergen not in (found.filters.allergies or ())
    assert found.dropped == (f"filter allergies: {allergen}",)


def test_food_tagged_as_an_allergy_becomes_none() -> None:
    wished = said("새우버거 먹고 싶어", "menus", "새우버거", entities=(("allergy", "새우"),))
    assert wished.dropped == ("entity allergy: 새우",)
    harmful = said("새우만 들어가면 얼굴이 부어", "allergies", "새우", entities=(("allergy", "새우"),))
    assert [kind for kind, *_ in harmful.spans] == ["allergy"]


def test_a_word_only_the_model_knows_counts_when_the_value_rules_read_it_so() -> None:
    words = (("companion", "울 할무니"),)
    assert said("울 할무니 모시고 갈 데", "companion", "family", entities=words).filters.companion == "family"
    assert said("울 할무니 모시고 갈 데", "companion", "couple", entities=words).filters.companion is None
    assert said("추천해줘", "companion", "family", entities=(("companion", "추천해줘"),)).filters.companion is None


def test_a_question_about_a_shop_or_danger_sets_no_constraints() -> None:
    assert said("거기 급식카드 돼?", "meal_card", True, intent="SHOP_DETAIL").filters == Filters()
    assert said("카드 쓴다고 놀려", "meal_card", True, intent="SAFETY").filters == Filters()


class Inventive:
    """A backend that adds a card, an allergy and a diet to whatever it is asked."""

    name = "inventive"

    def complete_json(self, messages: Any, schema: Any, *, max_tokens: int = 0, timeout_s: float = 0) -> JsonAnswer:
        invented = {"meal_card": True, "allergies": "땅콩", "dietary_preferences": "할랄", "open_now": True}
        answer = {
            "intent": "FOOD_RECOMMENDATION",
            "entities": [{"entity": "menu", "text": "떡볶이"}, {"entity": "allergy", "text": "떡볶이"}],
            "filters": [{"key": key, "value": value} for key, value in invented.items()],
        }
        return JsonAnswer(answer, "")

    def stream(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def test_what_a_model_invents_never_reaches_the_search() -> None:
    found = Understander(LanguageModelNlu(Inventive(), GAZETTEER), "llm").understand("떡볶이 먹고 싶어")
    assert found.filters == Filters(menus=("떡볶이",))
    assert [e.entity for e in found.entities] == [EntityType.MENU]


def utterance(row: Example) -> Claimed:
    plain = normalise(row.text)
    return Claimed(row.text, plain, tuple(find_evidence(plain.text, GAZETTEER)), row.intent, GAZETTEER)


def test_on_labelled_rows_what_is_meant_is_kept_and_what_weighs_is_never_made_up() -> None:
    rows, _ = load_examples(REPO_ROOT / "datasets" / "nlu" / "dev.jsonl", conflicts="keep")
    weighty: list[tuple[str, object]] = [("allergies", a) for a in ALLERGENS]
    weighty += [("dietary_preferences", d) for d in DIETS]
    weighty += [(key, True) for key in ("meal_card", "open_now", "good_shop", "delivery", "takeout")]
    n_meant, missed, invented = 0, [], []
    for row in rows:
        heard = utterance(row)
        meant = {
            (key, value)
            for key, values in row.filters.items()
            for value in (values if isinstance(values, list | tuple) else [values])
        }
        n_meant += len(meant)
        missed += [(fact, row.text) for fact in meant if not heard.bears_out(*fact)]
        invented += [(fact, row.text) for fact in weighty if fact not in meant and heard.bears_out(*fact)]
    assert n_meant > 400
    assert len(missed) <= 0.02 * n_meant, missed
    assert invented == []
