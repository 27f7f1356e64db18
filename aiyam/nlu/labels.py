"""What the labels of an utterance mean, in Korean: told in the same words to the people who label and to a language model.

The labelling screen is made of these words, and another screen is another project of Label Studio: change them for a
reason.
"""

from __future__ import annotations

from typing import NamedTuple

from aiyam.contracts import EntityType, Intent


class IntentKo(NamedTuple):
    """An intent's name, and the rule that decides."""

    name: str
    rule: str


class EntityKo(NamedTuple):
    """The name of a kind of span, and words that are one."""

    name: str
    examples: str


INTENTS_KO: dict[Intent, IntentKo] = {
    Intent.FOOD_RECOMMENDATION: IntentKo("음식 추천", "먹을 것이나 먹을 곳을 찾음. 음식·메뉴·같이 갈 사람·시간·장소를 말하면 기본으로 이것"),
    Intent.BUDGET_FOOD_INQUIRY: IntentKo("예산 안에서 추천", "넘지 않을 금액이나 돈이 적다는 말이 있음. '싼 순서로'만 있으면 정렬이지 예산이 아님"),
    Intent.GOOD_SHOP_INQUIRY: IntentKo("착한가게 찾기", "착한가게·선한영향력가게를 묻거나 찾음. 위의 둘보다 먼저"),
    Intent.LOCATION_INQUIRY: IntentKo("근처에 뭐 있나", "음식 이름 없이 어떤 곳 근처에 무엇이 있는지 물음"),
    Intent.OPENING_HOURS_INQUIRY: IntentKo("영업시간", "언제 열고 닫고 쉬는지"),
    Intent.MENU_INQUIRY: IntentKo("메뉴·가격", "그 가게에서 무엇을 팔고 얼마인지"),
    Intent.SHOP_DETAIL: IntentKo("가게 정보", "한 가게의 주소, 전화, 자리, 평점, 분위기 등 그 밖의 것"),
    Intent.MEAL_CARD_INQUIRY: IntentKo("급식카드", "카드 자체: 잔액, 한도, 어디서 되는지, 분실, 신청"),
    Intent.REFINE: IntentKo("다시·바꿔서", "앞의 결과를 바꾸거나 좁히거나 물리는 말. 혼자서는 뜻이 안 됨"),
    Intent.FEEDBACK: IntentKo("후기·의견", "가게나 추천이 어땠는지 말함"),
    Intent.GREETING: IntentKo("인사", "만날 때 하는 말"),
    Intent.THANKS: IntentKo("고마움·작별", "고맙다는 말, 헤어지는 말"),
    Intent.HELP: IntentKo("도움말", "무엇을 할 수 있는지 물음"),
    Intent.SMALL_TALK: IntentKo("잡담", "농담, 심심풀이, 사람인지 묻기, 힘든 하루"),
    Intent.SAFETY: IntentKo("안전", "자해, 학대, 집에서의 배고픔, 낯선 사람의 제안, 괴롭힘·창피함. 무엇보다 먼저. '배고파 죽겠다' 같은 말버릇은 아님"),
    Intent.OUT_OF_SCOPE: IntentKo("범위 밖", "여기서 먹는 일이 아님: 날씨, 숙제, 술·담배, 규칙을 바꾸려는 말"),
}  # fmt: skip

ENTITIES_KO: dict[EntityType, EntityKo] = {
    EntityType.FOOD_TYPE: EntityKo("음식 종류", "한식, 분식, 치킨"),
    EntityType.MENU: EntityKo("메뉴", "떡볶이"),
    EntityType.SHOP_NAME: EntityKo("가게 이름", "할매분식"),
    EntityType.BUDGET: EntityKo("금액", "만원, 5천원대"),
    EntityType.LOCATION: EntityKo("장소", "신림역, 관악구, 근처"),
    EntityType.COMPANION: EntityKo("같이 갈 사람", "친구, 혼자"),
    EntityType.TASTE: EntityKo("맛", "매운, 단"),
    EntityType.TIME_OF_DAY: EntityKo("시간", "점심, 야식"),
    EntityType.ALLERGY: EntityKo("알레르기", "땅콩"),
    EntityType.DIETARY_PREFERENCE: EntityKo("식단", "채식, 건강한"),
    EntityType.ATMOSPHERE: EntityKo("분위기", "조용한, 혼밥"),
    EntityType.PAYMENT: EntityKo("결제·카드", "급식카드, 급카"),
    EntityType.DISTANCE: EntityKo("거리", "500m, 걸어서 10분"),
    EntityType.ORDINAL: EntityKo("몇 번째", "첫 번째, 마지막"),
}
"""In the order of the labelling screen, where the first ten have the digit keys."""
