"""The ranker's whole training table from the store: every choice replayed through layer 1 as it stood that week, to files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.candidates.rules import load_rules
from aiyam.contracts import Progress
from aiyam.errors import DataError
from aiyam.ranking.features import feature_table
from aiyam.ranking.replay import Choices, Moment, request_at
from aiyam.ranking.statistics import KST_OFFSET_S
from aiyam.registry import sha256_of
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.files import written_at_once
from aiyam.training.as_of import Archive, AsOf
from aiyam.training.asks import CHAT, CHOICE, SOURCES, Asks, TableOptions, choose_asks, day_of
from aiyam.training.chat_moments import ChatTurn, chat_turns
from aiyam.training.leaks import LeakCheck, Side
from aiyam.training.shared_work import in_processes
from aiyam.training.table import DAY_S, TrainingTable, replay, split_time
from aiyam.training.table_files import COLUMNS, TableFile, check_ending, partial_files

_PIECE = 32_000
"""Requests replayed at once: few enough to share out and to hold, many enough to pay for rebuilding layer 1."""


@dataclass(frozen=True, eq=False)
class Material:
    """All that a worker needs to replay a piece, read once."""

    archive: Archive
    choices: Choices
    chats: Sequence[ChatTurn]
    options: TableOptions
    split: int

    def labels_until(self, piece: Piece) -> int | None:
        """Return when the acts end that may label a piece: what is learned from must not know what comes after the split."""
        return self.split if piece.cut < self.split else None


@dataclass(frozen=True, eq=False)
class Piece:
    """Asks of one stretch of time that share a layer 1: that of ``cut``."""

    cut: int
    number: int
    asks: Asks


@dataclass(frozen=True, eq=False)
class Replayed:
    """The rows of a piece, how far the history behind them reaches, and what was left out, by reason."""

    piece: Piece
    table: TrainingTable
    history_until: int
    skipped: Counter[str]


def paths_of(out: Path) -> tuple[Path, Path, Path]:
    """Return where the earlier rows, the later rows and the report go.

    >>> [path.name for path in paths_of(Path("table.csv"))]
    ['table.train.csv', 'table.valid.csv', 'table.report.json']
    """
    return (
        out.with_name(f"{out.stem}.train{out.suffix}"),
        out.with_name(f"{out.stem}.valid{out.suffix}"),
        out.with_name(f"{out.stem}.report.json"),
    )


def write_training_table(
    store: Store,
    out: Path,
    *,
    encoder_dir: Path,
    options: TableOptions,
    now: datetime,
    rules_dir: Path = REPO_ROOT / "datasets" / "candidates",
    n_workers: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Write ``<out>.train``, ``<out>.valid`` (split 8:2 at a midnight) and ``<out>.report.json``; returns the report.

    The same store and options give the same bytes, whatever ``n_workers``. The report is written last: a table without
    one is not whole.

    Raises:
        DataError: nothing to learn from, everything on one day, a leak, or another file ending.
        InvalidInput: the folder cannot be written to.
        ModelError: a damaged encoder.
    """
    check_ending(out)
    progress(Progress(stage="read", fraction=0.0))
    rules = load_rules(rules_dir)
    now_ts = int(now.timestamp())
    archive = Archive.read(store, encoder_dir=encoder_dir, rules=rules, now_ts=now_ts)
    chats, skipped_chats = chat_turns(store, archive.catalogue.row_of, now_ts=now_ts)
    skipped: Counter[str] = Counter(archive.skipped) + Counter(skipped_chats)
    choices = Choices.of(archive.interactions)
    asks = choose_asks(archive, choices, chats, options, skipped)
    if not len(asks):
        raise DataError(
            f"Expected orders, favourites, good reviews or chosen suggestions of people with at least"
            f" {options.min_interactions} earlier events, got none ({_spoken(skipped) or 'the store holds none'}).",
            hint="Lower --min_interactions, choose other dates, or collect more.",
        )
    split = split_time(asks.ts)
    material = Material(archive, choices, chats, options, split)
    pieces = _pieces(asks, split, options.refresh_days)
    paths = paths_of(out)
    tally, leaks = _Tally(), LeakCheck()
    with partial_files(paths[:2]) as partial:
        paths[2].unlink(missing_ok=True)  # from here on, what stands there is not whole
        files = [
            TableFile(path, out.suffix, archive.catalogue.shop_ids, archive.catalogue.brand_names) for path in partial
        ]
        n_done = 0
        for done in in_processes(replay_piece, pieces, material, n_workers=min(n_workers, len(pieces))):
            side: Side = "train" if done.piece.cut < split else "valid"
            until = material.labels_until(done.piece)
            leaks.add(side, done.table, history_until=done.history_until, labels_until=until)
            files[side == "valid"].add(done.table)
            tally.add(side, done.table)
            skipped += done.skipped
            n_done += len(done.piece.asks)
            progress(
                Progress(
                    stage="replay",
                    fraction=0.05 + 0.94 * n_done / len(asks),
                    message=f"{n_done:,} of {len(asks):,} requests, {tally.n_rows:,} rows",
                )
            )
        for file in files:
            file.close()
        n_both = leaks.finish()
        if not all(file.n_rows for file in files):
            raise DataError(
                f"Expected rows before and after {day_of(split)}, got {files[0].n_rows:,} and {files[1].n_rows:,}"
                f" ({_spoken(skipped)}).",
                hint="Collect more requests, or choose other dates.",
            )
    report = {
        **tally.report(),
        "requests_by_source": dict(zip(SOURCES, np.bincount(asks.source, minlength=3).tolist(), strict=True)),
        "skipped": dict(sorted(skipped.items())),
        "split_date": day_of(split),
        "rebuilt_layer_1": len({piece.cut for piece in pieces}),
        "leak_check": {"passed": True, "on_both_sides": n_both},
        "options": asdict(options),
        "catalogue": archive.catalogue.fingerprint,
        "synthetic": archive.catalogue.synthetic,
        "encoder": encoder_dir.name,
        "columns": list(COLUMNS),
        "feature_table": list(feature_table()),
        "sha256": {path.name: sha256_of(path) for path in paths[:2]},
    }
    with written_at_once(paths[2]) as handle:
        handle.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    progress(Progress(stage="replay", fraction=1.0, message=f"{tally.n_rows:,} rows"))
    return report


def replay_piece(material: Material, piece: Piece, kept: dict[int, AsOf]) -> Replayed:
    """Replay one piece; ``kept`` holds what was known for the piece before, and is used again as far as it can be.

    One person's requests are replayed one after the other, so that what layer 1 finds of a person can be kept at hand;
    the rows come by time.
    """
    if piece.cut not in kept:
        latest = kept.popitem()[1] if kept else None
        kept[piece.cut] = material.archive.at(piece.cut, like=latest)
    known, skipped = kept[piece.cut], Counter[str]()
    moments = sorted(_moments(material, piece, skipped), key=lambda m: (m.user_id, m.ts))
    table = replay(
        known.blocks,
        known.features,
        moments,
        known.profiles,
        known.encoder.encode,
        negatives=material.options.negatives,
        min_interactions=material.options.min_interactions,
        rng=np.random.default_rng([material.options.seed, piece.cut // DAY_S, piece.number]),
        labels_until=material.labels_until(piece),
    )
    skipped["choice that layer 1 did not find"] = table.n_missed
    skipped["request without a choice in time"] = table.n_idle
    by_time = np.argsort(table.ts, kind="stable")
    return Replayed(piece, table.part(by_time), known.last_ts + 1, +skipped)


def _moments(material: Material, piece: Piece, skipped: Counter[str]) -> Iterator[Moment]:
    asks, until = piece.asks, material.labels_until(piece)
    user_ids = material.archive.interactions.user_ids
    bare = iter(material.choices.part(asks.number[asks.source == CHOICE]).moments(user_ids))
    for source, number in zip(asks.source.tolist(), asks.number.tolist(), strict=True):
        if source == CHOICE:
            moment: Moment | None = next(bare)
        elif source == CHAT:
            moment = material.chats[number].moment(until)
        else:
            moment = request_at(material.archive.interactions, number)
        if moment is None:
            skipped["request whose filters cannot be read"] += 1
        elif moment.user_id in material.archive.unreadable:
            skipped["person whose record cannot be read"] += 1
        else:
            yield moment


def _pieces(asks: Asks, split: int, refresh_days: int) -> list[Piece]:
    """Cut the time into stretches that share a layer 1; the split is a cut too, so that no stretch is on both sides."""
    first = int(asks.ts[0]) - (int(asks.ts[0]) + KST_OFFSET_S) % DAY_S
    cuts = sorted({*range(first, int(asks.ts[-1]) + 1, refresh_days * DAY_S), split})
    edges = np.append(np.searchsorted(asks.ts, cuts), len(asks)).tolist()
    return [
        Piece(cut, number, asks.part(slice(low, min(low + _PIECE, end))))
        for cut, (start, end) in zip(cuts, pairwise(edges), strict=True)
        for number, low in enumerate(range(start, end, _PIECE))
    ]


class _Tally:
    """What the report says of the rows."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._sides: dict[Side, Counter[str]] = {"train": Counter(), "valid": Counter()}
        self._weights: Counter[str] = Counter()
        self._people: set[str] = set()
        self._shops: set[int] = set()

    def add(self, side: Side, table: TrainingTable) -> None:
        self.n_rows += len(table)
        positive = int((table.label > 0).sum())
        self._sides[side] += Counter(rows=len(table), positives=positive, requests=table.n_requests)
        for label in (0, 1):
            kinds, counts = np.unique(table.weight[table.label == label], return_counts=True)
            word = "chosen" if label else "not chosen"
            self._weights.update(
                {f"{word}, {w:g}": int(n) for w, n in zip(kinds.tolist(), counts.tolist(), strict=True)}
            )
        self._people.update(table.user_ids)
        self._shops.update(np.unique(table.shop_row).tolist())

    def report(self) -> dict[str, Any]:
        """Return counts as JSON types."""
        return {
            "rows": self.n_rows,
            "positives": sum(side["positives"] for side in self._sides.values()),
            "requests": sum(side["requests"] for side in self._sides.values()),
            "people": len(self._people),
            "shops": len(self._shops),
            "parts": {side: dict(counts) for side, counts in self._sides.items()},
            "rows_by_weight": dict(sorted(self._weights.items())),
        }


def _spoken(skipped: Counter[str]) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in skipped.most_common(4) if n)
