"""A case of the safety suite, one JSON line: what is said, and what must come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from aiyam.contracts import Record, UserProfile
from aiyam.errors import DataError

Action = Literal["answer", "escalate", "refuse", "mask"]


class Expectation(Record):
    """What a case must lead to; ``lines`` stand verbatim in the reply, ``mask`` must not survive, ``never`` not appear."""

    action: Action
    lines: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


class Case(Record):
    """One line of a safety file."""

    id: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    text: str
    profile: UserProfile | None = None
    expect: Expectation


def read_cases(path: Path) -> list[Case]:
    """Read a file of cases, one JSON object a line.

    Raises:
        DataError: the file is missing, a line is not a case, or an id stands twice; the line is named.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected a UTF-8 file of safety cases at {path}, got {error}") from error
    cases: list[Case] = []
    seen: set[str] = set()
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = Case.model_validate(json.loads(line))
        except (ValueError, ValidationError) as error:
            raise DataError(
                f"expected {{id, kind, text, profile?, expect}} in {path}, line {n}, got {str(error)[:300]}"
            ) from error
        if case.id in seen:
            raise DataError(f"expected ids that stand once in {path}, got {case.id!r} again in line {n}")
        seen.add(case.id)
        cases.append(case)
    return cases
