"""Times the import of a merchant list: ``python tests/bench/import_merchants.py [--rows N] [--folder LISTS]`` prints JSON.

Without ``--folder`` the list is made of invented shops; with it, of the public lists found there, repeated and perturbed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import tempfile
import time
from pathlib import Path

PLACES = ("관악구 신림로", "마포구 양화로", "노원구 동일로", "강서구 화곡로", "송파구 백제고분로", "은평구 연서로")
FIRST = (
    "맛나",
    "우리",
    "엄마손",
    "또와",
    "행복한",
    "신림",
    "한솔",
    "명가",
    "소문난",
    "두꺼비",
    "초록",
    "달빛",
    "오늘",
    "청춘",
)
LAST = (
    "분식",
    "김밥",
    "국밥",
    "칼국수",
    "치킨",
    "피자",
    "반점",
    "돈까스",
    "갈비",
    "떡볶이",
    "식당",
    "카페",
    "베이커리",
    "포차",
    "호프",
    "마트",
    "",
)


def names_of(folder: Path | None, rng: random.Random) -> list[tuple[str, str, str]]:
    """(name, trade, address) to repeat."""
    if folder is None:
        return [
            (
                rng.choice(FIRST) + rng.choice(LAST),
                "일반음식점",
                f"서울특별시 {rng.choice(PLACES)} {rng.randint(1, 400)} (신림동)",
            )
            for _ in range(5000)
        ]
    found: list[tuple[str, str, str]] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                if "가맹점명" in row:
                    found.append((row["가맹점명"], row["업종명"], row["소재지도로명주소"]))
    return found


def write_list(path: Path, rows: int, seeds: list[tuple[str, str, str]], rng: random.Random) -> None:
    """Write ``rows`` rows in the national standard columns, with blemishes such lists have."""
    with path.open("w", encoding="cp949", errors="ignore", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["가맹점명", "가맹점등록번호", "업종명", "소재지도로명주소", "위도", "경도", "전화번호"])
        for i in range(rows):
            name, trade, address = seeds[i % len(seeds)]
            name = f"{name} {i // len(seeds) + 1}호점" if i >= len(seeds) else name
            lat, lon = 37.4 + rng.random() / 4, 126.8 + rng.random() / 3
            phone = f"02-{rng.randint(200, 999)}-{rng.randint(0, 9999):04}"
            if rng.random() < 0.01:
                name = "" if rng.random() < 0.3 else name
                phone = rng.choice(["-", "없음", "123", phone.replace("-", "")])
                lat = rng.choice([0.0, 95.0, lat])
            writer.writerow([name, f"{i:09}", trade, f"{address} {i}", f"{lat:.6f}", f"{lon:.6f}", phone])


def main() -> None:
    """Make the list, import it twice, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=92_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    from aiyam.catalogue.importing import import_merchants
    from aiyam.store import Store

    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merchants.csv"
        write_list(path, options.rows, names_of(options.folder, rng), rng)
        store = Store.open(f"sqlite:///{folder}/store.db")
        began, cpu = time.perf_counter(), time.process_time()
        first = import_merchants(store, path)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        again = import_merchants(store, path)
        store.close()
    print(
        json.dumps(
            {
                "benchmark": "import_merchants",
                "rows": options.rows,
                "seconds": round(seconds, 2),
                "cpu_seconds": round(cpu_seconds, 2),
                "target_seconds": 60,
                "ok": seconds < 60,
                "shops": first.shops,
                "rejected": first.rejected,
                "repaired": first.repaired,
                "flagged_venues": first.flagged_venues,
                "new_shops_second_time": again.new_shops,
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
