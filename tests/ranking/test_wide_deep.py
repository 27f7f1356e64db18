"""Wide & Deep: torch and numpy agree, the configuration is checked, damaged weights are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiyam.errors import ModelError
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer, make_network, sigmoid
from aiyam.settings import REPO_ROOT

N_USERS, N_SHOPS, N_BRANDS = 7, 30, 4


def weights_of(config: WideDeepConfig, seed: int = 1) -> tuple[Any, dict[str, np.ndarray]]:
    import torch

    torch.manual_seed(seed)
    net = make_network(config, N_USERS, N_SHOPS, N_BRANDS).eval()
    return net, {name: value.numpy() for name, value in net.state_dict().items()}


def inputs(k: int = 150, seed: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    numbers = rng.random((k, 10), dtype=np.float32)
    numbers[:, :4] = numbers[0, :4]
    return {
        "shops": rng.integers(0, N_SHOPS, k).astype(np.int32),
        "brands": rng.integers(0, N_BRANDS, k).astype(np.int32),
        "categories": rng.integers(0, 15, k),
        "query_vector": rng.normal(size=128).astype(np.float32),
        "numbers": numbers,
        "wide": rng.normal(size=(k, 50)).astype(np.float32),
    }


@pytest.mark.parametrize("features", ["all", "spec"])
def test_the_numpy_scorer_agrees_with_torch(features: Any) -> None:
    import torch

    config = WideDeepConfig(features=features)
    net, weights = weights_of(config)
    x, k = inputs(), 150
    seen = x["wide"].copy()
    seen[:, config.n_visible :] = 0.0
    with torch.no_grad():
        expected = net(
            torch.full((k,), 3),
            torch.from_numpy(x["shops"]).long(),
            torch.from_numpy(x["brands"]).long(),
            torch.from_numpy(x["categories"]).long(),
            torch.from_numpy(np.tile(x["query_vector"], (k, 1))),
            torch.from_numpy(x["numbers"]),
            torch.from_numpy(seen),
        ).numpy()
    got = WideDeepScorer(config, weights).logits(3, **x)
    assert np.abs(got - expected).max() < 1e-5
    assert got.std() > 0.01


def test_the_network_has_the_sizes_of_the_shipped_configuration() -> None:
    config = WideDeepConfig.read(REPO_ROOT / "models" / "wide_deep_config.json")
    _, weights = weights_of(config)
    shapes = {name: value.shape for name, value in weights.items()}
    assert shapes["user.weight"][1] == shapes["shop.weight"][1] == 64
    assert shapes["brand.weight"][1] == shapes["category.weight"][1] == 16
    assert shapes["deep.0.weight"] == (128, 64 + 64 + 16 + 16 + 128 + 10)
    assert [shapes[f"deep.{i}.weight"] for i in (3, 6)] == [(64, 128), (32, 64)]
    assert shapes["wide.weight"] == (1, 50)
    assert shapes["out.weight"] == (1, 33)
    assert config.dropout == 0.3


def test_the_wide_weights_say_what_a_feature_adds() -> None:
    config = WideDeepConfig()
    _, weights = weights_of(config)
    scorer, x = WideDeepScorer(config, weights), inputs()
    before = scorer.logits(3, **x)
    x["wide"][:, 5] += 1.0
    assert np.allclose(scorer.logits(3, **x) - before, scorer.wide_weight[5], atol=1e-5)


def test_no_candidates_give_no_scores() -> None:
    config = WideDeepConfig()
    _, weights = weights_of(config)
    assert WideDeepScorer(config, weights).logits(0, **inputs(0 + 1)).shape == (1,)
    empty = {name: value[:0] if name != "query_vector" else value for name, value in inputs(1).items()}
    assert WideDeepScorer(config, weights).logits(0, **empty).shape == (0,)


@pytest.mark.parametrize("damage", ["missing", "shape", "nan"])
def test_damaged_weights_are_refused_by_name(damage: str) -> None:
    config = WideDeepConfig()
    _, weights = weights_of(config)
    if damage == "missing":
        del weights["deep.3.weight"]
    elif damage == "shape":
        weights["deep.3.weight"] = weights["deep.3.weight"][:, :5]
    else:
        weights["deep.3.weight"] = np.full_like(weights["deep.3.weight"], np.nan)
    with pytest.raises(ModelError, match=r"deep\.3\.weight"):
        WideDeepScorer(config, weights)


@pytest.mark.parametrize(
    "given", ["[]", "{", '{"hiden": [1]}', '{"wide_features": 49}', '{"loss": "mse"}', '{"hidden": []}']
)
def test_a_wrong_configuration_is_refused(tmp_path: Path, given: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(given)
    with pytest.raises(ModelError):
        WideDeepConfig.read(path)


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    config = WideDeepConfig(hidden=(16, 8), loss="bce", features="spec")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.as_json()))
    assert WideDeepConfig.read(path) == config


def test_sigmoid_is_safe_for_any_logit() -> None:
    assert sigmoid(np.array([-1e9, 0.0, 1e9], np.float32)).tolist() == [0.0, 0.5, 1.0]
