"""One synth for each set of settings and session."""

import pytest

from tests.infra.templates import Templates

SECURED = {
    "envName": "prod",
    "alarmEmail": "alarms@orders.company",
    "ingestAuth": "iam",
    "useKmsCmk": "true",
    "enableTracing": "true",
    "enableVpcEndpoints": "true",
    "architecture": "arm64",
    "batchSize": "100",
    "queueVisibilitySeconds": "181",
    "workerMaxConcurrency": "20",
    "ingestReservedConcurrency": "30",
    "authorizerReservedConcurrency": "2",
    "faultSeed": "7",
}


@pytest.fixture(scope="session")
def local() -> Templates:
    """The local profile with its defaults."""
    return Templates({"profile": "local"})


@pytest.fixture(scope="session")
def aws() -> Templates:
    """AWS with the defaults."""
    return Templates({})


@pytest.fixture(scope="session")
def secured() -> Templates:
    """AWS with everything switched on that is off by default."""
    return Templates(SECURED)


@pytest.fixture(scope="session")
def collected() -> Templates:
    """AWS with a collector beside each function, in a VPC, and failure modes in production."""
    return Templates(
        {
            "envName": "prod",
            "alarmEmail": "alarms@orders.company",
            "ingestAuth": "iam",
            "enableTracing": "true",
            "enableVpcEndpoints": "true",
            "enableFailureModes": "true",
            "otlpEndpoint": "http://localhost:4318",
            "collectorLayerArn": "arn:aws:lambda:us-east-1:123456789012:layer:collector:1",
        }
    )


@pytest.fixture(scope="session")
def secured_and_paused() -> Templates:
    """The same with the breaker strategy that needs a function of its own."""
    return Templates(SECURED | {"breakerStrategy": "pause"})


@pytest.fixture(scope="session")
def paused() -> Templates:
    """AWS with the breaker strategy that needs a function of its own."""
    return Templates({"breakerStrategy": "pause"})


@pytest.fixture(scope="session")
def canary() -> Templates:
    """The secured one with gradual deployments."""
    return Templates(SECURED | {"deploymentStrategy": "canary"})


@pytest.fixture(params=["local", "aws", "secured"])
def templates(request: pytest.FixtureRequest) -> Templates:
    """Each of the three in turn."""
    return request.getfixturevalue(request.param)
