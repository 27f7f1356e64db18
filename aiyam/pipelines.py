"""Whole runs: what a new home needs before the first turn (the city, the models), made once and kept."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiyam import registry
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.catalogue.facts import fingerprint_of
from aiyam.catalogue.interactions import Interactions
from aiyam.contracts import Progress, ReplyPlan, UserProfile
from aiyam.errors import AiyamError, Conflict, DataError, InvalidInput, NotFound, NotReady
from aiyam.reply.language_model import Replier
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.aliases import alias_of, set_alias
from aiyam.store.columns import count_rows
from aiyam.store.schema import impression_request, product_order

Report = Callable[[str, Progress], None]
"""Called with a task name ("city", "safety", "nlu", "child", "content", "ranker") and its progress."""

COMPONENTS = ("nlu", "child", "content", "ranker", "safety")
DATASET_OF = {"nlu": "nlu", "child": "child", "nlg": "lora"}
"""Component to the dataset it is trained on."""
_HELD_OPTION = {"nlu": "dev", "child": "test", "nlg": "valid"}
NEED_NO_CITY = ("nlu", "safety", "child")
"""What is trained on shipped texts alone, the longest training first."""


def missing(settings: Settings) -> list[str]:
    """Name what a home still lacks: "city" and every component without a production version."""
    store = Store.open(settings.url)
    try:
        lacking = [] if fingerprint_of(store) else ["city"]  # stamped last, so half a city is none
        for component in COMPONENTS:
            version = alias_of(store, component, "production")
            if version is None or not (settings.models_dir / component / version / "manifest.json").exists():
                lacking.append(component)
        return lacking
    finally:
        store.close()


def first_run(settings: Settings, report: Report, *, n_shops: int = 3000, n_users: int = 2000) -> list[str]:
    """Make what ``missing`` names and return it; a second call does nothing.

    What needs no city is trained in a process of its own, the longest first, while the city and the models that need it are
    made here; whoever is done takes the next that is left.

    Raises:
        Conflict: another process is preparing the same home.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.home / "first_run.lock"):
        lacking = missing(settings)
        beside = _Background(settings, report, [name for name in NEED_NO_CITY if name in lacking])
        store = Store.open(settings.url)
        try:
            if "city" in lacking:
                generate_city(
                    store,
                    n_shops=n_shops,
                    n_users=n_users,
                    seed=settings.seed,
                    truth_path=settings.truth_path,
                    progress=lambda p: report("city", p),
                )
            for component in ("content", "ranker"):
                if component in lacking:
                    train_first(settings, store, component, report)
            while left := beside.take():
                train_first(settings, store, left, report)
            beside.join()
        finally:
            beside.stop()
            store.close()
        return lacking


def train_first(settings: Settings, store: Store, component: str, report: Report) -> None:
    """Train the version that a new home starts with: quickly, where a quick training serves nearly as well."""
    options: dict[str, Any] = {}
    if component == "nlu":
        from aiyam.training.nlu import QUICK

        options["effort"] = QUICK
    elif component == "child":
        from aiyam.training.child_friendly import QUICK as QUICK_CHILD

        options["effort"] = QUICK_CHILD
    train_component(settings, store, component, lambda p: report(component, p), **options)


def train_component(
    settings: Settings,
    store: Store,
    component: str,
    progress: Callable[[Progress], None],
    *,
    who: str = "first run",
    why: str = "the first version of this home",
    **options: Any,
) -> str:
    """Train one component into a new sealed version, make it production, and return the version's name.

    ``dataset`` among the options names a dataset version to train on, like ``nlu@v3`` (``dataset_options``).
    """
    options |= dataset_options(settings, component, options.pop("dataset", None))
    with registry.next_version(settings.models_dir, component) as out:
        if component == "nlu":
            data = options.pop("data", None) or settings.datasets_dir / "nlu"
            train_understanding(data, out, progress=progress, **{"seed": settings.seed, **options})
        elif component == "child":
            train_rewriter(settings, out, progress=progress, **options)
        elif component == "content":
            train_content_encoder(settings, store, out, progress=progress, **options)
        elif component == "ranker":
            _train_ranker(settings, store, out, progress, **options)
        elif component == "nlg":
            train_wording(settings, store, out, progress, **options)
        elif component == "safety":
            train_screen(settings, out, progress=progress, **options)
        else:
            raise AiyamError(f"Expected one of {', '.join(COMPONENTS)} or nlg, got {component!r}.")
        set_alias(store, component, "production", out.name, who=who, why=why)
        return out.name


def dataset_options(settings: Settings, component: str, tag: str | None) -> dict[str, Any]:
    """Return what a trainer is told to train on a dataset version: its files, and the version itself.

    Raises:
        InvalidInput: the version is of another component's data.
        NotFound: there is no such version.
        DataError: its files are not what its manifest says.
    """
    if tag is None:
        return {}
    from aiyam.curation.versions import TRAIN, VALID, folder_of, open_version, verify

    wanted = DATASET_OF[component]
    version = open_version(settings.home, f"{wanted}@{tag}" if "@" not in tag else tag)
    if version.name != wanted:
        raise InvalidInput(f"Expected a version of {wanted} to train {component} on, got {version.tag}.")
    if problems := verify(settings.home, version):
        raise DataError(
            f"Expected {version.tag} as it was built, but: {problems[0]}.",
            hint="Restore it from a backup, or build a new version.",
        )
    folder = folder_of(settings.home, version)
    return {
        "data": folder / TRAIN,
        _HELD_OPTION[component]: folder / VALID if version.n_valid else None,
        "version": version,
    }


def train_understanding(
    data: Path, out: Path, *, progress: Callable[[Progress], None], encoder: str | None = None, **options: Any
) -> None:
    """Train an understanding from scratch, or on a pretrained ``encoder``; see the two trainers for the options."""
    if encoder is None:
        from aiyam.training.nlu import train_nlu

        train_nlu(data, out, progress=progress, **options)
    else:
        from aiyam.training.encoder import train_encoder_nlu

        train_encoder_nlu(data, out, base=encoder, progress=progress, **options)


def train_rewriter(
    settings: Settings, out: Path, *, progress: Callable[[Progress], None], data: Path | None = None, **options: Any
) -> None:
    """Train the child-friendly rewriter on the pairs that ship, or on ``data``; see ``train_child_friendly``."""
    from aiyam.training.child_friendly import train_child_friendly

    words = settings.datasets_dir / "replies"
    train_child_friendly(data or words, out, words=words, progress=progress, **{"seed": settings.seed, **options})


def train_content_encoder(
    settings: Settings, store: Store, out: Path, *, progress: Callable[[Progress], None], **options: Any
) -> None:
    """Train on the store's shops, the shipped wishes and logged choices; see ``train_content`` for the options.

    What the made-up people of a sample city asked comes from templates and teaches nothing (measured), so it is not read.
    """
    from aiyam.training.content import train_content
    from aiyam.training.content_wishes import choices_of

    catalogue = Catalogue.load(store)
    asked = () if catalogue.synthetic else choices_of(Interactions.load(store, catalogue).requests)
    given = {"seed": settings.seed, "wishes": settings.datasets_dir / "nlu", "asked": asked, **options}
    train_content(catalogue, out, progress=progress, **given)


def train_screen(settings: Settings, out: Path, *, progress: Callable[[Progress], None], **options: Any) -> None:
    """Train the screen's classifier on the shipped cases and utterances; see ``train_safety`` for the options."""
    from aiyam.training.safety import train_safety

    given = {"seed": settings.seed, "nlu": settings.datasets_dir / "nlu", **options}
    train_safety(given.pop("data", None) or settings.datasets_dir / "safety", out, progress=progress, **given)


def train_ranker_with_baseline(
    settings: Settings, store: Store, progress: Report, *, who: str, why: str, **options: Any
) -> dict[str, Any]:
    """Train the ranker and the plain Wide & Deep, compare them on requests that neither has seen; the winner serves.

    Both stay in the registry. The plain one wins only where it is better beyond doubt.

    Returns:
        ``versions`` (by variant), ``winner`` (a version), ``verdict`` and ``difference``: mean, low and high of ndcg@10 of
        the default minus that of the plain one, 95 % over people.
    """
    from aiyam.evaluation.ranking import evaluate_rankers
    from aiyam.training.ranker import VARIANTS

    versions: dict[str, str] = {}
    for variant, config in VARIANTS.items():
        with registry.next_version(settings.models_dir, "ranker") as out:
            _train_ranker(settings, store, out, lambda p, v=variant: progress(v, p), config=config, **options)  # type: ignore[misc]
            versions[variant] = out.name
    encoder = alias_of(store, "content", "production")
    folders = {variant: settings.models_dir / "ranker" / versions[variant] for variant in ("spec", "default")}
    report = evaluate_rankers(
        store,
        folders,
        encoder_dir=settings.models_dir / "content" / str(encoder),
        seed=settings.seed,
        rules_dir=settings.datasets_dir / "candidates",
        progress=lambda p: progress("compare", p),
    )
    difference = report.versus["default"]["ndcg@10"]
    winner = versions["spec" if difference.verdict == "worse" else "default"]
    told = f"{why}; ndcg@10 of {versions['default']} minus {versions['spec']}: {difference.plain()}"
    set_alias(store, "ranker", "production", winner, who=who, why=told)
    return {
        "versions": versions,
        "winner": winner,
        "verdict": difference.verdict,
        "difference": difference.plain(),
        "n_requests": report.n_requests,
    }


def version_folder(settings: Settings, store: Store, component: str, named: str) -> Path:
    """Return the folder of a version given as a folder, a version's name or an alias.

    Raises:
        NotFound: it is none of the three.
    """
    version = alias_of(store, component, named) or named
    for folder in (Path(named), settings.models_dir / component / version):
        if (folder / registry.MANIFEST).is_file():
            return folder
    known = sorted(path.parent.name for path in (settings.models_dir / component).glob(f"*/{registry.MANIFEST}"))
    raise NotFound(
        f"Expected a folder, version or alias of {component}, got {named!r}.",
        hint=f"Known versions: {', '.join(known) or 'none'}.",
    )


def train_ranker_to(
    settings: Settings, store: Store, out: Path, progress: Callable[[Progress], None], **options: Any
) -> None:
    """Train a ranker into a folder of one's own and promote nothing."""
    _train_ranker(settings, store, out, progress, **options)


def _train_ranker(
    settings: Settings, store: Store, out: Path, progress: Callable[[Progress], None], **options: Any
) -> None:
    """Train on what people did; where nobody did anything yet (an imported list), on a sample city of its own.

    What carries over is how price, distance, hours and the funnels' scores weigh; the city's people and shops have no
    counterpart in the list, so they only share the fallback embedding.
    """
    from aiyam.training.ranker import train_ranker

    encoder = alias_of(store, "content", "production")
    if encoder is None:
        raise NotReady("The ranker needs a content encoder.", hint="Run `aiyam train content` first.")
    given = {
        "encoder_dir": settings.models_dir / "content" / encoder,
        "seed": settings.seed,
        "progress": progress,
        "checkpoint_dir": settings.home / "training" / "ranker",
        **options,
    }
    learned = count_rows(store, impression_request) or count_rows(store, product_order)
    if learned or given.get("train_data") or given.get("base"):
        train_ranker(store, out, **given)
        return
    with tempfile.TemporaryDirectory(prefix="aiyam-city-", dir=settings.home) as folder:
        city = Store.open(f"sqlite:///{Path(folder).resolve() / 'city.db'}")
        try:
            generate_city(city, seed=settings.seed, truth_path=Path(folder) / "truth.npz", progress=progress)
            train_ranker(city, out, **given)
        finally:
            city.close()


def train_wording(
    settings: Settings,
    store: Store,
    out: Path,
    progress: Callable[[Progress], None],
    *,
    n_turns: int = 120,
    **options: Any,
) -> None:
    """Train a LoRA adapter, judged on the plans of ``n_turns`` turns of this home where it has models.

    See ``train_lora`` for the options.
    """
    from aiyam.training.lora import train_lora
    from aiyam.training.lora_evaluation import Judge

    try:
        replier, plans = reply_plans(settings, store, settings.datasets_dir / "nlu" / "test.jsonl", n_turns=n_turns)
        judge = Judge(replier, tuple(plans))
    except NotReady:  # nothing to word yet; perplexity and form are measured all the same
        judge = None
    given = {"seed": settings.seed, "checkpoint_dir": settings.home / "training" / "nlg", "judge": judge, **options}
    train_lora(out=out, progress=progress, **given)


def reply_plans(settings: Settings, store: Store, texts: Path, *, n_turns: int) -> tuple[Replier, list[ReplyPlan]]:
    """Run turns of labelled texts through this home's pipeline and return its replier and what was to be said.

    Raises:
        NotReady: nothing has been generated or trained yet.
    """
    from aiyam.evaluation.whole import NOW, run_turns
    from aiyam.nlu.examples import load_examples
    from aiyam.parts import threads_kept
    from aiyam.pipeline import Pipeline
    from aiyam.store.people import list_profiles

    people = list_profiles(store, today=NOW.date(), limit=500) or [UserProfile(user_id="eval")]
    examples, _ = load_examples(texts)
    said = [example.text for example in examples]
    with threads_kept():  # turns are held to few threads, the training after them is not
        pipeline = Pipeline.load(settings.model_copy(update={"nlg": "template"}), store)
        turns = run_turns(pipeline, people, said, n_turns=n_turns, seed=settings.seed)
        return pipeline.parts.replier, [trace.plan for trace in turns]


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Another process is preparing {lock.parent}.", hint="Wait until it is done, then run this again."
            ) from None
        handle.write(str(os.getpid()))
        handle.flush()
        yield


class _Background:
    """Trainings in a fresh process, taken one by one from a list that this process may take from too.

    A thread passes their progress on.
    """

    def __init__(self, settings: Settings, report: Report, components: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._report = report
        self._failure = ""
        self._waiting = tuple(components)
        self._n_taken = context.Value("i", 0)
        self._queue: multiprocessing.Queue[tuple[str, Progress] | str | None] = context.Queue()
        self._process = context.Process(
            target=_train_waiting, args=(settings, self._waiting, self._n_taken, self._queue), daemon=True
        )
        self._listener = threading.Thread(target=self._listen, name="training-progress", daemon=True)
        if components:
            self._process.start()
            self._listener.start()

    def take(self) -> str | None:
        """Take a component that nobody trains yet; None where none is left."""
        return _take(self._waiting, self._n_taken)

    def _listen(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, str):
                self._failure = item
            else:
                self._report(*item)

    def join(self) -> None:
        if not self._waiting:
            return
        self._process.join()
        self._queue.put(None)
        self._listener.join()
        if self._process.exitcode:
            raise AiyamError(
                f"The training beside ended with code {self._process.exitcode}: {self._failure or 'no message'}.",
                hint="Run `aiyam train` for it to see it alone.",
            )

    def stop(self) -> None:
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


def _take(waiting: Sequence[str], n_taken: Any) -> str | None:
    with n_taken.get_lock():
        component = next(iter(waiting[n_taken.value :]), None)
        n_taken.value += component is not None
    return component


def _train_waiting(
    settings: Settings,
    waiting: Sequence[str],
    n_taken: Any,
    queue: multiprocessing.Queue[tuple[str, Progress] | str | None],
) -> None:
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    store = Store.open(settings.url)
    component: str | None = None
    try:
        while component := _take(waiting, n_taken):
            train_first(settings, store, component, lambda name, p: queue.put((name, p)))
    except AiyamError as error:
        queue.put(f"{component}: {error}")
        raise SystemExit(1) from error
    finally:
        store.close()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed too, so that no training is left running."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
