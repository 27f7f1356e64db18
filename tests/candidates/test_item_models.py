"""Models of an interaction log: what they compute equals the formula they come from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aiyam.candidates.item_models import Als, Ease, Log, Neighbours, NextItem, histories, weighted_histories

N_USERS, N_ITEMS = 30, 12


@pytest.fixture(scope="module")
def log() -> Log:
    rng = np.random.default_rng(3)
    n = 240
    user, item = rng.integers(0, N_USERS, n), rng.integers(0, N_ITEMS, n)
    return Log.of(user, item, rng.integers(0, 1000, n), n_users=N_USERS, n_items=N_ITEMS)


def test_a_log_is_in_order_of_person_and_time_whatever_order_it_came_in(log: Log) -> None:
    again = np.random.default_rng(9).permutation(len(log))
    other = Log.of(log.user[again], log.item[again], log.ts[again], n_users=N_USERS, n_items=N_ITEMS)
    for name in ("user", "item", "ts", "start"):
        assert getattr(log, name).tolist() == getattr(other, name).tolist()
    assert all((np.diff(log.ts[log.start[a] : log.start[a + 1]]) >= 0).all() for a in range(N_USERS))


def test_a_history_fades_with_each_event_and_holds_nothing_of_the_event_itself(log: Log) -> None:
    events = np.flatnonzero(log.place == 2)
    got = histories(log, events, 0.5).toarray()
    for row, event in enumerate(events.tolist()):
        wanted = np.zeros(N_ITEMS)
        wanted[log.item[event - 1]] += 1.0
        wanted[log.item[event - 2]] += 0.5
        np.testing.assert_allclose(got[row], wanted)


def test_ease_through_the_users_equals_ease_through_the_items() -> None:
    from scipy import sparse

    rng = np.random.default_rng(0)
    few_users = sparse.csr_matrix((rng.random((6, 20)) < 0.4).astype(np.float32))
    histories_asked = sparse.csr_matrix((rng.random((5, 20)) < 0.3).astype(np.float32))
    through_users = Ease(few_users, l2=2.0).scores(histories_asked)
    through_items = Ease(few_users, l2=2.0, through_users=False).scores(histories_asked)
    np.testing.assert_allclose(through_users, through_items, atol=2e-4)


def test_ease_is_the_ridge_solution_whose_items_do_not_predict_themselves(log: Log) -> None:
    x = log.matrix().toarray().astype(np.float64)
    model = Ease(log.matrix(), l2=5.0, through_users=False)
    item = 4
    others = np.arange(N_ITEMS) != item
    left = x[:, others].T @ x[:, others] + 5.0 * np.eye(N_ITEMS - 1)
    wanted = np.linalg.solve(left, x[:, others].T @ x[:, item])
    np.testing.assert_allclose(model.weights[others, item], wanted, atol=1e-4)
    assert model.weights[item, item] == 0.0


@pytest.mark.parametrize("horizon", [1, 3])
def test_next_item_is_ridge_regression_from_the_faded_past_to_what_came_next(log: Log, horizon: int) -> None:
    past, ahead = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    for a in range(N_USERS):
        items = log.item[log.start[a] : log.start[a + 1]]
        for at in range(len(items)):
            past.append(np.zeros(N_ITEMS))
            ahead.append(np.zeros(N_ITEMS))
            for k in range(at):
                past[-1][items[at - 1 - k]] += 0.5**k
            for k, item in enumerate(items[at : at + horizon].tolist()):
                ahead[-1][item] += 0.7**k
    t, s = np.stack(past), np.stack(ahead)
    wanted = np.linalg.solve(t.T @ t + 3.0 * np.eye(N_ITEMS), t.T @ s)
    model = NextItem(log, l2=3.0, decay=0.5, horizons=((horizon, 0.7),))
    asked = histories(log, log.start[1:] - 1, 0.5)
    np.testing.assert_allclose(model.scores(asked), asked.toarray() @ wanted, atol=5e-3)


def test_next_item_of_a_large_catalogue_still_proposes_the_rare_ones_and_hears_them() -> None:
    # Four people go 0, 1, 2, ... in a circle of three; one goes 3, 4, 5 and on: rare, so left out of the dense solve.
    common = np.tile(np.arange(3), 4)
    user = np.concatenate([np.repeat(np.arange(4), 12), np.full(3, 4)])
    item = np.concatenate([np.tile(common, 4), np.array([3, 4, 5])])
    walks = Log.of(user, item, np.arange(len(user)), n_users=5, n_items=6)
    model = NextItem(walks, l2=0.1, most=3)
    asked = histories(walks, np.array([walks.start[1] - 1, walks.start[5] - 1]), 0.8)
    after_common, after_rare = model.scores(asked)
    assert after_common.argmax() == walks.item[walks.start[1] - 1]
    assert after_rare.argmax() == 5, "4 is what came just before the end, and 5 followed it"


def test_a_history_is_weighted_as_asked(log: Log) -> None:
    event = np.array([int(log.start[1]) - 1])
    got = weighted_histories(log, event, lambda position, _event, back: np.where(back < 2, position, 0.0)).toarray()
    wanted = np.zeros((1, N_ITEMS))
    for position in (event[0] - 1, event[0] - 2):
        wanted[0, log.item[position]] += position
    np.testing.assert_allclose(got, wanted)


def test_neighbours_are_items_of_the_same_people_and_never_the_item_itself(log: Log) -> None:
    weights = Neighbours(log.matrix(), k=3, shrinkage=1.0).weights.toarray()
    x = log.matrix().toarray()
    assert (weights.diagonal() == 0).all()
    assert ((weights > 0).sum(axis=1) <= 3).all()
    assert ((weights > 0) <= (x.T @ x > 0)).all()


def test_factors_rank_what_a_person_had_above_what_nobody_like_them_had() -> None:
    user = np.repeat(np.arange(20), 4)
    item = np.concatenate([np.arange(4) + 4 * (a % 2) for a in range(20)])
    two_tastes = Log.of(user, item, np.arange(80), n_users=20, n_items=8)
    model = Als(two_tastes, factors=4, l2=0.1, alpha=5.0, seed=1)
    scores = model.scores(histories(two_tastes, two_tastes.start[1:] - 1, 1.0))
    for a in range(20):
        mine, others = slice(4 * (a % 2), 4 * (a % 2) + 4), slice(4 * (1 - a % 2), 4 * (1 - a % 2) + 4)
        assert scores[a, mine].min() > scores[a, others].max()


def test_a_log_without_events_answers_with_zeros() -> None:
    nothing = np.empty(0, np.int64)
    empty = Log.of(nothing, nothing, nothing, n_users=3, n_items=5)
    history = histories(empty, nothing, 1.0)
    assert history.shape == (0, 5)
    assert Neighbours(empty.matrix(), k=3, shrinkage=1.0).scores(empty.matrix()).sum() == 0
