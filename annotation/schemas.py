"""Labelling screens as data: generated from the contracts, so that a choice in Label Studio is a value the product knows.

People see Korean; results carry the codes (``alias``). The screen that ships is ``label_configs/understanding.xml``;
``python -m annotation.schemas`` writes it again after the contracts have changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from aiyam.contracts import EntityType, Filters, Intent

CONFIG_FOLDER = Path(__file__).resolve().parent / "label_configs"

INTENTS_KO: dict[Intent, tuple[str, str]] = {
    Intent.FOOD_RECOMMENDATION: ("음식 추천", "먹을 것이나 먹을 곳을 찾음. 음식·메뉴·같이 갈 사람·시간·장소를 말하면 기본으로 이것"),
    Intent.BUDGET_FOOD_INQUIRY: ("예산 안에서 추천", "넘지 않을 금액이나 돈이 적다는 말이 있음. '싼 순서로'만 있으면 정렬이지 예산이 아님"),
    Intent.GOOD_SHOP_INQUIRY: ("착한가게 찾기", "착한가게·선한영향력가게를 묻거나 찾음. 위의 둘보다 먼저"),
    Intent.LOCATION_INQUIRY: ("근처에 뭐 있나", "음식 이름 없이 어떤 곳 근처에 무엇이 있는지 물음"),
    Intent.OPENING_HOURS_INQUIRY: ("영업시간", "언제 열고 닫고 쉬는지"),
    Intent.MENU_INQUIRY: ("메뉴·가격", "그 가게에서 무엇을 팔고 얼마인지"),
    Intent.SHOP_DETAIL: ("가게 정보", "한 가게의 주소, 전화, 자리, 평점, 분위기 등 그 밖의 것"),
    Intent.MEAL_CARD_INQUIRY: ("급식카드", "카드 자체: 잔액, 한도, 어디서 되는지, 분실, 신청"),
    Intent.REFINE: ("다시·바꿔서", "앞의 결과를 바꾸거나 좁히거나 물리는 말. 혼자서는 뜻이 안 됨"),
    Intent.FEEDBACK: ("후기·의견", "가게나 추천이 어땠는지 말함"),
    Intent.GREETING: ("인사", "만날 때 하는 말"),
    Intent.THANKS: ("고마움·작별", "고맙다는 말, 헤어지는 말"),
    Intent.HELP: ("도움말", "무엇을 할 수 있는지 물음"),
    Intent.SMALL_TALK: ("잡담", "농담, 심심풀이, 사람인지 묻기, 힘든 하루"),
    Intent.SAFETY: ("안전", "자해, 학대, 집에서의 배고픔, 낯선 사람의 제안, 괴롭힘·창피함. 무엇보다 먼저. '배고파 죽겠다' 같은 말버릇은 아님"),
    Intent.OUT_OF_SCOPE: ("범위 밖", "여기서 먹는 일이 아님: 날씨, 숙제, 술·담배, 규칙을 바꾸려는 말"),
}  # fmt: skip
"""What annotators see for each intent, and the rule that decides."""

ENTITIES_KO: dict[EntityType, tuple[str, str]] = {
    EntityType.FOOD_TYPE: ("음식 종류", "#2563eb"),
    EntityType.MENU: ("메뉴", "#0891b2"),
    EntityType.SHOP_NAME: ("가게 이름", "#7c3aed"),
    EntityType.BUDGET: ("금액", "#ca8a04"),
    EntityType.LOCATION: ("장소", "#16a34a"),
    EntityType.COMPANION: ("같이 갈 사람", "#db2777"),
    EntityType.TASTE: ("맛", "#ea580c"),
    EntityType.TIME_OF_DAY: ("시간", "#4f46e5"),
    EntityType.ALLERGY: ("알레르기", "#dc2626"),
    EntityType.DIETARY_PREFERENCE: ("식단", "#65a30d"),
    EntityType.ATMOSPHERE: ("분위기", "#0d9488"),
    EntityType.PAYMENT: ("결제·카드", "#a16207"),
    EntityType.DISTANCE: ("거리", "#475569"),
    EntityType.ORDINAL: ("몇 번째", "#9333ea"),
}  # fmt: skip
"""What annotators see for each kind of span, and its colour; the first ten have the digit keys 1-9 and 0."""

_DIGITS = "1234567890"
# Letters do not reach the screen while a Korean keyboard composes; digits do.


@dataclass(frozen=True)
class Screen:
    """One labelling screen: its task data are ``aiyam_key``, ``text`` and ``context``."""

    name: str
    title: str
    xml: str
    guide: str

    @property
    def version(self) -> str:
        """Digest of the screen; another screen is another project, since controls of a used one must not change."""
        return hashlib.sha256(self.xml.encode()).hexdigest()[:8]

    @property
    def project_title(self) -> str:
        """The project's title, which names the screen's version (at most 50 characters)."""
        return f"{self.title} · {self.version}"


def understanding() -> Screen:
    """The screen for intents, spans, the query in plain words and the filters of one utterance."""
    choices = "\n".join(
        f"    <Choice value={quoteattr(ko)} alias={quoteattr(intent.value)} hint={quoteattr(rule)}/>"
        for intent, (ko, rule) in INTENTS_KO.items()
    )
    labels = "\n".join(
        f"    <Label value={quoteattr(ko)} alias={quoteattr(kind.value)} background={quoteattr(colour)}"
        + (f" hotkey={quoteattr(_DIGITS[i])}" if i < len(_DIGITS) else "")
        + "/>"
        for i, (kind, (ko, colour)) in enumerate(ENTITIES_KO.items())
    )
    keys = ", ".join(Filters.model_fields)
    xml = f"""<View>
  <Style>.htx-text {{ white-space: pre-wrap; font-size: 1.25rem; line-height: 2; }}</Style>
  <Header value="앞의 대화" size="5"/>
  <Text name="context" value="$context" selectionEnabled="false"/>
  <Header value="이 말을 읽고, 뜻이 있는 부분을 칠해 주세요" size="4"/>
  <Labels name="entities" toName="text" choice="single">
{labels}
  </Labels>
  <Text name="text" value="$text" granularity="symbol"/>
  <Header value="무엇을 바라나요?" size="4"/>
  <Choices name="intent" toName="text" choice="single" required="true" requiredMessage="바라는 것을 하나 골라 주세요" layout="inline">
{choices}
  </Choices>
  <Header value="찾을 말 (예: 가족 건강식 저녁 식당)" size="5"/>
  <TextArea name="semantic_query" toName="text" rows="1" maxSubmissions="1" editable="true"/>
  <Header value={quoteattr(f"조건 (JSON; 키: {keys})")} size="5"/>
  <TextArea name="filters" toName="text" rows="2" maxSubmissions="1" editable="true"/>
  <Choices name="flags" toName="text" choice="multiple" layout="inline">
    <Choice value="개인정보가 남아 있음" alias="personal_data"/>
    <Choice value="뜻이 둘 이상" alias="ambiguous"/>
    <Choice value="학습에 쓰지 말 것" alias="exclude"/>
  </Choices>
</View>
"""
    rules = "".join(f"<li><b>{ko}</b>: {rule}</li>" for ko, rule in INTENTS_KO.values())
    return Screen("understanding", "이해 라벨링", xml, f"<p>아이의 말 한마디를 읽고 답해 주세요.</p><ul>{rules}</ul>")


def write_configs(folder: Path = CONFIG_FOLDER) -> list[Path]:
    """Write the screens that ship; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "understanding.xml"
    path.write_text(understanding().xml, encoding="utf-8")
    return [path]


if __name__ == "__main__":
    for written in write_configs():
        print(written)
