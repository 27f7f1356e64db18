"""The catalogue with some shops read again: every other row stays where it was, new shops come after the last."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.store import Store

_OF_DISH = ("dish_category", "dish_taste", "dish_diet", "dish_allergens", "dish_known")
_OF_MENU = ("menu_name", "menu_price", "menu_best", "menu_sold_out")
_ACTS = ("n_orders", "n_favorites", "n_reviews", "rating")


def with_shops_read_again(
    catalogue: Catalogue, store: Store, shop_ids: Sequence[str]
) -> tuple[Catalogue, NDArray[np.int32]]:
    """Return the catalogue as the store now has these shops, and the ascending rows that are new or other.

    Rows keep their numbers, so that whatever is held by row (vectors, histories) stays right; the counts of what people
    did are carried over. A shop that is no longer stored stays as it was.
    """
    part = Catalogue.load(store, shops=sorted(shop_ids))
    return spliced(catalogue, part)


def spliced(catalogue: Catalogue, part: Catalogue) -> tuple[Catalogue, NDArray[np.int32]]:
    """Put the shops of ``part`` over those of the same id, or at the end; names are numbered as the catalogue does."""
    n = len(catalogue)
    new = [shop_id for shop_id in part.shop_ids if shop_id not in catalogue.row_of]
    row_of = {**catalogue.row_of, **{shop_id: n + i for i, shop_id in enumerate(new)}} if new else catalogue.row_of
    rows = np.fromiter((row_of[shop_id] for shop_id in part.shop_ids), np.int32, len(part))
    order = np.argsort(rows)
    brand_names, brands = _numbered(catalogue.brand_names, part.brand_names)
    places, districts = _numbered(_places_of(catalogue), _places_of(part))
    dish_names, dishes = _numbered(catalogue.dish_names, part.dish_names)
    is_new_dish = dishes >= len(catalogue.dish_names)
    values: dict[str, Any] = {
        "brand_names": brand_names,
        "district_names": [place[0] for place in places],
        "district_city": [place[1] for place in places],
        "district_province": [place[2] for place in places],
        "dish_names": dish_names,
        "row_of": row_of,
        "fingerprint": part.fingerprint,
        "synthetic": part.synthetic,
        **{k: np.concatenate([getattr(catalogue, k), getattr(part, k)[is_new_dish]]) for k in _OF_DISH},
        **_menus(catalogue, part, rows, order, dishes, n + len(new)),
    }
    changed = {"brand": np.append(brands, -1)[part.brand], "district": np.append(districts, -1)[part.district]}
    known = rows < n
    for name in (f.name for f in fields(Catalogue) if f.name not in values):
        old, own = getattr(catalogue, name), changed.get(name, getattr(part, name))
        if isinstance(old, list):
            values[name] = old + [None] * len(new)
            for row, value in zip(rows.tolist(), own, strict=True):
                values[name][row] = value
        else:
            values[name] = np.concatenate([old, np.zeros(len(new), old.dtype)])
            at = ~known if name in _ACTS else slice(None)
            values[name][rows[at]] = own[at]
    return replace(catalogue, **values), rows[order]


def _places_of(catalogue: Catalogue) -> list[tuple[str, str, str]]:
    return list(zip(catalogue.district_names, catalogue.district_city, catalogue.district_province, strict=True))


def _numbered(names: Sequence[Any], more: Sequence[Hashable]) -> tuple[list[Any], NDArray[np.int32]]:
    """Return the names with the unknown of ``more`` after them, and the number of each of ``more``."""
    number = {name: i for i, name in enumerate(names)}
    codes = np.fromiter((number.setdefault(name, len(number)) for name in more), np.int32, len(more))
    return [*names, *list(number)[len(names) :]], codes


def _menus(
    catalogue: Catalogue,
    part: Catalogue,
    rows: NDArray[np.int32],
    order: NDArray[np.intp],
    dishes: NDArray[np.int32],
    n_shops: int,
) -> dict[str, Any]:
    """Cut the menus of the changed shops out and put the new ones in their place."""
    count = np.zeros(n_shops, np.int32)
    count[: len(catalogue)] = np.diff(catalogue.menu_start)
    count[rows] = np.diff(part.menu_start)
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    cuts = [(int(rows[i]), slice(int(part.menu_start[i]), int(part.menu_start[i + 1]))) for i in order]
    values: dict[str, Any] = {"menu_start": start}
    for name in _OF_MENU:
        old = getattr(catalogue, name)
        own = dishes[part.menu_name] if name == "menu_name" else getattr(part, name)
        pieces, done = [], 0
        for row, span in cuts:
            if row < len(catalogue):
                pieces.append(old[done : catalogue.menu_start[row]])
                done = int(catalogue.menu_start[row + 1])
            else:
                pieces.append(old[done:])
                done = len(old)
            pieces.append(own[span])
        values[name] = np.concatenate([*pieces, old[done:]])
    return values
