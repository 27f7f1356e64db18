"""The map of an answer as inline SVG: the person, numbered shops, distance rings and north; no tiles, no internet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from aiyam.contracts import Recommendation
from apps.chat.texts import Language, say

WIDTH, HEIGHT, MARGIN = 480, 320, 34
PIN_RADIUS = 17
_RINGS_M = (100, 200, 300, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000)
_M_PER_DEGREE = 111_320.0

Point = tuple[float, float]


def draw_map(shops: Sequence[Recommendation], person: Point | None, language: Language) -> str:
    """Draw the shops that have coordinates, and the person when ``person`` (lat, lon) is known; "" when nothing can be drawn."""
    placed = [(shop, shop.lat, shop.lon) for shop in shops if shop.lat is not None and shop.lon is not None]
    if not placed:
        return ""
    origin = person or (sum(lat for _, lat, _ in placed) / len(placed), sum(lon for _, _, lon in placed) / len(placed))
    metres = [_metres(origin, (lat, lon)) for _, lat, lon in placed]
    scale, centre = _fit(metres + ([(0.0, 0.0)] if person else []))

    def on_page(point: Point) -> Point:
        return WIDTH / 2 + (point[0] - centre[0]) * scale, HEIGHT / 2 - (point[1] - centre[1]) * scale

    true_points = [on_page(point) for point in metres]
    here = on_page((0.0, 0.0)) if person else None
    pins = spread([*true_points, *([here] if here else [])])[: len(true_points)]
    label = escape(say(language, "map_about", n=len(placed)))
    parts = [
        f'<svg class="ny-map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" class="ny-ground"/>',
    ]
    if here:
        parts.append(_rings(here, scale, pins))
    parts.extend(
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{px:.1f}" y2="{py:.1f}" class="ny-leader"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="ny-spot"/>'
        for (x, y), (px, py) in zip(true_points, pins, strict=True)
        if math.dist((x, y), (px, py)) > 4
    )
    if here:
        parts.append(f'<circle cx="{here[0]:.1f}" cy="{here[1]:.1f}" r="9" class="ny-here"/>')
    parts.extend(
        f'<g class="ny-pin" data-rank="{shop.rank}"><title>{escape(shop.name)}</title>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{PIN_RADIUS}"/><text x="{x:.1f}" y="{y + 6.5:.1f}">{shop.rank}</text></g>'
        for (shop, _, _), (x, y) in zip(placed, pins, strict=True)
    )
    parts.append(
        f'<g class="ny-north"><path d="M{WIDTH - 28} 16 l7 18 l-7 -4 l-7 4 z"/>'
        f'<text x="{WIDTH - 28}" y="48">{escape(say(language, "north"))}</text></g></svg>'
    )
    if here:  # told below the map: among the pins no word stays readable on a narrow screen
        parts.append(f'<p class="ny-map-key"><i></i>{escape(say(language, "you_are_here"))}</p>')
    return "".join(parts)


def person_fits(person: Point, shops: Sequence[Recommendation]) -> bool:
    """Whether the distances on the cards were measured from here (a message may have named another place)."""
    for shop in shops:
        if shop.lat is not None and shop.lon is not None and shop.distance_m is not None:
            drawn_m = math.hypot(*_metres(person, (shop.lat, shop.lon)))
            return abs(drawn_m - shop.distance_m) <= 60 + 0.1 * shop.distance_m
    return False


def spread(points: Sequence[Point], *, apart: float = 2 * PIN_RADIUS + 4, rounds: int = 60) -> list[Point]:
    """Push points that would cover each other apart, in page units, keeping them on the page."""
    moved = [list(point) for point in points]
    for _ in range(rounds):
        calm = True
        for i in range(len(moved)):
            for j in range(i):
                dx, dy = moved[i][0] - moved[j][0], moved[i][1] - moved[j][1]
                gap = math.hypot(dx, dy)
                if gap >= apart:
                    continue
                calm = False
                if gap < 1e-6:  # same spot: part along an angle that differs for each pair
                    dx, dy, gap = math.cos(i + 2.4 * j), math.sin(i + 2.4 * j), 1.0
                push = (apart - min(gap, apart)) / 2 + 0.5
                for point, sign in ((moved[i], 1), (moved[j], -1)):
                    point[0] = min(max(point[0] + sign * push * dx / gap, PIN_RADIUS + 2), WIDTH - PIN_RADIUS - 2)
                    point[1] = min(max(point[1] + sign * push * dy / gap, PIN_RADIUS + 2), HEIGHT - PIN_RADIUS - 2)
        if calm:
            break
    return [(x, y) for x, y in moved]


def _metres(origin: Point, point: Point) -> Point:
    """East and north of the origin in metres (flat earth; good to 0.1 % over a city)."""
    east = (point[1] - origin[1]) * _M_PER_DEGREE * math.cos(math.radians(origin[0]))
    return east, (point[0] - origin[0]) * _M_PER_DEGREE


def _fit(points: Sequence[Point]) -> tuple[float, Point]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    wide, high = max(max(xs) - min(xs), 150.0), max(max(ys) - min(ys), 100.0)
    scale = min((WIDTH - 2 * MARGIN - 50) / wide, (HEIGHT - 2 * MARGIN) / high)
    return scale, ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)


def _rings(here: Point, scale: float, pins: Sequence[Point]) -> str:
    out, last = [], 0.0
    farthest = max(math.dist(here, corner) for corner in ((0, 0), (0, HEIGHT), (WIDTH, 0), (WIDTH, HEIGHT)))
    for ring_m in _RINGS_M:
        radius = ring_m * scale
        if radius - last < 55 or radius > farthest:
            continue
        last = radius
        out.append(f'<circle cx="{here[0]:.1f}" cy="{here[1]:.1f}" r="{radius:.1f}" class="ny-ring"/>')
        where = _free_spot(here, radius, pins)
        if where:
            words = f"{ring_m} m" if ring_m < 1000 else f"{ring_m // 1000} km"
            out.append(f'<text x="{where[0]:.1f}" y="{where[1] + 4:.1f}" class="ny-ring-word">{words}</text>')
    return "".join(out)


def _free_spot(here: Point, radius: float, pins: Sequence[Point]) -> Point | None:
    """Return the point of the ring farthest from all pins that has room for a word; None when the ring leaves the page."""
    around = [
        (here[0] + radius * math.cos(step * math.pi / 12), here[1] + radius * math.sin(step * math.pi / 12))
        for step in range(24)
    ]
    inside = [(x, y) for x, y in around if 30 < x < WIDTH - 60 and 14 < y < HEIGHT - 14]
    return max(inside, key=lambda spot: min(math.dist(spot, pin) for pin in pins), default=None)
