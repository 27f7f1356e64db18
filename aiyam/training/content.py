"""Trains the text encoder of the content funnel on the catalogue, on what people say they want and what they chose."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.documents import dish_texts, everyday_words, shop_documents
from aiyam.candidates.encoder import WIDTH, TextEncoder
from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.grams import N_FEATURES
from aiyam.candidates.pretrained_encoder import PretrainedEncoder, SentenceModel
from aiyam.candidates.rules import EverydayWords, check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Manifest
from aiyam.errors import InvalidInput
from aiyam.korean.noise import noisy
from aiyam.registry import seal
from aiyam.training.content_pairs import Pairs, make_pairs
from aiyam.training.content_towers import tune
from aiyam.training.content_wishes import Wishes, read_wishes
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report, run_trainer

COMPONENT = "content"
MAX_DOCUMENTS = 20_000
"""Shops of one training, and dishes it starts from; of more, a sample."""
HELD_OUT_SHARE, MAX_HELD_OUT, FEWEST_HELD_OUT = 0.1, 1000, 50
"""Shops kept from training to measure on; a catalogue that has too few for that is measured on what it was trained on."""
N_CHECKED = 400
_SLIP_RATE = 0.3

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """The shops' texts, those trained on and those measured on, and the dishes' own texts."""

    rows: Rows
    documents: list[str]
    checked: Rows
    checked_documents: list[str]
    dishes: list[str]
    everyday: EverydayWords
    pairs: Pairs
    wishes: Wishes


@dataclass(frozen=True)
class ContentTrainer:
    """The trainer of the content encoder; see ``train_content`` for its options."""

    catalogue: Catalogue
    seed: int
    passes: int = 1
    encoder: str | None = None
    cut: bool = False
    wishes: Path | None = None
    asked: Sequence[tuple[str, int]] = ()
    rules: Mapping[str, Any] | None = None
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.2, 0.95, 0.99)

    def prepare(self, report: Report) -> Prepared:
        """Write down every shop and dish, and pair texts with the shops that answer them."""
        everyday = check_rules(dict(self.rules) if self.rules is not None else load_rules()).everyday
        rows = np.flatnonzero(self.catalogue.venue_ok)
        if len(rows) == 0:
            raise InvalidInput(
                "Expected shops to learn from, got an empty catalogue.", hint="Import or generate data first."
            )
        report(0.0, "collecting what the shops say of themselves")
        rng = np.random.default_rng(self.seed)
        rows = rng.permutation(rows)
        n_held_out = min(MAX_HELD_OUT, round(HELD_OUT_SHARE * len(rows)))
        checked = np.sort(rows[:n_held_out])
        rows = np.sort(rows[n_held_out:][:MAX_DOCUMENTS]) if n_held_out >= FEWEST_HELD_OUT else np.sort(rows)
        if n_held_out < FEWEST_HELD_OUT:
            checked = rows
        documents = shop_documents(self.catalogue, everyday, rows)
        # Dishes alone as well, so that a rare dish keeps its everyday words apart from its shop's other dishes.
        dishes = dish_texts(self.catalogue, everyday)[:MAX_DOCUMENTS]
        report(0.3, "reading what people wish for")
        wishes = read_wishes(self.wishes) if self.wishes is not None and self.encoder is None else Wishes()
        report(0.7, "pairing words with shops")
        pairs = make_pairs(self.catalogue, everyday, rows, wishes=wishes, asked=self.asked, seed=self.seed)
        checked_documents = shop_documents(self.catalogue, everyday, checked)
        return Prepared(rows, documents, checked, checked_documents, dishes, everyday, pairs, wishes)

    def fit(self, prepared: Prepared, report: Report) -> TextEncoder:
        """Factorise, then tune as two towers; or fit the projection of a pretrained model."""
        if self.encoder is not None:
            report(0.0, f"loading {self.encoder}")
            model = SentenceModel(self.encoder, offline=False)
            report(0.2, "encoding the shops")
            return PretrainedEncoder.fit(model, prepared.documents, cut=self.cut)
        report(0.0, "learning which words keep company")
        start = GramEncoder.fit(prepared.documents + prepared.dishes, seed=self.seed)
        return tune(
            start,
            prepared.documents,
            prepared.pairs,
            wishes=prepared.wishes,
            passes=self.passes,
            seed=self.seed,
            report=lambda f, message="", metrics=None: report(0.15 + 0.85 * f, message, metrics),
        )

    def evaluate(self, prepared: Prepared, fitted: TextEncoder, report: Report) -> dict[str, float]:
        """Search dishes by name, by a misspelt name, and everyday words, among the shops kept from training.

        Each measure is the share of the ten nearest shops (or as many as there are) that serve a dish that fits.
        """
        report(0.0, "searching for dishes")
        catalogue, vectors = self.catalogue, fitted.encode(prepared.checked_documents)
        served = [
            set(catalogue.menu_name[catalogue.menu_start[r] : catalogue.menu_start[r + 1]].tolist())
            for r in prepared.checked
        ]
        present = sorted(set().union(*served))
        sample = np.random.default_rng(self.seed).permutation(present)[:N_CHECKED].tolist()
        rng = random.Random(self.seed)
        names = [catalogue.dish_names[dish] for dish in sample]
        fitting: dict[str, set[int]] = {}
        words = everyday_words(catalogue, prepared.everyday)
        for dish in present:
            for word in words[dish]:
                fitting.setdefault(word, set()).add(dish)
        kinds: dict[str, list[tuple[str, set[int]]]] = {
            "dish": [(name, {dish}) for name, dish in zip(names, sample, strict=True)],
            "misspelt": [
                (noisy(name, rng, rate=_SLIP_RATE).text, {dish}) for name, dish in zip(names, sample, strict=True)
            ],
            "everyday": sorted(fitting.items()),
        }
        metrics: dict[str, float] = {}
        for kind, queries in kinds.items():
            metrics[f"{kind}_precision_at_10"] = round(_precision(fitted, vectors, served, queries), 4)
            metrics[f"n_{kind}"] = len(queries)
        return {**metrics, "n_shops": len(served), "n": len(sample)}

    def save(self, prepared: Prepared, fitted: TextEncoder, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write the encoder and seal the folder."""
        fitted.save(out)
        config: dict[str, Any] = {"width": WIDTH, "seed": self.seed, "n_documents": len(prepared.documents)}
        if self.encoder is None:
            config |= {"kind": GramEncoder.kind, "n_features": N_FEATURES, "passes": self.passes}
            config |= {"n_dishes": len(prepared.dishes), "n_texts": len(prepared.pairs.texts)}
        else:
            config |= {"kind": PretrainedEncoder.kind, "model": self.encoder, "cut": self.cut}
        trained_on = "\n".join((*prepared.documents, "", *prepared.pairs.texts))
        return seal(
            out,
            component=COMPONENT,
            version=out.name,
            dataset=f"catalogue {self.catalogue.fingerprint}",
            dataset_sha256=hashlib.sha256(trained_on.encode("utf-8", "replace")).hexdigest(),
            config=config,
            metrics=metrics,
        )


def _precision(
    encoder: TextEncoder,
    vectors: NDArray[np.float32],
    served: Sequence[set[int]],
    queries: Sequence[tuple[str, set[int]]],
) -> float:
    """Return the share of right shops among the ten nearest of all queries; 0 without any."""
    hits = possible = 0
    asking = encoder.encode([text for text, _ in queries])
    for vector, (_, dishes) in zip(asking, queries, strict=True):
        nearest = np.argsort(-(vectors @ vector), kind="stable")[:10]
        right = np.array([not dishes.isdisjoint(some) for some in served])
        hits += int(right[nearest].sum())
        possible += min(10, int(right.sum()))
    return hits / max(possible, 1)


def train_content(
    catalogue: Catalogue,
    out: Path,
    *,
    seed: int,
    progress: ProgressCallback,
    cancelled: CancelCheck = lambda: False,
    passes: int = 1,
    encoder: str | None = None,
    cut: bool = False,
    wishes: Path | None = None,
    asked: Sequence[tuple[str, int]] = (),
    rules: Mapping[str, Any] | None = None,
) -> Manifest:
    """Train the encoder on the shops that may be shown, measure it on shops it did not see, and seal it in ``out``.

    Args:
        catalogue: the shops as arrays.
        out: a new version's folder, not there yet or empty.
        seed: decides which shops are kept, the texts, their slips and the order of training.
        progress: called with each step.
        cancelled: asked at each step; a true answer ends the training, and nothing is left of it.
        passes: how many passes of new texts; 0 keeps what words that keep company tell alone.
        encoder: a sentence-transformers model, by folder or hub name, to use in place of training one.
        cut: take the first 128 numbers of that model's vectors (for one trained so) in place of their components.
        wishes: folder of the rows understanding is trained on; without it no utterance is learnt from.
        asked: logged (text of a request, catalogue row of the shop chosen then).
        rules: what ``load_rules`` read; the shipped rules by default.

    Raises:
        InvalidInput: the catalogue has no shop to learn from, an option makes no sense, or ``out`` cannot be written to.
        Conflict: ``out`` holds something already.
        ModelError: the pretrained model cannot be had.
        Cancelled: stopped on the way.
    """
    if passes < 0:
        raise InvalidInput(f"Expected 0 passes or more, got {passes}.")
    if cut and encoder is None:
        raise InvalidInput("Expected a pretrained encoder whose vectors to cut, got none.", hint="Name one, or leave it out.")  # fmt: skip
    if encoder is not None and Path(encoder).is_dir():
        encoder = str(Path(encoder).resolve())
    trainer = ContentTrainer(catalogue, seed, passes, encoder, cut, wishes, tuple(asked), rules)
    return run_trainer(trainer, out, progress=progress, cancelled=cancelled)
