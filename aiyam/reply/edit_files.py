"""A trained rewriter on disk: the edits and words as JSON, the weights as arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from aiyam.errors import ModelError
from aiyam.reply.edit_model import EditModel, Vocabulary
from aiyam.reply.edits import EditTable, Keys

EDITS, WEIGHTS = "edits.json", "weights.safetensors"
FORMAT = 1


def save_edits(model: EditModel, folder: Path) -> None:
    """Write ``edits.json`` (phrases, endings, words) and ``weights.safetensors`` into an existing folder."""
    from safetensors.numpy import save_file

    table, vocabulary = model.table, model.vocabulary
    record = {
        "format": FORMAT,
        "phrases": [
            [list(source), [[list(words), n] for words, n in choices]]
            for source, choices in sorted(table.phrases.items())
        ],
        "endings": [[old, new, n] for old, choices in sorted(table.endings.items()) for new, n in choices],
        "verbal": sorted(table.verbal),
        "known": sorted(vocabulary.known),
        "neighbours": dict(sorted(vocabulary.neighbours.items())),
        "grades": dict(sorted(vocabulary.grades.items())),
    }
    (folder / EDITS).write_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    ids = sorted(model.weights)
    weights = np.array([model.weights[number] for number in ids], dtype=np.float32)
    save_file({"ids": np.array(ids, dtype=np.uint32), "weights": weights}, folder / WEIGHTS)


def load_edits(folder: Path) -> EditModel:
    """Read them back.

    Raises:
        ModelError: a file is missing, damaged, or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        record = json.loads((folder / EDITS).read_text("utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}, not {FORMAT}")
        phrases: dict[Keys, list[tuple[Keys, int]]] = {
            tuple(source): [(tuple(words), int(n)) for words, n in choices] for source, choices in record["phrases"]
        }
        table = EditTable(phrases, {(old, new): int(n) for old, new, n in record["endings"]}, record["verbal"])
        vocabulary = Vocabulary(frozenset(record["known"]), record["neighbours"], record["grades"])
        arrays = load_file(folder / WEIGHTS)
        ids, weights = arrays["ids"].tolist(), arrays["weights"].tolist()
        return EditModel(table, vocabulary, dict(zip(ids, weights, strict=True)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError) as error:
        raise ModelError(
            f"Expected a trained rewriter in {folder}, got {error!r}.",
            hint="Train it again: `aiyam train child-friendly`.",
        ) from error
