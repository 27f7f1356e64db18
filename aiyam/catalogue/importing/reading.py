"""Opening a file as what it is: encoding and delimiter of a CSV, a JSON list, the sheets of a workbook; rows come out raw."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiyam.errors import DataError

ENCODINGS = ("utf-8-sig", "cp949")
DELIMITERS = (",", "\t", ";", "|")
_MAX_FIELD = 1_000_000


@dataclass(frozen=True)
class RawRow:
    """One row as it stands: its 1-based line or row number, its cells, and what was put right while reading it."""

    number: int
    cells: dict[str, Any]
    extra: tuple[str, ...] = ()
    short: bool = False


@dataclass(frozen=True)
class RawSheet:
    """A table that is being read: its name, its header and its rows."""

    name: str
    header: tuple[str, ...]
    rows: Iterator[RawRow]


def read_list(path: Path) -> RawSheet:
    """Open a CSV (UTF-8, UTF-8 with BOM, UTF-16 with BOM or CP949; comma, tab, semicolon or bar) or a JSON list of objects.

    Raises:
        DataError: no file, empty, binary, an unknown encoding, or no table.
    """
    data = _bytes_of(path)
    if not data.strip():
        raise DataError(f"Expected a merchant list in {path.name}, got an empty file.", hint="Download it again.")
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"Expected a CSV or JSON list in {path.name}, got a spreadsheet or archive.",
            hint="Name it .xlsx if it is the service's workbook, or save the sheet as CSV (UTF-8).",
        )
    text = decode(data, path.name)
    if text.lstrip()[:1] in ("[", "{"):
        return _json_rows(text, path)
    return _csv_rows(text, path)


def decode(data: bytes, name: str) -> str:
    """Text of a file in one of the encodings Korean public lists come in; DataError when none fits."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ENCODINGS
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise DataError(
        f"Expected text in UTF-8 or CP949 in {name}, got bytes that are neither.",
        hint="Open it in a spreadsheet and save it as CSV (UTF-8).",
    )


def sheets_of(path: Path) -> Iterator[RawSheet]:
    """Open a workbook and give its sheets one after the other; read each sheet's rows before asking for the next.

    Raises:
        DataError: no file, or no readable xlsx.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _bytes_of(path, head=1)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, TypeError) as error:
        raise DataError(
            f"Expected a workbook (.xlsx) in {path.name}, but it cannot be read: {error}.",
            hint="Open it in a spreadsheet program and save it again as .xlsx, without a password.",
        ) from error
    try:
        for sheet in book.worksheets:
            rows = _cells_of(sheet, path)
            first = next(((n, row) for n, row in rows if any(cell is not None for cell in row)), None)
            if first is None:
                continue
            header = _unique([str(cell).strip() if cell is not None else "" for cell in first[1]])
            yield RawSheet(sheet.title, header, _sheet_rows(header, rows))
    finally:
        book.close()


def _bytes_of(path: Path, head: int | None = None) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(head if head is not None else -1)
    except FileNotFoundError as error:
        raise DataError(f"Expected a file at {path}, found none.", hint="Check the path.") from error
    except OSError as error:
        raise DataError(
            f"Expected to read {path}, but: {error.strerror}.", hint="Check the path and its rights."
        ) from error


def _cells_of(sheet: Any, path: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    try:
        yield from enumerate(sheet.iter_rows(values_only=True), 1)
    except (ValueError, KeyError, TypeError, SyntaxError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(
            f"Expected readable cells in sheet {sheet.title!r} of {path.name}, but: {error}.",
            hint="Open the workbook in a spreadsheet program and save it again.",
        ) from error


def _sheet_rows(header: tuple[str, ...], rows: Iterator[tuple[int, tuple[Any, ...]]]) -> Iterator[RawRow]:
    for number, row in rows:
        if any(cell is not None and cell != "" for cell in row):
            yield RawRow(number, dict(zip(header, row, strict=False)))


def _csv_rows(text: str, path: Path) -> RawSheet:
    csv.field_size_limit(_MAX_FIELD)
    lines = text.splitlines()
    # Public lists may open with a title line; the header is the first line that splits.
    delimiter = max(DELIMITERS, key=lambda d: sum(min(line.count(d), 50) for line in lines[:20]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: tuple[str, ...] = ()
    try:
        for row in reader:
            if len([cell for cell in row if cell.strip()]) >= 2:
                header = _unique([cell.strip() for cell in row])
                break
    except csv.Error as error:
        raise DataError(f"Expected a CSV in {path.name}, but: {error}.", hint="Save it as CSV (UTF-8).") from error
    if not header:
        raise DataError(
            f"Expected a table with at least two columns in {path.name}, got plain lines ({lines[0][:40]!r}).",
            hint="Columns are separated by comma, tab, semicolon or bar, and the first line names them.",
        )
    return RawSheet(path.name, header, _csv_body(reader, header, path))


def _csv_body(reader: Any, header: tuple[str, ...], path: Path) -> Iterator[RawRow]:
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            extra = tuple(row[len(header) :])
            yield RawRow(
                reader.line_num,
                dict(zip(header, row, strict=False)),
                extra if any(cell.strip() for cell in extra) else (),
                short=len(row) < len(header),
            )
    except csv.Error as error:
        raise DataError(
            f"Expected a CSV in {path.name}, but line {reader.line_num}: {error}.", hint="Check its quotation marks."
        ) from error


def _json_rows(text: str, path: Path) -> RawSheet:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DataError(f"Expected JSON in {path.name}, but: {error}.", hint="Check that the file is whole.") from error
    if isinstance(data, dict):
        data = next((value for value in data.values() if isinstance(value, list)), None)
    if not isinstance(data, list) or not any(isinstance(item, dict) for item in data):
        raise DataError(
            f"Expected a list of objects in {path.name}, got {type(data).__name__}.",
            hint='It looks like [{"name": …, "address": …}, …].',
        )
    header = tuple(dict.fromkeys(key for item in data if isinstance(item, dict) for key in item))
    rows = (
        RawRow(
            n,
            {
                k: v if isinstance(v, str | int | float | bool | None) else json.dumps(v, ensure_ascii=False)
                for k, v in item.items()
            },
        )
        if isinstance(item, dict)
        else RawRow(n, {}, (json.dumps(item, ensure_ascii=False),))
        for n, item in enumerate(data, 1)
    )
    return RawSheet(path.name, header, rows)


def _unique(header: list[str]) -> tuple[str, ...]:
    names: list[str] = []
    for index, name in enumerate(header, 1):
        name = name or f"column_{index}"
        names.append(name if name.lower() not in {n.lower() for n in names} else f"{name}_{index}")
    return tuple(names)
