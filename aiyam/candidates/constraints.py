"""Hard filters: which shops may be suggested at all, decided on arrays before any quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import Areas, flat_distance_m
from aiyam.candidates.row_sets import merged
from aiyam.candidates.rules import Rules, check_rules
from aiyam.catalogue.dishes import INGREDIENT_WORDS
from aiyam.catalogue.menus import allergens_to_avoid, bits_of
from aiyam.catalogue.opening import DAY_MIN
from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS, ATMOSPHERES, CATEGORIES, DIETS, KST, TASTES, Filters, TimeOfDay
from aiyam.korean.places import place_named

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
MEAL_WINDOWS_MIN: dict[TimeOfDay, tuple[int, int]] = {
    "breakfast": (300, 600),
    "lunch": (600, 840),
    "snack": (840, 1020),
    "dinner": (1020, 1260),
    "late_night": (1260, 1740),
}
"""Start and end in minutes after midnight, as ``contracts.time_of_day_at`` names the hours."""
LEAST_OPEN_MIN = 30
LOCATION_KEYS = ("max_distance_m", "near_me", "place", "district")


@dataclass(frozen=True)
class Asked:
    """Filters as they stand after some were given up; the rest says how far each has been loosened.

    ``point`` and ``codes`` are where the person looks, as ``Constraints.asked`` finds them once a request: the position
    distances are measured from and the district codes. ``radius_factor`` stretches every radius; ``wider`` is 0 as asked, 1 the district, 2 the neighbours, 3 the city,
    4 anywhere; ``serves_others`` lets a shop stay that has the disliked dish beside others; ``price_unknown`` lets a
    shop stay whose prices are all unknown.
    """

    filters: Filters
    point: tuple[float, float] | None = None
    codes: tuple[int, ...] = ()
    radius_factor: float = 1.0
    wider: int = 0
    serves_others: bool = False
    price_unknown: bool = False
    catchment: int | None = None


class Constraints:
    """Answers which rows satisfy a query's filters; built once for a catalogue."""

    def __init__(self, catalogue: Catalogue, rules: Rules) -> None:
        self._catalogue = catalogue
        self._limits = rules.limits
        self.menus = menus = catalogue.menus
        self._hours = catalogue.hours
        self.areas = Areas(catalogue, n_neighbours=rules.limits.neighbour_districts)
        self._allowed = np.asarray(catalogue.venue_ok, bool) & menus.serves_now
        self._everywhere = np.flatnonzero(self._allowed).astype(np.int32)
        self._bare_allergens = _allergens_without_menu(catalogue, rules)

    def asked(self, query: Query) -> Asked:
        """Return the filters of a query as asked, and where the person looks."""
        point = self._point(query)
        return Asked(query.filters, point=point, codes=tuple(self._home_codes(query, point)))

    def rows(self, query: Query, asked: Asked, *, among: Rows | None = None) -> Rows:
        """Return the ascending rows that satisfy everything in ``asked``, never one that was turned down.

        ``among`` are the only rows to look at, wherever they lie; without it the place decides.
        """
        filters = asked.filters
        rows = self._in_area(query, asked) if among is None else among
        if filters.menus is not None and rows is self._everywhere:
            rows = self.menus.shops_serving(filters.menus)
        if rows is not self._everywhere:
            rows = rows.compress(self._allowed.take(rows))
        rows = self._of_shop_facts(rows, filters)
        if len(query.exclude_rows):
            rows = rows[~np.isin(rows, query.exclude_rows)]
        rows = self._of_menus(rows, query, asked)
        if filters.time_of_day is not None:
            rows = rows.compress(self.open_at_meal(rows, filters.time_of_day, query))
        if filters.open_now and len(rows):
            rows = rows.compress(self._hours.doors(query.now).is_open.take(self._hours.set_of.take(rows)))
        return rows

    # ------------------------------------------------------------------ place

    def _point(self, query: Query) -> tuple[float, float] | None:
        """The point distances are measured from, None when unknown."""
        if query.lat is not None and query.lon is not None:
            return query.lat, query.lon
        if query.filters.place is None and query.user.lat is not None and query.user.lon is not None:
            return query.user.lat, query.user.lon
        return None

    def _home_codes(self, query: Query, point: tuple[float, float] | None) -> list[int]:
        """District codes of where the person looks: the asked district, else the point's, else the profile's."""
        user = query.user
        for name in (query.filters.district, query.district):
            codes = self.areas.codes(name, city=user.city, province=user.province)
            if codes:
                return codes
        at = self.areas.district_at(*point) if point else None
        if at is not None:
            return [at]
        if query.filters.district is None and query.district is None:
            return self.areas.codes(user.district, city=user.city, province=user.province)
        return []

    def _in_area(self, query: Query, asked: Asked) -> Rows:
        if any(getattr(asked.filters, key) is not None for key in LOCATION_KEYS):
            return self._asked_area(query, asked)
        if asked.catchment is not None:
            return self._catchment(query, asked, asked.catchment)
        return self._everywhere

    def n_catchments(self, asked: Asked) -> int:
        """How many steps the unasked surroundings of the person widen through before "anywhere" (0 when unknown)."""
        if asked.point is not None:
            return len(self._limits.catchments_m)
        return 3 if asked.codes else 0

    def _catchment(self, query: Query, asked: Asked, step: int) -> Rows:
        point = asked.point
        if point is not None and step < len(self._limits.catchments_m):
            unplaced = self.areas.unplaced(list(asked.codes))
            if step and asked.filters.menus is not None:
                # The dish was rare nearby: its shops are fewer than all that lie farther around.
                served = self.menus.shops_serving(asked.filters.menus)
                metres = flat_distance_m(self._catalogue.lat[served], self._catalogue.lon[served], *point)
                return merged(served[metres <= self._limits.catchments_m[step]], unplaced)
            return self.areas.within(*point, self._limits.catchments_m[step], unplaced=unplaced)
        if point is None and step < 3:
            return self._district_rows(query, asked, step + 1)
        return self._everywhere

    def _district_rows(self, query: Query, asked: Asked, wider: int) -> Rows:
        codes = list(asked.codes)
        if wider == 1 and asked.filters.district is not None:
            codes = self.areas.codes(asked.filters.district, city=query.user.city, province=query.user.province)
        if wider >= 4:
            return self._everywhere
        if wider == 2:
            codes = self.areas.neighbours(codes)
        elif wider == 3:
            codes = self.areas.same_city(codes, city=query.user.city, province=query.user.province)
        return self.areas.in_districts(codes)

    def knows_place(self, name: str) -> bool:
        """Tell whether a place is on the map or a 동 of the catalogue, so that shops can be looked for there."""
        return place_named(name) is not None or len(self.areas.in_dong(name)) > 0

    def _asked_area(self, query: Query, asked: Asked) -> Rows:
        """Everything asked about place at once; from ``wider`` 1 on, radii have given way to the district."""
        filters = asked.filters
        if asked.wider:
            return self._district_rows(query, asked, asked.wider)
        parts: list[Rows] = []
        point, home = asked.point, list(asked.codes)
        radii_m = [self._limits.near_me_m] if filters.near_me else []
        if filters.max_distance_m is not None:
            radii_m.append(float(filters.max_distance_m))
        elif filters.place is not None:
            radii_m.append(self._limits.place_m)
        radius_m = min(radii_m, default=-1.0)
        if radii_m and point is not None:
            near = self.areas.within(*point, radius_m * asked.radius_factor)
            if filters.place and not filters.near_me and filters.max_distance_m is None:
                near = merged(near, self.areas.in_dong(filters.place))
            parts.append(near)
        elif filters.place is not None:
            dong = self.areas.in_dong(filters.place)
            parts.append(dong if len(dong) else self.areas.in_districts(home))
        elif radii_m and filters.district is None and home:
            parts.append(self.areas.in_districts(home))
        if filters.district is not None:
            codes = self.areas.codes(filters.district, city=query.user.city, province=query.user.province)
            parts.append(self.areas.in_districts(codes))
        if not parts:
            return self._everywhere
        rows = parts[0]
        for part in parts[1:]:
            rows = np.intersect1d(rows, part, assume_unique=True)
        return rows.astype(np.int32)

    # ------------------------------------------------------------------ shop

    def _of_shop_facts(self, rows: Rows, filters: Filters) -> Rows:
        c = self._catalogue
        everywhere = rows is self._everywhere

        def of(column: NDArray[Any]) -> NDArray[Any]:
            return column if everywhere else column.take(rows)  # whole columns are compared faster than gathered

        keep: list[NDArray[np.bool_]] = []
        if filters.meal_card:
            keep.append(of(c.meal_card) == 1)
        for asked, facts in (
            (filters.good_shop, c.good_shop),
            (filters.delivery, c.delivery),
            (filters.takeout, c.takeout),
        ):
            if asked:
                keep.append(of(facts))
        if filters.category:
            category = of(c.category)
            keep.append(np.logical_or.reduce([category == CATEGORIES.index(name) for name in filters.category]))
        if filters.atmosphere:
            bits = np.uint8(bits_of(filters.atmosphere, ATMOSPHERES))
            keep.append((of(c.atmosphere) & bits) == bits)
        if not keep:
            return rows
        fits = keep[0] if len(keep) == 1 else np.logical_and.reduce(keep)
        return np.flatnonzero(fits & self._allowed).astype(np.int32) if everywhere else rows.compress(fits)

    def open_at_meal(self, rows: Rows, meal: TimeOfDay, query: Query) -> NDArray[np.bool_]:
        """Whether each row is open for half an hour of the meal's next time (today, or tomorrow when it is over).

        Shops with unknown hours stay; one that rests that weekday does not.
        """
        local = query.now.astimezone(KST)
        start, end = MEAL_WINDOWS_MIN[meal]
        minute = local.hour * 60 + local.minute
        after_midnight = meal == "late_night" and minute < end - DAY_MIN
        day = (local.weekday() + (minute >= end) - after_midnight) % 7
        by_set = self._hours.serving(day, start, end, least_min=LEAST_OPEN_MIN)
        return by_set.take(self._hours.set_of.take(rows))

    # ------------------------------------------------------------------ menus

    def _of_menus(self, rows: Rows, query: Query, asked: Asked) -> Rows:
        filters = asked.filters
        disliked = filters.exclude_menus or ()
        for term in disliked:
            out = self.menus.shop_is(term) if asked.serves_others else self.menus.about(term)
            rows = rows.compress(~out.take(rows))
        allergens = bits_of(allergens_to_avoid(filters, query.user), ALLERGENS)
        if allergens:
            rows = rows.compress(self.menus.safe.free_of(rows, allergens))
            rows = rows.compress((self._bare_allergens.take(rows) & np.uint32(allergens)) == 0)
        if filters.menus is None:
            if filters.budget_max is not None and not asked.price_unknown:
                rows = rows.compress(self.menus.safe.within(rows, filters.budget_max, allergens))
            tasteless = filters.taste is None and filters.exclude_taste is None and filters.dietary_preferences is None
            plainly = tasteless and not (asked.serves_others and disliked) and not asked.price_unknown
            if plainly and filters.budget_min is None:
                return rows
            tastes, diets = bits_of(filters.taste, TASTES), bits_of(filters.dietary_preferences, DIETS)
            rows = rows.compress(self.menus.safe.may_serve(rows, tastes, diets))
            bounded = filters.budget_max is not None or filters.budget_min is not None
            if tastes.bit_count() + diets.bit_count() == 1 and not (
                bounded or allergens or disliked or filters.exclude_taste
            ):
                return rows  # one wish and no other condition that the same dish would have to meet
            menu_rows = self.menus.rows_of_shops(rows)
        else:
            serving = np.zeros(len(self._allowed), bool)
            serving[self.menus.shops_serving(filters.menus)] = True
            rows = rows.compress(serving.take(rows))
            menu_rows = self.menus.rows_answering(rows, filters.menus)
        bare = self._without_menu(rows, asked)
        keep = self.menus.fits(
            menu_rows, filters, allergens, price_unknown=asked.price_unknown, tastes=filters.taste,
            diets=filters.dietary_preferences,
        )  # fmt: skip
        fits = np.zeros(len(self._allowed), bool)
        fits[self.menus.shop_of.take(menu_rows.compress(keep))] = True
        fits[bare] = True
        return rows.compress(fits.take(rows))

    def _without_menu(self, rows: Rows, asked: Asked) -> Rows:
        """Shops that stay although they list no menu: nothing has to be proved, or their name says they serve it."""
        filters = asked.filters
        bounded = filters.budget_max is not None or filters.budget_min is not None
        if filters.taste or filters.dietary_preferences or (bounded and not asked.price_unknown):
            return rows[:0]
        rows = rows.compress(self.menus.n_menus_of.take(rows) == 0)
        if filters.menus is not None and len(rows):
            named = np.logical_or.reduce([self.menus.serving(term) for term in filters.menus])
            rows = rows.compress(named.take(rows))
        return rows


def _allergens_without_menu(catalogue: Catalogue, rules: Rules) -> NDArray[np.uint32]:
    """Return the allergens (n,) that the name or category of a shop without a menu makes likely."""
    bits = np.zeros(len(catalogue.names), np.uint32)
    for allergen, words in INGREDIENT_WORDS.items():
        for word in words:
            bits[catalogue.menus.bare_named(word)] |= np.uint32(1 << ALLERGENS.index(allergen))
    for category, allergens in rules.category_allergens.items():
        bits[catalogue.category == CATEGORIES.index(category)] |= np.uint32(bits_of(allergens, ALLERGENS))
    bits[catalogue.menus.n_menus_of > 0] = 0
    return bits


def mask(catalogue: Catalogue, query: Query, rules: dict[str, Any] | Rules) -> NDArray[np.bool_]:
    """Return bool[n]: the shops that satisfy every filter of the query as asked (builds its indexes anew: for checks)."""
    checked = check_rules(rules)
    constraints = Constraints(catalogue, checked)
    out = np.zeros(len(catalogue.names), bool)
    out[constraints.rows(query, constraints.asked(query))] = True
    return out
