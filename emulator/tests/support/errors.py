"""What AWS's APIs refuse."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The error code of a refusal."""
    return error.value.response["Error"]["Code"]


@contextmanager
def refused(wanted: str) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """What is done in the context is refused with this error code."""
    with pytest.raises(ClientError) as error:
        yield error
    assert code(error) == wanted
