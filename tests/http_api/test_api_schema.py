"""The whole OpenAPI document, asked with what schemathesis makes up of it: no 500, and every answer as the document says."""

from __future__ import annotations

import pytest
import schemathesis
from conftest import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Key figures are many and go one way through the code: a few requests each.
EXAMPLES, EXAMPLES_OF_KPI = 12, 3


@pytest.mark.slow
def test_answers_are_as_the_document_says(client: Client) -> None:
    document = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    asked = 0
    for found in document.get_all_operations():
        operation = found.ok()
        examples = EXAMPLES_OF_KPI if operation.path.startswith("/v1/kpis/") else EXAMPLES

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(base_url=client.url, checks=CHECKS)

        ask()
    assert asked > 100
