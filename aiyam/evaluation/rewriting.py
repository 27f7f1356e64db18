"""A child-friendly rewriter judged on pairs: SARI, exact facts, what changed, and how easy the words are for each band."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiyam.contracts import AGE_BANDS, AgeBand
from aiyam.errors import DataError
from aiyam.evaluation.readability import Readability, readability
from aiyam.intervals import Z_95
from aiyam.registry import open_sealed
from aiyam.reply.child_friendly import ChildFriendly, facts_of
from aiyam.reply.hard_words import load_grades
from aiyam.reply.pairs import Pair, unseen
from aiyam.reply.pieces import cut
from aiyam.reply.sari import Sari, mean_sari, sari, syllables, words

DEFAULT_BAND: AgeBand = "10-12"
_NAME = re.compile(r"([가-힣A-Za-z0-9]{3,})(?<![은는을를에])(?=\s\d[\d,]*원|\(\d)")


@dataclass
class RewritingReport:
    """What was found over n pairs; ``texts`` are what the rewriter wrote, in the pairs' order."""

    pairs: Sequence[Pair]
    texts: list[str] = field(default_factory=list)
    by_words: list[Sari] = field(default_factory=list)
    by_syllables: list[Sari] = field(default_factory=list)
    unchanged_inputs: list[Sari] = field(default_factory=list)
    n_sentences: int = 0
    n_changed_sentences: int = 0
    n_fallbacks: int = 0
    wrong_facts: list[str] = field(default_factory=list)
    lost_names: int = 0
    n_names: int = 0
    readability: dict[str, dict[str, Readability]] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON types. SARI is on words (spaces, marks apart) with a 95 % interval over originals; syllables beside."""
        n = len(self.texts)
        originals = [pair.original for pair in self.pairs]
        friendly = [pair.original == pair.rewritten for pair in self.pairs]
        ordered = sorted(self.ms)
        return {
            "n": n,
            "sari": _parts(self.by_words, self.pairs),
            "sari_of_the_input": _parts(self.unchanged_inputs, self.pairs),
            "sari_syllables": _parts(self.by_syllables, self.pairs),
            "facts_kept": round(1 - len(self.wrong_facts) / n, 4) if n else None,
            "names_kept": round(1 - self.lost_names / self.n_names, 4) if self.n_names else None,
            "n_names": self.n_names,
            "changed": _share([a != b for a, b in zip(originals, self.texts, strict=True)]),
            "friendly_ones_changed": _share(
                [text != original for text, original, same in zip(self.texts, originals, friendly, strict=True) if same]
            ),
            "n_friendly_ones": sum(friendly),
            "sentences": self.n_sentences,
            "sentences_changed": self.n_changed_sentences,
            "fallbacks": self.n_fallbacks,
            "readability": {
                band: {side: found.as_json() for side, found in sides.items()}
                for band, sides in self.readability.items()
            },
            "p50_ms": round(ordered[n // 2], 3) if n else None,
            "p95_ms": round(ordered[int(n * 0.95)], 3) if n else None,
            "wrong_facts": self.wrong_facts[:5],
        }


def evaluate_rewriter(rewriter: ChildFriendly, pairs: Sequence[Pair], grades: Mapping[str, int]) -> RewritingReport:
    """Rewrite every pair's original and compare with its counterpart.

    Args:
        rewriter: what is judged. It is given no plan, so it must leave names alone without being told them.
        pairs: held-out pairs; one without a band is read by ten- to twelve-year-olds.
        grades: the graded word list (see ``load_grades``).
    """
    report = RewritingReport(pairs)
    for pair in pairs:
        started = time.perf_counter()
        eased = rewriter.ease(pair.original, pair.band or DEFAULT_BAND)
        report.ms.append((time.perf_counter() - started) * 1000)
        report.texts.append(eased.text)
        report.n_sentences += eased.n_sentences
        report.n_changed_sentences += eased.n_changed
        report.n_fallbacks += eased.n_fallbacks
        for split, scores in ((words, report.by_words), (syllables, report.by_syllables)):
            scores.append(sari(split(pair.original), split(eased.text), split(pair.rewritten)))
        report.unchanged_inputs.append(sari(words(pair.original), words(pair.original), words(pair.rewritten)))
        if facts_of(eased.text) != facts_of(pair.original):
            report.wrong_facts.append(f"{pair.original} → {eased.text}")
        names = names_in(pair)
        report.n_names += len(names)
        report.lost_names += sum(name not in eased.text for name in names)
    for band in AGE_BANDS:
        some = [n for n, pair in enumerate(pairs) if (pair.band or DEFAULT_BAND) == band]
        if some:
            report.readability[band] = {
                "original": readability([pairs[n].original for n in some], band, grades),
                "rewritten": readability([report.texts[n] for n in some], band, grades),
                "by_hand": readability([pairs[n].rewritten for n in some], band, grades),
            }
    return report


def evaluate_version(
    folder: Path, pairs: Sequence[Pair], words_dir: Path, *, table_only: bool = False
) -> RewritingReport:
    """Judge a trained version on the pairs it was not trained on; ``table_only`` judges the word table on the same pairs.

    Raises:
        DataError: no pair is left.
        ModelError: the folder holds no sound version.
    """
    manifest = open_sealed(folder, "child")
    left = unseen(pairs, folder)
    if not left:
        raise DataError(
            f"Expected pairs that child/{manifest.version} was not trained on, got none among {len(pairs)}.",
            hint="Name other pairs with --data.",
        )
    rewriter = ChildFriendly.load(words_dir / "easy_words.json", None if table_only else folder)
    return evaluate_rewriter(rewriter, left, load_grades(words_dir / "hard_words.tsv"))


def names_in(pair: Pair) -> list[str]:
    """Return what stands right before a price or a number in brackets and is on both sides: shops, dishes, things priced.

    >>> names_in(Pair("떡볶이나라(400m)의 라면 4,000원", "떡볶이나라(400m)에 라면 4,000원이 있어요."))
    ['떡볶이나라']
    """
    found = dict.fromkeys(_NAME.findall(pair.original))
    return [name for name in found if name in pair.rewritten and cut(name, [])[-1].key[0] != "{"]


def samples_page(report: RewritingReport, n: int, *, seed: int) -> str:
    """Return a Markdown page of n changed texts for a blind judgement: sides shuffled, the key at the end."""
    rng = random.Random(seed)
    changed = [
        i for i, (pair, text) in enumerate(zip(report.pairs, report.texts, strict=True)) if text != pair.original
    ]
    chosen = rng.sample(changed, min(n, len(changed)))
    lines = [
        "# Which one would you show a child of this age?",
        "",
        "For each number write A, B or equal, and whether either states something the other does not. The key is at the end.",
        "",
    ]
    key = []
    for number, i in enumerate(chosen, 1):
        pair, text = report.pairs[i], report.texts[i]
        swapped = rng.random() < 0.5
        first, second = (text, pair.original) if swapped else (pair.original, text)
        lines += [f"## {number}. Age {pair.band or DEFAULT_BAND}", "", f"A. {first}", "", f"B. {second}", ""]
        key.append(f"{number} {'A' if swapped else 'B'}")
    return "\n".join([*lines, "---", "", "Key, the rewritten side: " + ", ".join(key), ""])


def rewriting_table(results: Mapping[str, Any]) -> str:
    """Return results as text, one figure a line."""
    sari_parts = results["sari"]
    lines = [
        f"pairs {results['n']}, sentences {results['sentences']}: {results['sentences_changed']} changed, {results['fallbacks']} fell back",
        f"SARI (words) {sari_parts['score']:.3f} ({sari_parts['low']:.3f}-{sari_parts['high']:.3f}):"
        f" keep {sari_parts['keep']:.3f}, add {sari_parts['add']:.3f}, delete {sari_parts['delete']:.3f};"
        f" of the input itself {results['sari_of_the_input']['score']:.3f}; on syllables {results['sari_syllables']['score']:.3f}",
        f"facts kept {results['facts_kept']}, names kept {results['names_kept']} of {results['n_names']}",
        f"texts changed {results['changed']}; of {results['n_friendly_ones']} that needed nothing {results['friendly_ones_changed']}",
    ]
    for band, sides in results["readability"].items():
        told = ", ".join(
            f"{side} {found['chars_a_sentence']} chars, {found['hard_words']:.1%} hard" for side, found in sides.items()
        )
        lines.append(f"{band}: {told}")
    lines.append(f"p50 {results['p50_ms']} ms, p95 {results['p95_ms']} ms a text")
    return "\n".join(lines)


def _parts(scores: Sequence[Sari], pairs: Sequence[Pair]) -> dict[str, float]:
    mean = mean_sari(scores)
    low, high = _interval([score.score for score in scores], [pair.original for pair in pairs])
    named = {"score": mean.score, "low": low, "high": high, "keep": mean.keep, "add": mean.add, "delete": mean.delete}
    return {name: round(value, 4) for name, value in named.items()}


def _interval(values: Sequence[float], groups: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of a mean whose values come in groups that resemble each other (linearised over groups)."""
    n = max(len(values), 1)
    mean = sum(values) / n
    residuals: dict[str, float] = {}
    for value, group in zip(values, groups, strict=True):
        residuals[group] = residuals.get(group, 0.0) + value - mean
    n_groups = len(residuals)
    if n_groups < 2:
        return mean, mean
    half = Z_95 * math.sqrt(sum(r * r for r in residuals.values()) * n_groups / (n_groups - 1)) / n
    return mean - half, mean + half


def _share(flags: Sequence[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None
