"""Where labelling stands: how many tasks of each kind wait, were sent, answered, lost, and whether the server answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from aiyam.contracts import Record
from aiyam.label_contracts import LABEL_KINDS, LabelKind
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.client import LabelStudio


class KindStatus(Record):
    """Tasks of one kind by where they are; ``answered`` has at least one usable answer, ``unusable`` counts answers."""

    kind: LabelKind
    queued: int = 0
    sent: int = 0
    answered: int = 0
    unusable: int = 0
    gone: int = 0
    withdrawn: int = 0


class Status(Record):
    """Labelling as a whole; times are of the last pull and the last full comparison, of any project."""

    server: str
    reachable: bool
    kinds: tuple[KindStatus, ...] = Field(default_factory=tuple)
    pulled_at: datetime | None = None
    reconciled_at: datetime | None = None


def status(store: Store, studio: LabelStudio | None, url: str, *, timeout_s: float = 0.5) -> Status:
    """Return where labelling stands; without a connection the server is not asked."""
    tasks, answered, unusable = labels.count_tasks(store), labels.count_answered(store), labels.count_unusable(store)
    cursors = labels.list_cursors(store)
    return Status(
        server=url,
        reachable=studio is not None and studio.is_healthy(timeout_s),
        kinds=tuple(
            KindStatus(
                kind=kind,
                queued=tasks.get((kind, "queued"), 0),
                sent=tasks.get((kind, "sent"), 0),
                answered=answered.get(kind, 0),
                unusable=unusable.get(kind, 0),
                gone=tasks.get((kind, "gone"), 0),
                withdrawn=tasks.get((kind, "withdrawn"), 0),
            )
            for kind in LABEL_KINDS
        ),
        pulled_at=max((c.pulled_at for c in cursors if c.pulled_at), default=None),
        reconciled_at=max((c.reconciled_at for c in cursors if c.reconciled_at), default=None),
    )
