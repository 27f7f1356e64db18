"""One answer on its way to the screen: takes the turn's events, gives the HTML of what is known so far."""

from __future__ import annotations

from html import escape

from aiyam.contracts import CandidatesFound, Done, Event, Ranked, Recommendation, TextChunk, Trace, Understood
from aiyam.reply.markdown import unescape
from apps.chat.cards import cards
from apps.chat.map_drawing import Point, draw_map, person_fits
from apps.chat.texts import REASONS, Language, say
from apps.chat.turn_panel import turn_panel


class Answer:
    """Grows with each event. ``person`` is where the user stands (lat, lon), for the map."""

    def __init__(self, language: Language, person: Point | None) -> None:
        self.language = language
        self.person = person
        self.text = ""
        self.shops: tuple[Recommendation, ...] = ()
        self.status = "thinking"
        self.trace: Trace | None = None

    def take(self, event: Event) -> None:
        """Add what one event tells."""
        if isinstance(event, Understood):
            self.status = "looking"
        elif isinstance(event, CandidatesFound):
            self.status = "ranking"
        elif isinstance(event, Ranked):
            self.shops = event.recommendations
        elif isinstance(event, TextChunk):
            self.text += event.text
        elif isinstance(event, Done):
            # A reply that failed grounding was replaced after its pieces had gone out: the trace has the last word.
            self.trace, self.text, self.shops = event.trace, event.trace.response, event.trace.recommendations

    def html(self) -> str:
        """Return the inside of the answer's bubble."""
        if not self.text and not self.shops:
            return f'<p class="ny-wait"><span class="ny-dots" aria-hidden="true"></span>{escape(say(self.language, self.status))}</p>'
        turn_id = self.trace.turn_id if self.trace else None
        parts = [paragraphs(self._words()), cards(self.shops, self.language, turn_id=turn_id)]
        if self.trace is not None:
            # Someone in distress is not asked for stars.
            parts += [
                self._map(),
                choices(self.trace),
                "" if self.trace.plan.kind == "safety" else feedback_row(self.language),
                turn_panel(self.trace, self.language),
            ]
        return "".join(parts)

    def _words(self) -> str:
        """Return the reply without the list of choices, which stand below as buttons."""
        taps = {f"- {choice}" for choice in self.trace.plan.choices} if self.trace is not None else set()
        shown = (line for line in self.text.split("\n") if unescape(line.strip()) not in taps)
        return "\n".join(shown).strip()

    def _map(self) -> str:
        fits = self.person is not None and person_fits(self.person, self.shops)
        drawing = draw_map(self.shops, self.person if fits else None, self.language)
        if not drawing:
            return ""
        words = escape(say(self.language, "map"))
        return f'<details class="ny-map-box" open><summary>{words}</summary>{drawing}</details>'


def paragraphs(text: str) -> str:
    """Return Markdown text as paragraphs of plain words, its line breaks kept, everything escaped.

    >>> paragraphs("a<b\\nc\\n\\nd")
    '<p class="ny-text">a&lt;b<br>c</p><p class="ny-text">d</p>'
    """
    blocks = (block.strip() for block in unescape(text).split("\n\n"))
    return "".join(f'<p class="ny-text">{escape(block).replace(chr(10), "<br>")}</p>' for block in blocks if block)


def choices(trace: Trace) -> str:
    """Return the answer's tappable choices, if it asked something."""
    if not trace.plan.choices:
        return ""
    chips = "".join(
        f'<button type="button" class="ny-chip" data-say="{escape(choice)}">{escape(choice)}</button>'
        for choice in trace.plan.choices
    )
    return f'<div class="ny-chips">{chips}</div>'


def feedback_row(language: Language) -> str:
    """Return thumbs, stars with a reason menu, and the button for another answer."""
    stars = "".join(
        f'<button type="button" class="ny-star" data-star="{n}" aria-pressed="false" '
        f'aria-label="{escape(say(language, "star_n", n=n))}">★</button>'
        for n in range(1, 6)
    )
    reasons = "".join(
        f'<option value="{escape(say("ko", f"reason_{key}"))}">{escape(say(language, f"reason_{key}"))}</option>'
        for key in REASONS
    )
    return (
        '<div class="ny-feedback"><div class="ny-row">'
        f'<span class="ny-ask">{escape(say(language, "was_it_good"))}</span>'
        f'<span class="ny-group"><button type="button" class="ny-thumb" data-thumb="5" '
        f'aria-label="{escape(say(language, "thumb_up"))}">👍</button>'
        f'<button type="button" class="ny-thumb" data-thumb="1" aria-label="{escape(say(language, "thumb_down"))}">👎</button></span>'
        f'<span class="ny-group" role="group" aria-label="{escape(say(language, "stars"))}">{stars}</span>'
        f'<button type="button" class="ny-small ny-again" data-again>↻ {escape(say(language, "again"))}</button></div>'
        f'<div class="ny-row ny-reason" hidden><label>{escape(say(language, "reason"))} '
        f'<select><option value="">{escape(say(language, "reason_none"))}</option>{reasons}</select></label>'
        f'<button type="button" class="ny-small ny-solid" data-rate>{escape(say(language, "give_stars"))}</button></div>'
        '<p class="ny-receipt"></p></div>'
    )
