"""Labelling screens as data: generated from the contracts, so that a choice in Label Studio is a value the product knows.

People see Korean; results carry the codes (``alias``). The screen that ships is ``label_configs/understanding.xml``;
``python -m annotation.schemas`` writes it again after the contracts have changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from aiyam.contracts import EntityType, Filters
from aiyam.nlu.labels import ENTITIES_KO, INTENTS_KO

CONFIG_FOLDER = Path(__file__).resolve().parent / "label_configs"

COLOURS: dict[EntityType, str] = {
    EntityType.FOOD_TYPE: "#2563eb",
    EntityType.MENU: "#0891b2",
    EntityType.SHOP_NAME: "#7c3aed",
    EntityType.BUDGET: "#ca8a04",
    EntityType.LOCATION: "#16a34a",
    EntityType.COMPANION: "#db2777",
    EntityType.TASTE: "#ea580c",
    EntityType.TIME_OF_DAY: "#4f46e5",
    EntityType.ALLERGY: "#dc2626",
    EntityType.DIETARY_PREFERENCE: "#65a30d",
    EntityType.ATMOSPHERE: "#0d9488",
    EntityType.PAYMENT: "#a16207",
    EntityType.DISTANCE: "#475569",
    EntityType.ORDINAL: "#9333ea",
}
"""Of each kind of span on the screen."""

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
        f"    <Label value={quoteattr(ko.name)} alias={quoteattr(kind.value)} background={quoteattr(COLOURS[kind])}"
        + (f" hotkey={quoteattr(_DIGITS[i])}" if i < len(_DIGITS) else "")
        + "/>"
        for i, (kind, ko) in enumerate(ENTITIES_KO.items())
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
