"""Eases a text for an age band with the trained edits and the word table; names, prices, times and places stay as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import AgeBand, ReplyPlan
from aiyam.reply.claims import find_claims
from aiyam.reply.easy_words import MAX_SENTENCE_CHARS, EasyWords, cut_long
from aiyam.reply.edit_files import load_edits
from aiyam.reply.edit_model import EditModel, written
from aiyam.reply.edits import Edit
from aiyam.reply.known import Known, known_of
from aiyam.reply.markdown import escape, inline
from aiyam.reply.pieces import SENTENCE_GAP, Piece, cut, fact_spans

MAX_SENTENCE_READ = 400
"""A longer sentence is left as it is: no reply has one, and the search takes time for each word."""
_N_REMEMBERED = 4096
_HANGUL = re.compile("[가-힣]")
_NEGATION = re.compile(r"없|않|못|아니|아닌|불가|(?<![가-힣])안 |지 마|마세요|말아|말고|빼|모르|몰라|어렵|어려")
_REFUSAL = re.compile(
    r"부재|결번|제외|금지|제한|거부|중단|중지|폐점|휴무|휴업|마감|품절|매진|소진|곤란|지양|삼가|자제|실패|초과|무료|만 |한하"
    r"|불(?:가|편|포함|허|허용|필요|충분|이행|일치|명|량|친절|규칙|확실|분명|완전|균형|과하)"
    r"|부(?:적절|정적)|비대면"
    r"|비(?:공개|포함|정상|회원|대상|해당|영업|운영|치 안)"
    r"|미(?:상|입장|기재|운영|영업|포함|제공|판매|취급|실시|개장|입점|등록|확인|정(?=[이입 .,)]|$)|지원|설치|보유|사용|적용|달|만|성년|가맹|지참|완료|도래|응답|접수|표기|표시|공개)"
    r"|(?<![해야실교시의])외(?:에|의 |는 | )|예외"
)


@dataclass(frozen=True)
class Eased:
    """A rewritten text, and how many of its sentences fell back to the original since a fact or a "not" had changed."""

    text: str
    n_sentences: int = 0
    n_changed: int = 0
    n_fallbacks: int = 0


class ChildFriendly:
    """Rewrites sentence by sentence: trained edits, then the word table, then the facts compared with the original's.

    It cannot invent: edits come from a fixed list that holds no digit, name or place, and no edit touches a fact. A
    sentence whose facts differ nonetheless stays as it was.

    Args:
        words: the table of hard and easy words.
        model: trained edits; None eases by the table alone.
        version: the trained version's name for the trace.
    """

    def __init__(self, words: EasyWords, model: EditModel | None = None, version: str = EasyWords.version) -> None:
        self.words, self.model, self.version = words, model, version
        self._remembered_whole: dict[tuple[str, str], str] = {}
        self._remembered: dict[tuple[str, tuple[str, ...]], tuple[Edit, ...]] = {}

    @classmethod
    def load(cls, table: Path, folder: Path | None = None) -> ChildFriendly:
        """Read the word table and, if given, a trained version's folder.

        Raises:
            DataError: the table is missing or damaged.
            ModelError: the version is missing or damaged.
        """
        words = EasyWords.load(table)
        if folder is None:
            return cls(words)
        return cls(words, load_edits(folder), folder.name)

    def rewrite(self, text: str, plan: ReplyPlan, known: Known | None = None) -> str:
        """Return the text in the band's words. Facts are copied: every name, price, time and place of the plan stays.

        ``known`` is ``known_of(plan)``, for a caller that eases one reply piece by piece.
        """
        if plan.age_band == "adult" or (self.model is None and not self.words.concern(text, plan.age_band)):
            return text
        return self.ease(text, plan.age_band, known or known_of(plan)).text

    def ease(self, text: str, band: AgeBand, known: Known | None = None) -> Eased:
        """Return the text in the band's words and what became of its sentences; ``known`` names what to copy."""
        names = sorted(known.verbatim() | known.days) if known is not None else []
        forms = [form for name in names for form in {name, escape(name, max_chars=200), inline(name, max_chars=200)}]
        forms = [form for form in dict.fromkeys(forms) if form and form in text]
        out: list[str] = []
        n = changed = fallbacks = 0
        for i, sentence in enumerate(SENTENCE_GAP.split(text)):
            if i % 2 or not _HANGUL.search(sentence) or len(sentence) > MAX_SENTENCE_READ:
                out.append(sentence)
                continue
            n += 1
            named = [form for form in forms if form in sentence]
            eased = self._remembered_whole.get((band, sentence)) if not named else None
            if eased is None:
                eased = self._sentence(sentence, band, named)
                if eased != sentence and not _same_facts(sentence, eased, named):
                    fallbacks += 1
                    eased = sentence
                if not named:
                    if len(self._remembered_whole) >= _N_REMEMBERED:
                        self._remembered_whole = {}
                    self._remembered_whole[band, sentence] = eased
            changed += eased != sentence
            out.append(eased)
        return Eased("".join(out), n, changed, fallbacks)

    def _sentence(self, sentence: str, band: AgeBand, forms: list[str]) -> str:
        if self.model is not None and band != "adult":
            pieces = cut(sentence, fact_spans(sentence, _named(sentence, forms)))
            tail = sentence[len(sentence.rstrip()) :]
            sentence = written(pieces, self._edits(self.model, pieces, band)) + tail
        if self.words.concern(sentence, band):
            sentence = self.words.replace(sentence, band, fact_spans(sentence, _named(sentence, forms)))
            if len(sentence) > MAX_SENTENCE_CHARS[band]:
                spans = fact_spans(sentence, _named(sentence, forms))
                sentence = cut_long(sentence, MAX_SENTENCE_CHARS[band], spans)
        return sentence

    def _edits(self, model: EditModel, pieces: list[Piece], band: str) -> tuple[Edit, ...]:
        """Choose the edits, or recall them: sentences that differ in their facts alone are edited alike."""
        key = band, tuple(f"{piece.space}{piece.key}" for piece in pieces)
        edits = self._remembered.get(key)
        if edits is None:
            if len(self._remembered) >= _N_REMEMBERED:
                self._remembered = {}
            edits = self._remembered[key] = tuple(model.rewrite(pieces, band))
        return edits


def _named(sentence: str, forms: list[str]) -> list[tuple[int, int]]:
    return [(m.start(), m.end()) for form in forms if form and form in sentence for m in re.finditer(re.escape(form), sentence)]  # fmt: skip


def _same_facts(sentence: str, eased: str, forms: list[str]) -> bool:
    """Tell whether both state the same facts in the same order, name the same, and say "no" alike."""
    if facts_of(sentence) != facts_of(eased):
        return False
    if any(sentence.count(form) != eased.count(form) for form in forms if form and form in sentence):
        return False
    before, after = _NEGATION.search(sentence) is not None, _NEGATION.search(eased) is not None
    return (
        before == after
        or (after and _REFUSAL.search(sentence) is not None)
        or (before and _REFUSAL.search(eased) is not None)
    )


def facts_of(text: str) -> list[tuple[str, float | str]]:
    """Return the facts a text states by their form, in order: kind and value, quoted words too."""
    quotes = [("quote", text[start:end]) for start, end, kind in fact_spans(text) if kind == "quote"]
    return [*((c.kind, c.value) for c in find_claims(text)), *quotes]
