"""The screen for what comes in and what goes out: rules as data and a classifier beside them, fixed kind words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aiyam.contracts import AgeBand, SafetyVerdict
from aiyam.errors import DataError
from aiyam.safety.classifier import REFUSE_KINDS, SafetyClassifier
from aiyam.safety.folding import fold, hangul_only, tight
from aiyam.safety.privacy import mask

CARD_MENTION = re.compile(r"급식\s*카드|급\s*카|꿈나무|카드|결제|잔액|가맹점|바우처|식권")
_ACTIONS: dict[str, Literal["escalate", "refuse"]] = {"escalate": "escalate", "refuse": "refuse"}
DISTRESS_FALLBACK = "distress"
"""What a message is taken for when only the trained understanding calls it SAFETY."""

HARMLESS = 0.1
"""The chance below which the understanding alone does not escalate: of 992 held-out disclosures none is lost by it."""

NEVER_DOUBTED = frozenset({"self_harm", "abuse"})
"""Kinds for which a matching rule is enough: a false alarm costs a kind word, a miss may cost a child."""

_IDIOM = re.compile(
    r"(?:배고파|배고파서|배고픔|배불러|배터져|맛있어|맛있어서|더워|더워서|추워|추워서|매워|매워서|졸려|졸려서|심심해|심심해서|귀여워|웃겨|웃겨서|좋아|좋아서|보고싶어|먹고싶어|먹고싶어서"
    r"|궁금해|귀찮아|지루해|부러워|피곤해|목말라|아파|달아|짜|셔|신나|신나서|재밌어|재밌어서|더럽게|힘들어|바빠|급해|떨려|간지러워|싫어)(?:서)?(?:진짜|정말|막|너무|아주|완전|다|곧)?"
    r"(?:죽겠|죽갔|죽을것같|죽을거같|죽을꺼같|죽을뻔|죽는줄|죽을지경|죽어요?|뒤지겠|디지겠|뒤질것같|뒤질거같|디질거같|뒤지는줄|죽음|죽네|죽을맛|쥬금|주금|주겄|듁겠|듀글)"
    r"|죽여(?:준|주는|줘요?$|주네)|죽이는(?:맛|집|데|떡볶이|치킨|곳|비주얼)|죽이네|맛(?:이)?죽|죽을만큼(?:맛|배|먹)|죽(?:도록|어라)(?:먹|공부)|죽어도(?:못|안|먹)|둘이먹다(?:하나)?(?:가)?죽|먹고죽자"
)


@dataclass(frozen=True)
class _Rule:
    kind: str
    action: Literal["escalate", "refuse"]
    lines: tuple[str, ...]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None


class Screen:
    """Decides what may be answered. Build it with ``Screen.load(datasets / "safety")``; it keeps no state.

    ``with_classifier`` adds the trained half; the rules do without.
    """

    def __init__(
        self, rules: Iterable[Mapping[str, Any]], words: Mapping[str, Any], outgoing: Mapping[str, Iterable[str]]
    ) -> None:
        self._rules = [_compile(rule) for rule in rules]
        self._order = [rule.kind for rule in self._rules]
        self.classifier: SafetyClassifier | None = None
        self._messages: dict[str, list[str]] = dict(words["messages"])
        self._adult: dict[str, list[str]] = dict(words["adult"])
        self._extra: dict[str, str] = dict(words["extra"])
        self._outgoing = {
            kind: re.compile("|".join(f"(?:{p})" for p in parts), re.IGNORECASE) for kind, parts in outgoing.items()
        }

    @classmethod
    def load(cls, folder: Path) -> Screen:
        """Read ``rules.json``, ``lines.json`` and ``outgoing.json``.

        Raises:
            DataError: a file is missing or malformed, or a rule has no fixed words. There is no serving without a screen.
        """
        try:
            rules, words, outgoing = (
                json.loads((folder / name).read_text(encoding="utf-8"))
                for name in ("rules.json", "lines.json", "outgoing.json")
            )
            screen = cls(rules, words, outgoing)
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            raise DataError(
                f"expected the screen's rules and words in {folder}, got {error!r}",
                hint="Restore the files from the release.",
            ) from error
        for rule in screen._rules:
            said = [*screen._messages.get(rule.kind, []), *screen._adult.get(rule.kind, [])]
            if not said or not all(line in text for text in said for line in rule.lines):
                raise DataError(
                    f"expected fixed words with {', '.join(rule.lines) or 'no line'} for {rule.kind!r} in {folder / 'lines.json'}"
                )
        return screen

    def with_classifier(self, classifier: SafetyClassifier | None) -> Screen:
        """Return the same rules beside a trained classifier, or alone."""
        beside = copy(self)
        beside.classifier = classifier
        return beside

    def check_incoming(self, text: str) -> SafetyVerdict:
        """Judge a raw message: escalate before refuse before mask before answer.

        Either half is enough: the classifier where it is sure, the rules where it does not find the message harmless
        (idioms that the rules take for danger). What rules take for the gravest kinds, ``NEVER_DOUBTED``, is believed
        whatever the classifier thinks. Without a classifier the rules decide.

        ``kinds`` holds what was found, gravest first, then the kinds of personal data; ``lines`` the helplines that the
        fixed words of ``message`` name verbatim.
        """
        found, personal = self._found(text), mask(text).kinds
        if self.classifier is None:
            return self._verdict_of_rules(found, personal)
        judged = self.classifier.judge(text)
        for action, chance, kinds in (
            ("escalate", judged.escalate, judged.escalate_kinds),
            ("refuse", judged.refuse, judged.refuse_kinds),
        ):
            limits = self.classifier.limits[action]
            believed = [
                rule.kind
                for rule in found
                if rule.action == action and (rule.kind in NEVER_DOUBTED or chance >= limits.beside_rule)
            ]
            learned = chance >= limits.alone
            if not (believed or learned):
                continue
            by: list[Literal["rules", "classifier", "understanding"]] = ["rules"] if believed else []
            by += ["classifier"] if learned else []
            named = [*believed, *(k for k in kinds if learned and k not in believed and len(believed) < 2)]
            return SafetyVerdict(
                action=_ACTIONS[action],
                kinds=(*named, *personal),
                lines=self._lines_of(named),
                found_by=tuple(by),
                chance=round(chance, 4),
            )
        likelier = round(max(judged.escalate, judged.refuse), 4)
        return SafetyVerdict(
            action="mask" if personal else "answer", kinds=personal, chance=likelier, about=judged.about
        )

    def by_rules(self, text: str) -> SafetyVerdict:
        """Judge a raw message by the rules alone."""
        return self._verdict_of_rules(self._found(text), mask(text).kinds)

    def _found(self, text: str) -> list[_Rule]:
        """The rules that match, gravest first."""
        close, letters = tight(text), hangul_only(text)
        without_idioms = _IDIOM.sub("·", close), _IDIOM.sub("·", letters)
        return [rule for rule in self._rules if _hits(rule, without_idioms, (close, letters))]

    def _verdict_of_rules(self, found: Sequence[_Rule], personal: tuple[str, ...]) -> SafetyVerdict:
        escalating = [r for r in found if r.action == "escalate"]
        chosen = escalating or found
        if not chosen:
            return SafetyVerdict(action="mask" if personal else "answer", kinds=personal)
        kinds = [rule.kind for rule in chosen]
        return SafetyVerdict(
            action=chosen[0].action, kinds=(*kinds, *personal), lines=self._lines_of(kinds), found_by=("rules",)
        )

    def _lines_of(self, kinds: Iterable[str]) -> tuple[str, ...]:
        lines = {rule.kind: rule.lines for rule in self._rules}
        return tuple(dict.fromkeys(line for kind in kinds for line in lines[kind]))

    def check_outgoing(self, text: str, *, user_text: str = "", names: Iterable[str] = ()) -> SafetyVerdict:
        """Judge a reply before it is shown: ``refuse`` with kinds such as card, shaming, adult_venue, diet, leakage.

        Args:
            text: the reply (or one sentence of it).
            user_text: the child's message; only if it speaks of the card may the reply.
            names: shop and menu names in the reply, which are not judged for words they happen to hold.
        """
        plain = fold(text).text
        for name in sorted(names, key=len, reverse=True):
            plain = plain.replace(fold(name).text, " ")
        kinds = tuple(
            kind
            for kind, pattern in self._outgoing.items()
            if pattern.search(plain) and not (kind == "card" and CARD_MENTION.search(user_text))
        )
        return SafetyVerdict(action="refuse" if kinds else "answer", kinds=kinds)

    def combine(self, verdict: SafetyVerdict, intent_is_safety: bool, text: str) -> SafetyVerdict:
        """Join the verdict with the trained understanding's: either one is enough to escalate.

        A refusal that only the classifier wants gives way to it, one by rules does not. The understanding alone is not
        believed where the classifier is sure of the contrary (``HARMLESS``). What it takes for danger is of the kind that
        the classifier finds likeliest for ``text``, and distress without one; the lines for distress are named in any case.
        """
        if not intent_is_safety or verdict.action == "escalate" or "rules" in verdict.found_by:
            return verdict
        kinds: tuple[str, ...] = (DISTRESS_FALLBACK,)
        if self.classifier is not None:
            judged = self.classifier.judge(text)
            if judged.escalate < HARMLESS:
                return verdict
            kinds = judged.escalate_kinds
        return verdict.model_copy(
            update={
                "action": "escalate",
                "kinds": (*kinds, *(k for k in verdict.kinds if k not in REFUSE_KINDS)),
                "lines": self._lines_of((*kinds, DISTRESS_FALLBACK)),
                "found_by": ("understanding",),
                "about": None,
            }
        )

    def message(self, verdict: SafetyVerdict, *, age_band: AgeBand = "10-12", variety: int = 0) -> str:
        """The fixed words for an escalated or refused message; "" for the others. Every line of the verdict stands in it.

        A guardian ("adult") is spoken to as one where there are such words; children of every age share the rest.
        """
        if verdict.action not in ("escalate", "refuse"):
            return ""
        kind = next((k for k in verdict.kinds if k in self._messages), DISTRESS_FALLBACK)
        said = (self._adult.get(kind) if age_band == "adult" else None) or self._messages[kind]
        text = said[variety % len(said)]
        missing = [line for line in verdict.lines if line not in text and line in self._extra]
        return " ".join([text, *(self._extra[line] for line in missing)])


def _compile(rule: Mapping[str, Any]) -> _Rule:
    unless = rule.get("unless") or []
    return _Rule(
        kind=rule["kind"],
        action=rule["action"],
        lines=tuple(rule["lines"]),
        pattern=re.compile("|".join(f"(?:{p})" for p in rule["patterns"])),
        unless=re.compile("|".join(f"(?:{p})" for p in unless)) if unless else None,
    )


def _hits(rule: _Rule, searched: Iterable[str], whole: Iterable[str]) -> bool:
    if not any(rule.pattern.search(text) for text in searched):
        return False
    return rule.unless is None or not any(rule.unless.search(text) for text in whole)
