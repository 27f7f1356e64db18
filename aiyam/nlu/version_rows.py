"""The rows a version was trained and tuned on, kept beside it: what going on from it rehearses and measures forgetting on."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aiyam.errors import DataError
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.load_report import LoadReport

REHEARSED, HELD = "rows.jsonl.gz", "held.jsonl.gz"


def write_rows(path: Path, examples: Sequence[Example]) -> None:
    """Write rows as packed JSON Lines; the same rows give the same bytes."""
    with gzip.GzipFile(path, "wb", mtime=0) as packed:
        for e in examples:
            entities = [{"entity": k, "start": s, "end": t, "value": v, "text": e.text[s:t]} for k, s, t, v in e.spans]
            row = {"text": e.text, "intent": e.intent, "entities": entities, "filters": e.filters, "template": e.group}
            packed.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


def read_rows(version: Path, name: str) -> tuple[list[Example], LoadReport]:
    """Return the rows of one of a version's two files.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    path = version / name
    made = "Go on from a version that aiyam train nlu made."
    if not path.exists():
        raise DataError(f"Expected the rows of the base at {path}, found none.", hint=made)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as plain:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, plain)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"Expected packed rows in {path}, got: {error}.", hint=made) from error
        plain.flush()
        examples, report = load_examples(Path(plain.name), conflicts="keep")
    report.file = f"{version.name}/{name}"
    return examples, report


def known_texts(version: Path) -> frozenset[str]:
    """Return the texts a version was trained and tuned on; empty where it keeps none that can be read."""
    found: set[str] = set()
    for name in (REHEARSED, HELD):
        with (
            suppress(OSError, EOFError, zlib.error, ValueError, KeyError, TypeError),
            gzip.open(version / name, "rt", encoding="utf-8") as rows,
        ):
            found |= {json.loads(row)["text"] for row in rows}
    return frozenset(found)
