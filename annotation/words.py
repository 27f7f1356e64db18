"""What annotators read on the screens beside the labels of the understanding: filters, flags, verdicts, in Korean."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from aiyam.contracts import Filters
from aiyam.label_contracts import LabelFlag, LabelKind, SafetyFlag, Verdict

KINDS_KO: dict[LabelKind, str] = {"understanding": "이해 라벨링", "rewrite": "고쳐 쓰기", "compare": "답 견주기"}
"""Of each kind of task, also its project's title."""

FLAGS_KO: dict[LabelFlag, str] = {
    "personal_data": "개인정보가 남아 있음",
    "ambiguous": "뜻이 둘 이상",
    "exclude": "학습에 쓰지 말 것",
}

WRONG_KO: dict[SafetyFlag, str] = {
    "unsafe": "아이에게 위험함",
    "shaming": "창피하게 함",
    "ungrounded": "사실과 다름",
    "hard_words": "어려운 말",
}

VERDICTS_KO: dict[Verdict, str] = {
    "a": "A가 나음",
    "b": "B가 나음",
    "both_good": "둘 다 좋음",
    "both_bad": "둘 다 나쁨",
}

# Letters do not reach the screen while a Korean keyboard composes; digits do, with modifiers too.
DIGITS = tuple("1234567890")
SPAN_KEYS = DIGITS + tuple(f"alt+{digit}" for digit in DIGITS)
INTENT_KEYS = tuple(f"shift+{digit}" for digit in DIGITS) + tuple(f"alt+shift+{digit}" for digit in DIGITS)
CANNOT_TELL_KEY = "ctrl+shift+0"
SATISFACTION_KEY = "ctrl+shift+1"
FLAG_KEYS = ("ctrl+shift+7", "ctrl+shift+8", "ctrl+shift+9")
RATING_KEYS = DIGITS[:5]
WRONG_KEYS = DIGITS[5:9]
VERDICT_KEYS = DIGITS[:4]

FILTERS_KO: dict[str, str] = {
    "category": "음식 종류",
    "menus": "메뉴",
    "exclude_menus": "빼는 메뉴",
    "taste": "맛",
    "exclude_taste": "빼는 맛",
    "dietary_preferences": "식단",
    "allergies": "알레르기",
    "companion": "같이 갈 사람",
    "time_of_day": "시간",
    "open_now": "지금 연 곳",
    "meal_card": "급식카드 되는 곳",
    "good_shop": "착한가게",
    "delivery": "배달",
    "takeout": "포장",
    "budget_min": "예산 이상",
    "budget_max": "예산 이하",
    "district": "구",
    "place": "장소",
    "near_me": "내 근처",
    "max_distance_m": "거리(m)",
    "atmosphere": "분위기",
    "sort": "정렬",
    "ordinal": "몇 번째",
}

VALUES_KO: dict[str, str] = {
    "alone": "혼자",
    "friends": "친구",
    "family": "가족",
    "couple": "연인",
    "group": "여럿",
    "breakfast": "아침",
    "lunch": "점심",
    "snack": "간식",
    "dinner": "저녁",
    "late_night": "야식",
    "price": "싼 순서",
    "distance": "가까운 순서",
    "rating": "평점 순서",
}
"""Of values of closed filters that are not Korean already."""


def closed_values(key: str) -> tuple[str, ...]:
    """Return the values a filter may have, as codes; "true" for one that is only set or not, none for a free one.

    >>> closed_values("open_now"), closed_values("companion")[:2], closed_values("menus")
    (('true',), ('alone', 'friends'), ())
    """
    return _literals(Filters.model_fields[key].annotation)


def is_list(key: str) -> bool:
    """Tell whether a filter holds several values.

    >>> is_list("menus"), is_list("companion")
    (True, False)
    """
    return any(get_origin(part) is tuple for part in get_args(Filters.model_fields[key].annotation))


def _literals(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple("true" if value is True else str(value) for value in get_args(annotation))
    return tuple(value for part in get_args(annotation) for value in _literals(part))


CLOSED = tuple(key for key in Filters.model_fields if closed_values(key))
"""Filters whose values are chosen."""
FREE = tuple(key for key in Filters.model_fields if not closed_values(key))
"""Filters whose values are written."""
