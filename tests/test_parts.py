"""Which models a process loads, by its settings."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_language_model import build

from aiyam.assistant import Assistant
from aiyam.errors import AiyamError, NotReady
from aiyam.llm.adapters import AdaptedModel
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.reader import WithFallback
from aiyam.parts import language_model, load_rewriter, load_understander, load_wording
from aiyam.pipelines import reply_plans, train_component
from aiyam.registry import read_manifest
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.training.lora_batches import as_text, messages_of
from aiyam.training.lora_sample import rows_of, write_rows


def test_a_language_model_must_be_named() -> None:
    with pytest.raises(NotReady, match="AIYAM_LLM_MODEL"):
        language_model(Settings(nlu="language_model"))


def test_a_server_is_asked_where_one_is_named() -> None:
    model = language_model(Settings(llm_url="http://127.0.0.1:9/v1", llm_model="any"))
    assert isinstance(model, OpenAIServer)
    assert model.model == "any"


def test_replies_are_eased_by_the_trained_rewriter_or_by_the_table_where_there_is_none(
    home: Settings, tmp_path: Path
) -> None:
    bare = Settings(home=tmp_path / "home", models_dir=tmp_path / "models")
    bare.home.mkdir()
    versions = []
    for settings in (home, bare):
        store = Store.open(settings.url)
        rewriter = load_rewriter(settings, store)
        store.close()
        versions.append(rewriter.version)
        assert rewriter.ease("금일은 쉽니다.", "7-9").text.startswith("오늘은")
    assert versions == ["v1", "rules-1"]


def test_a_dead_language_model_server_leaves_the_trained_understanding_at_work(home: Settings) -> None:
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        settings = home.model_copy(update={"nlu": "language_model", "llm_url": url, "llm_model": "any"})
        store = Store.open(settings.url)
        try:
            understander, trained = load_understander(settings, store), load_understander(home, store)
        finally:
            store.close()
        text = "만원으로 신림역에서 떡볶이 먹고 싶어"
        assert understander.understand(text) == trained.understand(text)
        assert understander.version == f"{trained.version}+any"
        reader = understander.model
        assert isinstance(reader, WithFallback)
        assert reader.counts["answered"] == 0
        asked = Counter(reader.counts)
        assert asked.total() >= 1
        reading = understander.read("집에 먹을 게 하나도 없어요", in_house=True)
        assert (reading.reader, reading.fallback) == ("trained", "safety")
        assert reader.counts - asked == {"safety": 1}


def test_templates_word_replies_unless_another_backend_is_named(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a.db'}")
    try:
        assert load_wording(Settings(), store) == (None, "templates-1")
        server = Settings(nlg="openai", llm_url="http://127.0.0.1:9/v1", llm_model="any")
        backend, version = load_wording(server, store)
        assert backend is not None
        assert (backend.name, version) == ("openai", "any")
    finally:
        store.close()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"nlg": "openai"}, "AIYAM_LLM_URL"),
        (
            {"nlg": "openai", "llm_url": "http://127.0.0.1:9/v1", "llm_model": "a", "nlg_adapter": "v1"},
            "AIYAM_NLG_ADAPTER",
        ),
        ({"nlg": "transformers", "llm_url": "http://127.0.0.1:9/v1"}, "AIYAM_LLM_URL"),
        ({"nlg": "transformers", "llm_model": "/nowhere"}, "hf download"),
    ],
)
def test_wording_that_cannot_be_is_refused_with_what_to_set(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a.db'}")
    try:
        with pytest.raises(AiyamError) as raised:
            load_wording(Settings(**given), store)
        assert says in str(raised.value)
    finally:
        store.close()


def test_an_adapter_that_is_trained_words_replies_and_its_base_stays_loaded(
    copy_home: Callable[[Path], Settings], tmp_path: Path, now: datetime
) -> None:
    settings = copy_home(tmp_path)
    store = Store.open(settings.url)
    try:
        texts = settings.datasets_dir / "nlu" / "young.jsonl"
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        replier, plans = reply_plans(settings, store, texts, n_turns=40)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(before)
        assert n_threads == 2  # one each while turns ran; a training has them all again
        rows = rows_of(plans, replier, n_rows=12)
        assert len(rows) == 12
        write_rows(rows, tmp_path / "rows.jsonl")
        base = build(tmp_path / "base", [(messages_of(row), as_text(row.output)) for row in rows])
        options = {
            "data": tmp_path / "rows.jsonl",
            "base": base,
            "offline": True,
            "device": "cpu",
            "epochs": 1,
            "rank": 4,
            "n_turns": 8,
        }
        assert train_component(settings, store, "nlg", lambda p: None, **options) == "v1"
        metrics = read_manifest(settings.models_dir / "nlg" / "v1").metrics
        assert metrics["n_plans"] >= 1
        assert 0 <= metrics["shown_rate"] <= metrics["grounded_rate"] <= 1
        wording = settings.model_copy(
            update={"nlg": "transformers", "llm_model": str(base), "nlg_adapter": "production"}
        )
        first, version = load_wording(wording, store)
        again, _ = load_wording(wording, store)
        assert version == "v1"
        assert first is not None
        assert again is not None
        assert isinstance(first.model, AdaptedModel)
        assert isinstance(again.model, AdaptedModel)
        assert first.model.local is again.model.local
        with pytest.raises(NotReady, match="v9"):
            load_wording(wording.model_copy(update={"nlg_adapter": "v9"}), store)
    finally:
        store.close()
    assistant = Assistant.load(wording, clock=lambda: now)
    try:
        trace = assistant.respond("guest", "떡볶이 먹고 싶어")
        assert assistant.versions.nlg == "v1"
        assert (trace.versions.nlg, trace.backend) == ("v1", "template")  # the small base knows no Korean
        assert trace.fallback
        assert trace.recommendations[0].name in trace.response
    finally:
        assistant.close()
