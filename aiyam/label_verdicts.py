"""What holds for a task: what was decided, else what its annotators agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from aiyam.label_contracts import Annotation, Decision, Label


class Answered(Protocol):
    """A task's answers and decision."""

    @property
    def annotations(self) -> Sequence[Annotation]: ...
    @property
    def decision(self) -> Decision | None: ...


def label_that_holds(one: Answered) -> Label | Literal["dispute"] | None:
    """Return the label that holds."""
    if one.decision is not None:
        return one.decision.label
    latest = {a.annotator: a.label for a in one.annotations if a.label is not None and not a.cancelled}
    labels = list(latest.values())
    if not labels:
        return None

    def bare(label: Label) -> Label:
        return label.model_copy(
            update={"semantic_query": ""}
            if label.kind == "understanding"
            else {"text": ""}
            if label.kind == "rewrite"
            else {}
        )

    return labels[-1] if all(bare(label) == bare(labels[0]) for label in labels) else "dispute"
