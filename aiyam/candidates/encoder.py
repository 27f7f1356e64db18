"""What every text encoder of the content funnel does, the words it reads, and opening whichever kind a version holds."""

from __future__ import annotations

import json
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import ModelError

WIDTH = 128
FACTS = "encoder.json"
RETRAIN = "Train it again: aiyam train content."
MAX_TEXT_CHARS = 2000
FILLERS = frozenset(
    [
        "거",
        "게",
        "것",
        "걸",
        "데",
        "곳",
        "집",
        "좀",
        "나",
        "난",
        "저",
        "뭐",
        "뭘",
        "이",
        "그",
        "맛집",
        "식당",
        "가게",
        "음식",
        "메뉴",
        "추천",
        "추천해줘",
        "추천해",
        "알려줘",
        "먹고",
        "먹을",
        "먹자",
        "싶어",
        "싶은데",
        "싶다",
        "파는",
        "있는",
        "있어",
        "없어",
        "맛있는",
        "괜찮은",
        "갈만한",
        "근처",
        "주변",
        "가까운",
        "여기",
        "오늘",
        "지금",
        "우리",
        "해줘",
        "배고파",
        "배고픈데",
        "어디",
        "ㅊㅊ",
        "좋은",
        "줘",
    ]
)
"""Words of a request that say nothing about the food; 거 would otherwise mean 버거."""
_WORD = re.compile(r"[0-9a-z가-힣ㄱ-ㅣ]+")


def words_of(text: str) -> list[str]:
    """Split a text into lower-case words of Hangul, Latin letters and digits (NFC).

    >>> words_of("뜨끈한 국물! BBQ")
    ['뜨끈한', '국물', 'bbq']
    """
    return _WORD.findall(unicodedata.normalize("NFC", text[:MAX_TEXT_CHARS]).lower())


def telling_words_of(text: str) -> list[str]:
    """Return the words of a text that say something about the food.

    >>> telling_words_of("속 편한 거 추천")
    ['속', '편한']
    """
    return [word for word in words_of(text) if word not in FILLERS]


class TextEncoder(ABC):
    """Maps texts to unit vectors, so that a request and the shops that answer it point the same way."""

    width = WIDTH
    """Length of a vector, of every kind."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (k, 128) unit rows; a text that says nothing about food is a row of zeros."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the encoder into an existing folder; the caller seals it."""

    @staticmethod
    def load(folder: Path) -> TextEncoder:
        """Open what ``save`` wrote, of whichever kind.

        Raises:
            ModelError: a file is missing, damaged, or of another kind or version; names the difference.
        """
        from aiyam.candidates.gram_encoder import GramEncoder
        from aiyam.candidates.pretrained_encoder import PretrainedEncoder

        facts = _read_facts(folder)
        for kind in (GramEncoder, PretrainedEncoder):
            if facts.get("kind") == kind.kind:
                return kind.open(folder, facts)
        raise ModelError(
            f"Expected an encoder of kind {GramEncoder.kind!r} or {PretrainedEncoder.kind!r} in {folder / FACTS}, "
            f"got {facts.get('kind')!r}.",
            hint=RETRAIN,
        )


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what an encoder is, beside its weights."""
    (folder / FACTS).write_text(json.dumps(dict(facts), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"Expected a text encoder in {folder}, got: {error}.", hint=RETRAIN) from error
    if not isinstance(facts, dict):
        raise ModelError(f"Expected the facts of an encoder in {folder / FACTS}, got {facts!r:.80}.", hint=RETRAIN)
    return facts


def refuse_difference(folder: Path, facts: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Check what a version says of itself against what this code reads.

    Raises:
        ModelError: something differs; names each difference.
    """
    wrong = [f"{key} {value!r}, got {facts.get(key)!r}" for key, value in expected.items() if facts.get(key) != value]
    if wrong:
        raise ModelError(f"Expected in {folder / FACTS} {'; '.join(wrong)}.", hint=RETRAIN)


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 rows of length one; rows of next to nothing stay zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-6), np.float32)
