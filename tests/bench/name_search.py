"""Compares ways to find misspelt names: ``python tests/bench/name_search.py --home DIR --texts FILE…``.

DIR holds a store (its dishes and shops are searched); the files are rows of the training contract, of which small talk
and what is out of scope count false alarms. Misspelt names come from ``aiyam.korean.noise``. Prints a table: recall of
dish names inside an utterance, of district and station names, and of whole shop names, false alarms, and microseconds.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Intent
from aiyam.korean.jamo import split
from aiyam.korean.noise import NoiseRates, noisy
from aiyam.korean.places import shipped_places
from aiyam.korean.spelling import normalise
from aiyam.nlu.examples import load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.shop_names import SEPARATORS
from aiyam.store import Store

_SLIPS = NoiseRates(0.15, 0, 0, 0, 0, 0, 0, 0, 0)
_FRAMES = ("{} 먹고 싶어", "{} 파는 데", "근처 {} 추천", "오늘은 {}이나 먹을까")
_PLACE_FRAMES = ("{} 근처 밥집", "{}에서 뭐 먹지", "{} 맛집")


def misspelt(names: list[str], n: int, rng: random.Random) -> list[tuple[str, str]]:
    """Return n (name, misspelling) whose normalised misspelling is not the name."""
    pairs: list[tuple[str, str]] = []
    while len(pairs) < n:
        name = rng.choice(names)
        typed = noisy(name, rng, rates=_SLIPS).text
        if normalise(typed).text.replace(" ", "") != normalise(name).text.replace(" ", ""):
            pairs.append((name, typed))
    return pairs


class JamoSearch:
    """Names by rapidfuzz over jamo: the nearest within ``limit`` edits."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.jamo = [split(n) for n in names]

    def near(self, word: str, limit: int) -> str | None:
        """Return the nearest name."""
        found = process.extractOne(split(word), self.jamo, scorer=Levenshtein.distance, score_cutoff=limit)
        return self.names[found[2]] if found and found[1] else None

    def in_text(self, text: str) -> list[str]:
        """Return names found with one slip at the start of a word, longest first."""
        hits = []
        for word in text.split():
            for length in range(min(7, len(word)), 2, -1):
                if name := self.near(word[:length], 1):
                    hits.append(name)
                    break
        return hits


def timed(call: Callable[[str], object], texts: list[str]) -> float:
    """Return microseconds a text."""
    started = time.process_time()
    for text in texts:
        call(text)
    return (time.process_time() - started) / len(texts) * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--texts", type=Path, nargs="+", required=True)
    parser.add_argument("--n", type=int, default=600)
    options = parser.parse_args()
    rng = random.Random(5)
    catalogue = Catalogue.load(Store.open(f"sqlite:///{options.home / 'aiyam.db'}"))
    gazetteer = Gazetteer.from_catalogue(catalogue)
    rows = [e for file in options.texts for e in load_examples(file, conflicts="keep")[0]]
    talk = [normalise(e.text).text for e in rows if e.intent in (Intent.SMALL_TALK, Intent.OUT_OF_SCOPE)]
    every = [normalise(e.text).text for e in rows][:1500]

    dishes = [d for d in gazetteer.dish_names if 3 <= len(d) <= 7 and all("가" <= c <= "힣" for c in d)]
    search = JamoSearch(dishes)
    said = [
        (name, normalise(rng.choice(_FRAMES).format(typed)).text) for name, typed in misspelt(dishes, options.n, rng)
    ]
    ours = sum(name in [h.value for h in gazetteer.find_dishes(t)] for name, t in said) / len(said)
    theirs = sum(name in search.in_text(t) for name, t in said) / len(said)
    false_ours = sum(any(h.fuzzy for h in gazetteer.find_dishes(t)) for t in talk)
    false_theirs = sum(bool(search.in_text(t)) for t in talk)
    print(
        f"dishes ({len(dishes)} names, {len(talk)} other texts): open syllables recall {ours:.3f}, false alarms {false_ours}, {timed(gazetteer.find_dishes, every):.0f} us a text"
    )
    print(
        f"  rapidfuzz over jamo: recall {theirs:.3f}, false alarms {false_theirs}, {timed(search.in_text, every):.0f} us a text"
    )

    places = shipped_places()
    named = [p.name for k in ("district", "station") for p in places.of_kind(k) if len(p.name) >= 3]
    search = JamoSearch([f for f in places.forms if len(f) >= 3])
    told = [
        (name, normalise(rng.choice(_PLACE_FRAMES).format(typed)).text)
        for name, typed in misspelt(named, options.n, rng)
    ]
    ours = sum(name in [m.name for m in places.find(t)] for name, t in told) / len(told)
    theirs = sum(any(places.forms[f][0].place.name == name for f in search.in_text(t)) for name, t in told) / len(told)
    false_ours = sum(any(m.edits for m in places.find(t)) for t in talk)
    false_theirs = sum(bool(search.in_text(t)) for t in talk)
    print(
        f"places: open syllables recall {ours:.3f}, false alarms {false_ours}, {timed(places.find, every):.0f} us a text"
    )
    print(
        f"  rapidfuzz over jamo: recall {theirs:.3f}, false alarms {false_theirs}, {timed(search.in_text, every):.0f} us a text"
    )

    shops = gazetteer.shops
    plain = [SEPARATORS.sub("", n.lower()) for n in catalogue.names]
    search = JamoSearch(plain)
    asked = misspelt([n for n in catalogue.names if 3 <= len(SEPARATORS.sub("", n)) <= 16], options.n // 4, rng)
    right = {n: set(shops.rows(n)) for n, _ in asked}
    ours = sum(bool(right[n] & set(shops.near(t)[:1])) for n, t in asked) / len(asked)
    theirs = sum(
        plain[i] == SEPARATORS.sub("", n.lower())
        for n, t in asked
        if (f := search.near(normalise(t).text.replace(" ", ""), 3)) and (i := plain.index(f)) >= 0
    ) / len(asked)
    typed_names = [t for _, t in asked]
    print(f"shops ({len(plain)}): ShopNames.near first {ours:.3f}, {timed(shops.near, typed_names):.0f} us a name")
    print(
        f"  rapidfuzz over every name: first {theirs:.3f}, {timed(lambda t: search.near(t, 3), typed_names):.0f} us a name"
    )


if __name__ == "__main__":
    main()
