"""Rows of a label set that is not the product's: lamps and clocks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

ROOMS = ("거실", "침실", "부엌", "화장실", "서재")
SAID = {"lamp_on": "불 켜줘", "lamp_off": "불 꺼줘", "clock": "시계로 지금 몇 시야"}

Json = dict[str, object]


def row(text: str, intent: str, room: str = "") -> Json:
    """Return one row; the room, where there is one, is its span."""
    start = text.find(room)
    spans = [{"entity": "house_place", "text": room, "start": start, "end": start + len(room)}] if room else []
    return {"text": text, "intent": intent, "entities": spans}


def lamp_rows(n: int, *, first: int = 0) -> list[Json]:
    """Return n rows of three intents, numbered from ``first``, each with a room."""
    found = []
    for i in range(first, first + n):
        room, intent = ROOMS[i % len(ROOMS)], list(SAID)[i % len(SAID)]
        found.append(row(f"{room} {SAID[intent]} {i}", intent, room))
    return found


def write(path: Path, rows: list[Json]) -> Path:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def kept_rows(path: Path) -> list[Json]:
    """Return the rows that a version keeps of what it was made of."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()]
