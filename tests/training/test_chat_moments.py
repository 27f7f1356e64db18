"""Turns of the chat as moments."""

from __future__ import annotations

from aiyam.contracts import Filters
from aiyam.ranking.replay import ORDERED, query_of
from aiyam.training.chat_moments import ChatTurn


def test_a_turn_of_the_chat_is_replayed_with_the_words_it_was_served_with() -> None:
    turn = ChatTurn("u", 100, "", Filters(), (3, 5), ((0, ORDERED, 120),), "뜨끈한 국물")
    assert query_of(turn.moment(), None).words == "뜨끈한 국물"
