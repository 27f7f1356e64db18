"""The first run: made once, resumed after a kill, alone in its home; an imported list gets a ranker too."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aiyam.contracts import KST, Progress
from aiyam.errors import Conflict, DataError
from aiyam.pipelines import COMPONENTS, first_run, missing, train_component
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import Store
from aiyam.store.aliases import alias_of
from aiyam.store.columns import count_rows, set_fact
from aiyam.store.schema import shop


def silent(task: str, progress: Progress) -> None:
    """Take progress and say nothing."""


def test_a_second_first_run_does_nothing(home: Settings) -> None:
    assert missing(home) == []
    assert first_run(home, silent) == []


def test_half_a_city_counts_as_none(tmp_path: Path, copy_home: Callable[[Path], Settings]) -> None:
    settings = copy_home(tmp_path)
    store = Store.open(settings.url)
    set_fact(store, "fingerprint", "")  # what a killed generation leaves: shops, but no stamp
    store.close()
    assert missing(settings) == ["city"]


def test_two_first_runs_of_one_home_do_not_meet(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", models_dir=tmp_path / "models")
    settings.home.mkdir()
    with (settings.home / "first_run.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another process"):
            first_run(settings, silent)


def test_a_training_that_fails_takes_no_version_and_changes_no_production(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", models_dir=tmp_path / "models")
    settings.home.mkdir()
    rows = "".join(f'{{"text": "불 {said} {i}", "intent": "{said}"}}\n' for i in range(8) for said in ("켜", "꺼"))
    (tmp_path / "rows.jsonl").write_text(rows, "utf-8")
    (tmp_path / "none.jsonl").write_text('{"text": "가"}\n', "utf-8")
    store = Store.open(settings.url)
    try:
        with pytest.raises(DataError):
            train_component(settings, store, "nlu", lambda _: None, data=tmp_path / "none.jsonl")
        assert not list((settings.models_dir / "nlu").iterdir())
        assert alias_of(store, "nlu", "production") is None
        given = {"data": tmp_path / "rows.jsonl", "epochs": 0}
        made = [train_component(settings, store, "nlu", lambda _: None, **given) for _ in range(2)]
        assert made == ["v1", "v2"]
        assert alias_of(store, "nlu", "production") == "v2"
    finally:
        store.close()


@pytest.mark.slow
def test_an_imported_list_without_people_can_be_chatted_with(tmp_path: Path, home: Settings) -> None:
    from datetime import datetime

    from aiyam.assistant import Assistant
    from aiyam.catalogue.importing import import_file
    from aiyam.store.aliases import set_alias

    settings = Settings(home=tmp_path / "home", models_dir=tmp_path / "models")
    settings.home.mkdir()
    shutil.copytree(home.models_dir, settings.models_dir)
    lines = ["가맹점명,업종명,시도명,시군구명,소재지도로명주소"]
    kinds = {"떡볶이": "분식", "반점": "중식", "국밥": "한식", "치킨": "치킨", "돈까스": "일식"}
    lines += [
        f"{name}{i}번지 {dish},{kind},강원특별자치도,춘천시,강원특별자치도 춘천시 공지로 {i}"
        for i in range(40)
        for name, (dish, kind) in zip("달별해솔숲", kinds.items(), strict=True)
    ]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    store = Store.open(settings.url)
    import_file(store, path, rejects_dir=tmp_path)
    assert count_rows(store, shop) == 200
    source = Store.open(home.url)
    for component in COMPONENTS:  # a real first run would train them; the shared ones do for a turn
        set_alias(
            store, component, "production", alias_of(source, component, "production") or "", who="test", why="test"
        )
    source.close()
    store.close()
    assert missing(settings) == []
    assistant = Assistant.load(settings, clock=lambda: datetime(2026, 3, 2, 18, 30, tzinfo=KST))
    trace = assistant.respond("someone", "춘천시 치킨집 추천해줘")
    assert trace.recommendations
    assert {r.category for r in trace.recommendations} == {"치킨"}
    assert all(
        r.price_won is None and r.distance_m is None and r.open_state == "unknown" for r in trace.recommendations
    )
    assert trace.grounding.grounded
    assert not trace.synthetic
    assistant.close()


def test_shipped_configuration_is_where_trainers_look() -> None:
    assert (REPO_ROOT / "models" / "wide_deep_config.json").is_file()
