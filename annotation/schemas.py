"""Labelling screens as data: generated from the contracts, so that a choice in Label Studio is a value the product knows.

People see Korean; results carry the codes (``alias``). The screens that ship are ``label_configs/*.xml``;
``python -m annotation.schemas`` writes them again after the contracts have changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from aiyam.contracts import EntityType
from aiyam.label_contracts import LabelKind
from aiyam.nlu.labels import ENTITIES_KO, INTENTS_KO
from annotation.guide import GUIDE, guide_html, with_tables
from annotation.words import (
    CANNOT_TELL_KEY,
    CLOSED,
    FILTERS_KO,
    FLAG_KEYS,
    FLAGS_KO,
    FREE,
    INTENT_KEYS,
    KINDS_KO,
    RATING_KEYS,
    SATISFACTION_KEY,
    SPAN_KEYS,
    VALUES_KO,
    VERDICT_KEYS,
    VERDICTS_KO,
    WRONG_KEYS,
    WRONG_KO,
    closed_values,
)

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


@dataclass(frozen=True)
class Screen:
    """One labelling screen: its questions as Label Studio's XML, and the guide shown beside it."""

    name: LabelKind
    title: str
    xml: str
    guide: str

    @property
    def version(self) -> str:
        """Digest of the screen; another screen is another project, since controls of a used one must not change."""
        return hashlib.sha256(self.xml.strip().encode()).hexdigest()[:8]

    @property
    def project_title(self) -> str:
        """The project's title, which names the screen's version (at most 50 characters)."""
        return f"{self.title} · {self.version}"

    @property
    def description(self) -> str:
        """The project's description, which names the versions of the screen and of its guide."""
        return f"aiyam {self.name} {self.version}, guide {hashlib.sha256(self.guide.encode()).hexdigest()[:8]}"


def _choices(rows: Iterable[tuple[str, str]], keys: Iterable[str] = (), hints: dict[str, str] | None = None) -> str:
    given = iter(keys)
    lines = []
    for code, shown in rows:
        key = next(given, None)
        lines.append(
            f"    <Choice value={quoteattr(shown)} alias={quoteattr(code)}"
            + (f" hotkey={quoteattr(key)}" if key else "")
            + (f" hint={quoteattr(hints[code])}" if hints else "")
            + "/>"
        )
    return "\n".join(lines)


def _flags(target: str) -> str:
    return f"""  <Choices name="flags" toName="{target}" choice="multiple" layout="inline">
{_choices(FLAGS_KO.items(), FLAG_KEYS)}
  </Choices>"""


_STYLE = "  <Style>.htx-text { white-space: pre-wrap; font-size: 1.2rem; line-height: 1.9; } mark { background: #fde68a; border-radius: 3px; padding: 0 2px; } .lsf-textarea__actions { opacity: 1 !important; visibility: visible !important; }</Style>"


def understanding() -> Screen:
    """The screen for intents, spans, the query in plain words, the filters and how it went, of one utterance."""
    intents = _choices(
        ((intent.value, ko.name) for intent, ko in INTENTS_KO.items()),
        INTENT_KEYS,
        {intent.value: ko.rule for intent, ko in INTENTS_KO.items()},
    )
    labels = "\n".join(
        f"    <Label value={quoteattr(ko.name)} alias={quoteattr(kind.value)} background={quoteattr(COLOURS[kind])} hotkey={quoteattr(key)}/>"
        for (kind, ko), key in zip(ENTITIES_KO.items(), SPAN_KEYS, strict=False)
    )
    tree = "\n".join(_branch(key) for key in CLOSED)
    names = ", ".join(FILTERS_KO[key] for key in FREE)
    xml = f"""<View>
{_STYLE}
  <Header value="앞의 대화" size="5"/>
  <Text name="context" value="$context" selectionEnabled="false"/>
  <Header value="이 말을 읽고, 뜻이 있는 부분을 칠해 주세요" size="4"/>
  <Labels name="entities" toName="text" choice="single">
{labels}
  </Labels>
  <Text name="text" value="$text" granularity="symbol"/>
  <Header value="무엇을 바라나요? (하나, 알 수 없으면 아래의 '알 수 없음')" size="4"/>
  <Choices name="intent" toName="text" choice="single" layout="inline">
{intents}
  </Choices>
  <Choices name="cannot_tell" toName="text" choice="multiple" layout="inline">
    <Choice value="알 수 없음" alias="cannot_tell" hotkey="{CANNOT_TELL_KEY}"/>
  </Choices>
  <Header value="찾을 말 (예: 가족 건강식 저녁 식당)" size="5"/>
  <TextArea name="semantic_query" toName="text" rows="1" maxSubmissions="1" editable="true"/>
  <Header value="조건: 고르는 것" size="5"/>
  <Taxonomy name="filters" toName="text" leafsOnly="true" placeholder="조건 고르기">
{tree}
  </Taxonomy>
  <Header value={quoteattr(f"조건: 쓰는 것 (한 줄에 하나, 예: 예산 이하: 10000) · {names}")} size="5"/>
  <TextArea name="details" toName="text" rows="2" maxSubmissions="1" editable="true"/>
  <Header value="아이가 답에 얼마나 만족했을까요? (알 수 없으면 비워 두기)" size="5"/>
  <Rating name="satisfaction" toName="text" maxRating="5" icon="star" size="medium" hotkey="{SATISFACTION_KEY}"/>
{_flags("text")}
</View>
"""
    return Screen("understanding", KINDS_KO["understanding"], xml, guide_html("understanding"))


def _branch(key: str) -> str:
    values = closed_values(key)
    opening = f"    <Choice value={quoteattr(FILTERS_KO[key])} alias={quoteattr(key)}"
    if values == ("true",):
        return f"{opening}/>"
    leaves = "\n".join(
        f"      <Choice value={quoteattr(VALUES_KO.get(value, value))} alias={quoteattr(value)}/>" for value in values
    )
    return f"{opening}>\n{leaves}\n    </Choice>"


def rewrite() -> Screen:
    """The screen for an answer in words for one age band, and what is wrong with the answer as it was."""
    xml = f"""<View>
{_STYLE}
  <Header value="앞의 대화" size="5"/>
  <Text name="context" value="$context" selectionEnabled="false"/>
  <Header value="읽을 아이의 나이" size="5"/>
  <Text name="age_band" value="$age_band" selectionEnabled="false"/>
  <Header value="답 (칠해진 것은 그대로 남겨야 하는 사실)" size="4"/>
  <HyperText name="answer" value="$answer_shown" selectionEnabled="false" inline="true"/>
  <Header value="이 나이의 아이가 읽기 좋게 고쳐 써 주세요 (연필을 누르면 고칠 수 있고, ✓를 누르면 끝나요)" size="4"/>
  <TextArea name="rewrite" toName="answer" rows="5" maxSubmissions="1" editable="true"/>
  <Header value="이 답에 잘못된 것이 있나요? (없으면 비워 두기)" size="5"/>
  <Choices name="wrong" toName="answer" choice="multiple" layout="inline">
{_choices(WRONG_KO.items(), WRONG_KEYS)}
  </Choices>
  <Header value="답은 몇 점인가요?" size="5"/>
  <Choices name="rating" toName="answer" choice="single" layout="inline" required="true" requiredMessage="몇 점인지 골라 주세요">
{_choices(((str(n), f"{n}점") for n in range(1, 6)), RATING_KEYS)}
  </Choices>
{_flags("answer")}
</View>
"""
    return Screen("rewrite", KINDS_KO["rewrite"], xml, guide_html("rewrite"))


def compare() -> Screen:
    """The screen for which of two answers is better."""
    xml = f"""<View>
{_STYLE}
  <Style>.side {{ flex: 1 1 0; border: 1px solid #cbd5e1; border-radius: 8px; padding: 12px; }}</Style>
  <Header value="앞의 대화" size="5"/>
  <Text name="context" value="$context" selectionEnabled="false"/>
  <Header value="아이의 말" size="5"/>
  <Text name="text" value="$text" selectionEnabled="false"/>
  <View style="display: flex; gap: 16px;">
    <View className="side">
      <Header value="A" size="4"/>
      <Text name="a" value="$a" selectionEnabled="false"/>
    </View>
    <View className="side">
      <Header value="B" size="4"/>
      <Text name="b" value="$b" selectionEnabled="false"/>
    </View>
  </View>
  <Header value="이 아이에게 어느 답이 더 나은가요?" size="4"/>
  <Choices name="verdict" toName="text" choice="single" layout="inline" required="true" requiredMessage="하나를 골라 주세요">
{_choices(VERDICTS_KO.items(), VERDICT_KEYS)}
  </Choices>
{_flags("text")}
</View>
"""
    return Screen("compare", KINDS_KO["compare"], xml, guide_html("compare"))


def screen_of(kind: LabelKind) -> Screen:
    """Return the screen of a kind of task."""
    return {"understanding": understanding, "rewrite": rewrite, "compare": compare}[kind]()


def screens() -> tuple[Screen, ...]:
    """Return every screen, in the order of the kinds."""
    return tuple(screen_of(kind) for kind in KINDS_KO)


def write_configs(folder: Path = CONFIG_FOLDER) -> list[Path]:
    """Write the screens that ship and the guide's tables; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for screen in screens():
        path = folder / f"{screen.name}.xml"
        path.write_text(screen.xml, encoding="utf-8")
        written.append(path)
    GUIDE.write_text(with_tables(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
    return [*written, GUIDE]


if __name__ == "__main__":
    for one in write_configs():
        print(one)
