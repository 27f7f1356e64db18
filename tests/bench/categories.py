"""Measures category and venue inference: ``python tests/bench/categories.py FOLDER`` with public merchant lists prints JSON.

``good_price_shops.json`` states a category for each shop (mapped below; its even ids were looked at while the words were
written, its odd ids were not), ``chuncheon*.csv`` a specific trade for some. Strict counts only the mapped category,
lenient also those that the list's coarse classes are known to hold (칼국수 under 분식, 돈까스 under 양식).
"""

from __future__ import annotations

import argparse
import csv
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from aiyam.catalogue.categories import infer_category
from aiyam.catalogue.venues import classify_venue

STRICT = {
    "한식_일반": {"한식"}, "한식_찌개류": {"한식"}, "한식_한정식": {"한식"}, "한식_해산물": {"한식"}, "한식_면류": {"한식"},
    "한식_육류": {"고기"}, "한식_분식": {"분식"}, "중식": {"중식"}, "일식": {"일식"}, "양식": {"양식"},
}  # fmt: skip
LENIENT = STRICT | {
    "한식_일반": {"한식", "고기", "분식"}, "한식_면류": {"한식", "분식"}, "한식_육류": {"고기", "한식"}, "한식_해산물": {"한식", "일식"},
    "양식": {"양식", "일식", "피자", "패스트푸드", "치킨"},
    "기타양식": {"양식", "카페", "베이커리", "피자", "치킨", "일식", "패스트푸드"},
}  # fmt: skip
TRADES = {
    "편의점": {"편의점"},
    "중식": {"중식"},
    "제과점": {"베이커리"},
    "일식": {"일식"},
    "양식": {"양식"},
    "패스트푸드": {"패스트푸드", "피자"},
}


def score(rows: list[tuple[str, list[str], str]], truth: dict[str, set[str]]) -> dict[str, Any]:
    """Coverage, accuracy where covered and over all rows, and accuracy by confidence, for (name, menus, stated class)."""
    n = covered = right = 0
    bins: dict[str, list[int]] = {}
    for name, menus, stated in rows:
        if stated not in truth:
            continue
        category, confidence = infer_category(name, "", menus)
        n += 1
        if category is None:
            continue
        hit = category in truth[stated]
        covered += 1
        right += hit
        entry = bins.setdefault(f"{int(confidence * 5) / 5:.1f}", [0, 0])
        entry[0] += 1
        entry[1] += hit
    return {
        "n": n,
        "coverage": round(covered / max(n, 1), 3),
        "accuracy_covered": round(right / max(covered, 1), 3),
        "accuracy_all": round(right / max(n, 1), 3),
        "by_confidence": {k: {"n": v[0], "accuracy": round(v[1] / v[0], 2)} for k, v in sorted(bins.items())},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    shops = json.loads((folder / "good_price_shops.json").read_text(encoding="utf-8"))
    unseen = [s for s in shops if zlib.crc32(str(s["id"]).encode()) % 2]
    by_name: list[tuple[str, list[str], str]] = [(s["name"], [], s["category"]) for s in unseen]
    by_menu = [(s["name"], [s["menu"]], s["category"]) for s in unseen]
    listed: list[dict[str, str]] = []
    for path in sorted(folder.glob("chuncheon*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as handle:
            listed += list(csv.DictReader(handle))
    trades: list[tuple[str, list[str], str]] = [(row["가맹점명"], [], row["업종명"]) for row in listed]
    venues = Counter(
        classify_venue(r["가맹점명"], infer_category(r["가맹점명"])[0], (), r["업종명"])[0] for r in listed
    )
    result = {
        "benchmark": "categories",
        "good_price_unseen_half_name_only": {"strict": score(by_name, STRICT), "lenient": score(by_name, LENIENT)},
        "good_price_unseen_half_name_and_menu": {"strict": score(by_menu, STRICT), "lenient": score(by_menu, LENIENT)},
        "chuncheon_specific_trades_name_only": {
            trade: score([row for row in trades if row[2] == trade], TRADES) for trade in TRADES
        },
        "chuncheon_venues": dict(venues),
    }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
