"""Which models a process loads, by its settings."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest

from aiyam.errors import NotReady
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.reader import WithFallback
from aiyam.parts import language_model, load_rewriter, load_understander
from aiyam.settings import Settings
from aiyam.store import Store


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
