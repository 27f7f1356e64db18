"""The order a child sees: no row of branches of one brand, and some variety of food when none was asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BRAND_TOP_3, BRAND_TOP_10 = 1, 2
"""At most so many branches of one brand among the first three and the first ten, as long as others are left."""

CATEGORY_TOP_3 = 1
"""With ``vary``, a category already shown among the first three gives way to another."""

KEEP_SHARE = 0.9
"""A shop may step forward for variety only with at least this share of the score it passes."""


def diversify(
    scores: NDArray[np.float32],
    brands: NDArray[np.integer],
    categories: NDArray[np.integer],
    *,
    top_k: int,
    vary: bool = True,
) -> NDArray[np.int64]:
    """Return the places of the ``top_k`` best in the order to show.

    Greedy, in the spirit of maximal marginal relevance (Carbonell and Goldstein 1998): each step takes the best score
    that keeps the brand limits; among the first three a shop of a new category is preferred when it is within
    ``KEEP_SHARE`` of the best. Scores (k,) are probabilities; brand -1 is no brand.
    """
    left = [int(i) for i in np.argsort(-scores, kind="stable")]
    top_k = min(top_k, len(left))
    chosen: list[int] = []
    while len(chosen) < min(top_k, 10):
        limit = BRAND_TOP_3 if len(chosen) < 3 else BRAND_TOP_10
        full = {
            b for b in {int(brands[i]) for i in chosen} if b >= 0 and sum(int(brands[i]) == b for i in chosen) >= limit
        }
        best = next((i for i in left if int(brands[i]) not in full), left[0])
        if vary and 0 < len(chosen) < 3:
            seen = [int(categories[i]) for i in chosen]
            if seen.count(int(categories[best])) >= CATEGORY_TOP_3:
                floor = KEEP_SHARE * float(scores[best])
                best = next(
                    (
                        i
                        for i in left
                        if scores[i] >= floor and int(categories[i]) not in seen and int(brands[i]) not in full
                    ),
                    best,
                )
        chosen.append(best)
        left.remove(best)
    return np.array(chosen + left[: top_k - len(chosen)], dtype=np.int64)
