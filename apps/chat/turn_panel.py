"""The turn panel: what was understood, which shops were considered, in which order, how long it took, which versions."""

from __future__ import annotations

import json
from html import escape

from aiyam.contracts import FUNNELS, KST, Trace, Understanding
from apps.chat.texts import TEXTS, Language, say

_STAGES = ("understand", "candidates", "rank", "reply")


def turn_panel(trace: Trace, language: Language) -> str:
    """Return the collapsed panel of one turn as HTML."""
    rows = [
        (say(language, "intent"), _intent(trace.understanding, language)),
        (say(language, "reader"), escape(read_by(trace, language))),
        (say(language, "spans"), marked(trace.understanding, language)),
        (say(language, "filters"), _filters(trace.understanding, language)),
        (say(language, "funnels"), _funnels(trace, language)),
        (say(language, "ranked"), _ranked(trace, language)),
        (say(language, "times"), _times(trace, language)),
        (say(language, "safety"), escape(" ".join((trace.safety.action, *trace.safety.kinds)))),
        (say(language, "grounding"), _grounding(trace, language)),
        (say(language, "versions"), _versions(trace)),
        (say(language, "when"), _when(trace, language)),
        (say(language, "turn_id"), _turn_id(trace, language)),
    ]
    body = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows if value)
    return f'<details class="ny-panel"><summary>{escape(say(language, "panel"))}</summary><dl>{body}</dl></details>'


def marked(understanding: Understanding, language: Language) -> str:
    """Return the utterance with its entities marked, each with its kind and value."""
    text, out, at = understanding.original_query, [], 0
    for entity in sorted(understanding.entities, key=lambda e: (e.start, e.end)):
        if entity.start < at:
            continue
        out.append(escape(text[at : entity.start]))
        note = entity.entity.value if str(entity.value) == entity.text else f"{entity.entity.value} = {entity.value}"
        out.append(f"<mark>{escape(entity.text)}<small>{escape(note)}</small></mark>")
        at = entity.end
    if not out:
        return escape(say(language, "no_spans"))
    return "".join([*out, escape(text[at:])])


def read_by(trace: Trace, language: Language) -> str:
    """Return who read the message, and why it was not the language model where that was to; empty where not recorded."""
    if not trace.reader:
        return ""
    name = say(language, f"reader_{trace.reader}")
    if trace.reader_fallback is None:
        return name
    key = f"reader_why_{trace.reader_fallback}"
    why = say(language, key) if key in TEXTS else trace.reader_fallback
    return f"{name} · {say(language, 'reader_instead', why=why)}"


def _intent(understanding: Understanding, language: Language) -> str:
    words = say(language, "confidence")
    return (
        f"<code>{understanding.intent.value}</code> {escape(words)} {understanding.confidence:.2f} "
        f'<meter min="0" max="1" value="{understanding.confidence:.3f}" aria-label="{escape(words)}"></meter>'
    )


def _filters(understanding: Understanding, language: Language) -> str:
    given = understanding.filters.given()
    if not given:
        return escape(say(language, "none"))
    return " ".join(f"<code>{escape(k)} = {escape(json.dumps(v, ensure_ascii=False))}</code>" for k, v in given.items())


def _funnels(trace: Trace, language: Language) -> str:
    if not trace.funnel_counts:
        return ""
    counts = " · ".join(
        f"{escape(say(language, f'funnel_{name}'))} {trace.funnel_counts.get(name, 0)}" for name in FUNNELS
    )
    out = f"{counts} → {escape(say(language, 'candidates_n', n=trace.n_candidates))}"
    if trace.relaxed:
        out += f"<br>{escape(say(language, 'relaxed'))}: {escape(', '.join(trace.relaxed))}"
    return out


def _ranked(trace: Trace, language: Language) -> str:
    if not trace.recommendations:
        return ""
    rows = "".join(
        f"<tr><td>{shop.rank}</td><td>{escape(shop.name)}</td><td>{shop.score:.3f}</td><td>"
        + escape(", ".join(f"{say(language, f'funnel_{name}')} {value:.2f}" for name, value in shop.funnels.items()))
        + "</td></tr>"
        for shop in trace.recommendations
    )
    head = f"<tr><th>#</th><th>{escape(say(language, 'shop'))}</th><th>{escape(say(language, 'score'))}</th><th>{escape(say(language, 'funnels'))}</th></tr>"
    return f'<div class="ny-scroll"><table>{head}{rows}</table></div>'


def _times(trace: Trace, language: Language) -> str:
    parts = [
        f"{escape(say(language, f'stage_{stage}'))} {getattr(trace.stage_ms, stage):.1f}"
        for stage in _STAGES
        if getattr(trace.stage_ms, stage)
    ]
    total = escape(say(language, "ms", n=f"{trace.stage_ms.total:.1f}"))
    return f"{' · '.join(parts)} → <b>{total}</b>"


def _grounding(trace: Trace, language: Language) -> str:
    if trace.grounding.grounded:
        return escape(say(language, "grounded"))
    return escape(say(language, "ungrounded", what=", ".join(trace.grounding.ungrounded)))


def _versions(trace: Trace) -> str:
    served = {**trace.versions.model_dump(), "backend": trace.backend, "fallback": trace.fallback}
    return escape(" · ".join(f"{name} {version}" for name, version in served.items() if version))


def _when(trace: Trace, language: Language) -> str:
    happened = f"{trace.timestamp.astimezone(KST):%Y-%m-%d %H:%M}"
    if trace.chosen_time is None:
        return happened
    chosen = say(language, "chosen_time", time=f"{trace.chosen_time.astimezone(KST):%Y-%m-%d %H:%M}")
    return f"{happened} · {escape(chosen)}"


def _turn_id(trace: Trace, language: Language) -> str:
    return (
        f'<code class="ny-turn-id">{escape(trace.turn_id)}</code> '
        f'<button type="button" class="ny-small" data-copy="{escape(trace.turn_id)}">{escape(say(language, "copy"))}</button>'
    )
