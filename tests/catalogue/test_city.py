"""The synthetic city: the same from the same seed, like Seoul in its shares, its truth kept apart and true."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import CITY_END, Truth, generate_city
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.personas import load_personas
from aiyam.contracts import CATEGORIES, KST, Filters, ImportReport, UserProfile
from aiyam.errors import DataError, InvalidInput, NotFound
from aiyam.store import Store, schema
from aiyam.store.columns import get_fact, read_columns

N_SHOPS, N_USERS = 1200, 250
TABLES = ("shop", "shop_menu", "person", "product_order", "favorite", "review", "impression_request", "impression")


@dataclass
class Made:
    store: Store
    catalogue: Catalogue
    acts: Interactions
    truth_path: Path
    report: ImportReport
    stages: list[tuple[str, float]]


def make(folder: Path, seed: int = 7, n_shops: int = N_SHOPS, n_users: int = N_USERS) -> Made:
    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    stages: list[tuple[str, float]] = []
    report = generate_city(
        store, n_shops=n_shops, n_users=n_users, seed=seed, truth_path=folder / "truth.npz",
        progress=lambda p: stages.append((p.stage, p.fraction)),
    )  # fmt: skip
    catalogue = Catalogue.load(store)
    return Made(store, catalogue, Interactions.load(store, catalogue), folder / "truth.npz", report, stages)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("city"))
    yield made
    made.store.close()


def digest(store: Store) -> str:
    rows = hashlib.sha256()
    for name in TABLES:
        table = schema.metadata.tables[name]
        for column, values in read_columns(store, table, list(table.c.keys())).items():
            rows.update(repr((name, column, values)).encode())
    return rows.hexdigest()


def test_the_same_seed_gives_the_same_rows_and_truth_and_another_seed_others(tmp_path):
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        made.append(make(tmp_path / name, seed=seed, n_shops=120, n_users=40))
    first, again, other = (digest(m.store) for m in made)
    assert first == again != other
    truths = [np.load(m.truth_path) for m in made[:2]]
    assert all(
        np.array_equal(truths[0][k], truths[1][k], equal_nan=truths[0][k].dtype.kind == "f") for k in truths[0].files
    )
    assert made[0].catalogue.fingerprint == made[1].catalogue.fingerprint != made[2].catalogue.fingerprint
    for m in made:
        m.store.close()


def test_the_city_says_that_it_is_synthetic(city):
    assert city.catalogue.synthetic
    assert get_fact(city.store, "synthetic") == "true"
    assert set(read_columns(city.store, schema.shop, ["source"])["source"]) == {"synthetic"}


def test_the_report_counts_what_is_stored(city):
    assert city.report.shops == len(city.catalogue) == N_SHOPS
    assert city.report.menus == len(city.catalogue.menu_name)
    assert city.report.users == len(city.acts.user_ids) == N_USERS + len(load_personas())
    acts = city.acts
    assert city.report.interactions == len(acts.orders) + len(acts.favorites) + len(acts.reviews) + len(
        acts.requests.imp_outcome
    )
    assert city.report.flagged_venues == int((~city.catalogue.venue_ok).sum())


def test_progress_only_moves_forward_and_ends(city):
    fractions = [fraction for _, fraction in city.stages]
    assert fractions == sorted(fractions)
    assert city.stages[-1] == ("done", 1.0)


def test_shares_are_those_of_a_real_list(city):
    c = city.catalogue
    ok = c.venue_ok
    assert 0.84 < (c.meal_card[ok] == 1).mean() < 0.95
    assert 0.02 < (c.meal_card[ok] == -1).mean() < 0.09
    assert 0.06 < c.good_shop[ok].mean() < 0.15
    assert 0.05 < (c.open_min < 0).mean() < 0.12
    assert 0.06 < np.mean([phone is None for phone in c.phones]) < 0.14
    assert 0.5 < np.mean([message is not None for message in c.messages]) < 0.7
    assert 0.005 < (~ok).mean() < 0.03
    assert set(c.category[ok].tolist()) == set(range(len(CATEGORIES)))
    assert (c.category[~ok] == -1).all()
    assert len(c.district_names) == 25
    assert 4 <= c.n_menus.min() <= c.n_menus.max() <= 26


def test_only_large_brands_publish_allergens(city):
    published = np.flatnonzero(city.catalogue.allergens_published)
    assert len(published) > 0
    assert (city.catalogue.brand[published] >= 0).all()


def test_names_read_like_signboards(city):
    names = city.catalogue.names
    assert all(re.fullmatch(r"[가-힣0-9 ]{2,24}", name) for name in names), [
        n for n in names if not re.fullmatch(r"[가-힣0-9 ]{2,24}", n)
    ]
    assert not [name for name in names if re.search(r"가게 ?\d|상점 ?\d|네네|\{|\}", name)]
    keys = Counter(zip(names, city.catalogue.dong, strict=True))
    assert max(keys.values()) <= 2


@pytest.mark.parametrize("dish", ["떡볶이", "추어탕", "닭갈비", "족발", "칼국수", "마라탕", "보쌈"])
def test_a_shop_named_after_a_dish_sells_it(city, dish):
    named = [
        row for row, name in enumerate(city.catalogue.names) if name.endswith(dish) and city.catalogue.venue_ok[row]
    ]
    assert named
    assert all(any(dish in menu.name for menu in city.catalogue.menus_of(row)) for row in named)


def test_messages_are_whole_and_say_nothing_of_poverty(city):
    for message in city.catalogue.messages:
        if message is not None:
            assert "{" not in message
            assert not re.search(r"가난|불우|결식|어려운 형편|저소득|급식카드|공짜|불쌍", message)


def test_invented_phones_cannot_ring_at_a_real_persons(city):
    for phone in city.catalogue.phones:
        assert phone is None or re.fullmatch(r"02-1\d{3}-\d{4}", phone)


def test_shops_stand_in_seoul_near_their_district(city):
    c = city.catalogue
    placed = ~np.isnan(c.lat)
    assert placed.mean() > 0.95
    assert ((c.lat[placed] > 37.40) & (c.lat[placed] < 37.72)).all()
    assert ((c.lon[placed] > 126.75) & (c.lon[placed] < 127.22)).all()
    for row in range(0, len(c), 97):
        district = c.district_names[c.district[row]]
        assert district in c.addresses[row]
        assert c.dong[row] in c.addresses[row]


def test_chicken_is_sold_past_midnight_somewhere_and_breaks_lie_inside_hours(city):
    c = city.catalogue
    chicken = c.category == CATEGORIES.index("치킨")
    assert (c.close_min[chicken] > 1440).any()
    rests = c.break_start_min >= 0
    assert rests.any()
    assert (c.open_min[rests] < c.break_start_min[rests]).all()
    assert (c.break_start_min[rests] < c.break_end_min[rests]).all()
    assert (c.break_end_min[rests] < c.close_min[rests]).all()


def test_every_profile_keeps_the_contract_and_children_are_of_school_age(city):
    table = schema.person
    columns = read_columns(city.store, table, [name for name in table.c.keys() if name != "source"])  # noqa: SIM118
    has_card = []
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        row["allergies"], row["dietary_preferences"] = row["allergies"].split(), row["dietary_preferences"].split()
        person = UserProfile(**row)
        has_card.append(person.has_card)
        assert (person.card_balance_won is not None) == person.has_card
        if person.birthday and not person.is_guardian:
            age = CITY_END.year - person.birthday.year
            assert 6 <= age <= 20
    assert 0.78 < np.mean(has_card) < 0.92


def test_personas_cover_the_age_bands_and_the_new_one_has_no_past(city):
    personas = load_personas()
    assert {p.profile.age_band for p in personas} == {"7-9", "10-12", "13-15", "16-18", "adult"}
    assert any(p.profile.allergies for p in personas)
    assert sum(p.profile.is_guardian for p in personas) == 1
    assert all(p.profile.label and p.description for p in personas)
    orders = np.bincount(city.acts.orders.user, minlength=len(city.acts.user_ids))
    for persona in personas:
        count = orders[city.acts.row_of_user[persona.profile.user_id]]
        assert (count > 10) == persona.has_history


def test_acts_lie_in_the_two_years_and_orders_are_at_open_shops(city):
    acts, c = city.acts, city.catalogue
    end = int(CITY_END.timestamp())
    assert acts.last_ts < end + 2 * 86_400
    assert acts.orders.ts.max() < end + 3600
    assert acts.orders.ts.min() >= end - 731 * 86_400
    assert c.venue_ok[acts.orders.shop_row].all()
    rng = np.random.default_rng(0)
    for k in rng.integers(0, len(acts.orders), 60).tolist():
        row = acts.orders.shop_row[k : k + 1]
        when = datetime.fromtimestamp(int(acts.orders.ts[k]) - 7 * 60, KST)
        if c.open_min[row[0]] >= 0:
            nearby = [
                c.open_state(row, datetime.fromtimestamp(int(acts.orders.ts[k]) - d, KST)).state[0] for d in (0, 420)
            ]
            assert max(nearby) >= 1, (c.names[row[0]], when)


def test_upper_places_are_clicked_more(city):
    r = city.acts.requests
    rate = [(r.imp_outcome[r.imp_position == p] > 0).mean() for p in range(1, 11)]
    assert rate[0] > 1.5 * rate[4] > 1.5 * rate[9] > 0
    assert np.diff(r.imp_start).max() == 10


def test_people_go_back_and_stars_follow_the_truth(city):
    orders = city.acts.orders
    pairs = orders.user.astype(np.int64) * len(city.catalogue) + orders.shop_row
    assert 0.25 < 1 - len(np.unique(pairs)) / len(pairs) < 0.75
    truth, reviews = Truth.load(city.truth_path), city.acts.reviews
    truth_row = np.array([truth.row_of_user[u] for u in city.acts.user_ids])
    standing = truth.latent.standing(truth_row[reviews.user], reviews.shop_row)
    assert np.corrcoef(standing, reviews.value)[0, 1] > 0.25


def test_requests_hold_filters_of_the_contract(city):
    for text, query in zip(city.acts.requests.filters[:400], city.acts.requests.query[:400], strict=True):
        Filters(**json.loads(text))
        assert query
        assert "{" not in query


def test_the_truth_ranks_what_was_ordered_above_chance(city):
    truth = Truth.load(city.truth_path, fingerprint=city.catalogue.fingerprint)
    acts, rng = city.acts, np.random.default_rng(1)
    rows = np.flatnonzero(city.catalogue.venue_ok & ~np.isnan(city.catalogue.lat))
    people = read_columns(city.store, schema.person, ["user_id", "lat", "lon"])
    home = {u: (a, b) for u, a, b in zip(*people.values(), strict=True)}
    better = []
    for k in rng.integers(0, len(acts.orders), 40).tolist():
        user = acts.user_ids[acts.orders.user[k]]
        if home[user][0] is None:
            continue
        others = np.append(rng.choice(rows, 50), acts.orders.shop_row[k])
        now = datetime.fromtimestamp(int(acts.orders.ts[k]), KST)
        utility = truth.utility([user], others, now, *home[user])
        assert utility.shape == (1, 51)
        better.append((utility[0, -1] > utility[0, :-1]).mean())
    assert np.mean(better) > 0.85


def test_the_truth_refuses_another_catalogue_and_unknown_people(city):
    with pytest.raises(DataError):
        Truth.load(city.truth_path, fingerprint="else")
    with pytest.raises(DataError):
        Truth.load(city.truth_path.with_name("none.npz"))
    with pytest.raises(NotFound):
        Truth.load(city.truth_path).utility(["nobody"], np.array([0]), CITY_END, 37.5, 127.0)


def test_generating_again_replaces_the_city(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'x.db'}")
    for n in (150, 60):
        generate_city(store, n_shops=n, n_users=10, seed=3, truth_path=tmp_path / "t.npz")
    assert len(Catalogue.load(store)) == 60
    with pytest.raises(InvalidInput):
        generate_city(store, n_shops=3, n_users=10, seed=3, truth_path=tmp_path / "t.npz")
    store.close()
