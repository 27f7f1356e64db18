"""Stop strings: a stream of text cut before the first of them, even where one comes in several pieces."""

from __future__ import annotations

from collections.abc import Generator, Sequence


def until_stop(pieces: Generator[str, None, None], stop: Sequence[str]) -> Generator[str, None, None]:
    """Yield the pieces up to the first stop string and close their source there.

    What may be the beginning of a stop string is held back until the next piece tells.

    >>> "".join(until_stop((p for p in ["안녕", "!\\n", "\\n질", "문: 또"]), ["\\n\\n질문:"]))
    '안녕!'
    """
    wanted = [s for s in stop if s]
    pending = ""
    try:
        for piece in pieces:
            pending += piece
            found = [at for s in wanted if (at := pending.find(s)) >= 0]
            if found:
                if pending[: min(found)]:
                    yield pending[: min(found)]
                return
            held = _may_begin(pending, wanted)
            if ready := pending[: len(pending) - held]:
                yield ready
            pending = pending[len(pending) - held :]
        if pending:
            yield pending
    finally:
        pieces.close()


def _may_begin(text: str, stop: Sequence[str]) -> int:
    """Length of the longest end of a text with which a stop string begins."""
    longest = max((len(s) - 1 for s in stop), default=0)
    return next((n for n in range(min(longest, len(text)), 0, -1) if any(s.startswith(text[-n:]) for s in stop)), 0)
