"""The one question asked when unsure: when it is asked, when never, and that every choice is a message that works."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from few_shops import CATALOGUE, CONTEXT, SHOWN, USER, ask, hear, said

from aiyam.contracts import RECOMMENDING_INTENTS, ChatContext, DialogueState, EntityType, Filters, Intent, Question
from aiyam.evaluation.conversations import load_conversations
from aiyam.evaluation.dialogues import ScriptedShops
from aiyam.nlu.dialogue import next_state, resolve
from aiyam.nlu.understander import Understander
from aiyam.pipeline import own_words
from aiyam.settings import REPO_ROOT

CONVERSATIONS = load_conversations(REPO_ROOT / "datasets" / "dialogues" / "conversations.jsonl", half="development")
HOURS, DETAIL = Intent.OPENING_HOURS_INQUIRY, Intent.SHOP_DETAIL


def test_there_is_asked_back_once_and_then_taken_for_the_first_shop() -> None:
    first, state = hear("거기 전화번호", DETAIL, None, SHOWN)
    assert first.asks
    second, state = hear("거기 주소", DETAIL, None, state)
    assert (second.question, second.focus_shop_id) == (None, "s0")


def test_there_before_anything_was_shown_is_asked_once_and_then_answered_with_shops() -> None:
    first, state = hear("거기 전화번호", DETAIL, None, DialogueState())
    assert first.asks
    assert len(first.choices) == 3
    second, _ = hear("거기 전화번호", DETAIL, None, state)
    assert second.question is None
    assert second.intent is Intent.FOOD_RECOMMENDATION


@pytest.mark.parametrize("text", ["2번", "엄마손김밥 신림점", "엄마손김밥 신림점 몇 시까지 해?"])
def test_the_answer_keeps_what_was_asked(text: str) -> None:
    _, state = hear("거기 몇 시까지 해?", HOURS, None, SHOWN)
    request, after = hear(text, Intent.REFINE, None, state)
    assert (request.intent, request.focus_shop_id, request.question) == (HOURS, "s1", None)
    assert not after.offered_shop_ids


def test_an_answer_may_ask_something_else() -> None:
    _, state = hear("거기 몇 시까지 해?", HOURS, None, SHOWN)
    request, _ = hear("엄마손김밥 신림점 전화번호", DETAIL, None, state)
    assert (request.intent, request.asked_text) == (DETAIL, "엄마손김밥 신림점 전화번호")


def test_the_answer_may_be_the_kind_of_shop() -> None:
    _, state = hear("거기 몇 시까지 해?", HOURS, None, SHOWN)
    request, _ = hear("중국집이요", Intent.FOOD_RECOMMENDATION, Filters(category=("중식",)), state)
    assert (request.intent, request.focus_shop_id) == (HOURS, "s3")
    wish, _ = hear("분식이요", Intent.FOOD_RECOMMENDATION, Filters(category=("분식",)), state)
    assert wish.intent is Intent.FOOD_RECOMMENDATION


def test_a_new_wish_may_stand_instead_of_an_answer() -> None:
    _, state = hear("거기 몇 시까지 해?", HOURS, None, SHOWN)
    request, after = hear("됐고 치킨", Intent.FOOD_RECOMMENDATION, Filters(category=("치킨",)), state, ("s4",))
    assert request.filters.category == ("치킨",)
    assert (after.asks, after.offered_shop_ids, after.asked_intent) == (False, (), None)


def test_a_number_beyond_the_list_offers_what_is_in_it() -> None:
    one = SHOWN.model_copy(update={"shown_shop_ids": ("s0",)})
    beyond = ask(said("2번 전화번호", DETAIL, Filters(ordinal=2)), one).question
    assert beyond == Question(kind="beyond_list", n_shown=1)
    refused = ask(said("4번 말고", Intent.REFINE, Filters(ordinal=4)))
    assert refused.choices == ("1번 말고 다른 데", "2번 말고 다른 데", "3번 말고 다른 데", "다른 데 보여줘")


def test_namesakes_are_offered_by_number() -> None:
    catalogue = type(CATALOGUE)()
    catalogue.names = ["김밥천국", "김밥천국", *CATALOGUE.names[2:]]
    request = resolve(said("거기 전화번호", DETAIL), SHOWN, catalogue=catalogue, user=USER, context=CONTEXT)
    assert request.choices == ("1번 전화번호 알려줘", "2번 전화번호 알려줘", "용문각 전화번호 알려줘")


def test_a_shop_of_a_short_name_can_be_tapped() -> None:
    catalogue = type(CATALOGUE)()
    catalogue.names = ["신림할매분식", "하롱", *CATALOGUE.names[2:]]
    asked = said("거기 예약 돼?", DETAIL)
    first = resolve(asked, SHOWN, catalogue=catalogue, user=USER, context=CONTEXT)
    state = next_state(SHOWN, first, asked, ())
    tapped = resolve(said(first.choices[1], DETAIL), state, catalogue=catalogue, user=USER, context=CONTEXT)
    assert (first.choices[1], tapped.focus_shop_id) == ("하롱 예약 돼?", "s1")


def test_keys_hit_at_random_are_asked_about_though_the_model_is_sure() -> None:
    for noise in ("ㅏㅓㅗㅓㅏ", "ㅁㄴㅇㄹㅁㄴㅇ"):
        assert ask(said(noise, Intent.SMALL_TALK)).asks
    for talk in ("ㅋㅋㅋㅋ", "ㅠㅠㅠㅠ", "ㄱㅅㄱㅅ"):
        assert not ask(said(talk, Intent.SMALL_TALK)).asks


def test_yes_takes_up_the_offer_to_look_here_instead() -> None:
    away = said("부산 돈까스", Intent.FOOD_RECOMMENDATION, Filters(menus=("돈까스",), place="부산광역시"), ("부산", EntityType.LOCATION, "부산광역시"))  # fmt: skip
    request = ask(away, DialogueState())
    state = next_state(DialogueState(), request, away, ())
    yes, after = hear("응", Intent.SMALL_TALK, None, state, ("s0",))
    assert (yes.intent, yes.filters) == (Intent.FOOD_RECOMMENDATION, Filters(menus=("돈까스",)))
    assert after.offered_filters is None
    assert hear("응", Intent.SMALL_TALK, None, after)[0].intent is Intent.SMALL_TALK


def test_yes_searches_in_the_words_of_the_wish_and_not_for_the_yes() -> None:
    text = "부산에서 뜨끈한 국물 먹고 싶어"
    away = said(
        text, Intent.FOOD_RECOMMENDATION, Filters(place="부산광역시"), ("부산", EntityType.LOCATION, "부산광역시")
    )
    request = ask(away, DialogueState())
    asked = replace(request, words=own_words(text, request, away.filters))
    state = next_state(DialogueState(), asked, away, ())
    yes, after = hear("응", Intent.SMALL_TALK, None, state, ("s0",))
    assert own_words("응", yes, Filters()) == "뜨끈한 국물"
    assert (after.words, after.offered_words) == ("뜨끈한 국물", "")
    wordless, _ = hear("응", Intent.SMALL_TALK, None, state.model_copy(update={"offered_words": ""}))
    assert own_words("응", wordless, Filters()) == ""


def test_danger_is_never_asked_back_in_any_state() -> None:
    for state in (DialogueState(), SHOWN, hear("거기 전화번호", DETAIL, None, SHOWN)[1]):
        request, after = hear("거기 아저씨가 자꾸 만져요", Intent.SAFETY, None, state)
        assert (request.intent, request.question) == (Intent.SAFETY, None)
        assert not after.asks


def test_every_choice_is_a_message_that_works(understander: Understander) -> None:
    n_choices = 0
    for conversation in CONVERSATIONS:
        shops, state, n_lists = ScriptedShops(conversation), DialogueState(), 0
        for turn in conversation.turns:
            heard = turn.understanding()
            request = resolve(heard, state, catalogue=shops, user=USER, context=CONTEXT)
            n_lists += bool(turn.shown)
            shown = tuple(f"{n_lists}.{i}" for i in range(1, len(turn.shown or ()) + 1))
            listed = request.intent in RECOMMENDING_INTENTS and request.question is None
            state = next_state(state, request, heard, shown if listed else ())
            assert request.question is None or 2 <= len(request.choices) <= 4
            for n, choice in enumerate(request.choices):
                n_choices += 1
                tapped = resolve(
                    understander.understand(choice, state=state), state, catalogue=shops, user=USER, context=CONTEXT
                )
                assert tapped.question is None, (turn.text, choice)
                if len(request.offered_shop_ids) > 1:
                    assert tapped.focus_shop_id == request.offered_shop_ids[n], (turn.text, choice)
                    assert tapped.intent is request.intent, (turn.text, choice)
    assert n_choices >= 15


def test_no_two_questions_in_a_row_however_the_messages_are_mixed(understander: Understander) -> None:
    texts = [turn.text for conversation in CONVERSATIONS for turn in conversation.turns]
    heard = {text: understander.understand(text, state=SHOWN) for text in texts}
    chance = random.Random(7)
    for _ in range(300):
        state = DialogueState()
        for text in chance.sample(texts, 8):
            request = resolve(heard[text], state, catalogue=CATALOGUE, user=USER, context=CONTEXT)
            assert not (request.asks and state.asks), text
            assert not (heard[text].intent is Intent.SAFETY and request.question), text
            shown = chance.sample(CATALOGUE.shop_ids, chance.choice((0, 1, 3)))
            state = next_state(state, request, heard[text], shown)
            assert DialogueState.model_validate_json(state.model_dump_json()) == state


def test_a_tapped_shop_answers_what_was_asked_through_the_whole_turn(assistant) -> None:  # type: ignore[no-untyped-def]
    def say(message: str, session: str | None = None):  # type: ignore[no-untyped-def]
        return assistant.respond("persona-11-nowon", message, session_id=session, context=ChatContext())

    first = say("떡볶이 먹고 싶어")
    asked = say("거기 전화번호 뭐야?", first.session_id)
    assert asked.plan.kind == "clarify"
    told = say(asked.plan.choices[1], asked.session_id)
    assert (told.plan.kind, told.plan.facts["aspect"]) == ("detail", "phone")
    assert told.plan.facts["shop"]["shop_id"] == first.recommendations[1].shop_id


def test_the_question_before_is_answered_for_the_next_shop_through_the_whole_turn(assistant) -> None:  # type: ignore[no-untyped-def]
    def say(message: str, session: str | None = None):  # type: ignore[no-untyped-def]
        return assistant.respond("persona-11-nowon", message, session_id=session, context=ChatContext())

    first = say("떡볶이 먹고 싶어")
    phone = say("1번 전화번호", first.session_id)
    other = say("2번은?", first.session_id)
    assert phone.plan.facts["aspect"] == other.plan.facts["aspect"] == "phone"
    assert other.plan.facts["shop"]["shop_id"] == first.recommendations[1].shop_id
