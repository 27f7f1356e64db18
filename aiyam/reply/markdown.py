"""Text from rows made inert: a shop name cannot become markup, a link or a list in Markdown or HTML."""

from __future__ import annotations

import re
import unicodedata

_ACTIVE = re.compile(r"[\\`*_\[\]<>~|$]|&(?=#?\w+;)|(?<=www)\.|(?<=[a-z]):(?=//)|(?<=\w)@(?=\w)", re.IGNORECASE)
_LINE_START = re.compile(r"^(?:(\d{1,9})([.)])|([#+=>-]))")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def escape(text: str, *, max_chars: int = 80) -> str:
    """Return the text on one line, without control characters, with every active Markdown/HTML character escaped.

    >>> escape("<b>맛*나*</b>"), escape("김밥천국 (신림점)")
    ('\\\\<b\\\\>맛\\\\*나\\\\*\\\\</b\\\\>', '김밥천국 (신림점)')
    """
    if not text.isprintable():
        shown = (c for c in text if unicodedata.category(c) != "Cf" or c == "\u200d")
        text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in shown)
    plain = " ".join(text.split())
    if len(plain) > max_chars:
        plain = plain[: max_chars - 1] + "…"
    escaped = _ACTIVE.sub(lambda m: "\\" + m.group(), plain)
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else "\\" + m[3], escaped)


def unescape(text: str) -> str:
    """Return what a reader of the rendered Markdown sees.

    >>> unescape(escape("a_b <i>"))
    'a_b <i>'
    """
    return _ESCAPED.sub(r"\1", text)
