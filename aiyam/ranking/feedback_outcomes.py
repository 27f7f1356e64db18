"""What an act of feedback says became of a shop that was shown."""

from __future__ import annotations

from aiyam.ranking.replay import CLICKED, FAVORITED, ORDERED

LIKED_SCORE, DISLIKED_SCORE = 4, 2
"""A thumb or a rating of a shop from here on is a choice; from there down it is none, whatever else was done."""

TURNED_DOWN = -1
_OUTCOME_OF_ACT = {"clicked": CLICKED, "favorited": FAVORITED, "ordered": ORDERED}


def outcome_of(feedback_type: str, score: int | None) -> int | None:
    """Return what an act of feedback says became of a shop; None where it says nothing, -1 that it was turned down.

    >>> outcome_of("thumb", 5), outcome_of("thumb", 1), outcome_of("rated", 3), outcome_of("clicked", None)
    (2, -1, None, 1)
    """
    if feedback_type in _OUTCOME_OF_ACT:
        return _OUTCOME_OF_ACT[feedback_type]
    if score is None or DISLIKED_SCORE < score < LIKED_SCORE:
        return None
    return FAVORITED if score >= LIKED_SCORE else TURNED_DOWN
