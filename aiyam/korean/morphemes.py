"""Morphemes of a message, by Kiwi (kiwipiepy): "굶었어요" and "굶는 중" share 굶, whatever their endings."""

from __future__ import annotations

from functools import cache
from typing import Any

_NOT_SAID = frozenset({"SF", "SP", "SS", "SSO", "SSC", "SE", "SO", "SW"})
_CARRIES_MEANING = ("N", "V", "M", "X")
_MOOD = frozenset({"EP", "EF"})


@cache
def _kiwi() -> Any:
    """Load the analyser once a process (1.5 s, 240 MB), without its lists of names and of misspellings."""
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1, load_default_dict=False, load_multi_dict=False, load_typo_dict=False)


def load() -> None:
    """Load the analyser now, so that the first message need not wait for it."""
    _kiwi()


def morphemes(text: str) -> list[tuple[str, bool]]:
    """Return each morpheme but punctuation as its form with the first letter of its tag, and whether it carries meaning.

    Nouns, verbs, modifiers, roots and affixes carry meaning, and so do tense and the sentence's ending; particles do not.

    >>> morphemes("어제부터 굶었어")
    [('어제N', True), ('부터J', False), ('굶V', True), ('었E', True), ('어E', True)]
    """
    return [
        (f"{token.form}{token.tag[0]}", token.tag.startswith(_CARRIES_MEANING) or token.tag in _MOOD)
        for token in _kiwi().tokenize(text.encode("utf-8", "replace").decode())
        if token.tag not in _NOT_SAID
    ]
