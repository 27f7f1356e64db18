"""A file of JSON rows opened as what it is: lines or one list, in the encodings Korean files come in, never held whole."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aiyam.errors import DataError

MAX_ROW_BYTES = 1 << 18
"""A longer row is passed over unread; a sound one (1,000 characters and its spans) has a few thousand bytes."""
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16

_LIST_KEY = re.compile(rb'(?<!\\)"training_data"\s*:\s*')
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_BLANK = b"\xef\xbb\xbf \t\r\n"
_QUOTE_OR_ESCAPE = re.compile(rb'["\\]')
_HANGUL = re.compile("[가-힣]")
_NOT_HANGUL = re.compile("[\u3400-\u9fff\uf900-\ufaff\ue000-\uf8ff]")
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a spreadsheet or zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
)
_SIGNATURES = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

Layout = Literal["lines", "list"]


@dataclass(frozen=True)
class RawRow:
    """One row as it stands: its line number (JSON Lines) or its place in the list, from 1; a value, or why there is none.

    ``problem`` is (kind, reason); ``repairs`` are (kind, what was done) of reading it.
    """

    number: int
    value: Any = None
    problem: tuple[str, str] | None = None
    repairs: tuple[tuple[str, str], ...] = ()


@dataclass
class RowFile:
    """A file found readable: how its rows lie, and its encoding ("utf-8" also where single rows turn out as CP949)."""

    path: Path
    layout: Layout
    encoding: str
    share_read: float = 0.0
    """How much of the file ``rows`` has taken in, 0..1."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows; memory stays bounded by ``MAX_ROW_BYTES`` and one block, whatever the file holds."""
        pieces = _lines(self._blocks()) if self.layout == "lines" else _items(self._list_blocks())
        for number, piece in pieces:
            if isinstance(piece, _Unread):
                yield RawRow(number, problem=(piece.kind, piece.reason))
            elif piece.strip(_BLANK):
                yield _row(number, piece, self.encoding)

    def _blocks(self) -> Iterator[bytes]:
        """Yield the file as blocks of UTF-8; a file taken for UTF-8 as it stands."""
        if self.encoding == "utf-8":
            yield from self._raw_blocks()
            return
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        for block in self._raw_blocks():
            yield decoder.decode(block).encode("utf-8")
        yield decoder.decode(b"", final=True).encode("utf-8")

    def _raw_blocks(self) -> Iterator[bytes]:
        with self.path.open("rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            while block := handle.read(_BLOCK_BYTES):
                self.share_read = min(1.0, handle.tell() / size) if size else 1.0
                yield block

    def _list_blocks(self) -> Iterator[bytes]:
        """Yield what follows the bracket that opens the list."""
        blocks = self._blocks()
        head = b""
        while len(head) < _HEAD_BYTES and (block := next(blocks, b"")):
            head += block
        start = head.find(b"[") if _begins(head) == b"[" else _LIST_KEY.search(head).end()  # type: ignore[union-attr]
        yield head[start + 1 :]
        yield from blocks


def open_rows(path: Path) -> RowFile:
    """Look at the head of a file and say how to read it.

    JSON Lines, a JSON list and ``{"training_data": [...]}`` are known; UTF-8, CP949 and, with a signature or without,
    UTF-16 and UTF-32.

    Raises:
        DataError: no file, an empty one, another format, or an object without a list of rows.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"Expected a training file at {path}, got a folder or device.", hint="Name the file in it.")
        with path.open("rb") as handle:
            start = handle.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(
            f"Expected a training file at {path}, got: {error.strerror}.", hint="Check the path and its rights."
        ) from error
    for signature, name in _OTHER_FORMATS:
        if start.startswith(signature):
            raise DataError(f"Expected JSON rows in {path}, got {name}.", hint="Unpack it, or export it as JSON Lines.")
    encoding = _encoding_of(start)
    head = start if encoding == "utf-8" else start.decode(encoding, "ignore").encode("utf-8", "ignore")
    head = head.lstrip(_BLANK)
    begins = head[:1]
    if not begins:
        raise DataError(
            f"Expected training rows in {path}, found no sound one: it is empty.", hint="Check what wrote it."
        )
    first_line = head.split(b"\n", 1)[0].strip()
    second = head[len(first_line) :].lstrip()[:1]
    if begins == b"[" and not (second == b"{" and first_line[:2] != b"[{" and _whole(first_line)):
        return RowFile(path, "list", encoding)
    if (
        begins == b"{"
        and (found := _LIST_KEY.search(head))
        and (found.start() < len(first_line) or not _whole(first_line))
    ):
        if head[found.end() : found.end() + 1] != b"[":
            raise DataError(
                f'Expected "training_data" to be a list of rows in {path}, got another value.',
                hint="See the README of datasets/nlu for the format.",
            )
        return RowFile(path, "list", encoding)
    if first_line == b"{":
        raise DataError(
            f'Expected {{"training_data": [...]}} in {path}, got an object without that key near its beginning.',
            hint="Write one row a line, a list of rows, or that object.",
        )
    return RowFile(path, "lines", encoding)


def _begins(head: bytes) -> bytes:
    return head.lstrip(_BLANK)[:1]


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _encoding_of(start: bytes) -> str:
    for signature, encoding in _SIGNATURES:
        if start.startswith(signature):
            return encoding
    zeros = "".join(
        "0" if byte == 0 else "x" for byte in start[:4]
    )  # JSON begins with ASCII, so its zero bytes tell (RFC 4627)
    return {
        "000x": "utf-32-be", "x000": "utf-32-le", "0x0x": "utf-16-be", "x0x0": "utf-16-le", "0xxx": "utf-16-be", "x0xx": "utf-16-le",
    }.get(zeros, "utf-8")  # fmt: skip


@dataclass(frozen=True)
class _Unread:
    """Stands where a row could not be read."""

    kind: str
    reason: str


_TOO_LONG = _Unread("too_long", f"expected at most {MAX_ROW_BYTES:,} bytes, got more")
_CUT_OFF = _Unread(
    "json", "expected the list to be closed, got the end of the file: cut off, or a quote or bracket is missing above"
)
_AFTER_THE_END = _Unread("json", "expected nothing after the end of the list, got more rows; they were not read")


def _lines(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes | _Unread]]:
    """Split at line feeds."""
    number, pending, over = 1, bytearray(), False
    for block in blocks:
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            over = over or len(pending) + end - start > MAX_ROW_BYTES
            yield number, _TOO_LONG if over else bytes(pending) + block[start:end]
            pending.clear()
            number, start, over = number + 1, end + 1, False
        over = over or len(pending) + len(block) - start > MAX_ROW_BYTES
        if over:
            pending.clear()
        else:
            pending += block[start:]
    if over or pending:
        yield number, _TOO_LONG if over else bytes(pending)


def _items(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes | _Unread]]:
    """Split a list, its opening bracket already read, at the commas of its own level.

    Works on bytes: neither UTF-8 nor CP949 uses a bracket, comma, quote or backslash inside another character.
    """
    number, depth, in_text, escaped, over = 1, 0, False, False, False
    pending = bytearray()
    for block in blocks:
        at = start = 0
        while at < len(block):
            if escaped:
                escaped, at = False, at + 1
                continue
            match = (_QUOTE_OR_ESCAPE if in_text else _TOKEN).search(block, at)
            if match is None:
                break
            at, token = match.end(), match.group()
            if token == b"\\":
                escaped = True
            elif token == b'"':
                in_text = not in_text
            elif token in (b"{", b"["):
                depth += 1
            elif token in (b"}", b"]") and depth:
                depth -= 1
            elif token == b"]" or (token == b"," and not depth):
                over = over or len(pending) + match.start() - start > MAX_ROW_BYTES
                yield number, _TOO_LONG if over else bytes(pending) + block[start : match.start()]
                if token == b"]":
                    if block[at:].strip(_BLANK)[:1] in (b"{", b"["):
                        yield number + 1, _AFTER_THE_END
                    return
                pending.clear()
                number, start, over = number + 1, at, False
        over = over or len(pending) + len(block) - start > MAX_ROW_BYTES
        if over:
            pending.clear()
        else:
            pending += block[start:]
    yield number, _CUT_OFF


def _row(number: int, piece: bytes, encoding: str) -> RawRow:
    repairs: list[tuple[str, str]] = []
    try:
        text = piece.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guessed = _as_cp949(piece)
        if guessed is None:
            return RawRow(
                number, problem=("encoding", f"expected UTF-8, got other bytes at {error.start}, no CP949 either")
            )
        text = guessed
        repairs.append(("encoding", "read as CP949 (EUC-KR), not UTF-8"))
    if encoding != "utf-8" and "\ufffd" in text:
        return RawRow(number, problem=("encoding", f"expected {encoding.upper()}, got bytes that are not"))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        try:
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return RawRow(
                number, problem=("json", f"expected a JSON object, got: {error.msg} at character {error.pos}")
            )
        repairs.append(("characters", "control characters inside a text read as they are"))
    except (ValueError, RecursionError) as error:
        return RawRow(number, problem=("json", f"expected a JSON object, got: {error}"))
    return RawRow(number, value, repairs=tuple(repairs))


def _as_cp949(piece: bytes) -> str | None:
    """Read bytes as CP949 where that gives Hangul and no Chinese characters: damaged UTF-8 read so gives those."""
    try:
        text = piece.decode("cp949")
    except UnicodeDecodeError:
        return None
    return text if _HANGUL.search(text) and not _NOT_HANGUL.search(text) else None
