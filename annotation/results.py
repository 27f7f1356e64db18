"""Label Studio's results and our labels, both ways: offsets are code points, texts come from offsets, faults are told."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from aiyam.contracts import AGE_BANDS, Entity, EntityType, Intent
from aiyam.errors import InvalidInput
from aiyam.label_contracts import (
    LABEL_FLAGS,
    SAFETY_FLAGS,
    VERDICTS,
    Annotation,
    CompareLabel,
    Label,
    LabelKind,
    LabelTask,
    RewriteLabel,
    UnderstandingLabel,
)
from annotation.client import SUGGESTED_BY
from annotation.filter_words import chosen, read_filters, written

Valued = Callable[[str, str], "str | int"]
"""Gives the normalised value of a span from its kind and its text."""

SHOWN_KEYS: dict[LabelKind, tuple[str, ...]] = {
    "understanding": ("text", "context"),
    "rewrite": ("context", "age_band", "answer", "facts"),
    "compare": ("context", "text", "a", "b"),
}
"""What the data of a task must hold for its screen."""
_TARGET: dict[LabelKind, str] = {"understanding": "text", "rewrite": "answer", "compare": "text"}
_MAX_SPANS = 60


def surface(kind: str, text: str) -> str | int:
    """The text of a span as its own value, for those who know no better."""
    return text


def server_task(task: LabelTask) -> dict[str, Any]:
    """Return a task as Label Studio imports it, with its suggestion.

    Raises:
        InvalidInput: the data lack what the screen shows, or the suggestion does not fit the text.
    """
    missing = [key for key in ("aiyam_key", "turn_id", *SHOWN_KEYS[task.kind]) if key not in task.data]
    if missing or task.data["aiyam_key"] != task.key:
        raise InvalidInput(
            f"Expected the data of task {task.key} to hold its key and {', '.join(SHOWN_KEYS[task.kind])}.",
            hint="Withdraw the batch and make it again.",
        )
    data = dict(task.data) | {"model_version": task.model_version}
    if task.kind == "rewrite":
        data["answer_shown"] = highlighted(str(data["answer"]), [str(fact) for fact in data["facts"]])
    made: dict[str, Any] = {"data": data}
    if task.prediction is not None:
        suggestion: dict[str, Any] = {
            "model_version": SUGGESTED_BY,
            "result": result_of(task.prediction, str(data.get("text", ""))),
        }
        if task.score is not None:
            suggestion["score"] = task.score
        made["predictions"] = [suggestion]
    return made


def highlighted(answer: str, facts: Iterable[str]) -> str:
    """Return an answer as HTML with its facts marked, longest first, so that a part of a fact stays inside it.

    >>> highlighted("<b> 5분, 할매분식 5분", ["5분", "할매분식"])
    '&lt;b&gt; <mark>5분</mark>, <mark>할매분식</mark> <mark>5분</mark>'
    """
    known = sorted({fact for fact in facts if fact}, key=len, reverse=True)
    if not known:
        return html.escape(answer)
    pieces = re.split(f"({'|'.join(map(re.escape, known))})", answer)
    return "".join(
        f"<mark>{html.escape(piece)}</mark>" if i % 2 else html.escape(piece) for i, piece in enumerate(pieces)
    )


def result_of(label: Label, text: str = "") -> list[dict[str, Any]]:
    """Return a label as a result; ``text`` is the utterance whose spans it holds.

    Raises:
        InvalidInput: a span does not stand in the text.
    """
    target = _TARGET[label.kind]
    items: list[dict[str, Any]] = []

    def add(name: str, kind: str, value: dict[str, Any]) -> None:
        items.append(
            {"id": f"{name}{len(items)}", "from_name": name, "to_name": target, "type": kind, "value": value}
        )  # fmt: skip

    def choose(name: str, codes: Sequence[str]) -> None:
        if codes:
            add(name, "choices", {"choices": list(codes)})

    if isinstance(label, UnderstandingLabel):
        for entity in label.entities:
            if text[entity.start : entity.end] != entity.text:
                raise InvalidInput(
                    f"Expected a suggested {entity.entity.value} to stand at {entity.start}..{entity.end} of the text.",
                    hint="Offsets are code points; make the task again from the turn.",
                )
            value = {"start": entity.start, "end": entity.end, "text": entity.text, "labels": [entity.entity.value]}
            add("entities", "labels", value)
        choose("intent", [label.intent.value] if label.intent else [])
        choose("cannot_tell", ["cannot_tell"] if label.cannot_tell else [])
        if label.semantic_query:
            add("semantic_query", "textarea", {"text": [label.semantic_query]})
        if paths := chosen(label.filters):
            add("filters", "taxonomy", {"taxonomy": paths})
        if lines := written(label.filters):
            add("details", "textarea", {"text": [lines]})
        if label.satisfaction is not None:
            add("satisfaction", "rating", {"rating": label.satisfaction})
    elif isinstance(label, RewriteLabel):
        if label.text:
            add("rewrite", "textarea", {"text": [label.text]})
        choose("wrong", label.wrong)
        choose("rating", [str(label.rating)] if label.rating else [])
    else:
        choose("verdict", [label.verdict])
    choose("flags", label.flags)
    return items


class _Answers:
    """The items of one result by question, and what is wrong with them."""

    def __init__(self, result: object) -> None:
        self.problems: list[str] = []
        self.items: dict[str, list[Mapping[str, Any]]] = {}
        for item in result if isinstance(result, list) else []:
            if isinstance(item, dict) and isinstance(item.get("value"), dict):
                self.items.setdefault(str(item.get("from_name")), []).append(item["value"])

    def refuse_unknown(self, names: Iterable[str]) -> None:
        if set(self.items) - set(names):
            self.problems.append("화면에 없는 질문의 답이 있어요: 프로젝트를 손으로 고치지 않았는지 보세요")

    def codes(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        given = [str(code) for value in self.items.get(name, []) for code in _listed(value.get("choices"))]
        if any(code not in known for code in given):
            self.problems.append(f"'{name}'에 화면에 없는 선택지가 있어요")
        return tuple(code for code in known if code in given)

    def code(self, name: str, known: Sequence[str]) -> str | None:
        given = self.codes(name, known)
        if len(given) > 1:
            self.problems.append(f"'{name}'에 답이 둘 이상이에요")
        return given[0] if given else None

    def words(self, name: str) -> str:
        lines = [str(line) for value in self.items.get(name, []) for line in _listed(value.get("text"))]
        return "\n".join(lines).replace("\r\n", "\n").strip()


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def label_of(task: LabelTask, result: object, valued: Valued = surface) -> tuple[Label | None, list[str]]:
    """Return what a result says of a task, and what is wrong with it; with a fault there is no label."""
    if not isinstance(result, list) or not result:
        return None, ["답이 비어 있어요"]
    answers = _Answers(result)
    try:
        label = _READERS[task.kind](task, answers, valued)
    except ValidationError as error:
        label = None
        answers.problems.append(f"답이 맞지 않아요: {error.errors()[0]['loc']}")
    return (None, answers.problems) if answers.problems else (label, [])


def _understanding(task: LabelTask, answers: _Answers, valued: Valued) -> Label | None:
    names = ("entities", "intent", "cannot_tell", "semantic_query", "filters", "details", "satisfaction", "flags")
    answers.refuse_unknown(names)
    intent = answers.code("intent", [one.value for one in Intent])
    cannot_tell = bool(answers.codes("cannot_tell", ("cannot_tell",)))
    if cannot_tell and intent:
        answers.problems.append("'알 수 없음'과 바라는 것이 함께 있어요")
    if not cannot_tell and not intent and not answers.problems:
        answers.problems.append("바라는 것도 '알 수 없음'도 없어요")
    entities = _entities(task, answers, valued)
    paths = [path for value in answers.items.get("filters", []) for path in _paths(value.get("taxonomy"))]
    filters, faults = read_filters(paths, answers.words("details"))
    answers.problems += faults
    ratings = [value.get("rating") for value in answers.items.get("satisfaction", [])]
    if answers.problems:
        return None
    return UnderstandingLabel(
        intent=None if intent is None else Intent(intent),
        entities=entities,
        semantic_query=" ".join(answers.words("semantic_query").split()),
        filters=filters,
        satisfaction=ratings[0] if ratings and ratings[0] else None,
        cannot_tell=cannot_tell,
        flags=answers.codes("flags", LABEL_FLAGS),
    )


def _paths(value: object) -> list[list[str]]:
    return [[str(step) for step in path] for path in _listed(value) if isinstance(path, list)]


def _entities(task: LabelTask, answers: _Answers, valued: Valued) -> tuple[Entity, ...]:
    text = str(task.data.get("text", ""))
    known = {kind.value for kind in EntityType}
    suggested = task.prediction.entities if isinstance(task.prediction, UnderstandingLabel) else ()
    values = {(e.entity, e.start, e.end): e.value for e in suggested}
    found: list[Entity] = []
    for value in answers.items.get("entities", [])[: _MAX_SPANS + 1]:
        labels, start, end = _listed(value.get("labels")), value.get("start"), value.get("end")
        if len(labels) != 1 or labels[0] not in known:
            answers.problems.append("칠한 부분에 화면에 없는 종류가 있거나 종류가 하나가 아니에요")
            continue
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            answers.problems.append("칠한 부분이 글 밖에 있어요")
            continue
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if start == end:
            continue  # a double click beside a word paints a blank, which says nothing
        kind = EntityType(labels[0])
        words = text[start:end]
        given = values.get((kind, start, end))
        found.append(
            Entity(entity=kind, value=valued(kind.value, words) if given is None else given, text=words, start=start, end=end)
        )  # fmt: skip
    found.sort(key=lambda e: (e.start, e.end))
    if any(one.end > next_one.start for one, next_one in pairwise(found)):
        answers.problems.append("칠한 부분이 서로 겹쳐요")
    if len(found) > _MAX_SPANS:
        answers.problems.append("칠한 부분이 너무 많아요")
    return tuple(found)


def _rewrite(task: LabelTask, answers: _Answers, valued: Valued) -> Label | None:
    answers.refuse_unknown(("rewrite", "wrong", "rating", "flags"))
    text = answers.words("rewrite")
    rating = answers.code("rating", ("1", "2", "3", "4", "5"))
    wrong = answers.codes("wrong", SAFETY_FLAGS)
    flags = answers.codes("flags", LABEL_FLAGS)
    missing = [fact for fact in task.data.get("facts", []) if text and str(fact) not in text]
    if missing:
        answers.problems.append(f"고쳐 쓴 글에 사실 {len(missing)}개가 빠졌어요")
    if not (text or wrong or rating or flags):
        answers.problems.append("답이 비어 있어요")
    band = task.data.get("age_band")
    if band not in AGE_BANDS:
        answers.problems.append("나이가 적혀 있지 않아요")
    if answers.problems:
        return None
    return RewriteLabel.model_validate(
        {"age_band": band, "text": text, "wrong": wrong, "rating": int(rating) if rating else None, "flags": flags}
    )


def _compare(task: LabelTask, answers: _Answers, valued: Valued) -> Label | None:
    answers.refuse_unknown(("verdict", "flags"))
    verdict = answers.code("verdict", VERDICTS)
    if verdict is None and not answers.problems:
        answers.problems.append("어느 답이 나은지 없어요")
    if answers.problems:
        return None
    return CompareLabel.model_validate({"verdict": verdict, "flags": answers.codes("flags", LABEL_FLAGS)})


_READERS: dict[LabelKind, Callable[[LabelTask, _Answers, Valued], Label | None]] = {
    "understanding": _understanding,
    "rewrite": _rewrite,
    "compare": _compare,
}


def annotation_of(task: LabelTask, raw: Mapping[str, Any], valued: Valued = surface) -> Annotation:
    """Return one annotation of the server as ours; a skipped one has no label and no problem.

    Raises:
        InvalidInput: it lacks its id or its times, which no version of the server leaves out.
    """
    cancelled = bool(raw.get("was_cancelled"))
    result = raw.get("result")
    label, problems = (None, []) if cancelled else label_of(task, result, valued)
    by = raw.get("completed_by")
    seconds = raw.get("lead_time")
    try:
        return Annotation(
            annotation_id=str(raw.get("unique_id") or f"{raw['task']}-{raw['id']}"),
            task_key=task.key,
            annotator=str(by.get("id") if isinstance(by, dict) else by),
            label=label,
            problems=tuple(dict.fromkeys(problems)),
            cancelled=cancelled,
            origin=_origin(task, raw, label),
            lead_time_s=float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else None,
            created_at=datetime.fromisoformat(str(raw["created_at"])),
            updated_at=datetime.fromisoformat(str(raw["updated_at"])),
        )
    except (KeyError, ValueError) as error:
        raise InvalidInput(
            f"Expected an annotation with unique_id, created_at and updated_at ({type(error).__name__}).",
            hint="Check that Label Studio has the pinned version.",
        ) from None


def _origin(task: LabelTask, raw: Mapping[str, Any], label: Label | None) -> Any:
    origins = {item.get("origin") for item in _listed(raw.get("result")) if isinstance(item, dict)}
    if task.prediction is None or not (raw.get("parent_prediction") or origins & {"prediction", "prediction-changed"}):
        return "manual"
    return "prediction" if label == task.prediction else "changed"
