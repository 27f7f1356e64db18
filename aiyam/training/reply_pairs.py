"""Reads files of pairs for the child-friendly rewriter; what is unsound is refused with its line named."""

from __future__ import annotations

from pathlib import Path

from aiyam.errors import DataError
from aiyam.nlu.load_report import LoadReport
from aiyam.nlu.row_file import open_rows
from aiyam.reply.pairs import Pair, pair_of


def read_pairs(data: Path) -> tuple[list[Pair], list[LoadReport]]:
    """Read a file of pairs (JSON, ``{"training_data": [...]}`` or JSON Lines), or every ``pairs_*.jsonl`` of a folder.

    Keys of a row: ``original``, ``child_friendly``, and, if known, ``age_band`` and ``topic``. A row that is no pair, or whose
    two sides state different facts, is refused and counted in the report, its line named.

    Raises:
        DataError: no such file, another format, or no sound pair in it.
    """
    files = sorted(data.glob("pairs_*.jsonl")) if data.is_dir() else [data]
    if not files:
        raise DataError(
            f"Expected pairs_*.jsonl in {data}, found none.", hint="Name a file, or a folder that holds them."
        )
    pairs: list[Pair] = []
    reports = []
    for path in files:
        found, report = _read_file(path)
        pairs += found
        reports.append(report)
    if not pairs:
        raise DataError(
            f"Expected pairs in {data}, found no sound one.\n" + "\n".join(r.summary_ko() for r in reports),
            hint='A row is {"original": "…", "child_friendly": "…"}; both sides state the same facts.',
        )
    return pairs, reports


def _read_file(path: Path) -> tuple[list[Pair], LoadReport]:
    rows = open_rows(path)
    report = LoadReport(file=path.name, layout=rows.layout, encoding=rows.encoding)
    pairs: list[Pair] = []
    seen: set[Pair] = set()
    for row in rows.rows():
        report.n_rows += 1
        for kind, reason in row.repairs:
            report.note(row.number, "repaired", kind, reason)
        report.n_repaired += bool(row.repairs)
        pair = pair_of(row.value, path.stem) if row.problem is None else row.problem
        if not isinstance(pair, Pair):
            report.n_rejected += 1
            report.note(row.number, "rejected", *pair)
            continue
        report.n_kept += 1
        report.n_copies += pair in seen
        if pair not in seen:
            pairs.append(pair)
            seen.add(pair)
    return pairs, report
