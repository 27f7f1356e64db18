"""Many patterns found in one pass over a text: each is tried only where a letter stands that it can begin with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

MatchAt = Callable[[str, int], "re.Match[str] | None"]
_GROUP_STARTS = ("(?:", "(?!", "(?=", "(?<!", "(?<=")


class LetterScan:
    """Tables of patterns, found like ``re.finditer`` would find each table, in one pass.

    A table maps a value to its pattern; where several match at one place, the value that stands first in the table
    wins. Matches of one table never overlap; those of different tables may.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Sort the alternatives of all patterns by the letters they can begin with.

        Raises:
            ValueError: a pattern can begin with any letter, or match nothing.
        """
        self.names = list(tables)
        by_letter: dict[str, dict[int, list[tuple[str, str]]]] = {}
        for number, table in enumerate(tables.values()):
            for value, pattern in table.items():
                for alternative in _alternatives(pattern):
                    letters, empty = _first_letters(alternative)
                    if empty:
                        raise ValueError(f"{alternative!r} of {value!r} can match nothing")
                    for letter in letters:
                        by_letter.setdefault(letter, {}).setdefault(number, []).append((value, alternative))
        self._tries = {
            letter: tuple((number, *_compiled(found)) for number, found in sorted(tables_of.items()))
            for letter, tables_of in by_letter.items()
        }

    def find(self, text: str) -> Iterator[tuple[int, str, int, int]]:
        """Yield (number of the table, value, start, end), place by place."""
        tries = self._tries
        free = [0] * len(self.names)
        for at, letter in enumerate(text):
            here = tries.get(letter)
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


def _compiled(found: list[tuple[str, str]]) -> tuple[MatchAt, tuple[str, ...]]:
    """Join the alternatives of one letter, a group for each run of one value."""
    groups: list[tuple[str, list[str]]] = []
    for value, alternative in found:
        if not groups or groups[-1][0] != value:
            groups.append((value, []))
        groups[-1][1].append(alternative)
    if len(groups) == 1:
        return re.compile("|".join(groups[0][1])).match, (groups[0][0],)
    return re.compile("|".join(f"({'|'.join(parts)})" for _, parts in groups)).match, tuple(v for v, _ in groups)


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at its outermost bars."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = _class_end(pattern, at)
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "|" and not depth:
            parts.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*parts, pattern[start:]]


def _class_end(pattern: str, at: int) -> int:
    """Return where the class of letters that opens at ``at`` closes."""
    end = at + 1 + pattern.startswith("[^", at)
    while pattern[end] != "]" or end == at + 1:
        end += 2 if pattern[end] == "\\" else 1
    return end


def _group_end(pattern: str, at: int) -> int:
    depth = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = _class_end(pattern, at)
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ValueError(f"a bracket of {pattern!r} stays open")


def _first_letters(pattern: str) -> tuple[set[str], bool]:
    """Return the letters a sequence can begin with, and whether it can match nothing."""
    letters: set[str] = set()
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "(":
            end = _group_end(pattern, at)
            opening = next((s for s in _GROUP_STARTS if pattern.startswith(s, at)), "(")
            if opening in ("(?:", "("):
                inner = [_first_letters(part) for part in _alternatives(pattern[at + len(opening) : end])]
                found, empty = set().union(*(f for f, _ in inner)), any(e for _, e in inner)
            else:
                at = end + 1
                continue
        elif letter == "[":
            end = _class_end(pattern, at)
            found, empty = _class_letters(pattern[at + 1 : end]), False
        elif letter == "\\":
            end = at + 1
            found, empty = _escaped(pattern[end]), False
        elif letter in ".^$":
            raise ValueError(f"{pattern!r} can begin with any letter")
        else:
            end, found, empty = at, {letter}, False
        letters |= found
        after = pattern[end + 1 : end + 3]
        if not (empty or after[:1] in ("?", "*") or after == "{0"):
            return letters, False
        at = end + 1
        while at < len(pattern) and pattern[at] in "?*+":
            at += 1
        if pattern.startswith("{", at):
            at = pattern.index("}", at) + 1
    return letters, True


def _class_letters(inside: str) -> set[str]:
    if inside.startswith("^"):
        raise ValueError(f"[{inside}] can be almost any letter")
    found: set[str] = set()
    at = 0
    while at < len(inside):
        if inside[at] == "\\":
            found |= _escaped(inside[at + 1])
            at += 2
        elif inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            found |= {chr(code) for code in range(ord(inside[at]), ord(inside[at + 2]) + 1)}
            at += 3
        else:
            found.add(inside[at])
            at += 1
    return found


def _escaped(letter: str) -> set[str]:
    if letter == "d":
        return set("0123456789")
    if letter == "s":
        return {" "}
    if letter.isalnum():
        raise ValueError(f"\\{letter} can begin with any letter")
    return {letter}
