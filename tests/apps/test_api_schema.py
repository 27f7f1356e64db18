"""Schemathesis reads the OpenAPI schema and tries what it allows and what it forbids; nothing may end in a 5xx."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
WITH_BODY = ("/chat", "/chat/stream", "/recommendations", "/feedback")
WITHOUT_BODY = ("/healthz", "/readyz", "/metrics", "/admin/reload")


@pytest.fixture(scope="module")
def schema(site: str) -> Any:
    return schemathesis.openapi.from_url(f"{site}/openapi.json")


def test_every_route_of_the_schema_is_tried(schema: Any) -> None:
    assert {found.ok().path for found in schema.get_all_operations()} == {*WITH_BODY, *WITHOUT_BODY}


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_BODY)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_no_body_breaks_the_server(schema: Any, path: str, mode: GenerationMode) -> None:
    try_out(schema[path]["POST"], mode, n_examples=40)


@pytest.mark.parametrize("path", WITHOUT_BODY)
def test_routes_without_a_body_keep_their_schema(schema: Any, path: str) -> None:
    method = "POST" if path == "/admin/reload" else "GET"
    try_out(schema[path][method], GenerationMode.POSITIVE, n_examples=1)


def try_out(operation: Any, mode: GenerationMode, *, n_examples: int) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=n_examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate], database=None,
    )  # fmt: skip
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
