from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from small_city import City

from aiyam.candidates.documents import dish_texts
from aiyam.candidates.encoder import FACTS, TextEncoder
from aiyam.candidates.gram_encoder import WEIGHTS, GramEncoder
from aiyam.candidates.grams import N_FEATURES, features_of
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


@pytest.mark.parametrize("damage", ["missing", "truncated", "other", "not finite"])
def test_a_damaged_encoder_is_refused(encoder: TextEncoder, tmp_path: Path, damage: str) -> None:
    encoder.save(tmp_path)
    path = tmp_path / WEIGHTS
    table, idf = np.zeros((N_FEATURES, 128), np.float16), np.ones(N_FEATURES, np.float32)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "other":
        save_file({"table": table[:3], "idf": idf}, path)
    else:
        table[5, 5] = np.nan
        save_file({"table": table, "idf": idf}, path)
    with pytest.raises(ModelError, match=r"encoder\.safetensors"):
        TextEncoder.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "difference"),
    [
        ("version", 1, "version 2, got 1"),
        ("n_features", 32768, "n_features 65536, got 32768"),
        ("kind", "words", "got 'words'"),
    ],
)
def test_an_encoder_of_another_make_is_refused_with_the_difference_named(
    encoder: TextEncoder, tmp_path: Path, key: str, value: object, difference: str
) -> None:
    encoder.save(tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text("utf-8"))
    (tmp_path / FACTS).write_text(json.dumps({**facts, key: value}), "utf-8")
    with pytest.raises(ModelError, match=difference):
        TextEncoder.load(tmp_path)
    (tmp_path / FACTS).write_text("[1]", "utf-8")
    with pytest.raises(ModelError, match="facts"):
        TextEncoder.load(tmp_path)


def test_words_have_the_same_features_alone_and_among_others() -> None:
    words = ["떡볶이", "국", "bbq", "ㅁㄹㅌ", "가" * 500, "국", "a", "치즈돈까스", "24시"]
    start, features = features_of(words)
    for i, word in enumerate(words):
        alone = features_of([word])[1]
        assert features[start[i] : start[i + 1]].tolist() == alone.tolist()
        assert alone.tolist() == sorted(set(alone.tolist()))
    assert features_of([])[1].tolist() == []


def test_a_slip_of_one_letter_keeps_more_features_than_another_dish_has() -> None:
    def shared(one: str, other: str) -> int:
        return len({*features_of([one])[1].tolist()} & {*features_of([other])[1].tolist()})

    assert shared("떡볶이", "떡뽁이") > shared("떡볶이", "닭볶음") > shared("떡볶이", "마라탕")


def test_a_decomposed_text_encodes_as_the_composed_one(encoder: TextEncoder) -> None:
    assert likeness(encoder, unicodedata.normalize("NFD", "매운 떡볶이"), "매운 떡볶이") > 0.999


def test_reading_an_encoder_needs_no_torch(encoder: TextEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from aiyam.candidates.encoder import TextEncoder;"
        f"e = TextEncoder.load(Path({str(tmp_path)!r})); e.encode(['떡볶이']); e.encode(['떡볶이'] * 20);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fitting_needs_words() -> None:
    with pytest.raises(InvalidInput):
        GramEncoder.fit(["", "!!"])
    assert GramEncoder.fit(["떡볶이"]).encode(["떡볶이"]).shape == (1, 128)


def test_any_text_is_safe(encoder: TextEncoder) -> None:
    texts = [
        "\x00\ud800",
        "가" * 100_000,
        "'; DROP TABLE shop; --",
        "떡" + "\u0301" * 50,
        "<><>",
        "ramen noodles",
        "🍜",
    ]
    assert np.isfinite(encoder.encode(texts)).all()
    assert np.isfinite(encoder.encode(texts * 3)).all()
