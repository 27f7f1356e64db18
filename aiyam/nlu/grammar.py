"""Utterances generated from templates: slots filled from the product's vocabulary, endings by register, spans kept."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiyam.errors import DataError
from aiyam.korean.particles import final_consonant
from aiyam.nlu.examples import Example
from aiyam.nlu.invented_shops import SHOP_NAMES as SHOP_NAMES
from aiyam.nlu.markup import row_of
from aiyam.nlu.slots import SLOTS

TEMPLATES_FILE = "templates.tsv"
PHRASES_FILE = "phrases.tsv"
REGISTERS = {"plain": 40, "polite": 27, "terse": 16, "formal": 8, "dialect": 9}
"""How people speak, and how often: 반말, 해요, 음슴, 습니다, 사투리. One utterance keeps to one of them."""
ANY_REGISTER = "-"
_CHOICE = re.compile(r"<([^<>]*)>")
_SLOT = re.compile(r"\{([a-z_]+)([!*])?(?:\+([가-힣]*)/([가-힣]*))?\}")
_CARRIED = re.compile(r"\{\+([a-z_]+=[^{}]*)\}")
_PHRASE = re.compile(r"@([a-z_]+)")
_SPACES = re.compile(r" (?=[ !?~])")
_MISSES = 12
_SHARE_GROWS = 0.6

Phrases = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Name → register → what may be said."""


@dataclass(frozen=True)
class Template:
    """One line of the templates file: an intent, a pattern, and filters its fixed words carry."""

    name: str
    intent: str
    pattern: str
    extra: str
    phrases: Phrases = field(default_factory=dict, repr=False)


def read_phrases(path: Path) -> Phrases:
    """Read ``name<TAB>register<TAB>one|of|these`` lines; no file gives none.

    Raises:
        DataError: a line of another shape, or an unknown register.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, line in _lines(path) if path.exists() else ():
        name, _, rest = line.partition("\t")
        register, _, written = rest.partition("\t")
        if not written or register not in (*REGISTERS, ANY_REGISTER):
            expected = f"expected name, register ({', '.join(REGISTERS)} or {ANY_REGISTER}) and words"
            raise DataError(f"{path.name}:{number}: {expected}, got {line!r}.", hint="Mend the line.")
        said = found.setdefault(name, {})
        said[register] = (*said.get(register, ()), *written.split("|"))
    return found


def read_templates(path: Path) -> list[Template]:
    """Read ``intent<TAB>pattern<TAB>filters`` lines, and the phrases file beside them; ``#`` begins a comment line.

    A pattern holds slots (``{menu}``, ``{menu!}`` turned down, ``{menu*}`` said without being a span, ``{menu+이랑/랑}``
    with its particle), choices (``<one|of|these>``), phrases of one register (``@recommend`` as a choice), filters that
    words carry (``{+sort=price}``) and marks (``[점심](w:lunch)``).

    Raises:
        DataError: a line without an intent and a pattern, or with an unknown slot or phrase.
    """
    phrases = read_phrases(path.with_name(PHRASES_FILE))
    templates = []
    for number, line in _lines(path):
        intent, _, rest = line.partition("\t")
        pattern, _, extra = rest.partition("\t")
        slots = {m.group(1) for m in _SLOT.finditer(pattern)} - set(SLOTS)
        unknown = slots | ({m.group(1) for m in _PHRASE.finditer(pattern)} - set(phrases))
        if not pattern or unknown:
            raise DataError(
                f"{path.name}:{number}: expected intent, pattern, known slots and phrases, got {unknown or line!r}.",
                hint="Mend the line.",
            )
        templates.append(Template(f"t{number}", intent.strip(), pattern.strip(), extra.strip(), phrases))
    return templates


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def expand(template: Template, rng: random.Random) -> tuple[str, str]:
    """Write one marked utterance of a template; returns it with the filters its words carry."""
    register = rng.choices(tuple(REGISTERS), tuple(REGISTERS.values()))[0]
    pattern = template.pattern
    while match := _CHOICE.search(pattern):
        chosen = rng.choice(match.group(1).split("|"))
        if chosen.startswith("@"):
            chosen = _phrase(template.phrases, chosen, register, rng)
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    carried = [template.extra, *_CARRIED.findall(pattern)]
    marked = _SLOT.sub(_filler(rng), _CARRIED.sub("", pattern))
    return _SPACES.sub("", marked).strip(), "; ".join(filter(None, carried))


def _phrase(phrases: Phrases, chosen: str, register: str, rng: random.Random) -> str:
    match = _PHRASE.match(chosen)
    assert match is not None, f"{chosen!r} names a phrase"
    said = phrases[match.group(1)]
    spoken = said.get(register) or said.get(ANY_REGISTER) or said[rng.choice(sorted(said))]
    return rng.choice(spoken) + chosen[match.end() :]


def _filler(rng: random.Random) -> Callable[[re.Match[str]], str]:
    drawn: dict[str, set[str]] = {}

    def fill(match: re.Match[str]) -> str:
        kind, how, closed, open_ = match.groups()
        seen = drawn.setdefault(kind, set())
        for _ in range(6):  # nobody asks for one thing instead of the same thing
            surface, mark = SLOTS[kind](rng)
            if mark not in seen:
                break
        seen.add(mark)
        particle = ""
        if closed is not None:
            final = final_consonant(surface)
            particle = open_ if not final or (final == "ㄹ" and closed.startswith("으로")) else closed
        if how == "*":
            return surface + particle
        return f"[{surface}]({mark}{how or ''}){particle}"

    return fill


def generate(path: Path, n: int, *, seed: int) -> list[Example]:
    """Generate about ``n`` rows, no two the same but for spaces; a seed gives the same rows again.

    An intent's share grows more slowly than the number of its templates, so that intents with few words keep theirs;
    the templates of one intent come about equally often, each while it lasts.
    """
    rng = random.Random(seed)
    lasting = read_templates(path)
    rng.shuffle(lasting)
    per_intent = Counter(t.intent for t in lasting)
    examples: list[Example] = []
    seen: set[str] = set()
    while lasting and len(examples) < n:
        weights = [per_intent[t.intent] ** (_SHARE_GROWS - 1) for t in lasting]
        a_row = (n - len(examples)) / sum(weights)
        counts = [max(1, round(a_row * w)) for w in weights]
        lasting = [t for t, each in zip(lasting, counts, strict=True) if _write(t, each, n, rng, examples, seen)]
    return examples


def _write(template: Template, each: int, n: int, rng: random.Random, examples: list[Example], seen: set[str]) -> bool:
    """Add up to ``each`` rows of a template; tells whether it still has something new to say."""
    misses = made = 0
    while made < each and misses < _MISSES and len(examples) < n:
        marked, extra = expand(template, rng)
        row = row_of(marked, template.intent, extra)
        key = row["text"].replace(" ", "")
        if key in seen:
            misses += 1
            continue
        seen.add(key)
        made += 1
        spans = tuple((e["entity"], e["start"], e["end"], e["value"]) for e in row["entities"])
        examples.append(Example(row["text"], row["intent"], spans, row["filters"], template.name))
    return misses < _MISSES
