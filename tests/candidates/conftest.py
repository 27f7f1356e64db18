from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from small_city import NOW_TS, City, build_city

from aiyam.candidates.documents import dish_texts, shop_documents
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.rules import Rules, check_rules, load_rules


@pytest.fixture(scope="session")
def rules() -> Rules:
    return check_rules(load_rules())


@pytest.fixture(scope="session")
def city() -> City:
    return build_city()


@pytest.fixture(scope="session")
def encoder(city: City, rules: Rules) -> TextEncoder:
    documents = shop_documents(city.catalogue, rules.everyday) + dish_texts(city.catalogue, rules.everyday)
    return GramEncoder.fit(documents, seed=5)


@pytest.fixture(scope="session")
def funnels(city: City, encoder: TextEncoder, rules: Rules) -> Funnels:
    return Funnels.build(city.catalogue, city.interactions, encoder=encoder, rules=rules, now_ts=NOW_TS)
