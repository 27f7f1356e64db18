"""Whether a span found is the span labelled: exactly, or but for the particles and spaces after it."""

from __future__ import annotations

from collections.abc import Set

from aiyam.korean.particles import final_consonant

Span = tuple[str, int, int]
"""(label, start, end) in code points, end exclusive."""

_AFTER_CONSONANT = ("은", "이", "을", "과", "으로", "이랑", "이나", "이요", "이라도", "이라", "이든", "이든지", "이야", "이에요", "이면")  # fmt: skip
_AFTER_VOWEL = ("는", "가", "를", "와", "로", "랑", "나", "요", "라도", "라", "든", "든지", "야", "예요", "면")
_AFTER_ANY = ("의", "에", "에서", "에게", "에게서", "께", "께서", "한테", "한테서", "도", "만", "까지", "부터", "마다", "보다", "처럼", "하고", "밖에", "조차", "마저", "대로", "씩", "쯤", "로서", "로써")  # fmt: skip
_MAX_STACKED = 3


def only_particles(word: str, rest: str, *, stacked: int = _MAX_STACKED) -> bool:
    """Tell whether what follows a word is nothing but particles that agree with it, and spaces.

    >>> only_particles("만원", "으로"), only_particles("집", " 에서는 "), only_particles("아", "이"), only_particles("김", "밥")
    (True, True, False, False)
    """
    rest = rest.strip()
    if not rest:
        return True
    if not stacked:
        return False
    final = final_consonant(word)
    fitting = [*_AFTER_ANY]
    if final != "":
        fitting += [p for p in _AFTER_CONSONANT if not (final == "ㄹ" and p == "으로")]
    if not final:
        fitting += _AFTER_VOWEL
    elif final == "ㄹ":
        fitting.append("로")
    return any(rest.startswith(p) and only_particles(word + p, rest[len(p) :], stacked=stacked - 1) for p in fitting)


def lenient_hits(text: str, gold: Set[Span], said: Set[Span]) -> int:
    """Count the labelled spans that are found, each by one span of its kind, trailing particles and spaces aside.

    >>> lenient_hits("만원으로 떡볶이", {("budget", 0, 2)}, {("budget", 0, 4)})
    1
    """
    exact = gold & said
    left = sorted(said - exact)
    n = len(exact)
    for label, start, end in sorted(gold - exact):
        for other in left:
            if other[0] == label and _same_but_particles(text, (start, end), other[1:]):
                left.remove(other)
                n += 1
                break
    return n


def _same_but_particles(text: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    (a, b), (c, d) = (_trimmed(text, *span) for span in (one, other))
    short, long = min(b, d), max(b, d)
    return a == c and a < short and only_particles(text[a:short], text[short:long])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    surface = text[start:end]
    return start + len(surface) - len(surface.lstrip()), end - len(surface) + len(surface.rstrip())
