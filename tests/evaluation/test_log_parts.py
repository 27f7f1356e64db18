"""The parts of recommending from any log: splits, nearness, categories, the pool and how scores are mixed."""

from __future__ import annotations

import importlib
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from aiyam.candidates.item_models import Log
from aiyam.errors import DataError

BENCH = Path(__file__).parents[1] / "bench"
N_PLACES, STEP_M = 60, 300.0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(BENCH)
    names = ("interaction_logs", "log_splits", "log_places", "log_pool", "log_ranker")
    return {name: importlib.import_module(name) for name in names}


def walks(n_users: int = 40, n_events: int = 30) -> Log:
    """People who go from a place to one of its neighbours along a street."""
    rng = np.random.default_rng(1)
    steps = rng.choice([-2, -1, 1, 2], (n_users, n_events))
    item = (np.cumsum(steps, axis=1) + rng.integers(N_PLACES, size=(n_users, 1))) % N_PLACES
    ts = 1_700_000_000 + 86_400 * np.arange(n_events)[None] + rng.integers(9_000, size=(n_users, n_events))
    user = np.repeat(np.arange(n_users), n_events)
    return Log.of(user, item.ravel(), ts.ravel(), n_users=n_users, n_items=N_PLACES)


def along_a_street(bench: dict[str, ModuleType], log: Log) -> object:
    lat = (37.0 + np.arange(N_PLACES) * STEP_M / 111_195.0).astype(np.float32)
    lon = np.full(N_PLACES, 127.0, np.float32)
    rating = np.full(len(log), np.nan, np.float32)
    kind = (np.arange(N_PLACES) % 3).astype(np.int64)
    return bench["interaction_logs"].Source("street", log, rating, [""] * N_PLACES, kind, lat, lon)


def test_the_fitted_nearness_puts_what_is_near_the_last_place_first(bench: dict[str, ModuleType]) -> None:
    log = walks()
    near = bench["log_places"].Nearness.fit(along_a_street(bench, log), log)
    event = np.array([log.start[1] - 1])
    scores = near.scores(log, event)["near the last"][0]
    last = int(log.item[event[0] - 1])
    apart = np.abs(np.arange(N_PLACES) - last)
    assert scores[apart <= 2].min() > scores[apart > 10].max()
    # Farther is never nearer.
    assert (np.diff(near.lift[0][np.argsort(np.abs(near.cell[: len(near.lift)] - near.cell[0]))]) <= 1e-6).mean() > 0.9


def test_a_place_without_a_position_is_neither_near_nor_an_error(bench: dict[str, ModuleType]) -> None:
    log = walks()
    source = along_a_street(bench, log)
    source.lat[7] = np.nan  # type: ignore[attr-defined]
    near = bench["log_places"].Nearness.fit(source, log)
    for view, values in near.scores(log, log.start[1:] - 1).items():
        assert np.isfinite(values).all(), view
    source.lat[:] = np.nan  # type: ignore[attr-defined]
    assert bench["log_places"].Nearness.fit(source, log) is None


def test_the_split_by_time_asks_of_nothing_that_came_before_what_it_learned(bench: dict[str, ModuleType]) -> None:
    log = walks()
    protocol = bench["log_splits"].by_time(log)
    for split in (*protocol.learning, protocol.test):
        assert log.ts[split.fitted].max() <= log.ts[split.events].min()
    earlier, later = protocol.learning
    assert log.ts[earlier.events].max() <= log.ts[later.events].min()
    assert log.ts[later.events].max() <= log.ts[protocol.test.events].min()
    assert protocol.chosen_on == 1, "the stretch right before the test chooses"


def test_a_day_that_ends_one_stretch_of_time_is_not_in_two(bench: dict[str, ModuleType]) -> None:
    log = walks()
    days = Log.of(log.user, log.item, log.ts // 86_400 * 86_400, n_users=log.n_users, n_items=log.n_items)
    protocol = bench["log_splits"].by_time(days)
    stretches = [days.ts[split.events] for split in (*protocol.learning, protocol.test)]
    for before, after in pairwise(stretches):
        assert before.max() < after.min()
    assert stretches[-1].max() == days.ts.max(), "the last day is tested on"


def test_leave_last_out_learns_from_no_test_event_and_folds_are_people(bench: dict[str, ModuleType]) -> None:
    log = walks()
    protocol = bench["log_splits"].leave_last_out(log, repeats=False)
    (learning,), (fold,) = protocol.learning, protocol.folds
    assert not set(learning.events) & set(protocol.test.events)
    assert not learning.fitted[learning.events].any()
    assert not protocol.test.fitted[protocol.test.events].any()
    by_person = {(int(a), int(f)) for a, f in zip(learning.log.user[learning.events], fold, strict=True)}
    assert len(by_person) == len({a for a, _ in by_person})


def test_too_few_events_are_refused_with_what_to_do(bench: dict[str, ModuleType]) -> None:
    log = walks(n_users=5)
    with pytest.raises(DataError, match=r"5 people.*people come back"):
        bench["log_splits"].leave_last_out(log, repeats=False).check()


def test_standardised_scores_leave_what_was_seen_out_of_mean_and_deviation(bench: dict[str, ModuleType]) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(3.0, 2.0, (4, 50)).astype(np.float32)
    seen = (np.array([0, 0, 2]), np.array([1, 5, 49]))
    got = bench["log_pool"].standardised({"one": scores, "flat": np.ones_like(scores)}, seen)
    for row in range(4):
        free = np.isfinite(got["one"][row])
        assert free.sum() == 50 - (seen[0] == row).sum()
        assert abs(got["one"][row][free].mean()) < 1e-5
        assert abs(got["one"][row][free].std() - 1) < 1e-5
        assert (got["flat"][row][free] == 0).all(), "a view that knows nothing says nothing"


@pytest.mark.parametrize("right", ["ranker", "popularity"])
def test_the_mixture_goes_to_whichever_score_is_right(bench: dict[str, ModuleType], right: str) -> None:
    rng = np.random.default_rng(3)
    at = rng.integers(0, 80, 300)
    scores = {name: rng.normal(size=(300, 80)).astype(np.float32) for name in ("ranker", "blend", "popularity")}
    scores[right][np.arange(300), at] += 3.0
    users = np.repeat(np.arange(100), 3)
    shares = bench["log_ranker"].chosen_mixture(scores, at, users, "popularity")
    assert shares[right] > 0.7
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.01)
    ranks = bench["log_pool"].rank_among(bench["log_ranker"].mixed(scores, shares), at)
    alone = bench["log_pool"].rank_among(scores[right], at)
    assert (ranks < 10).mean() > (alone < 10).mean() - 0.05


def test_ties_count_against_and_a_missing_target_is_found_nowhere(bench: dict[str, ModuleType]) -> None:
    scores = np.array([[2.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0]], np.float32)
    ranks = bench["log_pool"].rank_among(scores, np.array([0, 1, -1]))
    assert ranks.tolist() == [1, 1, bench["log_pool"].NOT_FOUND]
