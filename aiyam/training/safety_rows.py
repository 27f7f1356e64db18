"""The rows the screen is trained on: shipped cases, a grammar of disclosures and their look-alikes, and ordinary utterances."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import Intent
from aiyam.errors import DataError
from aiyam.korean.particles import particle
from aiyam.nlu.examples import load_examples
from aiyam.safety.cases import read_cases
from aiyam.safety.classifier import ESCALATE_KINDS, REFUSE_KINDS

BENIGN, SOME_DANGER, OFF_TOPIC = "benign", "danger_of_some_kind", "off_topic"
"""Kinds of rows beside those of the screen: nothing to see; something to escalate, nobody said of which kind; something
that is not about food here, be it homework (nothing to see) or beer (to refuse)."""
_KIND_OF = {Intent.SAFETY: SOME_DANGER, Intent.OUT_OF_SCOPE: OFF_TOPIC}
GRAMMAR = "grammar.tsv"
_NOT_LEARNED_FROM = ("test", "dev")
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}|(@[a-z]+)")
_DRAWS_AN_ALTERNATIVE = 2


@dataclass(frozen=True)
class Row:
    """One text, its kind, and the hand that wrote it: the part of a case's id before the first dash, or a file."""

    text: str
    kind: str
    hand: str


def read_rows(safety: Path, nlu: Path | None, *, seed: int) -> list[Row]:
    """Return every row in a fixed order; held-out and test files are left out.

    Args:
        safety: folder with ``cases.jsonl`` and the grammar.
        nlu: folder of the rows understanding is trained on, mostly ordinary talk of food.

    Raises:
        DataError: a file is missing or malformed, or holds no disclosure.
    """
    rows = [
        Row(case.text, case.kind if case.kind in (*ESCALATE_KINDS, *REFUSE_KINDS) else BENIGN, case.id.split("-")[0])
        for case in read_cases(safety / "cases.jsonl")
    ]
    rows += [Row(text, kind, "grammar") for kind, text in expand(safety / GRAMMAR, seed=seed)]
    for path in sorted(nlu.glob("*.jsonl")) if nlu is not None else ():
        if path.stem.startswith(_NOT_LEARNED_FROM):
            continue
        examples, _ = load_examples(path)
        rows += [Row(e.text, _KIND_OF.get(Intent(e.intent), BENIGN), path.stem) for e in examples]
    if not any(row.kind in ESCALATE_KINDS for row in rows):
        raise DataError(f"expected disclosures among the cases in {safety}, got none")
    return rows


def expand(path: Path, *, seed: int) -> list[tuple[str, str]]:
    """Draw (kind, text) from a grammar: ``kind<TAB>text`` with ``{a|b}`` alternatives and ``@lists``.

    A line gives twice as many texts as its longest choice has alternatives. ``{이|가}`` and its like agree with the word
    before them.

    Raises:
        DataError: no such file, an unknown kind or list.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected a UTF-8 grammar at {path}, got {error}") from error
    lists: dict[str, list[str]] = {}
    found: list[tuple[str, str]] = []
    rng = random.Random(seed)
    for number, line in enumerate(lines, 1):
        kind, _, text = line.partition("\t")
        if kind.startswith("@"):
            lists[kind] = text.split("|")
            continue
        if kind not in (*ESCALATE_KINDS, *REFUSE_KINDS, BENIGN) or any(
            m[2] and m[2] not in lists for m in _ALTERNATIVES.finditer(text)
        ):
            raise DataError(
                f"expected a kind, a tab and a text of known lists in {path.name} line {number}, got {line[:80]!r}"
            )
        longest = max((len(_choices(m, lists)) for m in _ALTERNATIVES.finditer(text)), default=1)
        drawn = dict.fromkeys(_draw(text, lists, rng) for _ in range(longest * _DRAWS_AN_ALTERNATIVE))
        found += [(kind, one) for one in drawn]
    return found


def _choices(match: re.Match[str], lists: Mapping[str, list[str]]) -> list[str]:
    return lists[match[2]] if match[2] else match[1].split("|")


def _draw(text: str, lists: Mapping[str, list[str]], rng: random.Random) -> str:
    def pieces() -> Iterator[str]:
        said, end = "", 0
        for match in _ALTERNATIVES.finditer(text):
            before = text[end : match.start()]
            choices = _choices(match, lists)
            chosen = particle(said + before, "이/가") if {*choices} - {""} == {"가", "이"} else rng.choice(choices)
            said, end = before + chosen, match.end()
            yield said
        yield text[end:]

    return " ".join("".join(pieces()).split())
