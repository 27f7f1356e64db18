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
# What a handwritten menu puts before or after a dish, by kind of dish, and what it does to the price.
_TOUCHES_OF = {
    "국밥": ("옛날 ", "얼큰 ", "특 "), "백반": ("우리집 ", "옛날 "), "찌개": ("얼큰 ", "옛날 ", "특 "), "국수": ("옛날 ", "얼큰 ", "엄마손 "),
    "전·보쌈": ("수제 ", "우리집 "), "중국집": ("옛날 ", "매운 "), "마라": ("매운 ", "특 "), "돈까스": ("수제 ", "매운 ", "두툼한 "),
    "덮밥": ("특 ", "오늘의 "), "라멘": ("매운 ", "특 "), "우동": ("얼큰 ", "특 "), "초밥": ("오늘의 ",), "파스타": ("오늘의 ", "매콤 "),
    "스테이크": ("수제 ", "오늘의 "), "브런치": ("오늘의 ",), "떡볶이": ("매운 ", "옛날 ", "달콤 "), "김밥": ("매콤 ", "엄마손 "),
    "라면": ("얼큰 ",), "만두": ("수제 ", "옛날 "), "분식식사": ("수제 ", "매콤 "), "닭강정": ("수제 ",),
    "피자": ("더블 ", "매콤 "), "버거": ("더블 ", "매콤 "), "토스트": ("더블 ",), "삼겹살": ("한돈 ", "숯불 "), "갈비": ("숯불 ", "수제 "),
    "닭갈비": ("매운 ",), "쌀국수": ("특 ",), "빵": ("갓구운 ", "우리밀 "), "디저트": ("수제 ",), "도시락": ("든든 ", "특 "),
}  # fmt: skip
_TAILS_OF = {
    "국밥": (" (특)",), "찌개": (" 1인분", " 정식"), "백반": (" 1인분",), "국수": (" 곱빼기",), "마라": (" (대)",), "돈까스": (" 정식", " 세트"),
    "덮밥": (" 세트", " (대)"), "라멘": (" 세트",), "우동": (" 세트",), "초밥": (" 세트",), "파스타": (" 세트",), "떡볶이": (" 1인분", " 2인분"),
    "라면": (" 세트",), "만두": (" 1인분",), "프라이드": (" 반마리",), "닭강정": (" (중)", " (대)"), "구이치킨": (" 반마리",), "피자": (" (L)",),
    "버거": (" 세트",), "삼겹살": (" 1인분",), "갈비": (" 1인분",), "닭갈비": (" 1인분",), "족발": (" (소)", " (대)"), "쌀국수": (" (대)",),
    "태국": (" 세트",), "인도": (" 세트",), "케밥": (" 세트",), "커피": (" (L)",), "도시락": (" (특)",),
}  # fmt: skip
_FACTORS = {
    " 곱빼기": 1.12,
    " (소)": 0.85,
    " (중)": 1.2,
    " (대)": 1.3,
    " 세트": 1.28,
    " 2인분": 1.9,
    " 정식": 1.2,
    " (특)": 1.2,
    " 반마리": 0.58,
    " (L)": 1.2,
}
_NO_TAIL_AFTER = ("정식", "세트", "백반", "뷔페", "후식", "반반치킨", "순살치킨", "조각피자", "컵치킨", "나머지")
_NOODLES_AND_RICE = ("면", "짜장", "짬뽕", "밥")
_SOUP = frozenset(
    {
        "국밥",
        "백반",
        "찌개",
        "국수",
        "죽",
        "전·보쌈",
        "쌀국수",
        "갈비",
        "삼겹살",
        "닭갈비",
        "족발",
        "우동",
        "덮밥",
        "라멘",
    }
)
_FRIED = frozenset({"돈까스", "떡볶이", "프라이드", "닭강정", "구이치킨", "핫도그", "버거", "중국집"})
_SWEET = frozenset({"커피", "디저트", "빙수", "빵"})


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
            weights = [
                w * (0.5 if dishes[n].side and name not in ("커피", "편의점") else 1.0)
                for w, n in zip(weights, numbers, strict=True)
            ]
            self._pools.append((np.array(numbers), np.array(weights)))
        self._low = np.array([dish.price_min for dish in dishes], float)
        self._high = np.array([dish.price_max for dish in dishes], float)
        self._side = np.array([dish.side for dish in dishes])
        self._names = [dish.name for dish in dishes]
        self._bodies = [_bodies_of(name, ground.words["messages"]) for name in kinds.names]
        self._number_of = {dish.name: number for number, dish in enumerate(dishes)}
        self._named: dict[str, int] = {}
        self._dish_kinds = [dish.kind for dish in dishes]

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
        best = (
            (place < 1 + (rng.random(len(shop)) < 0.6))
            & (rng.random(len(block.names)) < 0.85)[shop]
            & ~self._side[dish]
        )
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
            count = np.minimum(
                low + np.round(rng.beta(1.6, 2.2, len(rows)) * (high - low)).astype(np.int64), len(numbers)
            )
            # Weighted draws without replacement (Efraimidis and Spirakis 2006); branches of a brand draw the same keys.
            keys = rng.exponential(1.0, (len(rows), len(numbers))) / weights[None]
            brand = block.brand_code[rows]
            for code in np.unique(brand[brand >= 0]).tolist():
                fixed = np.random.default_rng([7, code]).exponential(1.0, len(numbers)) / weights
                keys[brand == code] = fixed
                n = int(np.random.default_rng([8, code]).integers(max(low, (low + high) // 2), high + 1))
                count[brand == code] = min(n, len(numbers))
            keys[:, 0] *= 0.3  # nearly every shop of a kind sells the dish that stands for it
            place_of = {int(number): place for place, number in enumerate(numbers)}
            for at, row in enumerate(rows.tolist()):
                place = place_of.get(self._dish_in(block.names[row]), -1)
                if place >= 0:
                    keys[at, place] = -1.0  # a shop named after a dish sells it
            order = np.argsort(keys, axis=1)
            taken = np.arange(len(numbers))[None] < count[:, None]
            lines = np.where(
                self._side[numbers[order]] & taken, 1, 0
            )  # sides to the end, order of popularity otherwise
            order = np.take_along_axis(order, np.argsort(np.where(taken, lines, 2), axis=1, kind="stable"), axis=1)
            shops.append(np.repeat(rows, count))
            dishes.append(numbers[order][taken])
        shop, dish = np.concatenate(shops), np.concatenate(dishes)
        order = np.argsort(shop, kind="stable")
        return shop[order], dish[order]

    def _dish_in(self, name: str) -> int:
        """Number of the dish a shop's name speaks of, or -1; a branch's place says nothing."""
        signboard = name.split(" ")[0]
        if signboard not in self._named:
            dish = self._ground.lexicon.lookup(signboard)
            self._named[signboard] = -1 if dish is None else self._number_of[dish.name]
        return self._named[signboard]

    def _names_of(
        self,
        rng: np.random.Generator,
        block: Block,
        shop: NDArray[np.int64],
        dish: NDArray[np.int64],
        plain: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], list[str]]:
        factor = np.ones(len(shop))
        names = [self._names[d] for d in dish.tolist()]
        style = rng.random(len(shop))
        style[plain | (block.brand_code[shop] >= 0) | self._side[dish]] = 1.0
        pick = rng.integers(0, 1 << 20, len(shop))
        for i in np.flatnonzero(style < 0.16).tolist():
            name, options = names[i], self._options(int(dish[i]), before=style[i] < 0.08)
            if not options:
                continue
            word = options[int(pick[i]) % len(options)]
            if style[i] < 0.08:
                if not any(touch.strip() in name for touch in (*options, "왕", "순살", "매운", "특선", "불")):
                    names[i], factor[i] = word + name, 1.06
            elif not name.endswith(_NO_TAIL_AFTER):
                names[i], factor[i] = name + word, _FACTORS.get(word, 1.0)
        return factor, names

    def _options(self, dish: int, *, before: bool) -> tuple[str, ...]:
        kind = self._dish_kinds[dish]
        if before:
            return _TOUCHES_OF.get(kind, ())
        if kind == "중국집":  # noodles come double, plates come small or large
            return (
                (" 곱빼기",)
                if self._names[dish].endswith(_NOODLES_AND_RICE)
                else (" (소)", " (대)")
                if self._low[dish] >= 15_000
                else ()
            )
        return _TAILS_OF.get(kind, ())

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
        self,
        rng: np.random.Generator,
        block: Block,
        shop: NDArray[np.int64],
        dish: NDArray[np.int64],
        best: NDArray[np.bool_],
    ) -> None:
        texts = self._ground.words["messages"]
        size = len(block.names)
        star = np.full(size, -1, np.int64)
        for mark in (dish >= 0, (dish >= 0) & best):
            rows = np.flatnonzero(mark)[::-1]
            star[shop[rows]] = dish[rows]
        share = (
            np.where(block.columns["good_shop"], 0.9, np.where(block.brand_code >= 0, 0.30, 0.70))
            * _MESSAGE_SHARE
            / 0.565
        )
        speaks = (rng.random(size) < share) & ~block.screened
        pick = rng.integers(0, 1 << 20, (size, 6))
        for i in np.flatnonzero(speaks).tolist():
            a, b, c, d, years, shape = pick[i].tolist()
            greetings = (
                texts["greet"]
                if self._kinds.names[block.kind[i]] != "편의점"
                else [t for t in texts["greet"] if "대표" not in t and "준비" not in t]
            )
            parts = [greetings[a % len(greetings)]]
            if block.columns["good_shop"][i] and d % 10 < 7:
                parts.append(texts["good"][d % len(texts["good"])])
            else:
                bodies = self._bodies[block.kind[i]]
                body = bodies[b % len(bodies)]
                parts.append(body if "{대표}" not in body or "{대표}" not in parts[0] else bodies[0])
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


def _bodies_of(kind: str, texts: dict[str, list[str]]) -> list[str]:
    if kind == "편의점":
        return texts["body_store"]
    own = (
        texts["body_soup"]
        if kind in _SOUP
        else texts["body_fried"]
        if kind in _FRIED
        else texts["body_sweet"]
        if kind in _SWEET
        else []
    )
    return texts["body"] + own + own


def ending(word: str, after_consonant: str, after_vowel: str) -> str:
    """Choose the particle that fits the last syllable of a Korean word.

    >>> "국밥" + ending("국밥", "은", "는"), "떡볶이" + ending("떡볶이", "은", "는")
    ('국밥은', '떡볶이는')
    """
    last = ord(word[-1]) if word else 0
    closed = 0xAC00 <= last <= 0xD7A3 and (last - 0xAC00) % 28 != 0
    return after_consonant if closed else after_vowel
