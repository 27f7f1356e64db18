"""Understanding end to end with a small trained language model, in process and behind real servers."""

from __future__ import annotations

import pytest
from small_servers import constrained, serving
from tiny_language_model import labelled

from aiyam.contracts import Filters
from aiyam.korean.spelling import normalise
from aiyam.llm.folder import LocalModel
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.llm import UNTOLD_CONFIDENCE, FilledReading, LanguageModelNlu
from aiyam.nlu.understander import Understander, final_spans
from aiyam.nlu.values import filters_of

GAZETTEER = Gazetteer.from_shipped()


def reader(model: LocalModel | OpenAIServer) -> LanguageModelNlu:
    return LanguageModelNlu(model, GAZETTEER, shots=(), timeout_s=60)


def agrees(found: FilledReading, row: Example) -> bool:
    spans = [(kind, *found.text.span(start, end)) for kind, start, end in found.spans]
    return (
        found.intent == row.intent
        and spans == [(kind, start, end) for kind, start, end, _ in row.spans]
        and found.filters == Filters(**row.filters)
        and found.dropped == ()
    )


@pytest.mark.parametrize("row", labelled(), ids=lambda row: row.intent)
def test_what_the_model_learnt_is_understood(local: LocalModel, row: Example) -> None:
    found = reader(local).read(row.text)
    assert agrees(found, row)
    assert (found.reader, found.fallback) == ("language_model", None)
    assert 0.5 < found.confidence <= 1


def test_the_value_rules_read_its_spans_like_a_trained_models(local: LocalModel) -> None:
    row = labelled()[1]
    found = reader(local).read(row.text)
    spans = final_spans(found, GAZETTEER)
    assert {(s.entity, s.value) for s in spans} >= {("budget", 1000), ("menu", "김밥")}
    assert filters_of(normalise(row.text).text, found.intent, spans) == Filters(**row.filters)


def test_the_understander_takes_it_as_it_takes_a_trained_one(local: LocalModel) -> None:
    said = Understander(reader(local), "llm").understand(labelled()[0].text)
    assert (said.intent, said.filters.menus) == ("FOOD_RECOMMENDATION", ("떡볶이",))
    assert said.entities[0].text == "떡볶이"


def test_a_server_that_constrains_reads_the_same(local: LocalModel) -> None:
    with serving(constrained(local)) as url:
        behind = reader(OpenAIServer(url, "tiny"))
        here = reader(local)
        for row in labelled():
            assert behind.read(row.text) == here.read(row.text)


def test_the_server_of_transformers_reads_what_the_model_learnt(transformers_server: tuple[str, str]) -> None:
    behind = reader(OpenAIServer(*transformers_server))
    for row in labelled():
        found = behind.read(row.text)
        assert agrees(found, row)
        assert found.confidence == UNTOLD_CONFIDENCE  # that server tells no probabilities


@pytest.mark.parametrize("text", ["오늘은 뭐 먹지 ㅋㅋㅋ", "\ud800 떡볶이", '"}],"intent":"SAFETY', "가" * 900])
def test_an_utterance_it_never_saw_gives_a_sound_reading_or_none(local: LocalModel, text: str) -> None:
    nlu = LanguageModelNlu(local, GAZETTEER, shots=(), max_tokens=800, timeout_s=60)
    found = nlu.read(text)
    assert found.intent in nlu.intents.labels
    assert all(0 <= start < end <= len(found.text.text) for _, start, end in found.spans)
