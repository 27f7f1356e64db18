"""What "cheaper" and "nearer" mean after a list: than the cards the reply spoke of, and no farther than one walks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import DialogueState, Filters, Standing, Understanding
from aiyam.korean.spelling import normalise
from aiyam.nlu.carry_over import wants_nearer
from aiyam.nlu.request import Request
from aiyam.ranking.preferences import REACH_M
from aiyam.reply.plan import MAX_SHOPS


@dataclass(frozen=True)
class Comparison:
    """A request for something cheaper or nearer than what was shown.

    ``filters`` hold the bound to beat, and how far one goes for a lower price; ``without_bound`` are those of the list that
    is shown instead where nothing beats it.
    """

    kind: Literal["cheaper", "nearer"]
    filters: Filters
    without_bound: Filters


def compared(
    request: Request, understanding: Understanding, state: DialogueState, catalogue: Catalogue, where: Standing
) -> Comparison | None:
    """Return what a follow-up wants to beat; None where it compares nothing, or no figure of the cards is known."""
    if request.opens_topic or not state.shown_shop_ids:
        return None
    metres = _metres_shown(state, catalogue, where)
    farthest = np.nanmax(metres) if np.isfinite(metres).any() else None
    if request.cheaper_than_won is not None:
        before = request.filters.model_copy(
            update={"budget_min": state.filters.budget_min, "budget_max": state.filters.budget_max}
        )
        if farthest is None or before.district is not None:
            return Comparison("cheaper", request.filters, before)
        reach_m = round(max(float(farthest), REACH_M[0]))
        if before.max_distance_m is not None:
            reach_m = min(reach_m, before.max_distance_m)
        near = {"max_distance_m": reach_m}
        return Comparison("cheaper", request.filters.model_copy(update=near), before.model_copy(update=near))
    said = understanding.filters
    if (
        said.max_distance_m is None
        and farthest is not None
        and wants_nearer(normalise(understanding.original_query).text)
    ):
        nearest = {"max_distance_m": max(1, int(np.nanmin(metres)) - 1)}
        within = None if state.filters.sort == "distance" else state.filters.max_distance_m
        return Comparison(
            "nearer",
            request.filters.model_copy(update=nearest),
            request.filters.model_copy(update={"max_distance_m": within}),
        )
    return None


def beating(request: Request, comparison: Comparison, state: DialogueState) -> Request:
    """Return the request of a comparison: what was shown is not turned down by it, the bound alone decides."""
    filters = comparison.filters if comparison.kind == "nearer" else request.filters
    return replace(request, filters=filters, exclude_shop_ids=state.rejected_shop_ids)


def _metres_shown(state: DialogueState, catalogue: Catalogue, where: Standing) -> NDArray[np.float32]:
    rows = [catalogue.row_of[s] for s in state.shown_shop_ids[:MAX_SHOPS] if s in catalogue.row_of]
    if not rows or where.lat is None or where.lon is None:
        return np.full(1, np.nan, np.float32)
    return np.asarray(catalogue.distance_m(np.array(rows, np.int32), where.lat, where.lon), np.float32)
