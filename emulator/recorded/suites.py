"""Which suites there are, and which of their files ask what this engine serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LOCALSTACK = "tests/aws/services"


@dataclass(frozen=True)
class Suite:
    """A suite, fetched by the user into a folder of its name.

    `mark` is the pytest mark of its recorded tests, `areas` the files of each area, `environment` what it is told
    besides the endpoint and credentials; `{endpoint}` in it is the engine's URL.
    """

    name: str
    version: str
    mark: str
    areas: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


LOCALSTACK = Suite(
    "localstack",
    "v4.14.0",
    "aws_validated",
    {
        "sqs": (f"{_LOCALSTACK}/sqs",),
        "esm": (
            f"{_LOCALSTACK}/lambda_/event_source_mapping/test_lambda_integration_sqs.py",
            f"{_LOCALSTACK}/lambda_/event_source_mapping/test_cfn_resource.py",
        ),
        "lambda": tuple(
            f"{_LOCALSTACK}/lambda_/test_lambda{name}.py"
            for name in ("", "_api", "_common", "_destinations", "_performance", "_runtimes")
        ),
        "sns": (f"{_LOCALSTACK}/sns",),
        "events": (f"{_LOCALSTACK}/events",),
        "ssm": (f"{_LOCALSTACK}/ssm",),
        "secretsmanager": (f"{_LOCALSTACK}/secretsmanager",),
        "logs": (f"{_LOCALSTACK}/logs",),
        "cloudwatch": (f"{_LOCALSTACK}/cloudwatch",),
        "dynamodb": (f"{_LOCALSTACK}/dynamodb",),
        "cloudformation": (
            *(
                f"{_LOCALSTACK}/cloudformation/resources/test_{name}.py"
                for name in (
                    "cdk",
                    "cloudformation",
                    "cloudwatch",
                    "dynamodb",
                    "events",
                    "integration",
                    "kms",
                    "lambda",
                    "logs",
                    "secretsmanager",
                    "sns",
                    "ssm",
                )
            ),
            f"{_LOCALSTACK}/cloudformation/api/test_stacks.py",
            f"{_LOCALSTACK}/cloudformation/api/test_changesets.py",
            f"{_LOCALSTACK}/cloudformation/api/test_templates.py",
            f"{_LOCALSTACK}/cloudformation/api/test_update_stack.py",
            f"{_LOCALSTACK}/cloudformation/engine",
        ),
    },
    {
        "TEST_SKIP_LOCALSTACK_START": "1",
        "TEST_DISABLE_RETRIES_AND_TIMEOUTS": "1",
        "TEST_AWS_ENDPOINT_URL": "{endpoint}",
    },
)
MOTO = Suite(
    "moto",
    "5.2.3",
    "aws_verified",
    {
        "sqs": ("tests/test_sqs",),
        "lambda": ("tests/test_awslambda",),
        "sns": ("tests/test_sns",),
        "events": ("tests/test_events",),
        "ssm": ("tests/test_ssm",),
        "secretsmanager": ("tests/test_secretsmanager",),
        "logs": ("tests/test_logs",),
        "cloudwatch": ("tests/test_cloudwatch",),
        "dynamodb": ("tests/test_dynamodb",),
        "cloudformation": ("tests/test_cloudformation",),
    },
    {"MOTO_TEST_ALLOW_AWS_REQUEST": "true"},
)
SUITES = (LOCALSTACK, MOTO)


def found(folder: Path) -> list[Suite]:
    """The suites that lie in a folder."""
    return [suite for suite in SUITES if (folder / suite.name / "tests").is_dir()]
