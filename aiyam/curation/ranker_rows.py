"""Rows for the ranker: turns in which a shown shop was chosen, what they showed, and what became of each shop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from aiyam.curation.conversion import TURN, Candidate, Gathered, row_id
from aiyam.curation.labelled_turns import withheld_turns
from aiyam.curation.qualifying import qualified_turns
from aiyam.label_contracts import RowOrigin
from aiyam.ranking.feedback_outcomes import TURNED_DOWN, outcome_of
from aiyam.ranking.replay import FAVORITED, SKIPPED
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns

_NAMES = {0: "skipped", 1: "clicked", 2: "favorited", 3: "ordered"}


def gather_ranker(store: Store, *, told: Callable[[float, str], None]) -> Gathered:
    """Gather the turns the training table would replay, frozen: shop ids in the order shown, outcomes 0 skipped .. 3 ordered."""
    gathered = Gathered()
    told(0.0, "feedback")
    qualified = qualified_turns(store)
    gathered.counted["no_feedback"] += len(qualified.unheard)
    acts: dict[str, list[tuple[str, int]]] = defaultdict(list)
    columns = read_columns(store, schema.feedback, ["turn_id", "shop_id", "feedback_type", "satisfaction_score"])
    for turn_id, shop_id, kind, score in zip(*columns.values(), strict=True):
        what = outcome_of(kind, score)
        if shop_id is not None and what is not None:
            acts[turn_id].append((shop_id, what))
    shown: dict[str, list[str]] = defaultdict(list)
    rows = read_columns(store, schema.turn_shop, ["turn_id", "shop_id"], order_by=["turn_id", "position"])
    for turn_id, shop_id in zip(*rows.values(), strict=True):
        if turn_id in acts:
            shown[turn_id].append(shop_id)
    told(0.5, "turns")
    withheld = withheld_turns(store)
    for turn_id, facts in sorted(qualified.turns.items()):
        origin = RowOrigin(source="turn", turn_id=turn_id, session_id=facts.session_id, user_id=facts.user_id)
        why = withheld.get(turn_id) or qualified.unfit.get(turn_id)
        if why in ("exclude", "contradiction", "personal_data", "safety"):
            gathered.leave_out(why, origin)
            continue
        outcomes = dict.fromkeys(shown[turn_id], SKIPPED)
        for shop_id, what in acts.get(turn_id, ()):
            if shop_id in outcomes:
                down = TURNED_DOWN in (what, outcomes[shop_id])
                outcomes[shop_id] = TURNED_DOWN if down else max(what, outcomes[shop_id])
        best = max(outcomes.values(), default=SKIPPED)
        if best < FAVORITED:
            if turn_id in qualified.fit or turn_id in qualified.unfit:
                gathered.leave_out("not_chosen", origin)
            continue
        row = {
            "turn_id": turn_id, "user_id": facts.user_id, "ts": facts.at, "shown": list(outcomes),
            "outcomes": [max(what, SKIPPED) for what in outcomes.values()],
        }  # fmt: skip
        gathered.candidates.append(
            Candidate(
                row_id("ranker", "turn", turn_id), turn_id, facts.session_id, TURN, facts.at, row, origin, _NAMES[best]
            )
        )
    return gathered
