"""Result cards as HTML: one shop a card, every fact from its catalogue row, every word escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aiyam.contracts import Recommendation
from apps.chat.texts import Language, say, when

N_OPEN = 3
"""Cards shown at once (the reply speaks of as many); the others open on a tap."""


def cards(shops: Sequence[Recommendation], language: Language, *, turn_id: str | None) -> str:
    """Return the list of cards. Without ``turn_id`` the turn is not stored yet, and the buttons wait."""
    if not shops:
        return ""
    first = "".join(card(shop, language, turn_id=turn_id) for shop in shops[:N_OPEN])
    rest = "".join(card(shop, language, turn_id=turn_id) for shop in shops[N_OPEN:])
    out = f'<ol class="ny-cards">{first}</ol>'
    if rest:
        words = escape(say(language, "more", n=len(shops) - N_OPEN))
        out += f'<details class="ny-more"><summary>{words}</summary><ol class="ny-cards">{rest}</ol></details>'
    return out


def card(shop: Recommendation, language: Language, *, turn_id: str | None) -> str:
    """Return one shop's card."""
    facts = [_category(shop), _where(shop, language)]
    tags = [(f"card-{shop.meal_card}", say(language, f"card_{shop.meal_card}"))]
    if shop.good_shop:
        tags.insert(0, ("good", say(language, "good_shop")))
    if shop.synthetic:
        tags.append(("fake", say(language, "synthetic")))
    tag_row = "".join(f'<span class="ny-tag ny-{kind}">{escape(words)}</span>' for kind, words in tags)
    reason = f'<p class="ny-why"><b>{escape(say(language, "why"))}</b> {escape(shop.reason)}</p>' if shop.reason else ""
    allergy = f'<p class="ny-allergy">⚠ {escape(shop.allergy_note)}</p>' if shop.allergy_note else ""
    return (
        f'<li class="ny-card" data-shop="{escape(shop.shop_id)}"><div class="ny-card-head">'
        f'<span class="ny-num" aria-hidden="true">{shop.rank}</span><h3>{escape(shop.name)}</h3></div>'
        f'<p class="ny-facts">{" · ".join(fact for fact in facts if fact)}<br>{_hours(shop, language)}</p>{_menu(shop, language)}{reason}{allergy}'
        f'<p class="ny-tags">{tag_row}</p>{_buttons(shop, language, turn_id)}</li>'
    )


def _category(shop: Recommendation) -> str:
    return escape(" ".join(word for word in (shop.district, shop.category) if word))


def _where(shop: Recommendation, language: Language) -> str:
    if shop.distance_m is None:
        return escape(shop.address or say(language, "no_distance"))
    return f"{shop.distance_m:,} m" if shop.distance_m < 1000 else f"{shop.distance_m / 1000:.1f} km"


def _hours(shop: Recommendation, language: Language) -> str:
    if shop.open_state == "open":
        words = (
            say(language, "open_until", time=when(shop.open_until, language))
            if shop.open_until
            else say(language, "open")
        )
    elif shop.open_state == "break":
        words = (
            say(language, "break_until", time=when(shop.opens_at, language))
            if shop.opens_at
            else say(language, "break")
        )
    elif shop.open_state == "closed":
        words = say(language, "closed")
        if shop.opens_at:
            time = when(shop.opens_at, language)
            at = "at " if language == "en" and time[0].isdigit() else ""  # "opens at 07:00", but "opens tomorrow 07:00"
            words += ", " + say(language, "opens_at", time=at + time)
    else:
        words = say(language, "open_unknown")
    return f'<span class="ny-{shop.open_state}">{escape(words)}</span>'


def _menu(shop: Recommendation, language: Language) -> str:
    if not shop.menu:
        return ""
    price = say(language, "no_price") if shop.price_won is None else say(language, "won", n=f"{shop.price_won:,}")
    return f'<p class="ny-menu"><span>{escape(shop.menu)}</span> <b>{escape(price)}</b></p>'


def _buttons(shop: Recommendation, language: Language, turn_id: str | None) -> str:
    off = "" if turn_id else " disabled"
    buttons = "".join(
        f'<button type="button" class="ny-act" data-act="{kind}" data-shop="{escape(shop.shop_id)}"{off} '
        f'aria-label="{escape(shop.name)}: {escape(say(language, key))}">{escape(say(language, key))}</button>'
        for kind, key in (("clicked", "go"), ("ordered", "ordered"), ("favorited", "favorite"))
    )
    return f'<div class="ny-acts">{buttons}</div><p class="ny-receipt"></p>'
