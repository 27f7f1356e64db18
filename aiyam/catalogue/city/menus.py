"""Menus of the synthetic city, and the owner's message, which speaks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.city.ground import Ground
from aiyam.catalogue.city.names import dong_stem
from aiyam.catalogue.city.shops import Block, Kinds

_MESSAGE_SHARE = 0.60
_SIZES = {"치킨": ("", ""), "피자": (" (M)", " (L)"), "고기": ("", "")}
_TOUCHES = ("수제 ", "옛날 ", "매운 ", "특 ", "왕", "오늘의 ", "우리집 ", "엄마손 ", "국내산 ", "숯불 ", "얼큰 ", "통", "바로만든 ")
_TAILS = (" 곱빼기", " (소)", " (대)", " 세트", " 1인분", " 2인분", " 정식", " 특", " (포장)", " 반마리")
_BIGGER = {" 곱빼기": 1.15, " (소)": 0.85, " (대)": 1.35, " 세트": 1.3, " 2인분": 1.95, " 정식": 1.2, " 특": 1.2, " 반마리": 0.6}
_TAILS_OF = {
    "한식": (" 정식", " 특", " (대)", " 1인분"), "중식": (" 곱빼기", " (소)", " (대)", " 세트"), "일식": (" 정식", " 세트", " 특"),
    "양식": (" 세트",), "분식": (" 1인분", " 세트", " (대)"), "치킨": (" 세트", " 반마리"), "피자": (" (L)", " 세트"),
    "패스트푸드": (" 세트",), "고기": (" 1인분", " 2인분", " 정식"), "아시안": (" 세트", " (대)"), "카페": (" (L)",),
    "베이커리": (" 세트",), "도시락": (" 세트", " 특"),
}  # fmt: skip
_TOUCHES_OF = {
    "한식": ("옛날 ", "얼큰 ", "우리집 ", "엄마손 ", "특 "), "중식": ("옛날 ", "매운 ", "수제 "), "일식": ("수제 ", "매운 ", "오늘의 "),
    "양식": ("오늘의 ", "수제 "), "분식": ("매운 ", "옛날 ", "수제 ", "왕"), "치킨": ("순살 ", "매운 ", "옛날 "), "피자": ("더블 ", "매콤 "),
    "패스트푸드": ("더블 ", "매콤 ", "수제 "), "고기": ("국내산 ", "숯불 ", "한돈 "), "아시안": ("매콤 ", "특 "), "카페": ("수제 ",),
    "베이커리": ("갓구운 ", "우리밀 "), "도시락": ("든든 ", "특 "),
}  # fmt: skip


@dataclass(frozen=True)
class MenuBlock:
    """Menu lines of a block: ``shop`` (local row) and lexicon dish of each line (-1 outside it), with columns to store."""

    shop: NDArray[np.int64]
    dish: NDArray[np.int64]
    price: NDArray[np.int64]
    columns: dict[str, Any]


class MenuMaker:
    """Draws menus by kind: the kind's own dishes by popularity, some of related kinds, a side or a drink."""

    def __init__(self, ground: Ground, kinds: Kinds) -> None:
        self._ground, self._kinds = ground, kinds
        dishes = ground.lexicon.dishes
        by_kind: dict[str, list[int]] = {}
        for number, dish in enumerate(dishes):
            by_kind.setdefault(dish.kind, []).append(number)
        self._pools: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        for name in kinds.names:
            own = by_kind[name]
            numbers, weights = list(own), [1.0 / (rank + 2.0) ** 0.6 for rank in range(len(own))]
            for other in ground.words["kinds"][name]["also"]:
                numbers += by_kind[other]
                weights += [0.10 / (rank + 2.0) ** 0.8 for rank in range(len(by_kind[other]))]
            # A drink or a bowl of rice stands at the end of a menu, not among the best.
            weights = [w * (0.5 if dishes[n].side and name not in ("커피", "편의점") else 1.0) for w, n in zip(weights, numbers, strict=True)]
            self._pools.append((np.array(numbers), np.array(weights)))
        self._low = np.array([dish.price_min for dish in dishes], float)
        self._high = np.array([dish.price_max for dish in dishes], float)
        self._side = np.array([dish.side for dish in dishes])
        self._names = [dish.name for dish in dishes]
        self._categories = [dish.category for dish in dishes]

    def make(self, rng: np.random.Generator, block: Block) -> MenuBlock:
        """Draw the menus of a block and write the owners' messages into its columns."""
        shop, dish = self._draw(rng, block)
        where = block.price_level[shop]
        fine = np.array([c == "편의점" for c in self._kinds.category])[block.kind[shop]]
        at = np.clip(rng.beta(2.0, 2.4, len(shop)), 0, 1)
        price = (self._low[dish] + at * (self._high[dish] - self._low[dish])) * where
        tail, names = self._names_of(rng, block, shop, dish, fine)
        price = price * tail
        step = np.where(fine | (price < 3000), 100.0, 500.0)
        price = (np.maximum(np.round(price / step), 1) * step).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(np.bincount(shop, minlength=len(block.names)))[:-1]])
        place = np.arange(len(shop)) - first[shop]
        best = (place < 1 + (rng.random(len(shop)) < 0.6)) & (rng.random(len(block.names)) < 0.85)[shop] & ~self._side[dish]
        sold_out = rng.random(len(shop)) < 0.018
        unpriced = rng.random(len(shop)) < 0.012
        shop, dish, price, names, best, sold_out, unpriced = self._with_screened(
            rng, block, shop, dish, price, names, best, sold_out, unpriced
        )
        self._write_messages(rng, block, shop, dish, best)
        ids = block.columns["shop_id"]
        columns = {
            "shop_id": [ids[row] for row in shop.tolist()],
            "name": names,
            "price_won": np.where(unpriced, np.nan, price),
            "is_best": best,
            "is_sold_out": sold_out,
        }
        return MenuBlock(shop, dish, np.where(unpriced, -1, price), columns)

    def _draw(self, rng: np.random.Generator, block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        shops, dishes = [], []
        for k, name in enumerate(self._kinds.names):
            rows = np.flatnonzero((block.kind == k) & ~block.screened)
            if len(rows) == 0:
                continue
            numbers, weights = self._pools[k]
            low, high = self._ground.words["kinds"][name]["menus"]
            count = np.minimum(low + np.round(rng.beta(1.6, 2.2, len(rows)) * (high - low)).astype(np.int64), len(numbers))
            # Weighted draws without replacement (Efraimidis and Spirakis 2006); branches of a brand draw the same keys.
            keys = rng.exponential(1.0, (len(rows), len(numbers))) / weights[None]
            brand = block.brand_code[rows]
            for code in np.unique(brand[brand >= 0]).tolist():
                fixed = np.random.default_rng([7, code]).exponential(1.0, len(numbers)) / weights
                keys[brand == code] = fixed
                n = int(np.random.default_rng([8, code]).integers(max(low, (low + high) // 2), high + 1))
                count[brand == code] = min(n, len(numbers))
            order = np.argsort(keys, axis=1)
            taken = np.arange(len(numbers))[None] < count[:, None]
            lines = np.where(self._side[numbers[order]] & taken, 1, 0)  # sides to the end, order of popularity otherwise
            order = np.take_along_axis(order, np.argsort(np.where(taken, lines, 2), axis=1, kind="stable"), axis=1)
            shops.append(np.repeat(rows, count))
            dishes.append(numbers[order][taken])
        shop, dish = np.concatenate(shops), np.concatenate(dishes)
        order = np.argsort(shop, kind="stable")
        return shop[order], dish[order]

    def _names_of(
        self, rng: np.random.Generator, block: Block, shop: NDArray[np.int64], dish: NDArray[np.int64], plain: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], list[str]]:
        factor = np.ones(len(shop))
        names = [self._names[d] for d in dish.tolist()]
        style = rng.random(len(shop))
        style[plain | (block.brand_code[shop] >= 0) | self._side[dish]] = 1.0
        pick = rng.integers(0, 1 << 20, len(shop))
        for i in np.flatnonzero(style < 0.16).tolist():
            category, name = self._categories[dish[i]], names[i]
            if style[i] < 0.08:
                touches = _TOUCHES_OF.get(category)
                if touches:
                    touch = touches[int(pick[i]) % len(touches)]
                    if touch.strip() not in name and not name.startswith(("매운", "옛날", "수제", "순살", "얼큰", "숯불", "왕", "특")):
                        names[i] = touch + name
                        factor[i] = 1.06
            else:
                tails = _TAILS_OF.get(category)
                if tails:
                    tail = tails[int(pick[i]) % len(tails)]
                    if not name.endswith(("정식", "세트", "특선", "백반", "뷔페", "덮밥", "국밥")) or tail in (" 특", " (대)", " 곱빼기"):
                        names[i] = name + tail
                        factor[i] = _BIGGER.get(tail, 1.3 if tail == " (L)" else 1.0)
        return factor, names

    def _with_screened(self, rng: np.random.Generator, block: Block, *given: Any) -> tuple[Any, ...]:
        shop, dish, price, names, best, sold_out, unpriced = given
        rows = np.flatnonzero(block.screened)
        options = self._ground.words["screened"]["menus"]
        extra_shop, extra_names, extra_price = [], [], []
        for row in rows.tolist():
            for number in rng.permutation(len(options))[: int(rng.integers(5, 10))].tolist():
                extra_shop.append(row)
                extra_names.append(options[number])
                extra_price.append(int(rng.integers(8, 44)) * 500)
        if not extra_shop:
            return given
        shop = np.concatenate([shop, extra_shop])
        order = np.argsort(shop, kind="stable")
        n = len(extra_shop)
        names = names + extra_names
        return (
            shop[order],
            np.concatenate([dish, np.full(n, -1)])[order],
            np.concatenate([price, extra_price])[order],
            [names[i] for i in order.tolist()],
            np.concatenate([best, np.zeros(n, np.bool_)])[order],
            np.concatenate([sold_out, np.zeros(n, np.bool_)])[order],
            np.concatenate([unpriced, np.zeros(n, np.bool_)])[order],
        )

    def _write_messages(
        self, rng: np.random.Generator, block: Block, shop: NDArray[np.int64], dish: NDArray[np.int64], best: NDArray[np.bool_]
    ) -> None:
        texts = self._ground.words["messages"]
        size = len(block.names)
        star = np.full(size, -1, np.int64)
        for mark in (dish >= 0, (dish >= 0) & best):
            rows = np.flatnonzero(mark)[::-1]
            star[shop[rows]] = dish[rows]
        share = np.where(block.columns["good_shop"], 0.9, np.where(block.brand_code >= 0, 0.30, 0.70)) * _MESSAGE_SHARE / 0.565
        speaks = (rng.random(size) < share) & ~block.screened
        pick = rng.integers(0, 1 << 20, (size, 6))
        for i in np.flatnonzero(speaks).tolist():
            a, b, c, d, years, shape = pick[i].tolist()
            parts = [texts["greet"][a % len(texts["greet"])]]
            if block.columns["good_shop"][i] and d % 10 < 7:
                parts.append(texts["good"][d % len(texts["good"])])
            else:
                parts.append(texts["body"][b % len(texts["body"])])
            parts.append(texts["close"][c % len(texts["close"])])
            text = " ".join(part for part in parts if part)
            dish_name = self._names[star[i]] if star[i] >= 0 else "음식"
            name = block.names[i]
            if block.brand_code[i] < 0 or shape % 2:
                text = text.replace("{가게}입니다", name + ending(name, "이에요", "예요"))
            block.columns["message"][i] = (
                text.replace("{가게}", name)
                .replace("{동}", dong_stem(block.columns["dong"][i]))
                .replace("{년}", str(3 + years % 26))
                .replace("{대표}는", dish_name + ending(dish_name, "은", "는"))
                .replace("{대표}죠", dish_name + ending(dish_name, "이죠", "죠"))
                .replace("{대표}", dish_name)
            )


def ending(word: str, after_consonant: str, after_vowel: str) -> str:
    """Choose the particle that fits the last syllable of a Korean word.

    >>> "국밥" + ending("국밥", "은", "는"), "떡볶이" + ending("떡볶이", "은", "는")
    ('국밥은', '떡볶이는')
    """
    last = ord(word[-1]) if word else 0
    closed = 0xAC00 <= last <= 0xD7A3 and (last - 0xAC00) % 28 != 0
    return after_consonant if closed else after_vowel
