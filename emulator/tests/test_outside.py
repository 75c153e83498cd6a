"""The engine and its functions ask nobody but this machine for anything."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.http_apis import HttpApi
from support.watching import Watch

pytestmark = [
    pytest.mark.evidence("ours"),
    pytest.mark.skipif("LAB_TEST_ENDPOINT" in os.environ, reason="needs host engines of its own"),
]

FUNCTION = """
    import os, boto3

    def handler(event, context):
        boto3.client("sqs").list_queues()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        boto3.Session().get_credentials()
        return {}
"""
"""Uses its credentials, then looks for others as SDKs do."""


TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "a", "ProtocolType": "HTTP"}},
        "Queue": {"Type": "AWS::SQS::Queue"},
    }
}


def test_no_outside_host_is_contacted_from_start_to_an_invocation(tmp_path: Path) -> None:
    """Making an HTTP API, code of functions, and SDKs without credentials would each ask somebody."""
    watch = Watch(tmp_path)
    engine = watch.engine()
    engine.up()
    try:
        function = engine.create(FUNCTION)
        api = HttpApi(engine.client)
        api.route("$default", function.arn)
        api.stage()
        assert api.http.get("/").status_code == 200
        cloudformation = engine.client("cloudformation")
        cloudformation.create_stack(StackName="some", TemplateBody=json.dumps(TEMPLATE))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="some", WaiterConfig={"Delay": 1})
    finally:
        engine.down()
    assert watch.processes() == {"engine", "function"}
    assert watch.outside() == []
