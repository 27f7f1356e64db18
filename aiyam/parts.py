"""Everything the turn uses, loaded once from a home: the catalogue, the production models, the words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.changed import with_shops_read_again
from aiyam.catalogue.interactions import Interactions
from aiyam.contracts import ReplyPlan, Versions
from aiyam.errors import InvalidInput, NotReady
from aiyam.llm.interface import LanguageModel
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.llm import LanguageModelNlu
from aiyam.nlu.reader import WithFallback
from aiyam.nlu.understander import Understander
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.statistics import Statistics
from aiyam.registry import version_folder, versions
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.grounding import Grounder
from aiyam.reply.language_model import Replier
from aiyam.reply.plan import names_of
from aiyam.reply.templates import TemplateBackend
from aiyam.reply.worded_by_model import ModelBackend
from aiyam.safety.classifier import COMPONENT, SafetyClassifier
from aiyam.safety.screen import Screen
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.aliases import alias_of

if TYPE_CHECKING:
    from aiyam.llm.folder import LocalModel


@dataclass(frozen=True)
class Parts:
    """Everything a pipeline uses; a test may swap any one with ``dataclasses.replace``.

    ``exploration`` is the temperature of drawn lists, 0 for none (``Settings.exploration``).
    """

    catalogue: Catalogue
    understander: Understander
    encoder: TextEncoder
    funnels: Funnels
    ranker: Ranker
    replier: Replier
    screen: Screen
    versions: Versions
    exploration: float = 0.0


def production_folder(settings: Settings, store: Store, component: str) -> Path:
    """Return the folder of a component's production version.

    Raises:
        NotReady: none was trained in this home yet.
    """
    version = alias_of(store, component, "production")
    if version is None:
        raise NotReady(
            f"No {component} model is in production in {settings.home}.",
            hint="Run `aiyam prepare` (or `make demo`) first.",
        )
    return settings.models_dir / component / version


def load_understander(settings: Settings, store: Store, catalogue: Catalogue | None = None) -> Understander:
    """Load the production understanding; without a catalogue it knows the shipped dish names only."""
    gazetteer = Gazetteer.from_catalogue(catalogue) if catalogue is not None else Gazetteer.from_shipped()
    trained = Understander.load(production_folder(settings, store, "nlu"), gazetteer)
    if settings.nlu == "trained":
        return trained
    filled = LanguageModelNlu(language_model(settings), gazetteer, timeout_s=settings.llm_timeout_s)
    return Understander(WithFallback(filled, trained.model), f"{trained.version}+{settings.llm_model}")


def load_rewriter(settings: Settings, store: Store) -> ChildFriendly:
    """Load the production rewriter; a home without one eases by the word table alone."""
    version = alias_of(store, "child", "production")
    folder = settings.models_dir / "child" / version if version is not None else None
    return ChildFriendly.load(settings.datasets_dir / "replies" / "easy_words.json", folder)


def language_model(settings: Settings) -> LanguageModel:
    """Return the language model the settings name: a server's, or one loaded into this process.

    Raises:
        NotReady: none is named.
        ModelError: it cannot be loaded.
    """
    if not settings.llm_model:
        raise NotReady(
            "Expected a language model, AIYAM_LLM_MODEL is empty.", hint="Name one, and AIYAM_LLM_URL for a server."
        )
    if settings.llm_url:
        from aiyam.llm.server import OpenAIServer

        return OpenAIServer(settings.llm_url, settings.llm_model, api_key=settings.llm_key.get_secret_value())
    return _local_model(settings.llm_model, settings.llm_four_bit)


@lru_cache(maxsize=1)
def _local_model(base: str, four_bit: bool) -> LocalModel:
    """Load a base once a process: understanding and wording share it, and a reload finds it there."""
    from aiyam.llm.folder import LocalModel

    return LocalModel.load(base, four_bit=four_bit)


def load_wording(settings: Settings, store: Store) -> tuple[ModelBackend | None, str]:
    """Return the language model that words replies (None: templates alone) and the version a trace names.

    Raises:
        InvalidInput: settings that contradict each other.
        NotReady: no server or adapter where one is asked for.
        ModelError: the base or the adapter cannot be loaded, or do not belong together.
    """
    if settings.nlg == "template":
        return None, TemplateBackend.version
    if settings.nlg == "openai":
        if not settings.llm_url:
            raise NotReady("Expected a server for AIYAM_NLG=openai, AIYAM_LLM_URL is empty.", hint="Name one.")
        if settings.nlg_adapter:
            raise InvalidInput(
                f"Expected no AIYAM_NLG_ADAPTER with a server, got {settings.nlg_adapter!r}.",
                hint="Give the adapter to the server, and its name there as AIYAM_LLM_MODEL.",
            )
        return ModelBackend(language_model(settings), timeout_s=settings.nlg_timeout_s), settings.llm_model
    if settings.llm_url:
        raise InvalidInput(
            "Expected no AIYAM_LLM_URL with AIYAM_NLG=transformers, got one.", hint="Unset it, or set AIYAM_NLG=openai."
        )
    from aiyam.llm.folder import DEFAULT_BASE

    base = settings.llm_model or DEFAULT_BASE
    local = _local_model(base, settings.llm_four_bit)
    if not settings.nlg_adapter:
        return ModelBackend(local, timeout_s=settings.nlg_timeout_s), base
    version = alias_of(store, "nlg", settings.nlg_adapter) or settings.nlg_adapter
    folder = version_folder(settings.models_dir, "nlg", version)
    if not folder.is_dir():
        known = ", ".join(versions(settings.models_dir, "nlg")) or "none"
        raise NotReady(
            f"Expected a version or alias of nlg in AIYAM_NLG_ADAPTER, got {settings.nlg_adapter!r}.",
            hint=f"Known versions: {known}. Train one: aiyam train lora.",
        )
    return ModelBackend(local.with_adapter(folder), timeout_s=settings.nlg_timeout_s), version


def unfit(screen: Screen, text: str, plan: ReplyPlan) -> str | None:
    """Say why a backend's sentence must not be shown; the card may be spoken of only where the plan allows it."""
    asked = "급식카드" if plan.facts.get("asked_card") else ""
    verdict = screen.check_outgoing(text, user_text=asked, names=names_of(plan))
    return ", ".join(verdict.kinds) or None


def load_screen(settings: Settings, store: Store) -> Screen:
    """Load the screen: its rules, and the production classifier beside them where there is one.

    A home without a classifier is guarded by the rules alone; one that is damaged is not served in silence.

    Raises:
        DataError: the rules or words are missing.
        ModelError: the production classifier is damaged.
    """
    screen = Screen.load(settings.datasets_dir / "safety")
    version = alias_of(store, COMPONENT, "production")
    if version is None:
        return screen
    return screen.with_classifier(SafetyClassifier.load(settings.models_dir / COMPONENT / version))


def limit_threads(n_threads: int) -> None:
    """Hold the numeric libraries of this process to ``n_threads``: turns run side by side, more threads only wait."""
    import faiss
    from threadpoolctl import threadpool_limits

    threadpool_limits(n_threads)
    faiss.omp_set_num_threads(n_threads)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Give the numeric libraries back, at the end, the numbers of threads they have now."""
    import faiss
    import torch
    from threadpoolctl import threadpool_limits

    n_faiss, n_torch = faiss.omp_get_max_threads(), torch.get_num_threads()
    with threadpool_limits():
        yield
    torch.set_num_threads(n_torch)
    faiss.omp_set_num_threads(n_faiss)


def load_parts(settings: Settings, store: Store) -> Parts:
    """Load everything the turn uses from the store and the sealed production versions."""
    limit_threads(settings.n_threads)
    catalogue = Catalogue.load(store, cache_dir=settings.home / "cache")
    if not catalogue.shop_ids:
        raise NotReady(
            f"The store of {settings.home} holds no shops.", hint="Run `aiyam prepare`, or `aiyam data import FILE`."
        )
    interactions = Interactions.load(store, catalogue)
    encoder = TextEncoder.load(production_folder(settings, store, "content"))
    funnels = Funnels.build(
        catalogue,
        interactions,
        encoder=encoder,
        rules=load_rules(settings.datasets_dir / "candidates"),
        now_ts=interactions.last_ts + 1,
    )
    stats = Statistics.build(catalogue, interactions, shop_vectors=funnels.content.vectors)
    understander = load_understander(settings, store, catalogue)
    ranker = Ranker.load(production_folder(settings, store, "ranker"), catalogue, stats)
    screen = load_screen(settings, store)
    rewriter = load_rewriter(settings, store)
    backend, wording = load_wording(settings, store)
    replier = Replier(
        TemplateBackend.load(settings.datasets_dir / "replies"),
        backend=backend,
        grounder=Grounder(catalogue),
        rewriter=rewriter,
        screen=lambda text, plan: unfit(screen, text, plan),
        first_piece_s=settings.nlg_timeout_s / 4,
        total_s=settings.nlg_timeout_s,
    )
    return Parts(
        catalogue=catalogue,
        understander=understander,
        encoder=encoder,
        funnels=funnels,
        ranker=ranker,
        replier=replier,
        screen=screen,
        versions=Versions(
            nlu=understander.version,
            ranker=ranker.version,
            nlg=wording,
            child=rewriter.version,
            safety=screen.classifier.version if screen.classifier else "",
        ),
        exploration=settings.exploration,
    )


def with_changed_shops(parts: Parts, store: Store, shop_ids: Sequence[str]) -> Parts:
    """Return the parts with some shops read again from the store: only what is said of these is made anew.

    The models are those that ``parts`` serve, and what people did is as it was when they were loaded.
    """
    catalogue, rows = with_shops_read_again(parts.catalogue, store, shop_ids)
    funnels = parts.funnels.updated(catalogue, rows)
    stats = parts.ranker.stats.updated(catalogue, funnels.content.vectors)
    known = parts.catalogue
    as_named = known.names == catalogue.names and known.dish_names == catalogue.dish_names
    understander = parts.understander
    if not as_named:
        understander = understander.with_gazetteer(Gazetteer.from_catalogue(catalogue))
    return replace(
        parts,
        catalogue=catalogue,
        understander=understander,
        funnels=funnels,
        ranker=parts.ranker.over(catalogue, stats),
        replier=parts.replier.with_grounder(Grounder(catalogue)),
    )
