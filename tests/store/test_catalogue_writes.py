"""Imports beside what people decided."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from aiyam.errors import NotFound
from aiyam.store import Store, schema
from aiyam.store.catalogue_writes import decide_venue, shops_to_review, write_catalogue


@pytest.mark.parametrize("replace", [False, True])
def test_a_persons_decision_on_a_venue_outlives_the_next_import(tmp_path: Path, replace: bool) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    shops = {
        "shop_id": ["s-1", "s-2"], "name": ["달빛", "별빛"], "category": ["한식"] * 2, "source": ["t"] * 2,
        "venue": ["review"] * 2, "venue_reason": ["무엇을 파는지 알 수 없음"] * 2,
    }  # fmt: skip
    try:
        write_catalogue(store, [(schema.shop, shops)], {"fingerprint": "0" * 16}, replace=False)
        decide_venue(store, "s-1", "blocked", who="min")
        write_catalogue(store, [(schema.shop, shops)], {"fingerprint": "0" * 16}, replace=replace)
        with store.reading() as connection:
            rows = connection.execute(select(schema.shop.c.shop_id, schema.shop.c.venue)).all()
            venues = {row.shop_id: row.venue for row in rows}
        assert venues == {"s-1": "blocked", "s-2": "review"}
        assert [one["shop_id"] for one in shops_to_review(store)] == ["s-2"]
        with pytest.raises(NotFound):
            decide_venue(store, "s-9", "ok", who="min")
    finally:
        store.close()
