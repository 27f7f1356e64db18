"""What the rest of the pipeline is asked after a message was read in its dialogue."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiyam.contracts import Filters, Intent, Question
from aiyam.nlu.about_person import Told
from aiyam.nlu.comparing import Comparison


@dataclass(frozen=True)
class Request:
    """What the rest of the pipeline is asked.

    ``filters`` are merged with the dialogue and the profile's allergies; ``question`` (with 2-4 tappable ``choices``)
    is set when the bot should ask instead of answering. ``cheaper_than_won`` is set when "cheaper" put the upper bound
    into ``filters.budget_max``: the lowest price just shown, which every answer has to stay under. ``asked_text`` is the
    question about a shop as first worded ("두 번째는?" repeats the one before). ``offered_shop_ids`` are the shops a
    question chooses among, ``offered_filters`` what it offers to look for; ``opens_topic`` tells that nothing soft was carried over; ``stands`` that only a place is
    missing, so that the answer may name it alone; ``accepts_offer`` that the message is only a yes. ``words`` are what the shops are looked for with beside the filters: those
    of earlier messages that still hold, until the pipeline adds the message's own. ``told`` is what the message tells of the person,
    kept whatever it asks; ``kept`` names, in its own words, what of it was not known before.
    ``comparison`` is set where several of the shops on the screen are asked about at once.
    """

    intent: Intent
    filters: Filters = field(default_factory=Filters)
    semantic_query: str = ""
    exclude_shop_ids: tuple[str, ...] = ()
    focus_shop_id: str | None = None
    question: Question | None = None
    choices: tuple[str, ...] = ()
    cheaper_than_won: int | None = None
    asked_text: str = ""
    offered_shop_ids: tuple[str, ...] = ()
    offered_filters: Filters | None = None
    opens_topic: bool = False
    accepts_offer: bool = False
    stands: bool = False
    words: str = ""
    told: Told = field(default_factory=Told)
    kept: tuple[str, ...] = ()
    comparison: Comparison | None = None

    @property
    def asks(self) -> bool:
        """Whether the reply ends with a question of ours; a notice is none."""
        return self.question is not None and self.question.waits
