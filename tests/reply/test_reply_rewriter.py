"""The trained rewriter: what it may not touch, what it does to words, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.contracts import AGE_BANDS, AgeBand, Intent, Recommendation, ReplyPlan
from aiyam.errors import DataError, ModelError
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.reply.child_friendly import ChildFriendly, _same_facts, facts_of
from aiyam.reply.edit_files import EDITS, load_edits
from aiyam.reply.edit_model import EditModel, Vocabulary, written
from aiyam.reply.edits import Edit, EditTable
from aiyam.reply.hard_words import load_grades
from aiyam.reply.language_model import Replier
from aiyam.reply.pairs import Pair, pair_of
from aiyam.reply.pieces import Piece, cut, fact_spans, join
from aiyam.reply.plan import make_plan
from aiyam.reply.sari import sari, words
from aiyam.reply.templates import TemplateBackend
from aiyam.settings import REPO_ROOT, Settings

REPLIES = REPO_ROOT / "datasets" / "replies"
BANDS: tuple[AgeBand, ...] = tuple(band for band in AGE_BANDS if band != "adult")
SHOP = Recommendation(
    shop_id="s-1", rank=1, score=0.5, name="현재 업소 제공점", category="분식", menu="도보 우동", price_won=4000, distance_m=350,
    open_state="open", open_until="21:30",
)  # fmt: skip
PAIRS = [
    Pair(row["original"], row["child_friendly"], row["age_band"])
    for path in sorted(REPLIES.glob("pairs_*.jsonl"))
    for row in map(json.loads, path.read_text("utf-8").splitlines())
]


@pytest.fixture(scope="module")
def rewriter(home: Settings) -> ChildFriendly:
    return ChildFriendly.load(REPLIES / "easy_words.json", home.models_dir / "child" / "v1")


@given(st.sampled_from(PAIRS))
def test_pieces_join_to_the_text_they_were_cut_from(pair: Pair) -> None:
    for text in (pair.original, pair.rewritten):
        assert join(cut(text, fact_spans(text))) == text


@given(st.text(max_size=80))
def test_any_text_can_be_cut_and_joined(text: str) -> None:
    assert join(cut(text, fact_spans(text))) == text.rstrip()


def test_what_ships_is_sound_and_enough() -> None:
    assert len(PAIRS) >= 1500
    bad = [pair for pair in PAIRS if facts_of(pair.original) != facts_of(pair.rewritten)]
    assert bad == []
    assert {pair.band for pair in PAIRS} == set(BANDS)
    assert len(load_grades(REPLIES / "hard_words.tsv")) >= 500


@given(st.sampled_from(PAIRS), st.sampled_from(BANDS))
def test_facts_are_the_same_after_rewriting_for_any_age(rewriter: ChildFriendly, pair: Pair, band: AgeBand) -> None:
    assert facts_of(rewriter.ease(pair.original, band).text) == facts_of(pair.original)


def test_hard_words_and_stiff_endings_become_easy_ones(rewriter: ChildFriendly) -> None:
    assert rewriter.ease("해당 업소는 도보 5분 거리에 있습니다.", "7-9").text == "이 가게는 걸어서 5분 거리에 있어요."
    assert "습니다" not in rewriter.ease("금일 영업은 종료되었습니다.", "10-12").text


def test_age_changes_the_words_and_not_the_facts(rewriter: ChildFriendly) -> None:
    text = "현재 잔액은 12,300원이며 인근 업소에서 이용 가능합니다. 오후 9시까지 영업합니다."
    said = {band: rewriter.ease(text, band).text for band in BANDS}
    assert len(set(said.values())) > 1
    assert all(facts_of(eased) == facts_of(text) for eased in said.values())


def test_names_made_of_hard_words_are_not_touched(rewriter: ChildFriendly) -> None:
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band="7-9", recommendations=[SHOP])
    text = "현재 업소 제공점은 현재 영업 중입니다. 도보 우동은 4,000원입니다."
    eased = rewriter.rewrite(text, plan)
    assert "현재 업소 제공점은" in eased
    assert "도보 우동은 4,000원" in eased
    assert eased != text


def test_a_verb_whose_stem_holds_the_honorific_syllable_keeps_it(rewriter: ChildFriendly) -> None:
    for band in BANDS:
        assert "마시면" in rewriter.ease("물을 자주 마시면 좋아요.", band).text


def test_a_prohibition_stays_one(rewriter: ChildFriendly) -> None:
    for band in BANDS:
        eased = rewriter.ease("이 번호로는 전화하지 마시기 바랍니다. 주류는 판매하지 않습니다.", band).text
        assert "마" in eased
        assert any(word in eased for word in ("않", "안 "))


def test_quoted_words_and_numbers_are_copied(rewriter: ChildFriendly) -> None:
    text = "'현재 업소' 메뉴는 A-12번이며 가격은 3,500원입니다. 문의: 02-880-1234."
    for band in BANDS:
        eased = rewriter.ease(text, band).text
        assert all(fact in eased for fact in ("'현재 업소'", "A-12", "3,500원", "02-880-1234"))


def test_a_guardian_reads_the_words_as_they_are(rewriter: ChildFriendly) -> None:
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band="adult", recommendations=[SHOP])
    assert rewriter.rewrite("해당 업소는 영업 중입니다.", plan) == "해당 업소는 영업 중입니다."


@pytest.mark.parametrize(
    "text", ["", "   ", "\n\n", "Open until 9 pm.", "😀😀", "ㅋㅋㅋㅋ", "営業中です。", "a" * 5000]
)
def test_text_that_is_not_korean_comes_back_as_it_is(rewriter: ChildFriendly, text: str) -> None:
    assert all(rewriter.ease(text, band).text == text for band in BANDS)


def test_five_thousand_characters_keep_every_fact(rewriter: ChildFriendly) -> None:
    long = ("해당 업소는 도보 5분 거리에 있으며 4,000원입니다. " * 200)[:5000]
    assert facts_of(rewriter.ease(long, "7-9").text) == facts_of(long)
    endless = "가나다라 " * 1000
    assert rewriter.ease(endless, "7-9").text == endless


@given(st.text(alphabet="업소 도보는은이가합니다.,!?0123456789원분시\n'\"()가게을 없않", max_size=120))
def test_any_text_keeps_its_facts(rewriter: ChildFriendly, text: str) -> None:
    assert facts_of(rewriter.ease(text, "7-9").text) == facts_of(text)


class Says(TemplateBackend):
    """A template backend that says one text of the bank."""

    text = ""

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        yield self.text


def test_the_trained_edits_leave_what_the_templates_say_alone(rewriter: ChildFriendly) -> None:
    says = Says(TemplateBackend.load(REPLIES).bank)
    said = {
        (str(example["output"]), band)
        for template in says.bank.templates
        for example in template.examples
        for band in template.ages - {"adult"}
    }
    trained, table = (Replier(says, rewriter=r) for r in (rewriter, ChildFriendly(rewriter.words)))
    changed = []
    for text, band in sorted(said):
        plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band=band)
        says.text = text
        if trained.reply(plan).text != table.reply(plan).text:
            changed.append((text, rewriter.rewrite(text, plan)))
    assert changed == []


def test_what_a_language_model_wrote_is_eased_by_the_trained_edits(rewriter: ChildFriendly) -> None:
    class Stiff:
        """A backend that writes as offices do."""

        name = "stiff"

        def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
            yield "현재 업소 제공점은 현재 영업 중입니다."

    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band="7-9", recommendations=[SHOP])
    worded = Replier(TemplateBackend.load(REPLIES), backend=Stiff(), rewriter=rewriter).reply(plan)
    assert worded.fallback is None
    assert "습니다" not in worded.text
    assert "입니다" not in worded.text


def test_a_dish_whose_name_begins_like_a_refusal_hides_no_lost_negation() -> None:
    assert not _same_facts("비빔밥에는 땅콩이 안 들어 있어요.", "비빔밥에는 땅콩이 들어 있어요.", [])
    assert not _same_facts("불고기와 미역국은 없습니다.", "불고기와 미역국이 있어요.", [])
    for stiff, easy in (
        ("주차는 불가합니다.", "차를 세울 수 없어요."),
        ("음료는 미포함입니다.", "음료는 안 들어 있어요."),
        ("전화번호는 비공개입니다.", "전화번호는 알려 주지 않아요."),
        ("카드 외에는 받습니다.", "카드는 안 받아요."),
    ):
        assert _same_facts(stiff, easy, [])


def test_no_edit_brings_in_a_digit_or_a_dish(rewriter: ChildFriendly) -> None:
    assert rewriter.model is not None
    dishes = set(Gazetteer.from_shipped().dish_names)
    for source, choices in rewriter.model.table.phrases.items():
        own = {key.lstrip(" ~") for key in source}
        for counterpart, _ in choices:
            brought = {word.lstrip(" ~") for word in counterpart} - own
            assert not any(character.isdigit() for word in brought for character in word)
            assert not brought & dishes


def test_a_fact_that_changed_all_the_same_brings_the_original_back() -> None:
    table = EditTable({("금일", ""): [(("한", " 시"), 3)]}, {})

    class Eager(EditModel):
        """Makes every edit it knows."""

        def rewrite(self, pieces: Sequence[Piece], band: str) -> list[Edit]:
            return [list(table.at(pieces, i))[-1] for i in range(len(pieces))]

    model = Eager(table, Vocabulary(frozenset(), {}, {}), {})
    pieces = cut("금일 만나요.", [])
    assert written(pieces, model.rewrite(pieces, "7-9")) == "한 시 만나요."
    eased = ChildFriendly.load(REPLIES / "easy_words.json")
    eager = ChildFriendly(eased.words, model).ease("금일 만나요.", "7-9")
    assert eager.text == "금일 만나요."
    assert eager.n_fallbacks == 1


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"original": "5,000원입니다.", "child_friendly": "6,000원이에요."}, "facts"),
        ({"original": "21:30까지 합니다.", "child_friendly": "늦게까지 해요."}, "facts"),
        ({"original": "합니다.", "child_friendly": ""}, "text"),
        ({"original": "Hello.", "child_friendly": "안녕."}, "text"),
        ({"original": "가" * 1300, "child_friendly": "가"}, "too_long"),
        ({"original": "합니다.", "child_friendly": "해요.", "age_band": "5"}, "label"),
        (["합니다.", "해요."], "shape"),
    ],
)
def test_an_unsound_pair_is_named_for_what_it_is(row: object, kind: str) -> None:
    found = pair_of(row, "")
    assert not isinstance(found, Pair)
    assert found[0] == kind


def test_sari_prefers_the_reference_to_the_source() -> None:
    source, reference = "업소는 도보 5분입니다.", "가게는 걸어서 5분이에요."
    scores = [sari(words(source), words(said), words(reference)).score for said in (reference, "가게는 도보 5분입니다.", source)]  # fmt: skip
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0


def test_a_damaged_version_and_word_list_are_named(tmp_path: Path, home: Settings) -> None:
    with pytest.raises(ModelError, match="trained rewriter"):
        load_edits(tmp_path)
    (tmp_path / EDITS).write_text('{"format": 1, "phrases": 3}', "utf-8")
    with pytest.raises(ModelError):
        load_edits(tmp_path)
    (tmp_path / "hard.tsv").write_text("word\tgrade\n업소\t9\n", "utf-8")
    with pytest.raises(DataError, match="line 2"):
        load_grades(tmp_path / "hard.tsv")
