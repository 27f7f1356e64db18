"""The synthetic city's true preferences as gains, so that an order can be scored against what people really want."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city.truth import Truth as CityTruth
from aiyam.catalogue.interactions import ORDER, Interactions
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES
from aiyam.evaluation.ranking import Truth
from aiyam.ranking.replay import Moment
from aiyam.ranking.statistics import Statistics
from aiyam.store import Store

CITY_CENTRE = (37.55, 126.99)


def city_truth(store: Store, path: Path) -> Truth:
    """Return the gain of shops for a request: exp of their true utility below the best, habit and wish included.

    The tastes are those of the moment's person; the habits those of the query's, who may be a newcomer.

    Raises:
        DataError: the file is no truth of this catalogue.
    """
    catalogue = Catalogue.load(store)
    truth = CityTruth.load(path, fingerprint=catalogue.fingerprint)
    stats = Statistics.build(catalogue, Interactions.load(store, catalogue))

    def gain(moment: Moment, query: Query, rows: NDArray[np.int32]) -> NDArray[np.floating]:
        past = stats.past_of(query.user.user_id, moment.ts)
        counts = np.bincount(past.shop[past.kind == ORDER], minlength=len(catalogue.shop_ids))[rows]
        wish = CATEGORIES.index(query.filters.category[0]) if query.filters.category else None
        lat, lon = (query.lat, query.lon) if query.lat is not None and query.lon is not None else CITY_CENTRE
        utility = truth.utility(
            [moment.user_id], rows, query.now, lat, lon, past_orders=counts[None, :], wish_category=wish
        )[0]
        gains: NDArray[np.floating] = np.exp(utility - utility.max())
        return gains

    return gain
