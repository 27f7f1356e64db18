"""The graded word list: from which age on a word may be expected to be known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aiyam.contracts import AGE_BANDS
from aiyam.errors import DataError


def load_grades(path: Path) -> Mapping[str, int]:
    """Read ``hard_words.tsv`` (word, the youngest band that knows it) as the band's place in ``AGE_BANDS``, 0..4.

    Raises:
        DataError: the file is missing, or a line has no word or no band.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise DataError(
            f"Expected a graded word list at {path}, got: {error.strerror}.", hint="Check the path."
        ) from error
    grades: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        word, _, band = line.partition("\t")
        if not word or band not in AGE_BANDS:
            raise DataError(
                f"Expected a word, a tab and one of {', '.join(AGE_BANDS)} in {path}, line {number}, got {line!r}."
            )
        grades[word] = AGE_BANDS.index(band)
    return grades
