"""What AWS's APIs refuse."""

import pytest
from botocore.exceptions import ClientError


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code of a refusal."""
    return error.value.response["Error"]["Code"]
