"""Many patterns found in one pass over a text: each is tried only where two letters stand that it can begin with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set

MatchAt = Callable[[str, int], "re.Match[str] | None"]
_START_CHARS = 2
_MANY_LETTERS = 64
"""A class of more letters is not written out where another letter stands before it."""
_ANY = frozenset({("", False)})
_LOOKAROUND = ("(?!", "(?=", "(?<!", "(?<=")
_TIMES = re.compile(r"(?:[?*+]|\{\d*,?\d*\})*")


class LetterScan:
    """Tables of patterns, found like ``re.finditer`` would find each table, in one pass.

    A table maps a value to its pattern; where several match at one place, the value that stands first in the table
    wins. Matches of one table never overlap; those of different tables may.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Sort the alternatives of all patterns by the two letters they can begin with.

        Raises:
            ValueError: a pattern can begin with any letter, or match nothing, or has a group that captures.
        """
        self.names = list(tables)
        alternatives = [
            (number, value, alternative)
            for number, table in enumerate(tables.values())
            for value, pattern in table.items()
            for alternative in _alternatives(pattern)
        ]
        by_start: dict[str, list[int]] = {}
        for place, (_, value, alternative) in enumerate(alternatives):
            for start, _ in _starts(alternative):
                if not start:
                    raise ValueError(f"{alternative!r} of {value!r} can begin with any letter, or match nothing")
                by_start.setdefault(start, []).append(place)
        compiled: dict[tuple[int, ...], tuple[_Try, ...]] = {}
        self._tries: dict[str, tuple[_Try, ...]] = {}
        for start, places in by_start.items():
            here = tuple(sorted({*places, *by_start.get(start[0], ())}))
            if here not in compiled:
                compiled[here] = _compiled([alternatives[place] for place in here])
            self._tries[start] = compiled[here]

        self._first = frozenset(start[0] for start in by_start)

    def find(self, text: str) -> Iterator[tuple[int, str, int, int]]:
        """Yield (number of the table, value, start, end), place by place."""
        tries = self._tries
        free = [0] * len(self.names)
        first = self._first
        for at, letter in enumerate(text):
            if letter not in first:
                continue
            here = tries.get(text[at : at + 2]) or tries.get(letter)
            if here is None:
                continue
            for number, match_at, values in here:
                if at < free[number]:
                    continue
                match = match_at(text, at)
                if match is not None:
                    end = match.end()
                    free[number] = end
                    yield number, values[(match.lastindex or 1) - 1], at, end


_Try = tuple[int, MatchAt, tuple[str, ...]]
"""The number of a table, what matches its alternatives at a place, and the value of each group of the match."""


def _compiled(alternatives: list[tuple[int, str, str]]) -> tuple[_Try, ...]:
    """Join the alternatives of each table, a group for each run of one value."""
    tables: dict[int, list[tuple[str, list[str]]]] = {}
    for number, value, alternative in alternatives:
        groups = tables.setdefault(number, [])
        if not groups or groups[-1][0] != value:
            groups.append((value, []))
        groups[-1][1].append(alternative)
    return tuple((number, *_one_pattern(groups)) for number, groups in tables.items())


def _one_pattern(groups: list[tuple[str, list[str]]]) -> tuple[MatchAt, tuple[str, ...]]:
    """Return what matches any of the alternatives, and the value each group of the match stands for."""
    n_groups = len(groups) if len(groups) > 1 else 0
    joined = "|".join(f"({'|'.join(parts)})" if n_groups else "|".join(parts) for _, parts in groups)
    pattern = re.compile(joined)
    if pattern.groups != n_groups:  # a group of its own would shift the number that tells the value
        value, part = next((v, p) for v, parts in groups for p in parts if re.compile(p).groups)
        raise ValueError(f"{part!r} of {value!r} has a group that captures; write (?:...)")
    return pattern.match, tuple(v for v, _ in groups)


# --------------------------------------------------------------------------- what a pattern can begin with


def _atoms(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a pattern (a letter, a class, a group, a bar), each with how often it may stand.

    >>> list(_atoms("(?:큰|작은)?엄[마매]{1,2}"))
    [('(?:큰|작은)', '?'), ('엄', ''), ('[마매]', '{1,2}')]
    """
    at = 0
    while at < len(pattern):
        end = _end_of_atom(pattern, at)
        times = _TIMES.match(pattern, end)
        assert times is not None
        yield pattern[at:end], times.group()
        at = times.end()


def _end_of_atom(pattern: str, at: int) -> int:
    letter = pattern[at]
    if letter == "\\":
        return at + 2
    if letter not in "[(":
        return at + 1
    end = at + 1 + (letter == "[" and pattern.startswith("^", at + 1))
    closing = "]" if letter == "[" else ")"
    while end < len(pattern) and (pattern[end] != closing or (letter == "[" and end == at + 1)):
        end = _end_of_atom(pattern, end) if letter == "(" or pattern[end] == "\\" else end + 1
    if end >= len(pattern):
        raise ValueError(f"a bracket of {pattern!r} stays open")
    return end + 1


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at its outermost bars."""
    parts = [""]
    for atom, times in _atoms(pattern):
        if atom == "|":
            parts.append("")
        else:
            parts[-1] += atom + times
    return parts


def _starts(pattern: str) -> set[tuple[str, bool]]:
    """Return what a match of a sequence can begin with, up to two letters, each with whether the match may end there.

    Where it may not end, any letter may follow those told. What looks around is passed over, so no start is left out.

    >>> sorted(_starts("(?<!만)년?필통?")), sorted(_starts("빵(?=집)")), sorted(_starts("a.b"))
    ([('년필', False), ('필', True), ('필통', False)], [('빵', True)], [('a', False)])
    """
    told: set[str] = set()
    going = {""}
    for atom, times in _atoms(pattern):
        if atom in "^$" or atom.startswith(_LOOKAROUND):
            continue
        pieces = _starts_of_atom(atom)
        after = set(going) if times[:1] in ("?", "*") or times.startswith("{0") else set()
        once = times[:1] not in ("*", "+", "{")
        for start in going:
            if start and len(pieces) > _MANY_LETTERS:
                told.add(start)
                continue
            for piece, ends in pieces:
                longer = start + piece
                (after if ends and once and len(longer) < _START_CHARS else told).add(longer[:_START_CHARS])
        going = after
        if not going:
            break
    return {(start, False) for start in told} | {(start, True) for start in going}


def _starts_of_atom(atom: str) -> Set[tuple[str, bool]]:
    if atom == "." or atom.startswith("[^"):
        return _ANY
    if atom[0] == "(":
        inside = atom[3:-1] if atom.startswith("(?:") else atom[1:-1]
        return set().union(*(_starts(part) for part in _alternatives(inside)))
    letters = _class_letters(atom[1:-1]) if atom[0] == "[" else _escaped(atom[1]) if atom[0] == "\\" else {atom}
    return {(letter, True) for letter in letters} if letters else _ANY


def _class_letters(inside: str) -> set[str]:
    """Return the letters of a class; empty where one of its escapes stands for too many to write out."""
    found: set[str] = set()
    at = 0
    while at < len(inside):
        if inside[at] == "\\":
            letters = _escaped(inside[at + 1])
            if not letters:
                return set()
            found |= letters
            at += 2
        elif inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            found |= {chr(code) for code in range(ord(inside[at]), ord(inside[at + 2]) + 1)}
            at += 3
        else:
            found.add(inside[at])
            at += 1
    return found


def _escaped(letter: str) -> set[str]:
    """Return the letters an escape stands for; empty for one that stands for almost any."""
    if letter == "d":
        return set("0123456789")
    if letter == "s":
        return {" "}
    return set() if letter.isalnum() else {letter}
