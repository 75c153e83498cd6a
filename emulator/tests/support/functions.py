"""Lambda functions for tests: made from source text, invoked, read through their logs, deleted afterwards."""

import base64
import io
import json
import re
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from support.eventually import eventually

ROLE = "arn:aws:iam::000000000000:role/function-of-a-test"
RUNTIME = "python3.13"


@dataclass(frozen=True)
class Invocation:
    """The answer of one synchronous invocation."""

    payload: Any
    failed: bool
    log: str
    """The last 4 KB of the invocation's log."""

    @property
    def report(self) -> str:
        """The REPORT line."""
        found = re.search(r"^REPORT RequestId: .*$", self.log, re.MULTILINE)
        assert found, self.log
        return found[0]


class Function:
    """One function under test."""

    def __init__(self, aws: Callable[..., Any], name: str) -> None:
        self.name = name
        self.log_group = f"/aws/lambda/{name}"
        self._lambda = aws("lambda", read_timeout=60)
        self._logs = aws("logs")
        self.arn: str = self.configuration()["FunctionArn"]

    def configuration(self) -> dict[str, Any]:
        """GetFunctionConfiguration."""
        return self._lambda.get_function_configuration(FunctionName=self.name)

    def invoke(self, **event: Any) -> Invocation:
        """Invoke the function with the keywords as its event and wait for its answer."""
        answer = self._lambda.invoke(FunctionName=self.name, Payload=json.dumps(event), LogType="Tail")
        return Invocation(
            json.load(answer["Payload"]),
            "FunctionError" in answer,
            base64.b64decode(answer["LogResult"]).decode(),
        )

    def update(self, **configuration: Any) -> None:
        """UpdateFunctionConfiguration, in effect when this returns."""
        self._lambda.update_function_configuration(FunctionName=self.name, **configuration)
        self._wait_until_updated()

    def update_code(self, code: str) -> None:
        """UpdateFunctionCode, in effect when this returns."""
        self._lambda.update_function_code(FunctionName=self.name, ZipFile=archive(code))
        self._wait_until_updated()

    def _wait_until_updated(self) -> None:
        eventually(lambda: self.configuration()["LastUpdateStatus"] == "Successful")

    def log_messages(self, pattern: str = "") -> list[str]:
        """All messages of the function's log group that match the filter pattern, oldest first."""
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=self.log_group, filterPattern=pattern
            )
            return [event["message"] for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return []

    def said(self) -> list[Any]:
        """What the function printed as lines of JSON, oldest first."""
        return [
            json.loads(message)
            for message in self.log_messages()
            if message.startswith("{") and '"type": "platform.' not in message
        ]

    def delete(self) -> None:
        """Delete the function and its logs."""
        self._lambda.delete_function(FunctionName=self.name)
        with suppress(self._logs.exceptions.ResourceNotFoundException):
            self._logs.delete_log_group(logGroupName=self.log_group)


def create(
    aws: Callable[..., Any], code: str, programs: Mapping[str, str] | None = None, **configuration: Any
) -> Function:
    """Create a function from the text of its module `code`, whose handler is `handler`; active or failed on return.

    Its package has the programs, texts by file name, beside the module.
    """
    name = f"test-{uuid4().hex[:12]}"
    settings = {
        "Runtime": RUNTIME,
        "Handler": "code_under_test.handler",
        "Timeout": 5,
        "Role": ROLE,
        **configuration,
    }
    aws("lambda").create_function(FunctionName=name, Code={"ZipFile": archive(code, programs)}, **settings)
    function = Function(aws, name)
    eventually(lambda: function.configuration()["State"] != "Pending")
    return function


def archive(code: str, programs: Mapping[str, str] | None = None) -> bytes:
    """A deployment package with one module, and programs that may be executed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("code_under_test.py", textwrap.dedent(code))
        for name, text in (programs or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            package.writestr(entry, text)
    return packed.getvalue()
