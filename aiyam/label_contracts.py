"""Records of labelling and of dataset versions: what a person is asked, what they answered, what rows come of it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from aiyam.contracts import AgeBand, AwareDatetime, Entity, Filters, Intent, Record

LabelKind = Literal["understanding", "rewrite", "compare"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

SCHEMA_VERSION: dict[LabelKind, str] = {"understanding": "1", "rewrite": "1", "compare": "1"}
"""Number of the questions a kind of task asks; with other questions the same turn is another task."""

LabelFlag = Literal["personal_data", "ambiguous", "exclude"]
LABEL_FLAGS: tuple[LabelFlag, ...] = get_args(LabelFlag)
"""What an annotator may say of a task of any kind: a secret is left in it, it means two things, do not train on it."""

SafetyFlag = Literal["unsafe", "shaming", "ungrounded", "hard_words"]
SAFETY_FLAGS: tuple[SafetyFlag, ...] = get_args(SafetyFlag)
"""What may be wrong with an answer."""

Verdict = Literal["a", "b", "both_good", "both_bad"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def task_key(turn_id: str, kind: LabelKind, screen_version: str | None = None) -> str:
    """Return the key of the task that asks one kind of question about one turn.

    >>> task_key("t1", "rewrite") == task_key("t1", "rewrite", "1") != task_key("t1", "compare")
    True
    """
    version = SCHEMA_VERSION[kind] if screen_version is None else screen_version
    return hashlib.sha256(f"{turn_id}|{kind}|{version}".encode()).hexdigest()[:32]


class UnderstandingLabel(Record):
    """What one utterance says, by a person or by a model as its suggestion. ``intent`` is None with ``cannot_tell``."""

    kind: Literal["understanding"] = "understanding"
    intent: Intent | None = None
    entities: tuple[Entity, ...] = ()
    semantic_query: str = ""
    filters: Filters = Filters()
    satisfaction: int | None = Field(None, ge=1, le=5)
    cannot_tell: bool = False
    flags: tuple[LabelFlag, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> UnderstandingLabel:
        if (self.intent is None) != self.cannot_tell:
            raise ValueError("expected an intent or cannot_tell, one of the two")
        return self


class RewriteLabel(Record):
    """The answer in words for one age band; ``wrong`` is what is wrong with the answer as it was."""

    kind: Literal["rewrite"] = "rewrite"
    age_band: AgeBand
    text: str = ""
    wrong: tuple[SafetyFlag, ...] = ()
    rating: int | None = Field(None, ge=1, le=5)
    flags: tuple[LabelFlag, ...] = ()


class CompareLabel(Record):
    """Which of two answers is better, with the sides as they were shown; ``LabelTask.sides`` says what stood behind them."""

    kind: Literal["compare"] = "compare"
    verdict: Verdict
    flags: tuple[LabelFlag, ...] = ()


Label = Annotated[UnderstandingLabel | RewriteLabel | CompareLabel, Field(discriminator="kind")]


class LabelTask(Record):
    """One question to an annotator about one turn. ``data`` is all that leaves the house: masked text and ids.

    ``key`` is the same for the same turn, kind and screen, whoever makes the task again. ``sides`` names what stands
    behind A and B of a comparison and is never shown.
    """

    key: str = Field(pattern=r"^[0-9a-f]{32}$")
    kind: LabelKind
    turn_id: str
    session_id: str
    user_id: str
    batch_id: str
    screen_version: str
    data: dict[str, Any]
    prediction: Label | None = None
    score: float | None = Field(None, ge=0, le=1)
    model_version: str = ""
    sides: tuple[str, str] | None = None
    n_wanted: int = Field(1, ge=1, le=5)
    gold: Label | None = None


class Annotation(Record):
    """One annotator's answer to one task, as last pulled. ``label`` is None where ``problems`` say why it is unusable.

    ``origin`` tells whether the suggestion was taken as it was; ``annotator`` is a number of the labelling server.
    """

    annotation_id: str
    task_key: str
    annotator: str
    label: Label | None = None
    problems: tuple[str, ...] = ()
    cancelled: bool = False
    origin: Literal["manual", "prediction", "changed"] = "manual"
    lead_time_s: float | None = Field(None, ge=0)
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Decision(Record):
    """What holds for a task whose annotators differ; ``chosen`` names an annotation, "model", or "none" of them."""

    task_key: str
    chosen: str
    label: Label | None = None
    decided_by: str
    decided_at: AwareDatetime


DatasetName = Literal["nlu", "lora", "child", "ranker"]
DATASET_NAMES: tuple[DatasetName, ...] = get_args(DatasetName)


class RowOrigin(Record):
    """Where a row of a dataset version comes from: a shipped file, a turn as it went, or a turn as it was labelled."""

    source: Literal["shipped", "turn", "label"]
    file: str = ""
    turn_id: str = ""
    session_id: str = ""
    user_id: str = ""
    task_key: str = ""
    annotators: tuple[str, ...] = ()


class DatasetRow(Record):
    """One row of a dataset version: ``row`` is what the trainer reads, in the shape of the spec's table; ``kind`` its class."""

    row_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    split: Literal["train", "valid"]
    kind: str = ""
    row: dict[str, Any]
    origin: RowOrigin


class Redaction(Record):
    """That rows were taken out of a version: why, how many, and the hash of the rows before."""

    at: AwareDatetime
    why: Literal["erasure", "retention"]
    n_rows: int = Field(ge=0)
    sha256_before: str


class DatasetVersion(Record):
    """``manifest.json`` of an immutable dataset version; written last, so half a version is never one.

    ``counts`` are rows by class, ``left_out`` what was not used by reason, ``sources`` rows by where they come from.
    ``sha256`` is that of the rows that are there; who was erased since is not, and ``redactions`` keep the hashes before.
    """

    name: DatasetName
    version: str = Field(pattern=r"^v[1-9]\d*$")
    created_at: AwareDatetime
    parent: str | None = None
    guide_version: str = ""
    n_train: int = Field(ge=0)
    n_valid: int = Field(ge=0)
    counts: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    sha256: str
    config: dict[str, Any] = Field(default_factory=dict)
    redactions: tuple[Redaction, ...] = ()

    @property
    def tag(self) -> str:
        """Name and version as one word.

        >>> DatasetVersion.model_construct(name="nlu", version="v3").tag
        'nlu@v3'
        """
        return f"{self.name}@{self.version}"
