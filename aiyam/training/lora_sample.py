"""Rows to try the adapter trainer with: plans of turns, asked as the product asks, answered by the templates."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from aiyam.contracts import InstructionRow, ReplyPlan
from aiyam.errors import InvalidInput
from aiyam.reply.language_model import Replier
from aiyam.reply.points import MODEL_KINDS
from aiyam.reply.worded_by_model import RULES, asked


def rows_of(plans: Iterable[ReplyPlan], replier: Replier, *, n_rows: int) -> list[InstructionRow]:
    """Return at most ``n_rows`` rows, no question twice; of greetings and thanks a tenth at the most.

    Args:
        replier: words the plans with templates alone.
    """
    rows: dict[str, InstructionRow] = {}
    n_small = 0
    for variety, plan in enumerate(plans):
        if len(rows) == n_rows:
            break
        small = plan.kind in ("greeting", "thanks", "feedback")
        if plan.kind not in MODEL_KINDS or (small and n_small >= max(1, n_rows // 10)):
            continue
        question = asked(plan, variety=variety)
        if question in rows:
            continue
        n_small += small
        answer = replier.reply(plan, variety=variety).text
        rows[question] = InstructionRow(instruction=RULES, input=question, output=answer)
    return list(rows.values())


def write_rows(rows: Iterable[InstructionRow], path: Path) -> int:
    """Write rows as JSON Lines, whole or not at all; return how many.

    Raises:
        InvalidInput: the file cannot be written.
    """
    lines = [row.model_dump_json(exclude_none=True) for row in rows]
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InvalidInput(
            f"Expected room and the right to write {path}, but: {error.strerror or error}.", hint="Name another file."
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return len(lines)
