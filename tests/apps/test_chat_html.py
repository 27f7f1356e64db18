"""The chat's HTML: everything escaped, the map readable, both languages whole."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from string import Formatter
from typing import get_args

import pytest
from sample_traces import make_trace

from aiyam.catalogue.personas import Persona
from aiyam.contracts import Entity, EntityType, Filters, Intent, Recommendation, Understanding, UserProfile
from aiyam.llm.interface import Reason
from aiyam.nlu.reader import KEPT_IN_HOUSE
from apps.chat.cards import card, cards
from apps.chat.map_drawing import HEIGHT, PIN_RADIUS, WIDTH, draw_map, person_fits, spread
from apps.chat.shell import shell
from apps.chat.texts import TEXTS, say
from apps.chat.turn_panel import marked, turn_panel

HOSTILE = "<img src=x onerror=alert(1)>\"'`${7*7}{{7*7}}"
HERE = (37.4784, 126.9516)


def shop(rank: int = 1, **changes: object) -> Recommendation:
    facts = {
        "shop_id": f"s{rank}", "rank": rank, "score": 0.5, "name": "봉천 옛날통닭", "category": "치킨", "district": "관악구",
        "reason": "집에서 가까워요.", "menu": "옛날통닭", "price_won": 9500, "distance_m": 260, "open_state": "open",
        "open_until": "22:00", "meal_card": "yes", "lat": 37.4804, "lon": 126.9527,
    }  # fmt: skip
    return Recommendation(**{**facts, **changes})  # type: ignore[arg-type]


class Tags(HTMLParser):
    """Collects the tags and attributes of HTML, and notes tags closed out of order."""

    VOID = frozenset({"br", "img", "input", "meta", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.open: list[str] = []
        self.broken: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)


def test_a_closed_shop_says_when_it_opens_as_each_language_says_it() -> None:
    for opens_at, english, korean in (
        ("07:00", "Closed now, opens at 07:00", "지금은 닫았어요, 07:00에 열어요"),
        ("내일 07:00", "Closed now, opens tomorrow 07:00", "지금은 닫았어요, 내일 07:00에 열어요"),
        ("수요일 0시", "Closed now, opens Wednesday 00:00", "지금은 닫았어요, 수요일 0시에 열어요"),
    ):
        shut = shop(open_state="closed", open_until=None, opens_at=opens_at)
        assert english in card(shut, "en", turn_id="t1")
        assert korean in card(shut, "ko", turn_id="t1")


def test_a_card_shows_every_fact_a_child_decides_by() -> None:
    html = card(shop(good_shop=True, allergy_note="땅콩 확인 필요"), "ko", turn_id="t1")
    for fact in (
        "봉천 옛날통닭",
        "치킨",
        "집에서 가까워요.",
        "옛날통닭",
        "9,500원",
        "260 m",
        "22:00",
        "급식카드 돼요",
        "착한가게",
        "땅콩 확인 필요",
    ):
        assert fact in html


@pytest.mark.parametrize(("known", "words"), [("yes", "돼요"), ("no", "안 돼요"), ("unknown", "확인 필요")])
def test_a_card_says_whether_the_meal_card_is_taken_or_unknown(known: str, words: str) -> None:
    assert f"급식카드 {words}" in card(shop(meal_card=known), "ko", turn_id="t1")


def test_a_card_invents_nothing_it_does_not_know() -> None:
    bare = shop(
        menu=None, price_won=None, distance_m=None, address="", open_state="unknown", open_until=None, reason=""
    )
    html = card(bare, "ko", turn_id="t1")
    assert "원</b>" not in html
    assert "거리 모름" in html
    assert "영업시간 확인 필요" in html


def test_buttons_wait_until_the_turn_is_stored() -> None:
    assert card(shop(), "ko", turn_id=None).count(" disabled") == 3
    assert " disabled" not in card(shop(), "ko", turn_id="t1")


def test_what_a_shop_calls_itself_never_becomes_markup() -> None:
    hostile = shop(
        name=HOSTILE, reason=HOSTILE, menu=HOSTILE, allergy_note=HOSTILE, shop_id=HOSTILE[:60], district=HOSTILE
    )
    for html in (cards([hostile] * 5, "ko", turn_id="t1"), draw_map([hostile], HERE, "ko")):
        seen = Tags(html)
        assert "img" not in seen.tags
        assert "onerror" not in seen.attributes
        assert not seen.broken
        assert not seen.open


def test_the_first_three_cards_are_open_and_the_rest_a_tap_away() -> None:
    html = cards([shop(rank) for rank in range(1, 6)], "ko", turn_id="t1")
    before, after = html.split("<details", 1)
    assert before.count("<li") == 3
    assert after.count("<li") == 2
    assert "2곳 더 보기" in after


def test_the_page_template_carries_no_code_of_its_engines() -> None:
    page = shell([Persona(UserProfile(user_id="demo", label=HOSTILE), HOSTILE)], ["관악구"], ["신림역"], "ko")
    assert not re.search(r"[`\\{]|\$", page)
    seen = Tags(page)
    assert not seen.broken
    assert not seen.open
    assert "저는 사람이 아니라 AI예요" in page


def test_every_text_exists_in_both_languages_with_the_same_values() -> None:
    def values(words: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(words) if name}

    for key, (korean, english) in TEXTS.items():
        assert korean.strip(), key
        assert english.strip(), key
        assert values(korean) == values(english), key
    assert say("en", "won", n="8,000") == "₩8,000"


def test_pins_of_shops_in_one_building_do_not_cover_each_other() -> None:
    pins = spread([(100.0, 100.0)] * 5)
    gaps = [math.dist(a, b) for i, a in enumerate(pins) for b in pins[:i]]
    assert min(gaps) >= 2 * PIN_RADIUS
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in pins)


def test_pins_in_the_corner_stay_on_the_page_and_apart() -> None:
    pins = spread([(WIDTH - 5.0, HEIGHT - 5.0)] * 4)
    assert min(math.dist(a, b) for i, a in enumerate(pins) for b in pins[:i]) >= 2 * PIN_RADIUS
    assert all(x <= WIDTH and y <= HEIGHT for x, y in pins)


def test_the_map_puts_north_up_and_east_right() -> None:
    east, north = shop(1, lat=HERE[0], lon=HERE[1] + 0.01), shop(2, lat=HERE[0] + 0.01, lon=HERE[1])
    svg = draw_map([east, north], HERE, "ko")
    me = position(svg, r'<circle cx="([\d.]+)" cy="([\d.]+)" r="9" class="ny-here"')
    first = position(svg, r'data-rank="1"><title>[^<]*</title><circle cx="([\d.]+)" cy="([\d.]+)"')
    second = position(svg, r'data-rank="2"><title>[^<]*</title><circle cx="([\d.]+)" cy="([\d.]+)"')
    assert first[0] > me[0]
    assert abs(first[1] - me[1]) < 1
    assert second[1] < me[1]
    assert abs(second[0] - me[0]) < 1


def position(svg: str, pattern: str) -> tuple[float, float]:
    found = re.search(pattern, svg)
    assert found, pattern
    return float(found[1]), float(found[2])


def test_the_map_needs_nothing_from_the_internet() -> None:
    svg = draw_map([shop(1)], HERE, "ko")
    assert "http" not in svg
    assert "<image" not in svg


def test_shops_without_a_place_give_no_map() -> None:
    assert draw_map([shop(lat=None, lon=None)], HERE, "ko") == ""


def test_the_person_is_drawn_only_where_the_distances_were_measured_from() -> None:
    assert person_fits(HERE, [shop(distance_m=243)])
    assert not person_fits((37.55, 126.99), [shop(distance_m=243)])


@pytest.mark.parametrize(
    ("reader", "fallback", "words"),
    [
        ("trained", None, "<dd>학습한 모델</dd>"),
        ("language_model", None, "<dd>언어 모델</dd>"),
        ("trained", "timeout", "<dd>학습한 모델 · 언어 모델을 쓰지 않은 까닭: 시간 안에 답이 없음</dd>"),
        ("trained", "<new>", "&lt;new&gt;</dd>"),
    ],
)
def test_the_panel_says_who_read_the_message_and_why(reader: str, fallback: str | None, words: str) -> None:
    html = turn_panel(make_trace(reader=reader, reader_fallback=fallback), "ko")
    assert "<dt>읽은 모델</dt>" in html
    assert words in html


def test_the_panel_of_a_turn_stored_before_readers_were_recorded_claims_none() -> None:
    assert "읽은 모델" not in turn_panel(make_trace(), "ko")


@pytest.mark.parametrize("why", [*get_args(Reason), KEPT_IN_HOUSE, "resting"])
def test_every_reason_against_the_language_model_has_words(why: str) -> None:
    assert f"reader_why_{why}" in TEXTS


def test_the_panel_marks_each_span_with_what_it_means() -> None:
    text = "만원으로 <치킨>"
    spans = (
        Entity(entity=EntityType.BUDGET, value=10000, text="만원", start=0, end=2),
        Entity(entity=EntityType.FOOD_TYPE, value="치킨", text="치킨", start=6, end=8),
    )
    html = marked(
        Understanding(
            original_query=text, intent=Intent.BUDGET_FOOD_INQUIRY, confidence=0.9, entities=spans, filters=Filters()
        ),
        "ko",
    )
    assert html == (
        "<mark>만원<small>budget = 10000</small></mark>으로 &lt;<mark>치킨<small>food_type</small></mark>&gt;"
    )
