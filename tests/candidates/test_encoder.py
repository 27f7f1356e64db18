from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from small_city import City

from aiyam.candidates.documents import dish_texts
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.rules import Rules
from aiyam.errors import InvalidInput, ModelError


def likeness(encoder: TextEncoder, one: str, other: str) -> float:
    a, b = encoder.encode([one, other])
    return float(a @ b)


def test_rows_are_unit_vectors_and_wordless_texts_are_zero(encoder: TextEncoder) -> None:
    vectors = encoder.encode(["떡볶이", "뜨끈한 국물", "", "!!! ???", "😀"])
    assert vectors.shape == (5, 128)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors[:2], axis=1), 1, atol=1e-5)
    assert not vectors[2:].any()


def test_everyday_words_are_near_the_dishes_they_mean(encoder: TextEncoder, city: City, rules: Rules) -> None:
    texts = dict(zip(city.catalogue.dish_names, dish_texts(city.catalogue, rules.everyday), strict=True))
    for words, right, other in (
        ("뜨끈한 국물", "설렁탕", "크로플"),
        ("시원한 거", "물냉면", "탕수육"),
        ("달달한 간식", "크로플", "설렁탕"),
        ("든든한 한끼", "돈까스", "콜라"),
    ):
        assert likeness(encoder, words, texts[right]) > likeness(encoder, words, texts[other]) + 0.2, words


def test_a_misspelt_dish_is_nearer_to_its_own_than_to_another(encoder: TextEncoder) -> None:
    for wrong, right, other in (
        ("마라탕집", "마라탕", "우동"),
        ("김치찌게", "김치찌개", "연어초밥"),
        ("돈까쓰", "돈까스", "라면"),
    ):
        assert likeness(encoder, wrong, right) > likeness(encoder, wrong, other)


def test_one_text_and_many_encode_alike(encoder: TextEncoder) -> None:
    texts = [f"떡볶이 김밥 {i}호점 떡볶이" for i in range(20)]
    many = encoder.encode(texts)
    single = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.allclose(many, single, atol=1e-5)


def test_what_is_saved_loads_and_encodes_the_same(encoder: TextEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    again = TextEncoder.load(tmp_path)
    texts = ["매운 떡볶이", "설렁탕", "가나다"]
    assert np.allclose(encoder.encode(texts), again.encode(texts), atol=1e-6)


@pytest.mark.parametrize("damage", ["missing", "truncated", "other"])
def test_a_damaged_encoder_is_refused(encoder: TextEncoder, tmp_path: Path, damage: str) -> None:
    encoder.save(tmp_path)
    path = tmp_path / "encoder.npz"
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        np.savez(path, table=np.zeros((3, 3), np.float16), idf=np.zeros(3, np.float32))
    with pytest.raises(ModelError):
        TextEncoder.load(tmp_path)


def test_fitting_needs_words() -> None:
    with pytest.raises(InvalidInput):
        TextEncoder.fit(["", "!!"])
    assert TextEncoder.fit(["떡볶이"]).encode(["떡볶이"]).shape == (1, 128)


def test_any_text_is_safe(encoder: TextEncoder) -> None:
    start = time.process_time()
    vectors = encoder.encode(["\x00\ud800", "가" * 100_000, "'; DROP TABLE shop; --", "떡" + "\u0301" * 50])
    assert np.isfinite(vectors).all()
    assert time.process_time() - start < 5
