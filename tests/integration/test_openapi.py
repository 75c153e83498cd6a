"""The deployed API against its own description: generated requests, every answer as documented."""

import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.ingest.handler import DOCUMENT
from lab.deployment.stack import Stack
from lab.engines.clients import Aws
from lab.pipeline.observe import Pipeline
from support.eventually import eventually

pytestmark = pytest.mark.long

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
schema.config.phases.coverage.enabled = False  # its hundreds of cases find the same in minutes


@pytest.fixture(autouse=True)
def drained(pipeline: Pipeline) -> Iterator[None]:
    """End when the worker is done with the orders that were valid by chance: some still have to die."""
    yield
    eventually(lambda: pipeline.queue().total == 0, within=120, every=0.5)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_gets_an_undocumented_answer(case: Case, stack: Stack, local: Aws) -> None:
    """Property: valid and invalid requests alike, with the redrive token where a route wants one."""
    token = local.client("secretsmanager").get_secret_value(SecretId=stack.redrive_token_secret_name)
    case.call_and_validate(
        base_url=stack.api_url,
        headers={"Authorization": f"Bearer {token['SecretString']}"},
        checks=CHECKS,
        timeout=30,
    )
