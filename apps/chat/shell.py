"""The page around the conversation: header, notice, demo settings, first screen, composer, as one HTML template."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aiyam.catalogue.personas import Persona
from aiyam.contracts import MAX_MESSAGE_CHARS
from apps.chat.demo_world import TIMES
from apps.chat.texts import EXAMPLES, TEXTS, Language, say

BUTTERFLY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" class="ny-logo" fill="#b8410e" aria-hidden="true"><path d="M23 22C14 4 2 8 5 19c1 6 7 8 12 7-6 2-9 8-5 13 '
    '4 4 10 0 12-10 2 10 8 14 12 10 4-5 1-11-5-13 5 1 11-1 12-7C46 8 34 4 25 22z"/><path d="M24 17v20" class="ny-body" stroke="#2b2118" stroke-width="2.5"/></svg>'
)


def shell(personas: Sequence[Persona], districts: Sequence[str], stations: Sequence[str], language: Language) -> str:
    """Return the template. Elements with ``data-t`` change their words when the language does."""

    def word(key: str, tag: str = "span", attributes: str = "") -> str:
        return f'<{tag} data-t="{key}" {attributes}>{escape(say(language, key))}</{tag}>'

    mark = word("synthetic", attributes='class="ny-mark" data-t-title="synthetic_title" hidden')
    other = "English" if language == "ko" else "한국어"
    examples = "".join(
        f'<button type="button" class="ny-chip" data-say="{escape(text)}">{escape(text)}</button>' for text in EXAMPLES
    )
    page = f"""
<div class="ny" lang="{language}" data-max="{MAX_MESSAGE_CHARS}">
  <header class="ny-top">{BUTTERFLY}
    <div class="ny-title">{word("name", "h1")}{mark}{word("tagline", "p")}</div>
    <button type="button" class="ny-small" data-new><span aria-hidden="true">＋</span> {word("new_chat")}</button>
    <button type="button" class="ny-small" data-lang lang="{"en" if language == "ko" else "ko"}">{other}</button>
  </header>
  <aside class="ny-side"><details class="ny-settings" open><summary>{word("settings")} <small class="ny-summary"></small></summary>
    <label>{word("persona")}<select data-persona>{_personas(personas)}</select></label>
    <p class="ny-about"></p>
    <label>{word("place")}<select data-place>{_places(districts, stations, language)}</select></label>
    <label>{word("time")}<select data-time>{_times(language)}</select></label>
  </details></aside>
  <section class="ny-main" role="region" tabindex="-1" aria-label="{escape(say(language, "conversation"))}" data-t-label="conversation">
    <section class="ny-welcome">
      <p class="ny-ai">🤖 <strong>{word("ai_notice")}</strong> {word("ai_more")}</p>
      <div class="ny-bubble ny-bot">{word("welcome", "p", 'class="ny-text"')}</div>
      {word("try", "p", 'class="ny-try"')}<div class="ny-chips">{examples}</div>
    </section>
    <div class="ny-feed"></div>
  </section>
  <form class="ny-composer" novalidate>
    <p class="ny-notice" role="alert" hidden></p>
    <label class="ny-hidden" for="ny-message">{word("message")}</label>
    <div class="ny-line"><textarea id="ny-message" rows="1" autocomplete="off" enterkeyhint="send"
      placeholder="{escape(say(language, "placeholder"))}" data-t-placeholder="placeholder"></textarea>
      <button type="submit" class="ny-send">{word("send")}</button>
      <button type="button" class="ny-stop" data-stop hidden>{word("stop")}</button></div>
    {word("keys", "p", 'class="ny-keys"')}
  </form>
  <div class="ny-hidden ny-live" aria-live="polite"></div>
</div>"""
    return as_template(page)


def as_template(html: str) -> str:
    """Escape what the template engines (a JavaScript template literal and Handlebars) would read as code.

    >>> as_template("a`b${c}{{d}}")
    'a&#96;b&#36;&#123;c}&#123;&#123;d}}'
    """
    for sign in "\\`${":
        html = html.replace(sign, f"&#{ord(sign)};")
    return html


def texts_for_script() -> dict[str, list[str]]:
    """Return the text table as the page's script reads it: key → [Korean, English]."""
    return {key: list(words) for key, words in TEXTS.items()}


def _personas(personas: Sequence[Persona]) -> str:
    return "".join(
        f'<option value="{escape(one.profile.user_id)}" data-about="{escape(_about(one))}">'
        f"{escape(one.profile.label)}</option>"
        for one in personas
    )


def _about(persona: Persona) -> str:
    """Say who the person is, and what the demo's card holds."""
    profile, said = persona.profile, [persona.description]
    if profile.has_card and profile.card_balance_won is not None:
        said.append(f"급식카드 잔액 {profile.card_balance_won:,}원")
    if profile.has_card and profile.card_meal_limit_won is not None:
        said.append(f"한 끼 {profile.card_meal_limit_won:,}원까지")
    return " · ".join(said)


def _places(districts: Sequence[str], stations: Sequence[str], language: Language) -> str:
    groups = "".join(
        f'<optgroup label="{escape(say(language, key))}" data-t-label="{key}">'
        + "".join(f"<option>{escape(name)}</option>" for name in names)
        + "</optgroup>"
        for key, names in (("districts", districts), ("stations", stations))
    )
    return f'<option value="" data-t="place_profile">{escape(say(language, "place_profile"))}</option>{groups}'


def _times(language: Language) -> str:
    return "".join(
        f'<option value="{key}" data-t="time_{key}">{escape(say(language, f"time_{key}"))}</option>' for key in TIMES
    )
