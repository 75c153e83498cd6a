"""Engines of a test's own, or given to it."""

from typing import Any
from urllib.parse import urlsplit

import boto3

from lab.engines import HostEngine
from support import functions
from support.functions import Function
from tests.conftest import free_port


class Clients:
    """What tests do with an engine at an endpoint."""

    endpoint: str

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


class EngineWith(Clients, HostEngine):
    """A host engine with additional environment variables."""

    def __init__(self, **variables: str) -> None:
        super().__init__(free_port())
        self._variables = variables

    def environment(self) -> dict[str, str]:
        """The usual variables and the additional ones."""
        return super().environment() | self._variables


class EngineAt(Clients):
    """An engine that runs already, in a container or elsewhere."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.port = urlsplit(endpoint).port or 80


type Engine = EngineWith | EngineAt
