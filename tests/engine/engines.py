"""Host engines of a test's own, with settings of its own."""

from typing import Any

import boto3

from lab.engines import HostEngine
from tests.conftest import free_port
from tests.engine import functions
from tests.engine.functions import Function


class EngineWith(HostEngine):
    """A host engine with additional environment variables."""

    def __init__(self, **variables: str) -> None:
        super().__init__(free_port())
        self._variables = variables

    def environment(self) -> dict[str, str]:
        """The usual variables and the additional ones."""
        return super().environment() | self._variables

    def create(self, code: str, **configuration: Any) -> Function:
        """A function of this engine."""
        return functions.create(self.client, code, **configuration)

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this engine."""
        options = boto3.session.Config(retries={"total_max_attempts": 1}, **config)
        session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        )
        return session.client(service, endpoint_url=self.endpoint, config=options)
