import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from functions.common.errors import (
    Category,
    CircuitOpenError,
    DependencyTimeoutError,
    LinesExceedAmountError,
    NoTimeLeftError,
    SchemaViolationError,
    category_of,
    type_of,
)


def aws(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "X")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (SchemaViolationError("x"), Category.VALIDATION),
        (LinesExceedAmountError("x"), Category.PERMANENT),
        (CircuitOpenError("x"), Category.TRANSIENT),
        (DependencyTimeoutError("x"), Category.TIMEOUT),
        (aws("ProvisionedThroughputExceededException"), Category.TRANSIENT),
        (aws("Whatever", 503), Category.TRANSIENT),
        (aws("KmsThrottled"), Category.TRANSIENT),
        (aws("KMS.ThrottlingException"), Category.TRANSIENT),
        (aws("RequestThrottled"), Category.TRANSIENT),
        (NoTimeLeftError(), Category.TRANSIENT),
        (aws("AccessDeniedException", 400), Category.PROCESSING),
        (ReadTimeoutError(endpoint_url="x"), Category.TIMEOUT),
        (ConnectTimeoutError(endpoint_url="x"), Category.TIMEOUT),
        (EndpointConnectionError(endpoint_url="x"), Category.TRANSIENT),
        (NoCredentialsError(), Category.PROCESSING),
        (KeyError("x"), Category.PROCESSING),
    ],
)
def test_every_error_has_a_category(error: Exception, category: Category) -> None:
    assert category_of(error) is category


def test_only_validation_and_permanent_errors_are_hopeless() -> None:
    assert {category for category in Category if not category.retryable} == {"VALIDATION", "PERMANENT"}


def test_errors_are_named_as_aws_names_them_or_by_their_class() -> None:
    assert type_of(aws("ThrottlingException")) == "ThrottlingException"
    assert type_of(SchemaViolationError("x")) == "SchemaViolation"
    assert type_of(KeyError("x")) == "KeyError"
