"""Text from rows made inert: a shop name cannot become markup, a link or a list in Markdown or HTML."""

from __future__ import annotations

import re
import unicodedata

_ACTIVE = re.compile(r"[\\`*_\[\]<>~|$]|&(?=#?\w+;)|(?<=www)\.|(?<=[a-z]):(?=//)|(?<=\w)@(?=\w)", re.IGNORECASE)
_LINE_START = re.compile(r"^(?:(\d{1,9})([.)])(?=\s|$)|([#+=>-]))")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def escape(text: str, *, max_chars: int = 80) -> str:
    """Return the text on one line, without control characters, inert wherever it stands, at the start of a line too.

    >>> escape("<b>맛*나*</b>"), escape("1. 분식")
    ('\\\\<b\\\\>맛\\\\*나\\\\*\\\\</b\\\\>', '1\\\\. 분식')
    """
    return guard_line_start(inline(text, max_chars=max_chars))


def inline(text: str, *, max_chars: int = 80) -> str:
    """Return the text on one line, inert inside a sentence; at the start of a line it also needs ``guard_line_start``.

    >>> inline("1.2km 안"), inline("a_b")
    ('1.2km 안', 'a\\\\_b')
    """
    if not text.isprintable():
        shown = (c for c in text if unicodedata.category(c) != "Cf" or c == "\u200d")
        text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in shown)
    plain = " ".join(text.split())
    if len(plain) > max_chars:
        plain = plain[: max_chars - 1] + "…"
    return _ACTIVE.sub(lambda m: "\\" + m.group(), plain)


def guard_line_start(line: str) -> str:
    """Escape what would make this line a list, a heading or a quotation. A number needs a space after its dot to do so.

    >>> guard_line_start("1. 분식이에요."), guard_line_start("1.2km예요.")
    ('1\\\\. 분식이에요.', '1.2km예요.')
    """
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else "\\" + m[3], line)


def unescape(text: str) -> str:
    """Return what a reader of the rendered Markdown sees.

    >>> unescape(escape("a_b <i>"))
    'a_b <i>'
    """
    return _ESCAPED.sub(r"\1", text)
